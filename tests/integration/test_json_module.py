"""JSON_MODULE: another module writes and reads json on both sides of a connection."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError, SerializeError
from pyrolike.serializers import registry
from tests.support.daemon import PATIENCE, RunningDaemon, changed_settings, running_daemon
from tests.support.peers.objects import Calculator
from tests.support.peers.starting import server_peer

NAME = "counting_json"


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gives what the module was asked to do, once settings name it."""
    asked: list[str] = []

    def dumps(value: Any, **options: Any) -> str:
        asked.append("write")
        return json.dumps(value, **options)

    def loads(text: str) -> Any:
        asked.append("read")
        return json.loads(text)

    module = types.ModuleType(NAME)
    vars(module).update(dumps=dumps, loads=loads)
    monkeypatch.setitem(sys.modules, NAME, module)
    monkeypatch.setattr(registry, "_variants", {})  # where an earlier test's module may be
    return asked


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    with running_daemon({"calc": Calculator()}) as running:
        yield running


def test_the_module_is_used_by_both_sides(running: RunningDaemon, used: list[str]) -> None:
    with changed_settings(JSON_MODULE=NAME), running.proxy(serializer="json") as proxy:
        proxy._pyroBind()
        del used[:]
        assert proxy.add(3, 4) == 7
        assert used == ["write", "read", "write", "read"]
        with pytest.raises(ValueError, match="boom"):
            proxy.fail()
        assert proxy.same({"a": [1, None, "é"]}) == {"a": [1, None, "é"]}
    with running.proxy(serializer="json") as proxy:
        del used[:]
        assert proxy.add(3, 4) == 7
        assert used == []


def test_the_setting_may_change_while_a_proxy_is_connected(
    running: RunningDaemon, used: list[str]
) -> None:
    with running.proxy(serializer="json") as proxy:
        assert proxy.add(1, 2) == 3
        connection = proxy._pyroConnection
        with changed_settings(JSON_MODULE=NAME):
            assert proxy.add(3, 4) == 7
        assert used
        assert proxy._pyroConnection is connection


def test_a_missing_module_is_told_by_the_first_call_that_needs_it(running: RunningDaemon) -> None:
    with changed_settings(JSON_MODULE="no_such_json"), running.proxy(serializer="json") as proxy:
        with pytest.raises(SerializeError, match=r"JSON_MODULE names 'no_such_json'.*imported"):
            proxy.add(3, 4)
        proxy._pyroSerializer = "serpent"
        assert proxy.add(3, 4) == 7


@pytest.mark.slow
def test_a_module_that_the_daemon_misses_is_told_to_its_clients() -> None:
    peer = server_peer("pyrolike", JSON_MODULE="no_such_json")
    with peer as location, Proxy(f"PYRO:calc@{location}") as proxy:
        proxy._pyroTimeout = PATIENCE
        proxy._pyroSerializer = "json"
        with pytest.raises(CommunicationError, match=r"rejected: .*JSON_MODULE.*no_such_json"):
            proxy.add(3, 4)
        proxy._pyroSerializer = "serpent"
        assert proxy.add(3, 4) == 7
        proxy._pyroSerializer = "json"
        with pytest.raises(CommunicationError):  # the connection ends; the daemon's log says why
            proxy.add(3, 4)
        proxy._pyroSerializer = "msgpack"
        assert proxy.add(3, 4) == 7
