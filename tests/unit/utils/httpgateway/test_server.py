"""The HTTP server among strangers: silent, slow, many, rude."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyrolike.utils.httpgateway import server as server_module
from pyrolike.utils.httpgateway.server import GatewayServer
from tests.support.daemon import PATIENCE
from tests.support.gateways import Clock, running_server
from tests.support.serving import settle
from tests.support.waiting import wait_until

HEAD = b"HTTP/1.1\r\nHost: localhost\r\n"


class App:
    """A WSGI application that shows what it got, and waits on request.

    Attributes:
        running: Set when a request waits.
        gate: Lets it go on.
        environ: The last environment.
        gone: What `pyrolike.is_gone` said while the request waited.
    """

    def __init__(self) -> None:
        self.running = threading.Event()
        self.gate = threading.Event()
        self.environ: dict[str, Any] = {}
        self.is_closed = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.environ = environ
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise ZeroDivisionError("secret")
        if path == "/stream":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return self.stream()
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path == "/wait":
            self.running.set()
            assert self.gate.wait(PATIENCE)
        body += b"x" * int(environ.get("HTTP_X_SIZE", "0"))
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def stream(self) -> Iterator[bytes]:
        try:
            yield b""
            yield b"one\n"
            if self.environ.get("HTTP_X_BREAK"):
                raise ZeroDivisionError("secret")
            if self.environ.get("HTTP_X_WAIT"):
                self.running.set()
                assert self.gate.wait(PATIENCE)
            yield b"two\n"
        finally:
            self.is_closed.set()


@pytest.fixture
def app() -> App:
    return App()


@contextmanager
def serving(app: App, **options: Any) -> Iterator[GatewayServer]:
    before = set(threading.enumerate())
    with running_server(GatewayServer(app, "127.0.0.1", 0, **options)) as server:
        try:
            yield server
        finally:
            app.gate.set()
    server.server_close()
    assert settle(before) == []


@pytest.fixture
def server(app: App) -> Iterator[GatewayServer]:
    with serving(app) as server:
        yield server


def connect(server: GatewayServer, data: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    sock.sendall(data)
    return sock


def exchange(server: GatewayServer, data: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with connect(server, data) as sock:
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    found = b""
    while True:
        try:
            data = sock.recv(65_536)
        except ConnectionResetError:
            return found
        if not data:
            return found
        found += data


def test_a_request_becomes_an_environment(app: App, server: GatewayServer) -> None:
    query = b"POST /a%2Fb/%C3%BC?x=%31 " + HEAD
    more = (
        b"X-One: 1\r\nx-one: 2\r\nX_Two: 2\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nhi"
    )
    answer = exchange(server, query + more)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\nhi")
    environ = app.environ
    assert environ["PATH_INFO"] == "/a/b/\xc3\xbc"
    assert environ["QUERY_STRING"] == "x=%31"
    assert environ["HTTP_X_ONE"] == "1,2"
    assert "HTTP_X_TWO" not in environ
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/x", "2")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert "PATH" not in environ
    assert server.url == f"http://127.0.0.1:{server.port}/pyro/"


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        ("http://Gate.example:80/pyro/x?a=http://b/", "Gate.example:80", "/pyro/x", "a=http://b/"),
        ("HTTP://[::1]:8080/a%2Fb//c", "[::1]:8080", "/a/b//c", ""),
        ("http://gate.example", "gate.example", "", ""),
        ("http://gate.example?a=1", "gate.example", "", "a=1"),
        ("http://me:secret@localhost/", "me:secret@localhost", "/", ""),
        ("http:///pyro/", "", "/pyro/", ""),
        ("/http://gate.example/", "localhost", "/http://gate.example/", ""),
        ("https://gate.example/", "localhost", "https://gate.example/", ""),
        ("http://gate#/", "localhost", "http://gate#/", ""),
        ("*", "localhost", "*", ""),
    ],
)
def test_the_whole_address_may_be_asked_for(
    app: App, server: GatewayServer, target: str, host: str, path: str, query: str
) -> None:
    exchange(server, f"GET {target} ".encode() + HEAD + b"\r\n")
    environ = app.environ
    assert (environ["HTTP_HOST"], environ["PATH_INFO"], environ["QUERY_STRING"]) == (
        host,
        path,
        query,
    )


def test_a_stream_comes_in_chunks_whose_end_can_be_seen(server: GatewayServer) -> None:
    answer = exchange(server, b"GET /stream " + HEAD + b"\r\n")
    assert b"Transfer-Encoding: chunked" in answer
    assert answer.endswith(b"\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n")


def test_an_old_client_gets_a_stream_without_chunks(server: GatewayServer) -> None:
    answer = exchange(server, b"GET /stream HTTP/1.0\r\n\r\n")
    assert b"Transfer-Encoding" not in answer
    assert answer.endswith(b"\r\n\r\none\ntwo\n")


def test_the_headers_of_a_stream_come_before_its_items(app: App, server: GatewayServer) -> None:
    with connect(server, b"GET /stream " + HEAD + b"X-Wait: 1\r\n\r\n") as sock:
        assert app.running.wait(PATIENCE)
        assert sock.recv(17) == b"HTTP/1.1 200 OK\r\n"
        app.gate.set()
        assert read_all(sock).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/fail", "/stream"])
def test_a_response_that_breaks_off_is_seen_to_and_logged(
    app: App, server: GatewayServer, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = exchange(server, f"GET {path} ".encode() + HEAD + b"X-Break: 1\r\n\r\n")
    assert not answer.endswith(b"0\r\n\r\n")
    assert b"secret" not in answer
    assert "a response broke off" in caplog.text
    assert path == "/fail" or app.is_closed.is_set()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_without_repeating_it(
    server: GatewayServer, request_bytes: bytes, status: int
) -> None:
    answer = exchange(server, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"nonsense" not in answer
    assert b"xxx" not in answer


def test_an_unknown_status_is_an_error(server: GatewayServer) -> None:
    handler: Any = server_module.RequestHandler.__new__(server_module.RequestHandler)
    written: list[bytes] = []
    handler.wfile = type("Wfile", (), {"write": written.append})
    handler.send_error(799)
    assert written[0].startswith(b"HTTP/1.1 799 Error\r\n")


def test_a_client_may_ask_whether_to_send_its_body(server: GatewayServer) -> None:
    with connect(
        server, b"POST / " + HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    ) as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"hi")
        assert read_all(sock).endswith(b"hi")


def test_a_refusal_arrives_although_the_body_does_not_end(app: App, server: GatewayServer) -> None:
    with connect(
        server, b"POST /fine " + HEAD + b"Content-Length: 1\r\n\r\n" + b"x" * 500_000
    ) as sock:
        assert read_all(sock).endswith(b"\r\n\r\nx")


def test_what_goes_on_for_ever_is_not_read_for_ever(
    server: GatewayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "DRAIN_BYTES", 10)
    monkeypatch.setattr(server_module, "DRAIN_SECONDS", PATIENCE)
    with connect(server, b"GET / " + HEAD + b"\r\n" + b"x" * 100_000) as sock:
        wait_until(lambda: not server._clients)
    monkeypatch.setattr(server_module, "DRAIN_SECONDS", 0.0)
    with connect(server, b"GET / " + HEAD + b"\r\n") as sock:
        assert read_all(sock).startswith(b"HTTP/1.1 200")


def test_large_responses_arrive(server: GatewayServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/", headers={"X-Size": "3000000"})
    assert len(connection.getresponse().read()) == 3_000_000
    connection.close()


# -- silent and many


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST / " + HEAD + b"Content-Length: 9\r\n\r\nhi"]
)
def test_a_client_that_does_not_finish_its_request_is_cut_off(app: App, sent: bytes) -> None:
    clock = Clock()
    with serving(app, clock=clock) as server, connect(server, sent) as silent:
        wait_until(lambda: len(server._clients) == 1)
        assert exchange(server, b"GET / " + HEAD + b"\r\n").startswith(b"HTTP/1.1 200")
        wait_until(lambda: len(server._clients) == 1)
        clock.now += server_module.REQUEST_SECONDS
        assert b"200 OK" not in read_all(silent)
        wait_until(lambda: not server._clients)


def test_a_call_that_takes_long_is_not_cut_off(app: App) -> None:
    clock = Clock()
    ticks = threading.Event()
    with serving(app, clock=clock) as server:
        for head in (b"GET /wait ", b"POST /wait "):
            app.running.clear()
            app.gate.clear()
            more = b"Content-Length: 2\r\n\r\nhi" if head[:4] == b"POST" else b"\r\n"
            with connect(server, head + HEAD + more) as sock:
                assert app.running.wait(PATIENCE)
                clock.now += 10 * server_module.REQUEST_SECONDS
                server.on_tick = ticks.set
                ticks.clear()
                assert ticks.wait(PATIENCE)
                app.gate.set()
                assert read_all(sock).startswith(b"HTTP/1.1 200")


def test_the_silent_make_room_for_those_who_ask(app: App) -> None:
    with serving(app, most_threads=2) as server:
        silent = [connect(server) for _ in range(2)]
        wait_until(lambda: len(server._clients) == 2)
        for _ in range(3):
            assert exchange(server, b"GET / " + HEAD + b"\r\n").startswith(b"HTTP/1.1 200")
        assert read_all(silent[0]) == b""
        for sock in silent:
            sock.close()


def test_when_all_are_busy_the_next_is_told_so(app: App) -> None:
    with (
        serving(app, most_threads=1) as server,
        connect(server, b"GET /wait " + HEAD + b"\r\n") as busy,
    ):
        assert app.running.wait(PATIENCE)
        with connect(server) as sock:
            assert read_all(sock).startswith(b"HTTP/1.1 503 ")
        app.gate.set()
        assert read_all(busy).startswith(b"HTTP/1.1 200")


def test_the_canned_answer_has_the_right_length() -> None:
    head, _, body = server_module.BUSY.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


# -- clients that leave


def test_the_application_can_see_that_the_client_has_left(app: App, server: GatewayServer) -> None:
    with connect(server, b"GET /wait " + HEAD + b"\r\n"):
        assert app.running.wait(PATIENCE)
        is_gone = app.environ["pyrolike.is_gone"]
        assert not is_gone()
    wait_until(is_gone)
    app.gate.set()
    wait_until(lambda: not server._clients)
    assert is_gone()


def test_a_client_that_leaves_in_the_middle_closes_the_stream(
    app: App, server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    sock = connect(server, b"GET /stream " + HEAD + b"X-Wait: 1\r\n\r\n")
    assert app.running.wait(PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()  # with a reset
    app.gate.set()
    assert app.is_closed.wait(PATIENCE)
    wait_until(lambda: not server._clients)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# -- beginnings and ends


def test_an_address_in_use_is_told_in_words(app: App, server: GatewayServer) -> None:
    with pytest.raises(OSError, match="the port is in use"):
        GatewayServer(app, "127.0.0.1", server.port)


def test_closing_ends_what_runs(app: App) -> None:
    with serving(app) as server:
        sock = connect(server)
        wait_until(lambda: len(server._clients) == 1)
    assert read_all(sock) == b""
    sock.close()


def test_mistakes_of_ours_are_logged(
    app: App,
    server: GatewayServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(server_module, "ResponseHandler", fail)
        assert exchange(server, b"GET / " + HEAD + b"\r\n") == b""
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "Client", fail)
        assert exchange(server, b"GET / " + HEAD + b"\r\n") == b""
    wait_until(lambda: "before it was served" in caplog.text)
    assert "unexpected error" in caplog.text
    assert exchange(server, b"GET / " + HEAD + b"\r\n").startswith(b"HTTP/1.1 200")


def test_requests_are_logged_without_their_query(
    server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pyrolike.httpgateway")
    exchange(server, b"GET /a%0ab?$key=sesame " + HEAD + b"\r\n")
    exchange(server, b"GET /\x1b[31m?$key=sesame " + HEAD + b"\r\n")
    exchange(server, b"?$key=sesame x y z\r\n\r\n")
    assert "127.0.0.1 'GET /a%0ab': 200 OK" in caplog.text
    assert "\x1b" not in caplog.text
    assert "sesame" not in caplog.text
