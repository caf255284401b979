"""Large values, there and back: whole, in every way that leads there, and nobody else's."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Proxy, current_context, expose, oneway
from pyrolike.protocol import reader
from pyrolike.serializers import SerializedBlob
from tests.support.certificates import Certificates, make_certificates
from tests.support.daemon import PATIENCE, Threads
from tests.support.servertypes import ALL, LISTENING, Served, served
from tests.support.waiting import wait_until

MEGABYTE = 1_000_000
OCTETS = (bytes(range(250)) * 4000)[:MEGABYTE]
TEXT = "plain text, " * (MEGABYTE // 12)
SERIALIZERS = ["serpent", "json", "marshal", "msgpack"]


@expose
class Store:
    def __init__(self) -> None:
        self.taken: Any = None
        self.has_taken = threading.Event()

    def echo(self, value: Any) -> Any:
        return value

    def join(self, *parts: Any, end: Any) -> Any:
        return [*parts, end]

    def chunks(self, count: int) -> Iterator[Any]:
        for number in range(count):
            yield number, TEXT[number:]

    def unwrap(self, blob: SerializedBlob) -> Any:
        return blob.deserialized()

    def note(self, value: Any) -> Any:
        current_context.response_annotations = {"NOTE": b"seen"}
        return value

    @oneway
    def take(self, value: Any) -> None:
        self.taken = value
        self.has_taken.set()


def large(serializer: str) -> Any:
    return OCTETS if serializer in ("marshal", "msgpack") else TEXT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def check_all_ways(proxy: Proxy, serializer: str) -> None:
    """Send large values in all kinds of calls."""
    proxy._pyroSerializer = serializer
    value = large(serializer)
    other = value[1:]
    assert proxy.echo(value) == value
    assert proxy.echo({"data": value, "size": 3}) == {"data": value, "size": 3}
    assert list(proxy.echo((1, value, other))) == [1, value, other]
    assert proxy.join(value, "short", other, end=value) == [value, "short", other, value]
    assert proxy.echo([[[value]]]) == [[[value]]]
    batch = BatchProxy(proxy)
    batch.echo(value)
    batch.echo(other)
    assert list(batch()) == [value, other]
    assert [[*chunk] for chunk in proxy.chunks(3)] == [
        [number, TEXT[number:]] for number in range(3)
    ]
    assert proxy.note(value) == value
    assert current_context.response_annotations["NOTE"] == b"seen"
    assert list(proxy.unwrap(SerializedBlob("info", [value, other]))) == [value, other]


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("kind", ALL)
def test_large_values_arrive_in_every_kind_of_call(kind: str, serializer: str) -> None:
    store = Store()
    with served(kind, {"calc": store}) as running:
        proxy = running.proxy()
        check_all_ways(proxy, serializer)
        proxy.take(large(serializer))
        assert store.has_taken.wait(PATIENCE)
        assert store.taken == large(serializer)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LISTENING)
@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_they_arrive_with_tls(kind: str, serializer: str, files: Certificates) -> None:
    with served(kind, {"calc": Store()}, **files.settings) as running:
        check_all_ways(running.proxy(), serializer)


@pytest.mark.slow
@pytest.mark.parametrize("kind", LISTENING)
@pytest.mark.parametrize(
    "settings", [{"COMPRESSION": True}, {"LOGWIRE": True}, {"COMMTIMEOUT": PATIENCE}], ids=str
)
def test_they_arrive_whatever_is_set(kind: str, settings: dict[str, Any]) -> None:
    with served(kind, {"calc": Store()}, **settings) as running:
        for serializer in SERIALIZERS:
            check_all_ways(running.proxy(), serializer)


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, b"key"])
@pytest.mark.parametrize("kind", LISTENING)
def test_they_arrive_in_pyro4s_protocol(kind: str, key: bytes | None) -> None:
    with served(kind, {"calc": Store()}) as running:
        running.daemon._pyroHmacKey = key
        for serializer in SERIALIZERS:
            proxy = running.proxy()
            proxy._pyroProtocolVersion = 48
            proxy._pyroHmacKey = key
            check_all_ways(proxy, serializer)


@pytest.mark.parametrize("kind", LISTENING)
def test_nobody_gets_what_belongs_to_somebody_else(kind: str) -> None:
    """All of them share the room that is kept for large bodies, one after the other."""

    def use(running: Served, number: int) -> None:
        with running.running.proxy("calc") as proxy:
            proxy._pyroSerializer = SERIALIZERS[number % 4]
            for turn in range(6):
                value: Any = f"{number}.{turn}" * (30_000 + 9_000 * turn)
                if number % 4 > 1:
                    value = value.encode()
                assert proxy.echo(value) == value

    with served(kind, {"calc": Store()}) as running, Threads() as threads:
        for number in range(8):
            threads.start(use, running, number)


def test_a_raw_reply_may_be_kept() -> None:
    with served("thread", {"calc": Store()}) as running:
        proxy = running.proxy()
        proxy._pyroSerializer = "marshal"
        proxy._pyroRawWireResponse = True
        first = proxy.echo(OCTETS)
        second = proxy.echo(OCTETS[::-1])
        assert type(first.data) is bytes
        assert OCTETS in first.data
        assert OCTETS[::-1] in second.data


@pytest.mark.parametrize("kind", LISTENING)
def test_an_idle_connection_holds_no_large_body(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lend, lent = reader._lend, []

    def watched_lend(room: bytearray, start: int, end: int) -> memoryview:
        payload = lend(room, start, end)
        lent.append(weakref.ref(payload))
        return payload

    monkeypatch.setattr(reader, "_lend", watched_lend)
    with served(kind, {"calc": Store()}, THREADPOOL_LINGER=PATIENCE) as running:
        proxies = [running.proxy() for _ in range(3)]
        for proxy in proxies:
            proxy._pyroSerializer = "msgpack"
            assert proxy.echo(OCTETS) == OCTETS
        assert len(lent) == 6
        wait_until(lambda: not any(payload() is not None for payload in lent))
