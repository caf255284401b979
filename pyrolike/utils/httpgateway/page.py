"""The page and what belongs to it: files of this package, and data about the exposed objects.

The files are the same for everybody: nothing of a request, and nothing from the name server, is
written into them. What the page shows it asks for as JSON, and puts in place as text.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import pyrolike

from .calling import describe
from .responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .names import Names
    from .pool import ProxyPool

HTML_TYPE = "text/html; charset=utf-8"

FILES = {
    "": ("gateway.html", HTML_TYPE),
    "$gateway.css": ("gateway.css", "text/css; charset=utf-8"),
    "$gateway.js": ("gateway.js", "text/javascript; charset=utf-8"),
    "$gateway.svg": ("gateway.svg", "image/svg+xml"),
}
"""File and content type by the path below /pyro/. No object has such a path: it has no slash."""

MOST_LISTED = 200
"""Names in one answer."""

USUALLY_LISTED = 50


@functools.cache
def read_file(name: str) -> bytes:
    """Return a file of the page."""
    return resources.files(__package__).joinpath("static", name).read_bytes()


def serve_file(path: str, status: int = 200) -> Response:
    """Return one of `FILES`."""
    name, content_type = FILES[path]
    return Response(status, content_type, read_file(name), [("Cache-Control", "no-cache")])


def list_objects(
    names: Names, regex: str, query: Mapping[str, list[str]], uri: str
) -> dict[str, Any]:
    """Return what is exposed, one page of it.

    Args:
        names: Knows the name server.
        regex: What names must match; empty for all.
        query: ``search``, ``offset`` and ``limit``; what makes no sense is left out of account.
        uri: Where the name server is.

    Raises:
        NoNameServerError: There is nobody to ask.
    """
    words = _last(query, "search").strip()
    offset = _number(query, "offset", 0)
    limit = min(_number(query, "limit", USUALLY_LISTED), MOST_LISTED)
    found = names.search(regex, words)
    part = found[offset : offset + limit]
    objects = [
        {"name": name, "tags": tags} for name, tags in zip(part, names.tags(part), strict=True)
    ]
    return {
        "objects": objects,
        "found": len(found),
        "offset": offset,
        "limit": limit,
        "exposed": regex,
        "nameserver": uri,
        "version": pyrolike.__version__,
    }


def show_object(names: Names, pool: ProxyPool, name: str) -> dict[str, Any]:
    """Return what can be told about an object.

    Raises:
        NamingError, CommunicationError, PoolFullError: It cannot be asked.
    """
    description = describe(pool, name)
    return {"name": name, "tags": names.tags([name])[0], **description}


def _last(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[-1]


def _number(query: Mapping[str, list[str]], name: str, default: int) -> int:
    text = _last(query, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
