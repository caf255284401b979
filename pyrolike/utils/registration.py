"""A name in a name server for as long as a program serves what it stands for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from pyrolike.client import Proxy
from pyrolike.errors import PyroError
from pyrolike.uri import URI

LEAVING_SECONDS = 2.0
"""How long the name server has to forget us when we end."""


@contextlib.contextmanager
def registered(name_server: URI, name: str, uri: URI, tags: Iterable[str] = ()) -> Iterator[None]:
    """Have a name server know an object while the block runs.

    In the end the name is taken back, unless it stands for something else by then. A name server
    that has gone has forgotten it, and that is no error.

    Args:
        name_server: Where it is.
        name: The name; what it stood for before is replaced.
        uri: The object.
        tags: Its metadata.

    Raises:
        PyroError: It cannot be registered.
    """
    with Proxy(name_server) as names:
        names.register(name, uri, metadata=list(tags))
    try:
        yield
    finally:
        with contextlib.suppress(PyroError), Proxy(name_server) as names:
            names._pyroTimeout = LEAVING_SECONDS
            if names.lookup(name) == uri:
                names.remove(name)
