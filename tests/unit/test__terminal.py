"""What all command line programs do alike."""

from __future__ import annotations

import argparse
import io
import sys
from typing import Any

import pytest

from pyrolike import _terminal as terminal
from pyrolike.errors import NamingError, PyroError


def fail(error: BaseException) -> Any:
    def work() -> int:
        raise error

    return work


def remote(error: Exception) -> Exception:
    error._pyroTraceback = ["a line"]  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_the_status_is_what_the_work_returns(returned: int | None, status: int) -> None:
    assert terminal.run(lambda: returned) == status


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(98, "port 9090 is in use"), "port 9090 is in use"),
        (OSError(2, "no such file", "names.db"), "no such file: names.db"),
        (OSError("no number"), "no number"),
        (ValueError("unknown storage"), "unknown storage"),
        (NamingError("no name server"), "no name server"),
        (PyroError(), "PyroError"),
        (terminal.CommandError("two\nlines\x1b[2J"), "two lines\\x1b[2J"),
        (remote(ValueError("bad")), "ValueError: bad"),
        (remote(KeyError()), "KeyError"),
    ],
)
def test_what_went_wrong_is_one_line_and_status_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.run(fail(error)) == 1
    assert capsys.readouterr() == ("", f"Error: {line}\n")


def test_verbose_shows_the_traceback_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run(fail(ValueError("bad")), verbose=True) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error: bad"
    assert lines[1].startswith("Traceback")


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        terminal.run(fail(ZeroDivisionError()))


def test_ctrl_c_has_the_status_that_shells_give_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run(fail(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_gone_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.run(fail(BrokenPipeError())) == 141
    assert capsys.readouterr() == ("", "")


def test_it_works_without_any_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert terminal.run(lambda: 0) == 0


def test_without_an_error_output_the_other_one_has_results_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert terminal.run(fail(ValueError("no"))) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["x", "-1", "65536", "1.5", "", "²"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a port is a number from 0 to 65535"):
        terminal.port(text)


@pytest.mark.parametrize("text", ["x", "-1", "inf", "nan", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number of seconds"):
        terminal.seconds(text)


@pytest.mark.parametrize("text", ["x", "0", "-1", "1.5", "", "9" * 5000])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a whole number, 1 or more"):
        terminal.count(text)


def test_numbers_are_read() -> None:
    assert (terminal.port("0"), terminal.seconds("2.5"), terminal.count("12")) == (0, 2.5, 12)


@pytest.mark.parametrize(
    ("words", "host"),
    [([], ""), (["-n", "h"], "h"), (["-u", "/run/ns"], "./u:/run/ns")],
)
def test_a_name_server_is_meant_by_its_host_or_its_socket(words: list[str], host: str) -> None:
    parser = terminal.make_parser("x", "does x", [""])
    terminal.add_name_server_options(parser)
    assert terminal.where(parser.parse_args(words)) == host


@pytest.mark.parametrize(
    ("words", "variable", "key"),
    [
        ([], None, None),
        ([], "", None),
        ([], "sesame", "sesame"),
        (["-k", "sesame"], None, "sesame"),
        (["--key=sesame"], "", "sesame"),
    ],
)
def test_a_key_comes_from_the_command_line_or_the_environment(
    words: list[str], variable: str | None, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv(terminal.KEY_VARIABLE, variable)
    parser = terminal.make_parser("x", "does x", [""])
    terminal.add_key_option(parser)
    assert terminal.take_key(parser, parser.parse_args(words)) == key


@pytest.mark.parametrize(
    ("word", "variable", "sentence"),
    [("one", "two", "given twice"), ("", "two", "given twice"), ("", "", "the key is empty")],
)
def test_a_key_in_doubt_is_none(
    word: str,
    variable: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(terminal.KEY_VARIABLE, variable)
    parser = terminal.make_parser("x", "does x", [""])
    terminal.add_key_option(parser)
    with pytest.raises(SystemExit) as ended:
        terminal.take_key(parser, parser.parse_args([f"--key={word}"]))
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_ends_with_examples_and_the_exit_status() -> None:
    text = terminal.make_parser("x", "does x", ["", "--one"], "a note\n").format_help()
    assert "a note\n\nexamples:\n  x\n  x --one\n\nexit status:\n  0  it is done" in text


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", '"é"'), ("ascii", r'"\u00e9"'), ("latin-1", r'"\u00e9"')],
)
def test_json_is_json_in_every_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str, written: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    terminal.show_json("é")
    assert raw.getvalue().decode(encoding) == written + "\n"
