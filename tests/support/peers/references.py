"""Remote objects whose calls are about remote objects: proxies, URIs, callbacks, instances."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator
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

    # -- references wherever they may stand

    def gifts(self) -> dict[str, Any]:
        """Return remote objects in every kind of container."""
        one, two, three = self.new_tally(), self.new_tally(), self.new_tally()
        return {"list": [one], "deep": {"er": [{"still": two}]}, "tuple": ("with", three)}

    @property
    def latest(self) -> Tally:
        """A new remote object, as an attribute."""
        return self.new_tally()

    def tallies(self, number: int) -> Iterator[Tally]:
        """Yield new remote objects."""
        for _ in range(number):
            yield self.new_tally()

    def make_all_hear(self, *args: Any, **kwargs: Any) -> list[str]:
        """Call the method ``hear`` of every remote object in the arguments, with its place."""
        told = []
        for place, ear in (*_ears(list(args), "args"), *_ears(kwargs, "kwargs")):
            with ear:
                told.append(ear.hear(place))
        return told

    # -- registrations

    def keep_weakly(self) -> Any:
        """Register an object that is only held by us, and return its uri."""
        self._weak = Tally()
        return self._own_daemon().register(self._weak, weak=True)

    def drop_weak(self) -> None:
        """Let go of it, for good."""
        del self._weak
        gc.collect()

    def unregister_by_id(self, object_id: str) -> None:
        self._own_daemon().unregister(object_id)

    def register_twice(self) -> list[Any]:
        """Return what comes of registering something twice, of force, and of unregistering."""
        daemon, one, other = self._own_daemon(), Tally(), Tally()
        uri = daemon.register(one)
        found = [
            _kind_of_error(daemon.register, one),
            _kind_of_error(daemon.register, other, uri.object),
            daemon.register(other, uri.object, force=True) == uri,
            daemon.objectsById[uri.object] is other,
        ]
        daemon.unregister(other)
        daemon.unregister(uri.object)  # which nobody knows any more
        return [
            *found,
            _kind_of_error(daemon.uriFor, other),
            _kind_of_error(daemon.unregister, Tally()),
            _kind_of_error(daemon.register, Tally, weak=True),
            str(daemon.register(other, uri.object)) == str(uri),
            daemon.unregister(other),
        ]

    def _own_daemon(self) -> Any:
        return self._pyroDaemon  # type: ignore[attr-defined]  # the daemon puts it there


def _ears(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the proxies in a value, each with its place."""
    if isinstance(value, api.Proxy):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _ears(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _ears(item, f"{place}.{index}")


def _kind_of_error(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    try:
        call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # its kind is what is asked for
        return type(error).__name__
    return "no error"


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
