"""The WSGI application: from a request to its response, one question after the other.

The order is: are we meant at all (host), what is it about (404, 405), does another site ask, is the
key right, may this name be reached, and then the call. What goes wrong at any of them is a response
too: nothing that a stranger sends ends in a traceback.
"""

from __future__ import annotations

import logging
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pyrolike.configure import config
from pyrolike.errors import NamingError, PyroError

from . import page, responses
from .calling import Call, MethodNotAllowedError, Outcome, describe, make_call
from .guard import check_host, check_key, check_site
from .names import Names, NoNameServerError
from .pool import PoolFullError, ProxyPool
from .requests import (
    PREFIX,
    Parameters,
    Refusal,
    Target,
    read_parameters,
    read_path,
    read_query,
    split_target,
)
from .responses import JSON_TYPE, Response
from .streaming import StreamBody, choose_type

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger("pyrolike.httpgateway")

GONE = "pyrolike.is_gone"
"""Key in the WSGI environment: a function that tells whether the client has left.

Our own server puts it there. Others need not.
"""

MOST_STREAMS = 50
"""Streams that are followed at the same time. Each holds a thread of the WSGI server."""

META = "$meta"
OBJECTS = "$objects"
OBJECT = "$object"

ABSENT = "cannot connect to the name server; is it running? (python -m pyrolike.naming starts one)"


class Gateway:
    """A WSGI application that offers remote objects to HTTP clients.

    Any number of threads may call it. The attributes can be set at any time, and hold for requests
    that begin after that.

    Attributes:
        ns_regex: Objects whose name matches this at its start can be reached; empty for all.
        cors: The origin whose web pages may use the gateway; ``*`` for all; empty for none.
        gateway_key: A key that every request has to carry, as bytes; None if there is none.
        comm_timeout: Seconds that a call may take; 0 to wait for ever.
        allowed_hosts: Names by which clients may call us, besides localhost and addresses written
            as numbers; ``*`` for all, which makes sense behind a server that checks them itself.
        get_calls: Methods may be called by GET. Without, GET reads attributes and ``$meta``.
        show_tracebacks: Remote exceptions carry their traceback to the client.
        max_body_size: Bytes that a request may bring.

    Source: nameserver.md section 9, ``pyro_app``; the last five are ours.
    """

    def __init__(self) -> None:
        self.ns_regex: str = r"http\."
        self.cors: str = ""
        self.gateway_key: bytes | None = None
        self.comm_timeout: float = config.COMMTIMEOUT
        self.allowed_hosts: Collection[str] = ()
        self.get_calls: bool = True
        self.show_tracebacks: bool = False
        self.max_body_size: int = 1024 * 1024
        self.names = Names()
        self.pool = ProxyPool(self.names)
        self._streams = threading.BoundedSemaphore(MOST_STREAMS)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        response = self._answer(environ)
        start_response(response.status_line, response.all_headers(self.cors))
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        return [response.body] if isinstance(response.body, bytes) else response.body

    def close(self) -> None:
        """Close the connections that are kept. The next request opens new ones."""
        self.pool.close()
        self.names.close()

    def _answer(self, environ: WSGIEnvironment) -> Response:
        try:
            check_host(environ, self.allowed_hosts)
            return self._route(environ, read_path(environ))
        except Refusal as refusal:
            return responses.refuse(refusal)
        except PoolFullError:
            return responses.text(503, "Error 503: too many calls are under way")
        except NoNameServerError as fault:
            return responses.data(500, responses.error_data(NamingError(f"{ABSENT}: {fault}")))
        except NamingError as fault:
            return responses.data(404, responses.error_data(fault))
        except PyroError as fault:
            log.debug("a request failed", exc_info=True)
            return responses.data(500, responses.error_data(fault))
        except Exception:
            log.exception("a request ended by an unexpected error")
            return responses.text(500, "Error 500: the gateway has failed; its log says how")

    def _route(self, environ: WSGIEnvironment, path: str) -> Response:
        method = environ["REQUEST_METHOD"]
        if path in ("", "/", PREFIX.rstrip("/")):
            place = quote(str(environ.get("SCRIPT_NAME") or ""), encoding="latin-1") + PREFIX
            return responses.text(302, "302 Found", ("Location", place))
        if not path.startswith(PREFIX):
            raise Refusal(404, "Error 404: Not Found")
        if method == "OPTIONS":
            return responses.text(200, "200 OK")
        if method not in ("GET", "POST"):
            raise _not_allowed("GET, POST, OPTIONS")
        rest = path.removeprefix(PREFIX)
        if rest in page.FILES:
            return self._serve_page(environ, rest)
        if rest in (OBJECTS, OBJECT):
            return self._serve_data(environ, rest)
        return self._serve_call(environ, split_target(path))

    # -- the page ---------------------------------------------------------------------------------

    def _serve_page(self, environ: WSGIEnvironment, path: str) -> Response:
        """Return a file; the page itself tells by its status whether there is a name server."""
        if path:
            return page.serve_file(path)
        try:
            self._prepare()
            self.names.connect()
        except NoNameServerError:
            if "text/html" in str(environ.get("HTTP_ACCEPT") or ""):
                return page.serve_file(path, 500)
            return responses.text(500, f"Error 500: {ABSENT}")
        return page.serve_file(path)

    def _serve_data(self, environ: WSGIEnvironment, path: str) -> Response:
        """Return what the page shows."""
        check_site(environ, self.cors)
        query = read_query(environ)
        check_key(self.gateway_key, environ, query.get("$key", [None])[-1])
        self._prepare()
        if path == OBJECTS:
            uri = str(self.names.connect()._pyroUri)
            return responses.data(200, page.list_objects(self.names, self.ns_regex, query, uri))
        name = query.get("name", [""])[-1]
        self._check_name(name)
        return responses.data(200, page.show_object(self.names, self.pool, name))

    # -- calls ------------------------------------------------------------------------------------

    def _serve_call(self, environ: WSGIEnvironment, target: Target) -> Response:
        check_site(environ, self.cors)
        parameters = read_parameters(environ, self.max_body_size)
        check_key(self.gateway_key, environ, parameters.key)
        self._check_name(target.name)
        call = self._read_call(environ, target, parameters)
        if isinstance(call, Response):
            return call
        self._prepare()
        correlation = ("X-Pyro-Correlation-Id", str(call.correlation_id))
        if target.member == META:
            found = describe(self.pool, target.name)
            del found["oneway"]
            response = responses.data(200, found)
        else:
            try:
                outcome = make_call(self.pool, call)
            except MethodNotAllowedError:
                raise _not_allowed("POST") from None
            except (AttributeError, AssertionError) as fault:
                return responses.data(500, responses.error_data(fault))
            response = self._render(environ, outcome)
        if response.status == 200:
            response.headers.append(correlation)
        return response

    def _read_call(
        self, environ: WSGIEnvironment, target: Target, parameters: Parameters
    ) -> Call | Response:
        try:
            given = environ.get("HTTP_X_PYRO_CORRELATION_ID")
            correlation_id = uuid.UUID(str(given)) if given else uuid.uuid4()
        except ValueError as fault:
            return responses.data(500, responses.error_data(fault))
        options = str(environ.get("HTTP_X_PYRO_OPTIONS") or "").lower().split(",")
        return Call(
            target.name,
            target.member,
            parameters,
            correlation_id,
            is_oneway="oneway" in [option.strip() for option in options],
            is_reading=environ["REQUEST_METHOD"] == "GET" and not self.get_calls,
        )

    def _render(self, environ: Mapping[str, Any], outcome: Outcome) -> Response:
        if outcome.items is not None:
            return self._render_stream(environ, outcome)
        if not outcome.is_error:
            return Response(200, JSON_TYPE, outcome.payload)
        payload = outcome.payload
        if not self.show_tracebacks:
            payload = responses.hide_traceback(payload)
        return Response(500, JSON_TYPE, payload)

    def _render_stream(self, environ: Mapping[str, Any], outcome: Outcome) -> Response:
        assert outcome.items is not None
        if not self._streams.acquire(blocking=False):
            outcome.items.close()
            raise Refusal(503, "Error 503: too many streams are followed")
        kind = choose_type(str(environ.get("HTTP_ACCEPT") or ""))
        body = StreamBody(
            outcome.items,
            kind,
            environ.get(GONE),
            shows_tracebacks=self.show_tracebacks,
            on_close=self._streams.release,
        )
        # The second header is for nginx, which would otherwise collect items before it sends some.
        return Response(200, f"{kind}; charset=utf-8", body, [("X-Accel-Buffering", "no")])

    def _prepare(self) -> None:
        """Have everything obey the timeout as it is now."""
        self.names.timeout = self.pool.timeout = self.comm_timeout or None

    def _check_name(self, name: str) -> None:
        if not re.match(self.ns_regex, name):
            raise Refusal(403, "403 Forbidden - access to the requested object has been denied")


def _not_allowed(allowed: str) -> Refusal:
    return Refusal(405, "Error 405: Method Not Allowed", ("Allow", allowed))


pyro_app = Gateway()
"""The application as Pyro programs know it: set its attributes, give it to a WSGI server."""
