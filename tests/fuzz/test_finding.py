"""That everything is found that can go wrong, with a target that goes wrong on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="only Unix can limit the memory of a process")

from tests.fuzz import __main__ as command
from tests.fuzz.guard import FindingError
from tests.fuzz.isolated import Isolated
from tests.fuzz.messages import CAPTURED, repair
from tests.fuzz.target import NAMES, load_target

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flawed() -> Iterator[Isolated]:
    with Isolated("flawed", patience=3.0) as isolated:
        yield isolated


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("raise", "KeyError"),
        ("exit", "SystemExit"),
        ("crash", "SIGSEGV"),
        ("burn", "CPU time"),
        ("swell", "grew by"),
        ("dial", "socket.connect"),
        ("log", "unexpected"),
        ("write", "open"),
        ("import", "this"),
        ("thread", "left threads"),
    ],
)
def test_what_breaks_an_invariant_is_told_with_its_input(
    flawed: Isolated, word: str, told: str
) -> None:
    with pytest.raises(FindingError, match=told) as caught:
        flawed.check(word.encode())
    assert repr(word.encode()) in str(caught.value)
    flawed.check(b"fine")


def test_what_hangs_is_killed() -> None:
    with Isolated("flawed", patience=0.3) as isolated:
        with pytest.raises(FindingError, match="hung"):
            isolated.check(b"hang")
        isolated.check(b"fine")


def test_a_finding_can_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "finding"
    file.write_bytes(b"raise")
    assert command.main(["flawed", "--repeat", str(file)]) == 1
    assert "KeyError: 'raised'" in capsys.readouterr().out
    file.write_bytes(b"fine")
    assert command.main(["flawed", "--repeat", str(file)]) == 0


@pytest.mark.skipif(find_spec("atheris") is None, reason="needs the dependency group fuzz")
def test_coverage_leads_to_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--minutes", "0.1", "--seed", "1", "--folder", str(tmp_path)]
    assert command.main(["flawed", *options]) == 1
    said = capsys.readouterr().out
    assert "FINDING" in said
    found = list((tmp_path / "flawed" / "findings").iterdir())
    assert f"--repeat {found[0]}" in said


def test_every_fuzzer_has_one_invariant_and_a_corpus_it_holds_for() -> None:
    invariants = {load_target(name).invariant for name in NAMES}
    assert len(invariants) == len(NAMES)
    assert all(load_target(name).corpus for name in NAMES)


def test_a_checksum_is_repaired_and_nothing_else() -> None:
    messages = [each.data for each in CAPTURED if each.protocol == 48]
    assert len(messages) > 10
    for data in messages:
        assert repair(data) == data
        assert repair(data[:22] + b"\0\0" + data[24:]) == data
    assert repair(b"PYRO\0\x30") == b"PYRO\0\x30"
