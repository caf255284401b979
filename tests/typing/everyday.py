"""A program that must check: the everyday API, as a typed program uses it.

Nothing here is run. mypy reads it, in strict mode, with the types that the package ships.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import pyrolike
from pyrolike.api import (
    URI,
    BatchProxy,
    Daemon,
    Proxy,
    behavior,
    callback,
    config,
    current_context,
    expose,
    locate_ns,
    oneway,
    resolve,
    serve,
    start_ns,
    type_meta,
)
from pyrolike.errors import CommunicationError, PyroError


@expose
@behavior(instance_mode="single")
class Thermometer:
    def __init__(self) -> None:
        self._offset = 0.0

    @property
    def offset(self) -> float:
        return self._offset

    @offset.setter
    def offset(self, value: float) -> None:
        self._offset = value

    def measure(self, place: str, *, digits: int = 1) -> float:
        return round(len(place) + self._offset, digits)

    def series(self, count: int) -> Iterator[float]:
        yield from (self.measure("roof") for _ in range(count))

    @oneway
    def log(self, text: str) -> None:
        print(current_context.client_sock_addr, text)

    @callback
    def alarmed(self) -> None: ...


def decorators_keep_what_they_decorate() -> None:
    thermometer = Thermometer()
    assert_type(thermometer, Thermometer)
    assert_type(thermometer.measure("roof", digits=2), float)
    assert_type(thermometer.offset, float)
    assert_type(thermometer.log("ready"), None)


def a_server() -> None:
    with Daemon(host="localhost", port=0) as daemon:
        uri = daemon.register(Thermometer, "thermometer")
        assert_type(uri, URI)
        with locate_ns() as name_server:
            name_server.register("example.thermometer", uri)
        daemon.requestLoop(lambda: True)


def a_client() -> None:
    with Proxy("PYRONAME:example.thermometer") as thermometer:
        assert_type(thermometer, Proxy)
        # What comes from elsewhere is anything, and the types say so.
        assert_type(thermometer.measure("roof"), Any)
        thermometer._pyroTimeout = 2.5
        thermometer._pyroSerializer = "json"
        batch = BatchProxy(thermometer)
        batch.measure("roof")
        batch.measure("cellar")
        for value in batch():
            assert_type(value, Any)


def names_and_servers_have_types() -> None:
    assert_type(resolve("PYRONAME:example.thermometer", delay_time=2.5), URI)
    assert_type(type_meta(Thermometer), set[str])
    uri, daemon, _ = start_ns(host="localhost", port=0, enableBroadcast=False)
    assert_type(uri, URI)
    daemon.close(grace=1.5)
    serve({Thermometer: "example.thermometer"}, host="localhost", use_ns=False)


def options_of_a_proxy_have_types(proxy: Proxy) -> None:
    assert_type(proxy._pyroTimeout, float | None)
    assert_type(proxy._pyroMaxRetries, int)
    assert_type(proxy._pyroUri, URI)
    assert_type(proxy._pyroBind(), bool)
    assert_type(proxy._pyroBatch(), BatchProxy)
    assert_type(dir(proxy), list[str])


def settings_have_types() -> None:
    assert_type(config.NS_PORT, int)
    assert_type(config.COMMTIMEOUT, float)
    config.SERIALIZERS_ACCEPTED = {"serpent", "json"}


def the_package_offers_the_same_names() -> None:
    assert_type(pyrolike.URI("PYRO:object@localhost:9999"), URI)
    assert_type(pyrolike.Proxy("PYRO:object@localhost:9999"), Proxy)


def errors_form_one_tree(error: CommunicationError) -> PyroError:
    return error
