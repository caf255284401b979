"""Where the programs in documents run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, config, current_context
from tests.support.serving import settle


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Where a page's program has its names; what it has changed in the process is put back.

    Who looks for a name server there asks no other machine.
    """
    namespace: dict[str, Any] = {}
    monkeypatch.setattr(config, "BROADCAST_ADDRS", [])
    monkeypatch.setenv("PYRO_BROADCAST_ADDRS", "")  # for pages that reset the settings
    settings, threads = config.as_dict(), set(threading.enumerate())
    try:
        yield namespace
    finally:
        for name, value in settings.items():
            setattr(config, name, value)
        current_context.annotations, current_context.response_annotations = {}, {}
        current_context.correlation_id = None
        close_everything(namespace)
        assert settle(threads) == []


def close_everything(namespace: dict[str, Any]) -> None:
    """Close what a page has left open, if it did not come to its end."""
    for value in list(namespace.values()):
        if isinstance(value, Daemon):
            value.close()
        elif isinstance(value, Proxy):
            value._pyroRelease()
