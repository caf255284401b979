"""Remote objects whose calls are about remote objects: proxies, URIs, callbacks, instances."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import itertools
from typing import Any

from tests.support.peers.library import api


@api.expose
class Tally:
    """Counts calls; handed out by `Factory` as an object of its own."""

    def __init__(self) -> None:
        self._count = 0

    def count(self) -> int:
        self._count += 1
        return self._count


@api.expose
class Factory:
    """Hands out, takes and calls references to remote objects."""

    def new_tally(self) -> Tally:
        """Return a new remote object: it crosses as a proxy."""
        tally = Tally()
        self._pyroDaemon.register(tally)  # type: ignore[attr-defined]  # the daemon puts it there
        return tally

    def tally_proxy(self) -> Any:
        """Return a proxy for a new remote object, made explicitly."""
        return self._pyroDaemon.proxyFor(self.new_tally())  # type: ignore[attr-defined]  # see above

    def own_uri(self) -> Any:
        return self._pyroDaemon.uriFor(self)  # type: ignore[attr-defined]  # see above

    def several(self) -> list[Any]:
        """Return a list with a URI and a new remote object in it."""
        return [self.own_uri(), {"tally": self.new_tally()}]

    def call_add(self, proxy: Any, a: int, b: int) -> Any:
        """Call the object behind a proxy that came as an argument."""
        with proxy:
            return proxy.add(a, b)

    def call_uri(self, uri: Any, a: int, b: int) -> Any:
        """Call the object behind a URI that came as an argument."""
        with api.Proxy(uri) as proxy:
            return proxy.add(a, b)

    def call_back(self, callback: Any, words: list[str]) -> list[str]:
        """Call back the client that calls us, once for each word."""
        with callback:
            return [callback.hear(word) for word in words]

    def describe(self, value: Any) -> str:
        return f"{type(value).__name__} {value}"


class _Numbered:
    """Tells its instances apart."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self._number = next(self._numbers)
        self._calls = 0

    @api.expose
    def who(self) -> list[int]:
        """Return the number of this instance, and how often it was asked."""
        self._calls += 1
        return [self._number, self._calls]


@api.behavior(instance_mode="session")
class SessionNumbered(_Numbered):
    """One instance for each connection."""


@api.behavior(instance_mode="single")
class SingleNumbered(_Numbered):
    """One instance for all."""


@api.behavior(instance_mode="percall")
class PercallNumbered(_Numbered):
    """One instance for each call."""


@api.behavior(instance_mode="single", instance_creator=lambda cls: cls("made by the creator"))
class CreatedNumbered:
    """An instance the library cannot make by itself."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    @api.expose
    def origin(self) -> str:
        return self._origin


@api.behavior(instance_mode="single", instance_creator=lambda cls: "not an instance")
class Miscreated:
    """Its creator returns something else."""

    @api.expose
    def origin(self) -> str:
        return "never"


@api.expose
class Witness:
    """Tells what the call that reaches it looks like from inside."""

    def annotations(self) -> dict[str, str]:
        received = api.current_context.annotations
        return {name: bytes(value).decode("latin-1") for name, value in received.items()}

    def answer_annotations(self, values: dict[str, str]) -> str:
        api.current_context.response_annotations = {
            name: value.encode("latin-1") for name, value in values.items()
        }
        return "annotated"

    def annotate_and_fail(self) -> None:
        api.current_context.response_annotations = {"LEAK": b"must not go anywhere"}
        raise ValueError("failed after annotating")

    def correlation_id(self) -> str:
        return str(api.current_context.correlation_id)

    def context(self) -> dict[str, Any]:
        """Return the fields of the context that a caller can know too."""
        context = api.current_context
        return {
            "seq": context.seq,
            "msg_flags": context.msg_flags,
            "serializer_id": context.serializer_id,
            "client_sock_addr": repr(context.client_sock_addr),
            "client": type(context.client).__name__,
        }

    def blob_info(self, blob: Any) -> Any:
        """Return what is known of a serialized blob without opening it."""
        return blob.info

    def open_blob(self, blob: Any) -> list[Any]:
        return [blob.info, list(blob.deserialized())]
