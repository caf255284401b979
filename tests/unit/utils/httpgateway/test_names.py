"""Asking the name server: as seldom as possible, and again when an answer was wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Proxy
from pyrolike.errors import CommunicationError, NamingError
from pyrolike.naming import NameServerDaemon
from pyrolike.utils.httpgateway import names as names_module
from pyrolike.utils.httpgateway.names import REMEMBERED, Names, NoNameServerError
from tests.support.daemon import PATIENCE, RunningDaemon, running_daemon
from tests.support.gateways import Clock, locator

URI = "PYRO:thing@localhost:4444"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    with running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as running:
        yield running


@pytest.fixture
def server(running: RunningDaemon) -> Any:
    daemon: Any = running.daemon
    daemon.nameserver.remove(regex=".*")
    return daemon.nameserver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def located() -> list[str]:
    return []


@pytest.fixture
def names(running: RunningDaemon, server: Any, clock: Clock, located: list[str]) -> Iterator[Names]:
    names = Names(locator(running.location, located), clock)
    names.timeout = PATIENCE
    yield names
    names.close()


def test_a_uri_is_remembered_for_a_while(names: Names, server: Any, clock: Clock) -> None:
    server.register("a", URI)
    assert names.look_up("a") == (URI, False)
    server.register("a", "PYRO:thing@localhost:5555")
    assert names.look_up("a") == (URI, True)
    clock.now += REMEMBERED
    assert names.look_up("a") == ("PYRO:thing@localhost:5555", False)


def test_a_uri_that_turned_out_wrong_is_looked_up_again(names: Names, server: Any) -> None:
    server.register("a", URI)
    names.look_up("a")
    names.forget("a")
    names.forget("never heard of")
    assert names.look_up("a") == (URI, False)


def test_an_unknown_name_is_asked_for_each_time(names: Names, server: Any) -> None:
    with pytest.raises(NamingError, match="unknown name"):
        names.look_up("a")
    server.register("a", URI)
    assert names.look_up("a")[0] == URI


def test_only_so_many_uris_are_remembered(
    names: Names, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_module, "MOST_NAMES", 1)
    for name in ("a", "b"):
        server.register(name, URI)
        names.look_up(name)
    assert names.look_up("b")[1]
    assert not names.look_up("a")[1]


def test_one_connection_serves_until_it_is_lost(names: Names, located: list[str]) -> None:
    proxy = names.connect()
    assert names.connect() is proxy
    connection = proxy._pyroConnection
    assert connection is not None
    connection.close()
    assert names.matching("") == ["Pyro.NameServer"]
    names.close()
    names.close()
    names.connect()
    assert len(located) in (2, 3)  # a proxy may have found out by itself


def test_a_name_server_that_is_not_there_is_not_searched_at_once_again(clock: Clock) -> None:
    searches: list[str] = []

    def locate() -> Proxy:
        searches.append("")
        raise NamingError("nobody at home")

    names = Names(locate, clock)
    for _ in range(3):
        with pytest.raises(NoNameServerError, match="nobody at home"):
            names.look_up("a")
    assert len(searches) == 1
    clock.now += REMEMBERED
    with pytest.raises(NoNameServerError):
        names.connect()
    assert len(searches) == 2


def test_a_question_that_fails_twice_is_given_up(names: Names, located: list[str]) -> None:
    def question(proxy: Proxy) -> None:
        raise CommunicationError("the line is noisy")

    with pytest.raises(NoNameServerError, match="the line is noisy"):
        names.ask(question)
    assert len(located) == 2


def test_a_lost_proxy_that_was_replaced_already_changes_nothing(names: Names) -> None:
    stranger = Proxy(URI)
    kept = names.connect()
    names._forget_proxy(stranger)
    assert names.connect() is kept


def test_names_are_listed_sorted_and_remembered(names: Names, server: Any, clock: Clock) -> None:
    for name in ("http.b", "http.a", "secret", "httpx"):
        server.register(name, URI)
    assert names.matching(r"http\.") == ["http.a", "http.b"]
    server.register("http.c", URI)
    assert names.matching(r"http\.") == ["http.a", "http.b"]
    assert "secret" in names.matching("")
    clock.now += REMEMBERED
    assert names.matching(r"http\.") == ["http.a", "http.b", "http.c"]
    assert names.matching("(?i)HTTP") == ["http.a", "http.b", "http.c", "httpx"]


def test_a_list_that_took_long_is_remembered_longer(
    names: Names, server: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = names._fetch

    def slowly(regex: str) -> list[str]:
        clock.now += 4
        return fetch(regex)

    monkeypatch.setattr(names, "_fetch", slowly)
    before = names.matching("")
    server.register("new", URI)
    clock.now += 39
    assert names.matching("") == before
    clock.now += 1
    assert "new" in names.matching("")


def test_names_and_tags_are_searched(names: Names, server: Any) -> None:
    server.register("http.Red.Lamp", URI, metadata={"lamp", "colour:red"})
    server.register("http.printer", URI, metadata={"colour:red"})
    server.register("secret.lamp", URI, metadata={"lamp"})
    assert names.search(r"http\.", "red.l") == ["http.Red.Lamp"]
    assert names.search(r"http\.", "") == ["http.Red.Lamp", "http.printer"]
    assert names.search(r"http\.", "tag:lamp") == ["http.Red.Lamp"]
    assert names.search(r"http\.", "tag:colour:red") == ["http.Red.Lamp", "http.printer"]
    assert names.search(r"http\.", "tag:nothing") == []
    assert names.search(r"http\.", "tag:\0") == []
    assert names.search(r"http\.", "tag: lamp") == ["http.Red.Lamp"]
    assert names.search(r"http\.", "tag:") == ["http.Red.Lamp", "http.printer"]


def test_tags_are_told_in_one_question_and_those_of_the_gone_are_none(
    names: Names, server: Any
) -> None:
    server.register("a", URI, metadata={"z", "b"})
    server.register("c", URI)
    assert names.tags(["a", "gone", "gone too", "c"]) == [["b", "z"], [], [], []]
    assert names.tags([]) == []


@pytest.mark.parametrize(
    ("regex", "prefix"),
    [
        (r"http\.", "http."),
        ("http", "http"),
        (r"a/b:c\-d", "a/b:c-d"),
        ("", ""),
        ("(?i)http", ""),
        ("ab*", ""),
        ("ab?", ""),
        ("ab{0}", ""),
        ("ab|cd", ""),
        (r"\dab", ""),
        ("ab+", "ab"),
        ("ab.*", "ab"),
        ("^ab", ""),
    ],
)
def test_the_name_server_is_given_a_prefix_where_there_is_one(regex: str, prefix: str) -> None:
    assert names_module._literal(regex) == prefix


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_knows_nothing(names: Names, server: Any) -> None:
    server.register("a", URI)
    names.look_up("a")
    names.after_fork()
    assert names._proxy is None
    assert not names.look_up("a")[1]
