"""Waiting for what other threads do without telling; the clock only bounds a failure."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

import pytest

from tests.support.daemon import PATIENCE


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as *condition* is true; fail if that takes too long."""
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "it did not happen"
        sleep(0.002)


def wait_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until *text* stands in the log: a server writes it when the client knows already.

    Ask while the server still runs: one that is being shut down may have nothing to say any more.
    """
    wait_until(lambda: text in caplog.text)
