"""The HTTP gateway: the bytes of a request, from the first one on."""

from __future__ import annotations

import re
import socket
from typing import Any

from pyrolike.errors import NamingError
from pyrolike.utils.httpgateway import Gateway
from pyrolike.utils.httpgateway.server import Client, RequestHandler
from tests.fuzz.target import Target

KEY = b"key"
STATUS = re.compile(rb"HTTP/1\.1 [1-5][0-9][0-9] [ -~]+\r\n")


class Asked:
    """Stands for names and pool: remembers what was asked for, and has nothing."""

    timeout: float | None = None
    _pyroUri = "PYRO:Pyro.NameServer@localhost:9090"

    def __init__(self) -> None:
        self.names: list[str] = []

    def connect(self) -> Asked:
        return self

    def matching(self, regex: str) -> list[str]:
        return []

    def search(self, regex: str, words: str) -> list[str]:
        return []

    def tags(self, names: Any) -> list[list[str]]:
        return [[] for _ in names]

    def take(self, name: str) -> Any:
        self.names.append(name)
        raise NamingError("unknown name")

    def look_up(self, name: str) -> Any:
        self.names.append(name)
        raise NamingError("unknown name")

    def forget(self, name: str) -> None:
        """Know nothing anyway."""


class Server:
    """What a request handler needs of its server."""

    host, port = "127.0.0.1", 8080

    def __init__(self, app: Gateway) -> None:
        self.app = app


def check(data: bytes) -> None:
    has_key, data = data[:1] == b"k", data[1:]
    app, asked = Gateway(), Asked()
    stand_in: Any = asked
    app.names = app.pool = stand_in
    app.max_body_size = 2000
    app.gateway_key = KEY if has_key else None
    answer = say(app, data)
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert STATUS.match(head + b"\r\n"), head
        # No byte of the request may begin a line of the head.
        assert all(b": " in line for line in head.split(b"\r\n")[1:]), head
        assert not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)", head), head
        assert b"the gateway has failed" not in body
        assert b"Traceback" not in body
    assert all(name.startswith("http.") for name in asked.names), asked.names
    assert not (asked.names and has_key) or KEY in data, "asked without the key"


def say(app: Gateway, request: bytes) -> bytes:
    """Return what the gateway answers to some bytes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(request)
        theirs.shutdown(socket.SHUT_WR)
        server: Any = Server(app)
        RequestHandler(Client(ours, 0.0), ("127.0.0.1", 1), server)
        ours.shutdown(socket.SHUT_WR)
        pieces = iter(lambda: theirs.recv(1 << 16), b"")
        return b"".join(pieces)


def _request(line: str, body: str = "", *headers: str) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: localhost", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return b"k" + "\r\n".join([*lines, "", body]).encode()


_JSON = "Content-Type: application/json"
_FORM = "Content-Type: application/x-www-form-urlencoded"

TARGET = Target(
    "Every request has one well-formed response or none, in which nothing of the request becomes a"
    " header; no object is asked for whose name is not allowed, or without the key.",
    check,
    [
        b"", b"k", _request("GET /"), _request("GET /pyro/"), _request("GET /pyro/http.x/$meta"),
        _request("GET /pyro/http.x/echo?a=1&b=2&$key=key"), _request("OPTIONS /pyro/http.x/echo"),
        _request("POST /pyro/http.x/echo", '{"$args": [1, 2], "$key": "key"}', _JSON),
        _request("POST /pyro/http.x/echo", "a=1&b=2", _FORM, "X-Pyro-Gateway-Key: key"),
        _request("POST /pyro/http.x/echo", "{}", _JSON, "X-Pyro-Options: oneway"),
        _request("GET /pyro/$objects?words=tag:a&$key=key"),
        _request("GET /pyro/$object?name=http.x"),
        _request("GET /pyro/secret.x/echo"), _request("GET /pyro/http.x/%2e%2e/__init__"),
        _request("GET /pyro/http.x/e", "", "X-Pyro-Correlation-Id: 6a3f"), _request("HEAD /pyro/"),
        _request("GET /pyro/http.x/e", "", "Origin: http://evil.example",
        "Sec-Fetch-Site: cross-site"),
        _request("POST /pyro/http.x/e", "x", "Transfer-Encoding: chunked"),
        b"xGET / HTTP/1.0\r\n\r\n", _request("GET http://localhost:8080/pyro/http.x/e?a=1"),
        _request("GET http://evil.example/pyro/"), _request("GET http://?$key=key"),
        _request("GET /pyro/gateway.js"), _request("GET /pyro/http.x/e", "",
        "Expect: 100-continue"),
    ],
    tokens=[
        b"GET ", b"POST ", b"http://", b"/pyro/", b"http.", b"$meta", b"$objects", b"$key=",
        b"$args", b" HTTP/1.1\r\n",
        b"Host: ", b"\r\n", b"%0d%0a", b"%00", b"%ff", b"Content-Length: ", b"99999999999999999999",
        b"Transfer-Encoding: chunked\r\n", b"Origin: ", b"X-Pyro-Gateway-Key: ", b"__class__",
        b"..", b"//",
        b"X-Pyro-Correlation-Id: ", b"Expect: 100-continue\r\n", b"NaN", b"[" * 40, b"HTTP/0.9",
        b"\r\n ",
    ],
)  # fmt: skip
