"""A name is there as long as it is wanted, and not longer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyrolike.client import Proxy
from pyrolike.errors import NamingError
from pyrolike.naming import locate_ns
from pyrolike.uri import URI
from pyrolike.utils.registration import registered
from tests.support.commands import name_server_here
from tests.support.daemon import RunningDaemon

OURS, OTHER = URI("PYRO:ours@h:1"), URI("PYRO:other@h:1")


@pytest.fixture
def server() -> Iterator[RunningDaemon]:
    with name_server_here() as running:
        yield running


@pytest.fixture
def names(server: RunningDaemon) -> Iterator[Proxy]:
    with locate_ns() as names:
        yield names


def test_it_is_there_while_the_block_runs(names: Proxy) -> None:
    names.register("x", OTHER)
    with registered(names._pyroUri, "x", OURS, ["b", "a"]):
        assert names.lookup("x", return_metadata=True) == (OURS, {"a", "b"})
    with pytest.raises(NamingError, match="unknown name: x"):
        names.lookup("x")


def test_it_is_taken_back_after_an_error_too(names: Proxy) -> None:
    with pytest.raises(ZeroDivisionError), registered(names._pyroUri, "x", OURS):
        raise ZeroDivisionError
    assert names.count() == 1


def test_a_name_that_stands_for_something_else_by_then_is_left_alone(names: Proxy) -> None:
    with registered(names._pyroUri, "x", OURS):
        names.register("x", OTHER)
    assert names.lookup("x") == OTHER


def test_a_name_that_has_gone_or_a_name_server_is_no_error(
    names: Proxy, server: RunningDaemon
) -> None:
    with registered(names._pyroUri, "x", OURS):
        names.remove("x")
    with registered(names._pyroUri, "x", OURS):
        server.daemon.shutdown()
        server.join()
