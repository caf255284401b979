"""LOGWIRE: what is said on a connection, one line for each message and end, fit to be read."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import BatchProxy, SerializedBlob, current_context, expose, oneway
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon

pytestmark = pytest.mark.usefixtures("server_type")

LINE = re.compile(
    r"(sending|received) (\w+) seq=(\d+) serializer=\d+ flags=(\S+) corr_id=(\S+) "
    r"annotations=(\{.*?\}) +payload=(\d+) bytes: (.*)$"
)
LONGEST = 1500
"""Characters of the longest line: 200 bytes, each shown as four characters, and what is around."""


@expose
class Talker:
    """What is talked to."""

    def same(self, value: Any) -> Any:
        return value

    def measure(self, blob: SerializedBlob) -> int:
        return len(blob.deserialized()[0])

    def fail(self) -> None:
        raise ValueError("failed")

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)

    @oneway
    def hint(self, word: str) -> None:
        """Take a hint."""


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[tuple[str, str]]]:
    """Gives (logger, line) of every message that is logged; filled while the test runs."""
    found: list[tuple[str, str]] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text.startswith(("sending ", "received ")):
                found.append((record.name, text))

    handler = Collecting()
    loggers = [logging.getLogger(name) for name in ("pyrolike.client", "pyrolike.server")]
    with caplog.at_level(logging.DEBUG, "pyrolike"), changed_settings(LOGWIRE=True):
        for logger in loggers:
            logger.addHandler(handler)
        yield found
        for logger in loggers:
            logger.removeHandler(handler)


@pytest.fixture
def running(lines: list[tuple[str, str]]) -> Iterator[RunningDaemon]:
    with running_daemon({"talker": Talker()}) as running:
        yield running


def spoken(lines: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return (side, direction, message type) of each line, in its order."""
    found = []
    for name, text in lines:
        match = LINE.match(text)
        assert match, text
        found.append((name.removeprefix("pyrolike."), match[1], match[2]))
    return found


def one_exchange(question: str, answer: str) -> list[tuple[str, str, str]]:
    return [
        ("client", "sending", question),
        ("server", "received", question),
        ("server", "sending", answer),
        ("client", "received", answer),
    ]


def test_each_message_is_logged_once_at_each_end(
    running: RunningDaemon, lines: list[tuple[str, str]]
) -> None:
    with running.proxy("talker") as proxy:
        proxy._pyroBind()
        assert sorted(spoken(lines)) == sorted(one_exchange("CONNECT", "CONNECTOK"))
        for use in (
            lambda: proxy.same(1),
            proxy.fail,
            lambda: list(BatchProxy(proxy)()),
            lambda: proxy._pyroInvoke("missing", (), {}),
        ):
            del lines[:]
            with contextlib.suppress(ValueError, AttributeError):
                use()
            assert sorted(spoken(lines)) == sorted(one_exchange("INVOKE", "RESULT"))


def test_a_oneway_call_is_a_line_at_each_end(
    running: RunningDaemon, lines: list[tuple[str, str]]
) -> None:
    with running.proxy("talker") as proxy:
        proxy._pyroBind()
        del lines[:]
        proxy.hint("go")
        proxy.same(1)  # read behind it, so that the hint was read too
        texts = [text for _, text in lines if "flags=ONEWAY" in text]
    assert [text.split()[0] for text in texts] == ["sending", "received"]


@pytest.mark.parametrize("compression", [False, True])
def test_a_large_payload_is_counted_and_not_copied(
    running: RunningDaemon, lines: list[tuple[str, str]], compression: bool
) -> None:
    secret = "sesame" * 50_000
    with changed_settings(COMPRESSION=compression), running.proxy("talker") as proxy:
        assert proxy.same(secret) == secret
        assert list(proxy.count(2)) == [0, 1]
        assert proxy.measure(SerializedBlob("info", [secret])) == len(secret)
    assert max(len(text) for _, text in lines) < LONGEST
    assert all(text.count("sesame") < 50 for _, text in lines)
    spoken(lines)


def test_nobody_can_forge_a_line(running: RunningDaemon, lines: list[tuple[str, str]]) -> None:
    with running.proxy("talker") as proxy:
        proxy.same("\nsending INVOKE \x1b[2J\r\n\0")
    assert not any(char in text for _, text in lines for char in "\n\r\x1b\0")


def test_of_annotations_only_their_size_is_told(
    running: RunningDaemon, lines: list[tuple[str, str]]
) -> None:
    current_context.annotations = {"PASS": b"sesame open"}
    try:
        with running.proxy("talker") as proxy:
            proxy.same(1)
    finally:
        current_context.annotations = {}
    assert not any("sesame" in text for _, text in lines)
    assert any("'PASS': 11" in text for _, text in lines)


def test_without_the_setting_nothing_is_logged(
    running: RunningDaemon, lines: list[tuple[str, str]]
) -> None:
    with changed_settings(LOGWIRE=False), running.proxy("talker") as proxy:
        assert proxy.same(1) == 1
    assert lines == []
