"""A name server, objects and an HTTP gateway in the test's own process, and a client for HTTP."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyrolike.api import Proxy, expose, oneway
from pyrolike.callcontext import current_context
from pyrolike.naming import NameServerDaemon
from pyrolike.utils.httpgateway import Gateway
from pyrolike.utils.httpgateway.names import Names
from pyrolike.utils.httpgateway.pool import ProxyPool
from pyrolike.utils.httpgateway.server import GatewayServer
from tests.support.daemon import PATIENCE, RunningDaemon, running_daemon
from tests.support.sources import Source


@expose
class Weather(Source):
    """Something of everything that a gateway has to do with.

    Attributes:
        notes: What the one-way method was given.
        noted: Set by it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.noted = threading.Event()

    @property
    def station(self) -> str:
        return "Sonnblick"

    @property
    def broken(self) -> str:
        raise ValueError("the sensor is frozen")

    def echo(self, *args: Any, **kwargs: Any) -> Any:
        return {"args": args, "kwargs": kwargs}

    def exact(self) -> Any:
        return {"large": 12345678901234567890, "text": "Zürich <b>"}

    def divide(self, a: Any, b: Any) -> Any:
        return a / b

    def forever(self) -> Iterator[int]:
        return self.count(10**9)

    def gate_after_one(self) -> Iterator[int]:
        return self.gated(2)

    def correlation(self) -> str:
        return str(current_context.correlation_id)

    @oneway
    def note(self, text: str) -> None:
        self.notes.append(text)
        self.noted.set()


class Clock:
    """Stands in for the monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Place:
    """A gateway with all that belongs to it.

    Attributes:
        names: Daemon of the name server.
        objects: Daemon of the objects.
        weather: The object behind ``http.weather``.
        app: The gateway.
        server: Its HTTP server.
        clock: What the gateway remembers is measured by this.
        located: How often the name server was searched.
    """

    names: RunningDaemon
    objects: RunningDaemon
    weather: Weather
    app: Gateway
    server: GatewayServer
    clock: Clock
    located: list[str] = field(default_factory=list)

    @property
    def name_server(self) -> Any:
        daemon: Any = self.names.daemon
        return daemon.nameserver

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request and return the response. Underscores in names of headers are dashes."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        if isinstance(body, dict | list):
            body = json.dumps(body)
            given.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", f"/pyro/{path}", **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.ask("POST", f"/pyro/{path}", body, **headers)


@contextmanager
def running_server(server: GatewayServer) -> Iterator[GatewayServer]:
    """Run an HTTP server while the block runs."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def locator(location: str, located: list[str]) -> Any:
    """Return a function that finds the name server there, and notes that it was asked."""

    def locate() -> Proxy:
        located.append(location)
        proxy = Proxy(f"PYRO:Pyro.NameServer@{location}")
        proxy._pyroBind()
        return proxy

    return locate


@contextmanager
def running_gateway(**options: Any) -> Iterator[Place]:
    """Run name server, objects and gateway while the block runs.

    Args:
        options: Attributes of the gateway.
    """
    weather = Weather()
    located: list[str] = []
    with (
        running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as names,
        running_daemon({"weather": weather}, host="127.0.0.1") as objects,
    ):
        clock, app = Clock(), Gateway()
        app.names = Names(locator(names.location, located), clock)
        app.pool = ProxyPool(app.names, clock)
        app.comm_timeout = PATIENCE
        for name, value in options.items():
            setattr(app, name, value)
        with running_server(GatewayServer(app, "127.0.0.1", 0)) as server:
            place = Place(names, objects, weather, app, server, clock, located)
            uri = objects.uri("weather")
            place.name_server.register("http.weather", uri, metadata={"weather", "station:alpine"})
            place.name_server.register("secret.weather", uri)
            try:
                yield place
            finally:
                app.close()
