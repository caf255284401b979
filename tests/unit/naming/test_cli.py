"""What the words of the command line become, and what a person reads when it does not work."""

from typing import Any

import pytest

from pyrolike import errors
from pyrolike.naming import cli

NOTHING_GIVEN = {
    "host": None,
    "port": None,
    "unixsocket": None,
    "storage": "memory",
    "nathost": None,
    "natport": None,
    "enableBroadcast": True,
    "bchost": None,
    "bcport": None,
    "hmac_key": None,
}


class Loop:
    """Stands in for `start_ns_loop`: remembers how it was called, and fails on request."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self.called_with: dict[str, Any] = {}

    def __call__(self, **arguments: Any) -> None:
        self.called_with = arguments
        if self.failure:
            raise self.failure


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr(cli, "start_ns_loop", made)
    return made


def test_without_options_everything_has_its_default(loop: Loop) -> None:
    assert cli.main([]) == 0
    assert loop.called_with == NOTHING_GIVEN


@pytest.mark.parametrize(
    ("words", "argument", "value"),
    [
        (["-n", "h"], "host", "h"),
        (["--host", "h"], "host", "h"),
        (["-p", "0"], "port", 0),
        (["--port=65535"], "port", 65535),
        (["-u", "/run/ns"], "unixsocket", "/run/ns"),
        (["--unixsocket", "/run/ns"], "unixsocket", "/run/ns"),
        (["-s", "sql:names.db"], "storage", "sql:names.db"),
        (["--storage", "sql:names.db"], "storage", "sql:names.db"),
        (["--nathost", "outside"], "nathost", "outside"),
        (["--natport", "99"], "natport", 99),
        (["-x"], "enableBroadcast", False),
        (["--nobc"], "enableBroadcast", False),
        (["--bchost", "192.168.1.5"], "bchost", "192.168.1.5"),
        (["--bcport", "0"], "bcport", 0),
        (["-k", "sesame"], "hmac_key", "sesame"),
        (["--key", "sesame"], "hmac_key", "sesame"),
    ],
)
def test_each_option_becomes_one_argument(
    loop: Loop, words: list[str], argument: str, value: object
) -> None:
    assert cli.main(words) == 0
    assert loop.called_with == NOTHING_GIVEN | {argument: value}


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1.5", ""])
def test_a_bad_port_is_refused_with_status_2(
    loop: Loop, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([f"--port={port}"])
    assert ended.value.code == 2
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err
    assert loop.called_with == {}


def test_help_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: pyrolike-ns")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (OSError(98, "port 9090 is in use"), "port 9090 is in use"),
        (OSError("no number"), "no number"),
        (ValueError("unknown storage 'x'"), "unknown storage 'x'"),
        (errors.NamingError("the name database failed"), "the name database failed"),
    ],
)
def test_what_prevents_it_from_starting_is_one_line_and_status_1(
    loop: Loop, failure: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.failure = failure
    assert cli.main([]) == 1
    assert capsys.readouterr() == ("", f"Error: {sentence}\n")


def test_ctrl_c_before_anything_was_started_is_no_error(loop: Loop) -> None:
    loop.failure = KeyboardInterrupt()
    assert cli.main([]) == 0


def test_a_mistake_of_ours_is_not_hidden(loop: Loop) -> None:
    loop.failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        cli.main([])
