"""Regular expressions that would keep Python's `re` busy for years, sent to a name server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pyrolike.api import Proxy
from pyrolike.errors import NamingError
from pyrolike.naming import NameServerDaemon
from pyrolike.naming.regex import allowance
from tests.support.daemon import RunningDaemon, Threads, running_daemon

NAMES = 60
LONG = "a" * 60 + "!"

HOSTILE = [
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(.*)*x",
    "(?:a?){40}a{60}b",
    "|".join("a" * count + "b" for count in range(1, 43)),
    "(?:" * 100 + "a" + ")*" * 100 + "x",
]
REFUSED = ["(?=(a+)+$)x", r"((a+)+)\1$", "(a{0,1000}){0,1000}b", "(a*)*+(a*)*x(?<!(?:a|a))"]


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    with running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as running:
        with running.proxy("Pyro.NameServer") as names:
            for number in range(NAMES):
                names.register(f"{LONG}{number}", "PYRO:a@h:1")
        yield running


@pytest.mark.parametrize("regex", HOSTILE)
def test_they_are_answered_at_once(running: RunningDaemon, regex: str) -> None:
    with running.proxy("Pyro.NameServer") as names:
        begin = time.monotonic()
        assert names.list(regex=regex) == {}
        assert names.remove(regex=regex) == 0
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize("regex", REFUSED)
def test_or_refused_with_the_reason(running: RunningDaemon, regex: str) -> None:
    with running.proxy("Pyro.NameServer") as names:
        with pytest.raises(NamingError, match="this regex could take for ever"):
            names.list(regex=regex)
        assert names.count() == NAMES + 1


@pytest.mark.slow
def test_meanwhile_others_look_up_and_register(
    running: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each of these has far too much to do, so that some run, some wait, and all are given up.
    monkeypatch.setattr(allowance, "AT_ONCE", 0.005)
    monkeypatch.setattr(allowance, "WORK", 0.05)
    monkeypatch.setattr(allowance, "WORK_PER_NAME", 0)
    monkeypatch.setattr(allowance, "PATIENCE", 0.05)
    storage = running.daemon.nameserver.storage  # type: ignore[attr-defined]  # its daemon has one
    for number in range(40_000):
        storage[f"abcdefghij{number:08}klmnopqrst"] = "PYRO:a@h:1", None

    def search() -> None:
        with running.proxy("Pyro.NameServer") as names:
            for _ in range(5):
                with pytest.raises(NamingError, match=r"given up|too many long regex searches"):
                    names.list(regex=r"(?:[a-z]?){12}(\w*[^0]?)*\w{15}(.?.?)*#")

    times = []
    with Threads() as threads, running.proxy("Pyro.NameServer") as names:
        searches = [threads.start(search) for _ in range(4)]
        while any(thread.is_alive() for thread in searches):
            begin = time.monotonic()
            names.register("new", f"PYRO:a@h:{len(times)}")
            assert str(names.lookup("new")) == f"PYRO:a@h:{len(times)}"
            times.append(time.monotonic() - begin)
    times.sort()
    print(f"\nmedian {times[len(times) // 2] * 1e3:.1f} ms, at most {times[-1] * 1e3:.0f} ms")
    assert times[len(times) // 2] < 0.25
    assert times[-1] < 5


def test_ordinary_ones_still_find_what_they_should(running: RunningDaemon) -> None:
    with Proxy(running.uri("Pyro.NameServer")) as names:
        assert len(names.list(regex="a+!")) == NAMES
        assert len(names.list(regex=r"(?!Pyro\.).*")) == NAMES
        assert list(names.list(regex="Pyro")) == ["Pyro.NameServer"]
        assert len(names.list(regex=r"(a+)+!\d")) == NAMES
        assert names.remove(regex=rf"{LONG}[0-4]$") == 5
