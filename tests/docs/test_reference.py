"""The reference says what the code does: names, settings, commands, errors, the wire's bytes."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import pyrolike.api
from docs._site.generated import NOT_IN_PYRO5, OTHER_DEFAULTS, OURS, PAGES, make_pages
from docs.pictures.draw.message import HEADERS
from pyrolike import errors
from pyrolike.configure import ELSEWHERE, ITEMS
from pyrolike.constants import NAMESERVER_QUESTION
from pyrolike.protocol import V48, V502, Dialect, Flag, MessageType, annotations, v48, v502
from pyrolike.server.inbox import HANDSHAKE_SIZE
from tests.support.documents import ROOT
from tests.support.processes import pinned_environment
from tests.support.vectors import VECTORS, VECTORS_48, VECTORS_502, Vector

REFERENCE = ROOT / "docs/reference"
WIRE = (REFERENCE / "wire.md").read_text("utf-8")
ERRORS = (REFERENCE / "errors.md").read_text("utf-8")

PARTS = make_pages()

ASK_FOR_SETTINGS = """
import json, {name}
print(json.dumps({name}.config.{method}(), default=sorted))
"""

LAYOUT = {"bytes": "s", "u8": "B", "u16": "H", "u32": "I", "i32": "i"}
FIELDS = {
    "message type": "msg_type",
    "serializer": "serializer_id",
    "flags": "flags",
    "sequence number": "seq",
    "payload size": "data_length",
    "annotations size": "annotations_length",
    "reserved": "reserved",
    "magic": "magic",
    "checksum": "checksum",
}
"""What the wire page calls a field, and the captured messages."""


def read_table(page: str, heading: str) -> list[dict[str, str]]:
    """Return the rows of the first table under *heading*, as column to text."""
    part = re.split(rf"^#+ {re.escape(heading)}$", page, flags=re.MULTILINE)[1]
    lines = part[part.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    head, _, *rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines
    ]
    head = [cell.strip() for cell in head]
    return [dict(zip(head, row, strict=True)) for row in rows]


# -- what is made from the code -------------------------------------------------------------------


@pytest.mark.parametrize("path", PARTS, ids=lambda path: str(path.relative_to(REFERENCE)))
def test_what_is_generated_is_as_the_code_says(path: Path) -> None:
    assert path.read_text("utf-8") == PARTS[path], "write it anew: python -m docs._site.generated"


def test_every_public_name_of_the_api_is_described() -> None:
    assert sorted(name for names in PAGES.values() for name in names) == sorted(
        pyrolike.api.__all__
    )
    for page, names in PAGES.items():
        text = (REFERENCE / "api" / f"{page}.md").read_text("utf-8")
        described = set(
            re.findall(r"^\.\. (?:auto|py:)\w+:: pyrolike\.api\.(\w+)$", text, re.MULTILINE)
        )
        assert set(names) - described == set()


def test_every_pyro_name_of_a_proxy_with_a_docstring_is_described() -> None:
    text = (REFERENCE / "api/proxies.md").read_text("utf-8")
    inner = {"IsPlain", "SetUp", "HookUp", "MakeMethod", "ForgetMethods", "Operator", "Offers"}
    names = {name for name in vars(pyrolike.api.Proxy) if name.startswith("_pyro")}
    assert set(re.findall(r"\b_pyro\w+", text)) == names - {f"_pyro{name}" for name in inner}


# -- settings -------------------------------------------------------------------------------------


def test_variables_that_are_no_settings_are_told() -> None:
    text = (REFERENCE / "settings.md").read_text("utf-8")
    assert {name for name in ELSEWHERE if f"`PYRO_{name}`" in text} == ELSEWHERE


def ask_for_settings(name: str, method: str) -> dict[str, object]:
    """Return the defaults of a real Pyro."""
    if not find_spec(name):
        pytest.skip(f"{name} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", ASK_FOR_SETTINGS.format(name=name, method=method)],
        capture_output=True,
        text=True,
        timeout=60,
        env=pinned_environment({}),
        check=True,
    )
    found: dict[str, object] = json.loads(result.stdout)
    return found


def our_defaults() -> dict[str, object]:
    """Return ours in the same form."""
    found: dict[str, object] = json.loads(
        json.dumps({name: item.default for name, item in ITEMS.items()}, default=sorted)
    )
    return found


def differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> set[str]:
    return {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}


@pytest.mark.interop
@pytest.mark.slow
def test_settings_and_defaults_are_compared_with_the_real_pyro5() -> None:
    theirs, ours = ask_for_settings("Pyro5", "as_dict"), our_defaults()
    assert theirs.keys() == ours.keys() - set(OURS) - set(NOT_IN_PYRO5)
    told = {name for name, text in OTHER_DEFAULTS.items() if "Pyro5" in text}
    assert differing(ours, theirs) - {"LOGFILE"} == told - {"LOGFILE"}


@pytest.mark.interop
@pytest.mark.slow
def test_settings_and_defaults_are_compared_with_the_real_pyro4() -> None:
    theirs, ours = ask_for_settings("Pyro4", "asDict"), our_defaults()
    only_pyro5 = {"LOGFILE", "LOGLEVEL", "NS_LOOKUP_DELAY", "SERPENT_BYTES_REPR"}
    assert ours.keys() - set(OURS) - only_pyro5 <= theirs.keys()
    told = {name for name, text in OTHER_DEFAULTS.items() if "Pyro4" in text}
    assert differing(ours, theirs) - told - {"LOGFILE"} == {
        "BROADCAST_ADDRS",  # one text
        "DILL_PROTOCOL_VERSION",  # a number that means the same as -1
        "SERIALIZERS_ACCEPTED",
    }


# -- errors ---------------------------------------------------------------------------------------


def tree_on_the_page() -> dict[str, str]:
    """Return exception to the one above it, as the page draws them."""
    above = ["Exception"]
    found = {}
    for line in re.findall(r"```text\n(.*?)```", ERRORS, re.DOTALL)[0].splitlines():
        depth = (len(line) - len(line.lstrip())) // 4
        above = [*above[: depth + 1], line.strip()]
        found[above[-1]] = above[-2]
    return found


def test_the_tree_and_the_table_of_errors_have_all_of_them() -> None:
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert tree_on_the_page() == {name: cls.__bases__[0].__name__ for name, cls in classes.items()}
    rows = read_table(ERRORS, "When, what to do, and whether to try again")
    assert [row["exception"] for row in rows] == list(classes)


def test_the_errors_of_other_modules_are_there_and_are_what_is_said() -> None:
    rows = re.findall(r"^\| `(\w+)` in `([\w.]+)` \| (.*?) \|", ERRORS, re.MULTILINE)
    assert len(rows) == 4
    for name, module, bases in rows:
        found = getattr(import_module(module), name)
        assert [base.__name__ for base in found.__bases__] == re.findall(r"\w+", bases)


# -- the wire -------------------------------------------------------------------------------------


def header_fields(protocol: str) -> list[dict[str, str]]:
    return read_table(WIRE, f"The header of protocol {protocol}")


def layout(protocol: str) -> str:
    """Return the header as a struct, made from the page's table."""
    parts = []
    offset = 0
    for row in header_fields(protocol):
        assert int(row["offset"], 16) == offset
        offset += int(row["size"])
        letter = LAYOUT[row["type"]]
        assert struct.calcsize(f"!{letter}") in (1, int(row["size"]))
        parts.append(f"{row['size']}s" if letter == "s" else letter)
    return "!" + "".join(parts)


@pytest.mark.parametrize(("protocol", "dialect"), [("502", V502), ("48", V48)])
def test_the_headers_are_laid_out_as_they_are_written(protocol: str, dialect: Dialect) -> None:
    header = struct.Struct(layout(protocol))
    names = [row["field"] for row in header_fields(protocol)]
    head = dialect.write_head(MessageType.RESULT, V502.serializer_numbers["json"], 1, 770, b"abc")
    values = dict(zip(names, header.unpack(head), strict=True))
    expected = {
        "tag": b"PYRO",
        "version": int(protocol),
        "message type": MessageType.RESULT,
        "flags": 1,
        "sequence number": 770,
        "serializer": dialect.serializer_numbers["json"],
    }
    assert values.items() >= expected.items()
    assert sum(size for _, size in HEADERS[protocol]) == header.size == dialect.header_size
    assert [size for _, size in HEADERS[protocol]] == [
        int(row["size"]) for row in header_fields(protocol)
    ]


@pytest.mark.parametrize(("protocol", "vectors"), [("502", VECTORS_502), ("48", VECTORS_48)])
def test_captured_messages_are_read_by_the_tables(protocol: str, vectors: list[Vector]) -> None:
    header = struct.Struct(layout(protocol))
    names = [row["field"] for row in header_fields(protocol)]
    assert len(vectors) > 50
    for vector in vectors:
        values = dict(zip(names, header.unpack_from(vector.data), strict=True))
        assert values["tag"] == b"PYRO"
        assert values["version"] == int(protocol)
        for field, key in FIELDS.items():
            if field in values and key in vector.header:
                assert values[field] == vector.header[key], (vector.name, field)


def test_the_checksum_is_computed_as_the_page_says() -> None:
    assert int(re.findall(r"plus `(\w+)`", WIRE)[0], 16) == v48.CHECKSUM_BASE
    assert int(re.findall(r"magic \| `(\w+)` \|", WIRE)[0], 16) == v502.MAGIC


def test_message_types_have_these_numbers() -> None:
    rows = read_table(WIRE, "Message types")
    assert {row["name"]: int(row["number"]) for row in rows} == {
        name: value for name, value in vars(MessageType).items() if name.isupper()
    }


def test_flags_have_these_bits() -> None:
    rows = read_table(WIRE, "Flags")
    bits = {name: value for name, value in vars(Flag).items() if name.isupper()}
    assert {row["name"] for row in rows} == bits.keys()
    for row in rows:
        bit = bits[row["name"]]
        assert row["in 502"] == (f"{bit:#04x}" if bit <= 0xFFFF else "-")
        if row["in 48"] != "-":
            assert written_in_48(bit) == int(row["in 48"], 16)
    assert [row["name"] for row in rows if row["in 48"] == "-"] == ["CORR_ID"]


def written_in_48(flags: int) -> int:
    """Return the bits that protocol 48 has for *flags*."""
    head = V48.write_head(MessageType.INVOKE, 1, flags, 0, b"")
    return int.from_bytes(head[8:10], "big")


def test_serializers_have_these_numbers() -> None:
    rows = read_table(WIRE, "Serializers")
    for dialect, column in (V502, "in 502"), (V48, "in 48"):
        assert {row["serializer"]: int(row[column]) for row in rows} == dialect.serializer_numbers


def test_the_annotations_that_are_taken_are_these() -> None:
    assert [row["name"] for row in read_table(WIRE, "Annotations")] == [
        annotations.STREAM_ID,
        annotations.STREAM_WINDOW,
        annotations.BLOB_INFO,
        annotations.STAYS_OPEN,
        v48.CORRELATION,
        v48.SIGNATURE,
    ]


def test_the_handshake_is_limited_to_what_the_page_says() -> None:
    rows = {row["what"]: row["limit"] for row in read_table(WIRE, "Sizes and numbers")}
    assert rows["the same before the handshake is accepted"] == f"{HANDSHAKE_SIZE // 1024} KiB"


def test_the_question_for_a_name_server_is_told() -> None:
    text = NAMESERVER_QUESTION.decode()
    assert f"the nine bytes `{text}` goes to UDP port {ITEMS['NS_BCPORT'].default}" in WIRE
    assert len(text) == 9


@pytest.mark.parametrize("protocol", ["502", "48"])
def test_the_examples_are_what_a_real_client_sent(protocol: str) -> None:
    block = re.findall(rf"<!-- bytes: {protocol} -->\n```text\n(.*?)```", WIRE, re.DOTALL)[0]
    shown = bytes.fromhex("".join(line.split("  ")[0] for line in block.splitlines()))
    (sent,) = [
        vector.data
        for vector in VECTORS
        if vector.name == f"p{protocol}-serpent-invoke-add-request"
    ]
    assert sent.startswith(shown)
    assert len(shown) == (len(sent) if protocol == "502" else V48.header_size)
