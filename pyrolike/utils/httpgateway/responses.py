"""What goes back: status, headers, and a body in one piece or as a stream.

Every response has the headers that keep a browser from doing more with it than it should; CORS
headers only where an origin was named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pyrolike.serializers.exceptions import exception_to_dict

if TYPE_CHECKING:
    from .requests import Refusal

TEXT_TYPE = "text/plain; charset=utf-8"
JSON_TYPE = "application/json; charset=utf-8"

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may load for us: our own files, and nothing written into the page itself."""

SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
]

CORS_HEADERS = [
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Content-Type, X-Pyro-Options, X-Pyro-Gateway-Key, X-Pyro-Correlation-Id",
    ),
    ("Access-Control-Expose-Headers", "X-Pyro-Correlation-Id"),
]


@dataclass(slots=True)
class Response:
    """A response without the headers that all have.

    Attributes:
        status: The HTTP status.
        content_type: What the body is.
        body: Its bytes; or whatever gives them bit by bit, and is closed by the WSGI server.
        headers: More headers.
    """

    status: int
    content_type: str
    body: bytes | Iterable[bytes]
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def all_headers(self, cors: str) -> list[tuple[str, str]]:
        """Return what to send.

        Args:
            cors: The origin whose pages may read it; empty for none.
        """
        headers = [("Content-Type", self.content_type), *self.headers, *SECURITY_HEADERS]
        if isinstance(self.body, bytes):
            headers.append(("Content-Length", str(len(self.body))))
        if not any(name == "Cache-Control" for name, _ in self.headers):
            headers.append(("Cache-Control", "no-store"))
        if cors:
            return [*headers, ("Access-Control-Allow-Origin", cors), *CORS_HEADERS]
        return [*headers, ("Cross-Origin-Resource-Policy", "same-origin")]


def refuse(refusal: Refusal) -> Response:
    """Return the response to a request that is refused."""
    return text(refusal.status, refusal.text, *refusal.headers)


def text(status: int, sentence: str, *headers: tuple[str, str]) -> Response:
    """Return a sentence."""
    return Response(status, TEXT_TYPE, sentence.encode(), list(headers))


def data(status: int, value: Any) -> Response:
    """Return plain data as JSON."""
    return Response(status, JSON_TYPE, encode(value))


def encode(value: Any) -> bytes:
    """Return plain data as JSON; what it does not know as text."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def error_data(error: BaseException) -> dict[str, Any]:
    """Return an error of the gateway's own in the form in which remote ones come.

    Its attributes and its traceback are not for strangers.
    """
    return {**exception_to_dict(error, "Pyro5"), "args": [str(error)], "attributes": {}}


def hide_traceback(payload: bytes) -> bytes:
    """Take the traceback out of the JSON of a remote exception.

    It tells of files, lines, and perhaps the values of variables on the server.
    """
    try:
        found = json.loads(payload)
        attributes = found["attributes"]
        hidden = {name: value for name, value in attributes.items() if name != "_pyroTraceback"}
        return encode({**found, "attributes": hidden})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # No exception as Pyro writes it: nothing of it is passed on.
        return encode(error_data(RuntimeError("the daemon's error cannot be read")))
