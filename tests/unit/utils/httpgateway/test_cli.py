"""What the words of the command line become, and what a person reads."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.utils.httpgateway import cli, main, names, pyro_app
from pyrolike.utils.httpgateway.cli import KEY_VARIABLE

SERVED: dict[str, Any] = {}


class Server:
    """Stands in for the HTTP server: ends at once."""

    failure: BaseException | None = None
    host = "127.0.0.1"
    url = "http://127.0.0.1:8080/pyro/"
    on_tick = None

    def __init__(self, app: Any, host: str, port: int) -> None:
        SERVED.update(app=app, host=host, port=port, closed=False)
        if isinstance(self.failure, OSError):
            raise self.failure

    def serve_forever(self) -> None:
        raise self.failure or KeyboardInterrupt

    def server_close(self) -> None:
        SERVED["closed"] = True


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def locate() -> Any:
        raise NamingError("nobody")

    monkeypatch.setattr(cli, "GatewayServer", Server)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    before = dict(vars(pyro_app))
    pyro_app.names = names.Names(locate)
    SERVED.clear()
    yield
    vars(pyro_app).update(before)


def test_without_options_everything_has_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert (SERVED["host"], SERVED["port"], SERVED["closed"]) == ("localhost", 8080, True)
    assert SERVED["app"] is pyro_app
    assert (pyro_app.ns_regex, pyro_app.cors, pyro_app.gateway_key) == (r"http\.", "", None)
    assert (pyro_app.get_calls, pyro_app.show_tracebacks) == (True, False)
    assert pyro_app.allowed_hosts == ["localhost"]
    assert capsys.readouterr().out.splitlines() == [
        "Exposing objects with names matching:  http\\.",
        "Not yet connected to a name server.",
        "Pyro HTTP gateway running on http://127.0.0.1:8080/pyro/",
        "HTTP gateway shut down.",
    ]


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        (["-e", "a.*"], "ns_regex", "a.*"),
        (["--expose="], "ns_regex", ""),
        (["-g", "schlüssel"], "gateway_key", "schlüssel".encode()),
        (["--gatewaykey=k"], "gateway_key", b"k"),
        (["-t", "2.5"], "comm_timeout", 2.5),
        (["--timeout", "0"], "comm_timeout", 0.0),
        (["-c", "*"], "cors", "*"),
        (["--cors=https://a.example"], "cors", "https://a.example"),
        (["--allow-host", "a", "--allow-host", "b"], "allowed_hosts", ["a", "b", "localhost"]),
        (["-H", "gate.example"], "allowed_hosts", ["gate.example"]),
        (["-H", "127.0.0.1"], "allowed_hosts", []),
        (["-H", "0.0.0.0"], "allowed_hosts", [socket.gethostname()]),
        (["-H", ""], "allowed_hosts", [socket.gethostname()]),
        (["-H", "fe80::1%lo"], "allowed_hosts", []),
        (["--no-get-calls"], "get_calls", False),
        (["--tracebacks"], "show_tracebacks", True),
    ],
)
def test_each_option_becomes_an_attribute(words: list[str], attribute: str, value: object) -> None:
    assert main(words) == 0
    assert getattr(pyro_app, attribute) == value


def test_the_key_can_come_from_the_environment_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sesame")
    assert main(["-p", "0"]) == 0
    assert pyro_app.gateway_key == b"sesame"
    with pytest.raises(SystemExit) as ended:
        main(["-g", "other"])
    assert ended.value.code == 2
    said = "".join(capsys.readouterr())
    assert "given twice" in said
    assert "sesame" not in said
    assert "other" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-p", "x"], "a port is a number from 0 to 65535"),
        (["-p", "65536"], "a port is a number from 0 to 65535"),
        (["-e", "("], "is no regular expression"),
        (["-t", "soon"], "a number of seconds, 0 or more"),
        (["-t", "-1"], "a number of seconds, 0 or more"),
        (["-t", "inf"], "a number of seconds, 0 or more"),
        (["-g", ""], "the key is empty"),
        (["-c", "a\nSet-Cookie: b"], "an origin looks like"),
        (["-c", "ü"], "an origin looks like"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_a_wrong_option_is_explained_with_status_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert SERVED == {}


def test_help_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: pyrolike-httpgateway")


def test_what_prevents_it_from_starting_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Server, "failure", OSError(98, "the port is in use"))
    assert main([]) == 1
    assert capsys.readouterr() == ("", "Error: the port is in use\n")


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "failure", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main([])
    assert SERVED["closed"]


def test_dangerous_choices_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Server, "host", "0.0.0.0")
    main(["-e", "", "-H", "0.0.0.0"])
    said = capsys.readouterr().out
    assert "Warning: exposing all objects (no expose regex set)\n" in said
    assert "Warning: whoever reaches this port" in said
    main(["-g", "key", "-H", "0.0.0.0"])
    assert "Warning" not in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_sigterm_ends_it_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Server, "serve_forever", lambda _: signal.raise_signal(signal.SIGTERM))
    assert main([]) == 0
    assert SERVED["closed"]
    assert "shut down" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
