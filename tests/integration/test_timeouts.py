"""A timeout is one for the whole call: finding, connecting, sending, waiting, receiving."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from pyrolike.api import Proxy, config
from pyrolike.errors import CommunicationError, NamingError, PyroError, TimeoutError
from tests.support import wire
from tests.support.daemon import PATIENCE, Threads, changed_settings
from tests.support.rawpeer import RawPeer, scripted_server, serpent

pytestmark = pytest.mark.slow

TIMEOUT = 0.5
TOO_LONG = 4 * TIMEOUT
"""Generous for a machine with other things to do; several steps of TIMEOUT each would exceed it."""


@contextmanager
def in_time(limit: float = TOO_LONG) -> Iterator[None]:
    """See that the block ends long before the sum of what its steps could take."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < limit


def trickle(peer: RawPeer, data: bytes, over: threading.Event) -> None:
    """Send byte by byte, slowly enough that all of it never arrives in time."""
    for index in range(len(data)):
        if over.wait(0.05):
            return
        try:
            peer.send(data[index : index + 1])
        except OSError:
            return


Slow = Callable[[RawPeer, threading.Event], None]


def slow_handshake(peer: RawPeer, over: threading.Event) -> None:
    request = peer.read_message()
    answer = serpent(
        {"handshake": "hello", "meta": {"methods": ["call"], "oneway": [], "attrs": []}}
    )
    trickle(peer, wire.message(wire.CONNECTOK, answer, seq=request.seq), over)


def slow_answer(peer: RawPeer, over: threading.Event) -> None:
    peer.accept_handshake()
    request = peer.read_message()
    trickle(peer, wire.message(wire.RESULT, serpent("x" * 100), seq=request.seq), over)


def slow_reader(peer: RawPeer, over: threading.Event) -> None:
    peer.accept_handshake()
    while not over.wait(0.02):
        peer.receive(10_000)


@pytest.mark.parametrize("behave", [slow_handshake, slow_answer, slow_reader])
@pytest.mark.parametrize("way", ["proxy", "setting"])
def test_a_trickle_of_bytes_does_not_make_a_call_longer(behave: Slow, way: str) -> None:
    """Each byte comes in time, the whole does not: that is what counts."""
    over = threading.Event()
    with (
        changed_settings(COMMTIMEOUT=TIMEOUT if way == "setting" else 0.0),
        scripted_server(lambda peer: behave(peer, over)) as location,
    ):
        proxy = Proxy(f"PYRO:calc@{location}")
        if way == "proxy":
            proxy._pyroTimeout = TIMEOUT
        assert proxy._pyroTimeout == TIMEOUT
        with in_time(), pytest.raises(TimeoutError):
            proxy.call("x" * 20_000_000 if behave is slow_reader else "x")
        over.set()
        proxy._pyroRelease()


def test_connecting_and_calling_share_one_timeout() -> None:
    """The handshake takes most of the time, and so the answer has little left."""
    over = threading.Event()
    parts: list[float] = []

    def script(peer: RawPeer) -> None:
        request = peer.read_message()
        over.wait(0.7 * TIMEOUT)
        begin = time.monotonic()
        meta = {"methods": ["call"], "oneway": [], "attrs": []}
        answer = serpent({"handshake": "hello", "meta": meta})
        peer.send(wire.message(wire.CONNECTOK, answer, seq=request.seq))
        peer.read_message()
        peer.wait_closed()
        parts.append(time.monotonic() - begin)

    with scripted_server(script) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        proxy._pyroTimeout = TIMEOUT
        with in_time(), pytest.raises(TimeoutError):
            proxy._pyroInvoke("call", (), {})
        proxy._pyroRelease()
    assert parts[0] < 0.9 * TIMEOUT


def test_looking_a_name_up_is_part_of_the_call() -> None:
    """A name server that accepts and says nothing."""
    with scripted_server(lambda peer: (peer.read_message(), peer.wait_closed())) as location:  # type: ignore[arg-type, return-value, func-returns-value]
        proxy = Proxy(f"PYRONAME:thing@{location}")
        proxy._pyroTimeout = TIMEOUT
        with in_time(), pytest.raises((NamingError, TimeoutError)):
            proxy.call()


def test_waiting_for_a_name_to_appear_is_part_of_the_call() -> None:
    def name_server(peer: RawPeer) -> None:
        peer.accept_handshake()
        error = {
            "__class__": "Pyro5.errors.NamingError",
            "__exception__": True,
            "args": ("unknown name: thing",),
            "attributes": {},
        }
        while True:
            try:
                request = peer.read_message()
            except EOFError:
                return
            payload = serpent(error)
            peer.send(wire.message(wire.RESULT, payload, seq=request.seq, flags=wire.EXCEPTION))

    with changed_settings(NS_LOOKUP_DELAY=PATIENCE), scripted_server(name_server) as location:
        proxy = Proxy(f"PYRONAME:thing@{location}")
        proxy._pyroTimeout = TIMEOUT
        with in_time(), pytest.raises(NamingError, match="unknown name"):
            proxy.call()


def test_waiting_for_another_thread_that_connects_is_part_of_the_call() -> None:
    over = threading.Event()
    asked = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.read_message()
        asked.set()
        over.wait(PATIENCE)

    def connect(proxy: Proxy) -> None:
        with pytest.raises(PyroError):
            proxy._pyroBind()

    with scripted_server(script) as location, Threads() as threads:
        proxy = Proxy(f"PYRO:calc@{location}")
        threads.start(connect, proxy)
        assert asked.wait(PATIENCE)
        proxy._pyroTimeout = TIMEOUT
        with in_time(), pytest.raises(TimeoutError):
            proxy.call()
        over.set()


def test_without_any_timeout_connecting_is_limited_and_calling_is_not() -> None:
    assert config.CONNECT_TIMEOUT == 20.0

    def silent(peer: RawPeer) -> None:
        peer.read_message()
        peer.wait_closed()

    def late(peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        threading.Event().wait(2 * TIMEOUT)
        peer.answer(request, "late")

    with (
        changed_settings(CONNECT_TIMEOUT=TIMEOUT),
        scripted_server(silent, late) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        with in_time(), pytest.raises(CommunicationError):
            proxy.call()
        assert proxy.call() == "late"


def test_a_late_answer_is_given_to_nobody() -> None:
    """Ten calls in a row time out, and each answer comes after its call was given up."""
    given_up = [threading.Event() for _ in range(10)]

    def script(given_up: threading.Event, peer: RawPeer) -> None:
        peer.accept_handshake()
        request = peer.read_message()
        assert given_up.wait(PATIENCE)
        try:
            peer.answer(request, "late")
        except OSError:
            return

    def serve(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.answer(peer.read_message(), "the right one")

    scripts = [partial(script, event) for event in given_up]
    with scripted_server(*scripts, serve) as location, proxy_to(location) as proxy:
        for event in given_up:
            proxy._pyroTimeout = PATIENCE
            proxy._pyroBind()  # it is the call that shall take too long, not the connecting
            proxy._pyroTimeout = 0.05
            with pytest.raises(TimeoutError):
                proxy.call()
            event.set()
        proxy._pyroTimeout = PATIENCE
        assert proxy.call() == "the right one"


def proxy_to(location: str) -> Any:
    return Proxy(f"PYRO:calc@{location}")
