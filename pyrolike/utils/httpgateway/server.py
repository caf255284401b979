"""An HTTP server for the gateway: the standard library's, made to live among strangers.

One thread accepts, and each connection has one of a bounded number of threads for one request.
Three things keep silent and slow clients from using them up:

* Whoever has not sent the whole request within `REQUEST_SECONDS` is cut off.
* When all threads are busy, the oldest connection that is still sending its request, or has had
  its response, makes room for the next. Calls that run are never ended by that; if there are only
  those, the newcomer is told to come back later.
* Whoever takes in nothing of the response for `WRITE_SECONDS` is cut off.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIRequestHandler

from pyrolike.transport import listen_socket, location_str, wait_readable

from .gateway import GONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.headers import Headers
    from wsgiref.types import WSGIApplication, WSGIEnvironment

log = logging.getLogger("pyrolike.httpgateway")

MOST_THREADS = 100
"""Requests that are served at the same time."""

REQUEST_SECONDS = 15.0
WRITE_SECONDS = 30.0

DRAIN_SECONDS = 1.0
DRAIN_BYTES = 1024 * 1024
"""How much more of a request is read that was answered before its end, and for how long."""

END_SECONDS = 3.0
"""How long the end waits for threads whose connections were closed."""

PIECE = 64 * 1024

_ABSOLUTE = re.compile(r"http://([^/#]*)((?:/.*)?)", re.IGNORECASE | re.DOTALL)

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 47\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    b"Error 503: all threads of the gateway are busy\n"
)


class Client:
    """A connection and the thread that serves it.

    Attributes:
        sock: The connection.
        since: When it was accepted.
        is_expendable: Nothing runs for it: its request has not arrived completely, or its response
            has been written.
        thread: The thread.
    """

    __slots__ = ("is_expendable", "since", "sock", "thread")

    def __init__(self, sock: socket.socket, since: float) -> None:
        self.sock = sock
        self.since = since
        self.is_expendable = True
        self.thread: threading.Thread | None = None

    def cut_off(self) -> None:
        """End the connection; its thread notices that."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def has_left(self) -> bool:
        """Tell whether the client has closed its end."""
        try:
            return wait_readable(self.sock, 0) and not self.sock.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True


class GatewayServer(socketserver.BaseServer):
    """Serves a WSGI application on a port.

    Args:
        app: The application.
        host: Where to listen: a host name or an address; empty for all interfaces.
        port: Its port; 0 for a free one.
        most_threads: Requests that are served at the same time.
        request_seconds: How long a client may take for its request.
        clock: Counts seconds.

    Attributes:
        app: See above.
        on_tick: Called about twice a second from `serve_forever`.

    Raises:
        OSError: The address cannot be listened on; the text says why.
    """

    def __init__(
        self,
        app: WSGIApplication,
        host: str = "localhost",
        port: int = 8080,
        *,
        most_threads: int = MOST_THREADS,
        request_seconds: float = REQUEST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.socket = listen_socket(host, port)
        address = self.socket.getsockname()
        super().__init__(address, RequestHandler)
        self.app = app
        self.host, self.port = str(address[0]), int(address[1])
        self.on_tick: Callable[[], None] | None = None
        self.request_seconds = request_seconds
        self._most_threads = most_threads
        self._clock = clock
        # Guards the clients, oldest first.
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, Client] = {}

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{location_str(self.host, self.port)}/pyro/"

    def fileno(self) -> int:
        """Return the descriptor that `serve_forever` watches."""
        return self.socket.fileno()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection."""
        return self.socket.accept()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection to a thread."""
        client = Client(request, self._clock())
        with self._lock:
            is_full = len(self._clients) >= self._most_threads and not self._make_room()
            if not is_full:
                self._clients[request] = client
        if is_full:
            self._turn_away(request)
            return
        client.thread = threading.Thread(
            target=self._serve, args=(client, client_address), name="gateway", daemon=True
        )
        client.thread.start()

    def _make_room(self) -> bool:
        """End the oldest connection for which nothing runs, if there is one.

        The lock is held. Its thread goes on for a moment: until then there is one more of them.
        """
        oldest = next((each for each in self._clients.values() if each.is_expendable), None)
        if oldest is None:
            return False
        del self._clients[oldest.sock]
        oldest.cut_off()
        return True

    def _turn_away(self, request: socket.socket) -> None:
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(BUSY)
        self.shutdown_request(request)

    def _serve(self, client: Client, client_address: Any) -> None:
        try:
            RequestHandler(client, client_address, self)
        except OSError:
            log.debug("a client has left", exc_info=True)
        except Exception:
            log.exception("serving a request ended by an unexpected error")
        finally:
            with self._lock:
                self._clients.pop(client.sock, None)
            self.shutdown_request(client.sock)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_WR)
        request.close()

    def service_actions(self) -> None:
        """Cut off who is too slow; called about twice a second."""
        limit = self._clock() - self.request_seconds
        with self._lock:
            late = [each for each in self._clients.values() if each.is_expendable]
        for client in late:
            if client.since <= limit:
                client.cut_off()
        if self.on_tick is not None:
            self.on_tick()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong before a thread had the connection."""
        log.warning("a connection was lost before it was served", exc_info=sys.exception())

    def server_close(self) -> None:
        """Stop listening and end all connections; twice is fine."""
        self.socket.close()
        with self._lock:
            clients = list(self._clients.values())
        for client in clients:
            client.cut_off()
        end = time.monotonic() + END_SECONDS
        for client in clients:
            if client.thread is not None:
                client.thread.join(max(0.0, end - time.monotonic()))


class RequestHandler(WSGIRequestHandler):
    """Serves one request of one connection."""

    protocol_version = "HTTP/1.1"  # so that a client which asks for it is told to go on (100)
    server: GatewayServer
    timeout = WRITE_SECONDS

    def __init__(self, client: Client, client_address: Any, server: GatewayServer) -> None:
        self.client = client
        super().__init__(client.sock, client_address, server)

    def handle(self) -> None:
        """Read the request, have it answered, and close the connection."""
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65_537)
        if len(self.raw_requestline) > 65_536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.raw_requestline and self.parse_request():
            if self.request_version == "HTTP/0.9":  # its responses have no head, and so no status
                self.send_error(505)
            else:
                self._run()
        self._drain()

    def _run(self) -> None:
        environ = self.get_environ()
        body = _Body(self.rfile, self.client, environ)
        handler = ResponseHandler(body, self.wfile, environ)
        handler.run(self.server.app)
        log.info("%s %r: %s", self.client_address[0], self._shown_path(), handler.shown_status)

    def _shown_path(self) -> str:
        """Return the method and path; without the query, in which the key may be."""
        return f"{self.command} {self.path.partition('?')[0]}"

    def get_environ(self) -> WSGIEnvironment:
        """Return the WSGI environment.

        Unlike in the standard library nobody is asked for the client's name, and the path keeps its
        parts.
        """
        host, path, query = _split(self.path)
        environ: WSGIEnvironment = {
            "SERVER_NAME": self.server.host,
            "SERVER_PORT": str(self.server.port),
            "SERVER_SOFTWARE": "pyrolike",
            "SERVER_PROTOCOL": self.request_version,
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": "",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": _unquote(path),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            GONE: self.client.has_left,
        }
        for name in set(map(str.lower, self.headers.keys())):
            # With an underscore, two spellings would be one header.
            if "_" not in name:
                variable = name.replace("-", "_").upper()
                is_plain = variable in ("CONTENT_TYPE", "CONTENT_LENGTH")
                environ[variable if is_plain else f"HTTP_{variable}"] = ",".join(
                    self.headers.get_all(name, [])
                )
        if host is not None:
            environ["HTTP_HOST"] = host
        return environ

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that is no HTTP; without repeating anything of it."""
        phrase = BaseHTTPRequestHandler.responses.get(code, ("Error",))[0]
        body = f"Error {code}: {phrase}\n".encode()
        head = (
            f"HTTP/1.1 {code} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)

    def _drain(self) -> None:
        """Take in what the client still sends.

        A connection that is closed with unread bytes is reset, and the client might never see the
        response which tells it that its body was too large.
        """
        self.client.is_expendable = True
        with contextlib.suppress(OSError, ValueError):
            self.request.shutdown(socket.SHUT_WR)
            end, left = time.monotonic() + DRAIN_SECONDS, DRAIN_BYTES
            while left > 0 and wait_readable(self.request, end - time.monotonic()):
                data = self.request.recv(PIECE)
                if not data:
                    return
                left -= len(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Write what the standard library has to say into the log."""
        log.debug(format, *args)


class _Body:
    """The body of a request, as WSGI has it. Until it has been read, the client may be cut off."""

    def __init__(self, source: Any, client: Client, environ: WSGIEnvironment) -> None:
        self._source = source
        self._client = client
        stated = str(environ.get("CONTENT_LENGTH", ""))
        # What is no length, or a silly one, is refused by the application.
        is_length = stated.isascii() and stated.isdigit() and len(stated) < 16
        self._left = int(stated) if is_length and environ["REQUEST_METHOD"] == "POST" else 0
        client.is_expendable = self._left > 0

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer at the end."""
        data: bytes = self._source.read(min(size, self._left))
        self._left -= len(data)
        self._client.is_expendable = self._left > 0
        return data

    def finish(self) -> None:
        """Take note that nothing more is read."""
        self._client.is_expendable = False


class ResponseHandler(SimpleHandler):
    """Writes the response: in HTTP/1.1, what has no length in chunks, so that its end is seen.

    Attributes:
        shown_status: The status of the response, when it is known.
    """

    http_version = "1.1"
    os_environ: dict[str, str] = {}  # noqa: RUF012 - the standard library's way to have none of it

    if TYPE_CHECKING:  # what the standard library has, and its stubs do not tell
        headers: Headers
        headers_sent: bool

    def __init__(self, body: _Body, wfile: Any, environ: WSGIEnvironment) -> None:
        stdin: Any = body
        super().__init__(stdin, wfile, sys.stderr, environ, multithread=True)
        self._body = body
        self._is_chunked = False
        self._can_chunk = environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        self.shown_status = ""

    def start_response(self, status: Any, headers: Any, exc_info: Any = None) -> Any:
        """Take the head of the response from the application, which has read the request then."""
        self._body.finish()
        self.shown_status = status
        return super().start_response(status, headers, exc_info)

    def cleanup_headers(self) -> None:
        """Add the headers that are the connection's, not the application's."""
        self.headers["Connection"] = "close"
        self._is_chunked = self._can_chunk and "Content-Length" not in self.headers
        if self._is_chunked:
            self.headers["Transfer-Encoding"] = "chunked"

    def write(self, data: bytes) -> None:
        """Write a part of the body."""
        if not self.headers_sent:
            self.send_headers()
        if self._is_chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        for start in range(0, len(data), PIECE):
            super().write(data[start : start + PIECE])

    def finish_content(self) -> None:
        """Write the end of the body."""
        super().finish_content()
        if self._is_chunked:
            self._write(b"0\r\n\r\n")

    def log_exception(self, exc_info: Any) -> None:
        """Write into the log what the application let through, or that the client has left."""
        if isinstance(exc_info[1], OSError):
            log.debug("a client has left", exc_info=exc_info)
        else:
            log.error("a response broke off", exc_info=exc_info)

    def handle_error(self) -> None:
        """Break off: the client sees that the response is not complete."""
        self.log_exception(sys.exc_info())


def _split(target: str) -> tuple[str | None, str, str]:
    """Return the host in the target of a request, its path, and its query.

    The host is that of the absolute form, ``http://host/path?query``, which clients use that take
    us for their proxy. It counts, and not the header. Source: RFC 9112, section 3.2.2.
    """
    place, _, query = target.partition("?")
    absolute = _ABSOLUTE.fullmatch(place)
    return (absolute[1], absolute[2], query) if absolute else (None, place, query)


def _unquote(path: str) -> str:
    """Decode percent signs to bytes, in WSGI's shape for them: a text of as many characters."""
    return unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
