"""What a person may write for an object."""

import argparse
from pathlib import Path

import pytest

from pyrolike._terminal import CommandError
from pyrolike.commands.targets import login, saying_who_is_late, target
from pyrolike.errors import TimeoutError
from pyrolike.uri import URI


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("PYRO:calc@localhost:1", "PYRO:calc@localhost:1"),
        ("pyroname:calc", "PYRONAME:calc"),
        ("PYROMETA:a,b", "PYROMETA:a,b"),
        ("calc", "PYRONAME:calc"),
        ("example.calc", "PYRONAME:example.calc"),
        ("localhost:50002", "PYRO:Pyro.Daemon@localhost:50002"),
        ("[::1]:50002", "PYRO:Pyro.Daemon@[::1]:50002"),
        ("./u:/run/x.sock", "PYRO:Pyro.Daemon@./u:/run/x.sock"),
        ("calc@server", "PYRONAME:calc@server:9090"),
    ],
)
def test_it_is_a_uri_or_a_place_or_a_name(text: str, uri: str) -> None:
    assert target(text) == URI(uri)


@pytest.mark.parametrize("text", ["PYRO:calc", "", "two words", "PYRO:calc@h:x", "./u:"])
def test_what_cannot_be_any_of_them_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="invalid uri"):
        target(text)


def test_who_is_late_is_named_unless_it_is_an_error_of_the_other_side() -> None:
    uri = URI("PYRO:x@h:1")
    with (
        pytest.raises(CommandError, match="PYRO:x@h:1 has not answered in time"),
        saying_who_is_late(uri),
    ):
        raise TimeoutError("receiving")
    remote = TimeoutError("of the server's own")
    remote._pyroTraceback = None  # type: ignore[attr-defined]
    with pytest.raises(TimeoutError), saying_who_is_late(uri):
        raise remote


def test_a_key_is_read_from_its_file_and_has_an_owner_if_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ada.key"
    file.write_text("sixteen or more of them\n", "utf-8")
    assert login(f"ada:{file}").user == "ada"
    assert login(str(file)).user == ""


@pytest.mark.parametrize("content", [None, b"short", b"\xff" * 20])
def test_a_file_without_a_key_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ada.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(argparse.ArgumentTypeError, match=r"no key can be had from '.*ada\.key'"):
        login(f"ada:{file}")
