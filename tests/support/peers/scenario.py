"""What a scenario is: something a client does to a server, and what it must find.

A scenario is a function that takes a `Visit` and returns its findings as one Python literal. It
never compares: the table beside it says what must be found, so that the same function can run in
this process or in a peer's, with either library, and be judged in one place. Findings that
legitimately depend on the serializer (a tuple becomes a list in json) are said in the table too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.peers import library
from tests.support.peers.library import api, errors

SERIALIZERS = ("serpent", "json", "marshal", "msgpack")
PYRO4_SERIALIZERS = (*SERIALIZERS, "pickle", "dill", "cloudpickle")
"""What is tried where a Pyro4 takes part: Pyro5 has no pickle."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A client's visit to a server.

    Attributes:
        location: Where the server is.
        serializer: In what we speak to it.
        timeout: Seconds any call may take, or None as it is by default.
    """

    location: str
    serializer: str
    timeout: float | None = None

    def uri(self, object_id: str) -> str:
        return f"PYRO:{object_id}@{self.location}"

    def proxy(self, object_id: str = "calc") -> Any:
        """Return a new, unconnected proxy."""
        proxy = api.Proxy(self.uri(object_id))
        proxy._pyroSerializer = self.serializer
        if self.timeout is not None:
            proxy._pyroTimeout = self.timeout
        return proxy


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named scenario and its expected findings.

    Attributes:
        run: Does it and returns what was found, a Python literal.
        finds: What must be found.
        finds_in: What must be found instead with some serializers.
    """

    name: str
    run: Callable[[Visit], Any]
    finds: Any
    finds_in: Mapping[str, Any] = field(default_factory=dict)

    def expected(self, serializer: str) -> Any:
        """Return what must be found with *serializer*."""
        return self.finds_in.get(serializer, self.finds)


SCENARIOS: dict[str, Scenario] = {}
"""Every scenario by name, in the order of the modules that define them."""


def scenario(*, finds: Any, **finds_in: Any) -> Callable[[Callable[[Visit], Any]], Scenario]:
    """Turn a function into a `Scenario` named after it, and enter it in the table.

    Args:
        finds: What the function must return.
        finds_in: What it must return instead, by serializer.
    """

    def enter(run: Callable[[Visit], Any]) -> Scenario:
        name = run.__name__
        assert name not in SCENARIOS, name
        SCENARIOS[name] = Scenario(name, run, finds, finds_in)
        return SCENARIOS[name]

    return enter


def error_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the exception a call raises; it must raise one."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        return error
    raise AssertionError(f"no exception, but {result!r}")


def kind_of(thing: object) -> str:
    """Return a class name without its package, which differs between libraries.

    A library may raise something more special than the error it promises: that is left out.
    """
    special = {errors.SerializeError: "SerializeError"}
    promised = (name for kind, name in special.items() if isinstance(thing, kind))
    return next(promised, type(thing).__name__)


@contextmanager
def setting(item: str, value: Any) -> Iterator[None]:
    """Change a configuration item for a while."""
    before = getattr(api.config, item)
    setattr(api.config, item, value)
    try:
        yield
    finally:
        setattr(api.config, item, before)


@contextmanager
def serving(objects: Mapping[str, object]) -> Iterator[Any]:
    """Serve objects of the client's own, for callbacks, and give the daemon that does."""
    with _own_daemon() if library.name == "pyrolike" else _stock_daemon() as daemon:
        for object_id, thing in objects.items():
            daemon.register(thing, object_id)
        try:
            yield daemon
        finally:
            for object_id in objects:
                daemon.unregister(object_id)


@contextmanager
def _own_daemon() -> Iterator[Any]:
    """Run a daemon in a thread."""
    with api.Daemon(host="localhost") as daemon:
        thread = threading.Thread(target=daemon.requestLoop, daemon=True)
        thread.start()
        try:
            yield daemon
        finally:
            daemon.shutdown()
            thread.join(10.0)


@contextmanager
def _stock_daemon() -> Iterator[Any]:
    """Give the one daemon of this process: to shut one down takes a stock library its time."""
    if not _kept_daemons:
        daemon = api.Daemon(host="localhost")
        threading.Thread(target=daemon.requestLoop, daemon=True).start()
        _kept_daemons.append(daemon)
    yield _kept_daemons[0]


_kept_daemons: list[Any] = []
