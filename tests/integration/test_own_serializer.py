"""A serializer of the program's own, between a proxy and a daemon that both know it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Proxy, SerializedBlob, expose
from pyrolike.errors import CommunicationError
from pyrolike.serializers import SerializerBase, serializers, serializers_by_id
from tests.support.daemon import changed_settings, running_daemon


class ReprSerializer(SerializerBase):
    """Values as Python writes them."""

    name = "repr"
    serializer_id = 77

    def dumps(self, data: Any) -> bytes:
        return repr(self.class_to_dict(data) if isinstance(data, Exception) else data).encode()

    def loads(self, data: Any) -> Any:
        return self.recreate_classes(ast.literal_eval(bytes(data).decode()))

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        return repr((obj, method, vargs, kwargs)).encode()

    def loadsCall(self, data: Any) -> Any:
        return ast.literal_eval(bytes(data).decode())


@expose
class Echo:
    """What is called."""

    def same(self, value: Any) -> Any:
        return value

    def divide(self, one: float, other: float) -> float:
        return one / other

    def opened(self, blob: SerializedBlob) -> Any:
        return blob.deserialized()

    def count(self, number: int) -> Iterator[int]:
        yield from range(number)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    serializer = ReprSerializer()
    serializers["repr"] = serializers_by_id[77] = serializer
    try:
        with (
            changed_settings(SERIALIZERS_ACCEPTED={"repr", "serpent"}),
            running_daemon({"echo": Echo()}) as running,
            Proxy(running.daemon.uriFor("echo")) as proxy,
        ):
            proxy._pyroSerializer = "repr"
            yield proxy
    finally:
        del serializers["repr"], serializers_by_id[77]


def test_it_carries_all_kinds_of_calls(proxy: Proxy) -> None:
    assert proxy.same({1: [b"bytes", (2.5, None)]}) == {1: [b"bytes", (2.5, None)]}
    with pytest.raises(ZeroDivisionError):
        proxy.divide(1, 0)
    assert list(proxy.count(3)) == [0, 1, 2]
    assert proxy.opened(SerializedBlob("info", [1, 2])) == [1, 2]
    calls = BatchProxy(proxy)
    calls.divide(1, 2)
    calls.same("text")
    assert list(calls()) == [0.5, "text"]


def test_pyro4s_protocol_has_no_number_for_it(proxy: Proxy) -> None:
    proxy._pyroProtocolVersion = 48
    with pytest.raises(CommunicationError, match="serializer number 77"):
        proxy.same(1)
