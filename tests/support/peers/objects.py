"""The remote objects that peers serve: one of everything a client can meet.

Written once for either library, see `library`. State that a test changes is set by that test
first, so that many tests may use one server after another.
"""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tests.support.peers.library import api, errors

PATIENCE = 20.0
"""Seconds a method may wait for another thread; a test that gets there has failed already."""


class TeapotError(Exception):
    """An exception nobody registered a converter for."""


class KettleError(Exception):
    """An exception that travels, thanks to the converters below."""

    def __init__(self, text: str, degrees: int) -> None:
        super().__init__(text, degrees)
        self.degrees = degrees


class Point:
    """A value class that travels, thanks to the converters below."""

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def __repr__(self) -> str:
        return f"Point({self.x}, {self.y})"


class Stranger:
    """A value class nobody registered a converter for."""

    def __init__(self) -> None:
        self.secret = 1


def register_converters() -> None:
    """Teach the library `Point` and `KettleError`, in both directions."""
    api.register_class_to_dict(Point, lambda it: {"__class__": "a.Point", "x": it.x, "y": it.y})
    api.register_dict_to_class("a.Point", lambda name, it: Point(it["x"], it["y"]))
    api.register_class_to_dict(KettleError, _kettle_to_dict)
    api.register_dict_to_class("a.KettleError", _dict_to_kettle)


def _kettle_to_dict(error: KettleError) -> dict[str, Any]:
    return {
        "__class__": "a.KettleError",
        "text": error.args[0],
        "degrees": error.degrees,
        "traceback": getattr(error, "_pyroTraceback", None),
    }


def _dict_to_kettle(name: str, it: dict[str, Any]) -> KettleError:
    error = KettleError(it["text"], it["degrees"])
    error._pyroTraceback = it["traceback"]  # type: ignore[attr-defined]  # Pyro's own name for it
    return error


@api.expose
class Calculator:
    """Plain calls, attributes, errors, oneway calls and streams."""

    def __init__(self) -> None:
        self._value: Any = 7
        self._fired: list[int] = []
        self._changed = threading.Condition()
        self._gates: dict[str, threading.Event] = {}

    # -- calls

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def div(self, a: int, b: int) -> int:
        return a // b

    def echo(self, *args: Any, **kwargs: Any) -> list[Any]:
        return [list(args), kwargs]

    def same(self, value: Any) -> Any:
        return value

    def describe(self, value: Any) -> str:
        return f"{type(value).__name__} {value!r}"

    def nothing(self) -> None:
        return None

    def some_bytes(self) -> bytes:
        return b"\x00\xff"

    @staticmethod
    def twice(value: Any) -> Any:
        return value * 2

    @classmethod
    def class_name(cls) -> str:
        return cls.__name__

    def __contains__(self, value: Any) -> bool:
        return bool(value == self._value)

    # -- attributes

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    @property
    def fixed(self) -> str:
        return "for ever"

    @property
    def broken(self) -> str:
        raise ValueError("this attribute is broken")

    # -- oneway

    @api.oneway
    def fire(self, amount: int) -> str:
        with self._changed:
            self._fired.append(amount)
            self._changed.notify_all()
        return "nobody hears this"

    @api.oneway
    def misfire(self) -> None:
        raise ValueError("nobody hears this either")

    def wait_fired(self, count: int) -> list[int]:
        """Wait until *count* oneway calls have arrived, return them sorted and forget them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._fired) >= count, PATIENCE)
            fired, self._fired = self._fired, []
        return sorted(fired)

    # -- waiting: order without clocks

    def wait_gate(self, gate: str, answer: Any = None) -> Any:
        """Return *answer* once somebody has opened *gate*."""
        if not self._gate(gate).wait(PATIENCE):
            raise RuntimeError(f"nobody opened gate {gate}")
        return answer

    def open_gate(self, gate: str) -> None:
        self._gate(gate).set()

    def _gate(self, gate: str) -> threading.Event:
        with self._changed:
            return self._gates.setdefault(gate, threading.Event())

    # -- errors

    def fail(self) -> None:
        error = ValueError("boom", 1)
        error.extra = {"k": [1, 2]}  # type: ignore[attr-defined]  # the attribute is the point
        raise error

    def fail_naming(self) -> None:
        raise errors.NamingError("no such name")

    def fail_teapot(self) -> None:
        raise TeapotError("short and stout")

    def fail_kettle(self) -> None:
        raise KettleError("it boils", 100)

    def fail_exit(self) -> None:
        raise SystemExit("the method wants to go home")

    def fail_interrupt(self) -> None:
        raise KeyboardInterrupt

    def fail_timeout(self) -> None:
        raise errors.TimeoutError("a timeout further down the road")

    @api.callback
    def fail_callback(self) -> None:
        raise ValueError("raised by a callback")

    def fail_with(self, value: Any) -> None:
        raise ValueError(value)

    def strange(self) -> Stranger:
        return Stranger()

    def unserializable(self) -> Any:
        return [1, {"inside": threading.Lock()}]

    # -- streams

    def count_to(self, number: int) -> Iterator[int]:
        yield from range(1, number + 1)

    def count_and_fail(self, number: int) -> Iterator[int]:
        yield from range(1, number + 1)
        raise ValueError("the stream broke")

    @property
    def endless(self) -> Iterator[int]:
        return iter(range(1_000_000))

    # -- not remote

    def _private(self) -> str:
        return "never"


class StubbornError(ValueError):
    """An exception that no serializer can take apart."""

    def __init__(self) -> None:
        super().__init__("stubborn", threading.Lock())


@api.expose
class Stubborn:
    """Fails with an exception that cannot be sent."""

    def fail(self) -> None:
        raise StubbornError


class Secretive:
    """A class of which one method is exposed, and one is not."""

    plain = "a class attribute is not remote"

    @api.expose
    def shown(self) -> str:
        return "shown"

    def hidden(self) -> str:
        return "hidden"

    @property
    def hidden_value(self) -> str:
        return "hidden"


@api.expose
class Shelf:
    """A container: what ``len``, indexing and iterating reach."""

    def __init__(self) -> None:
        self.restock()

    def restock(self) -> None:
        self._things = ["apple", "bread", "cheese"]

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, index: int) -> str:
        return self._things[index]

    def __setitem__(self, index: int, thing: str) -> None:
        self._things[index] = thing

    def __delitem__(self, index: int) -> None:
        del self._things[index]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._things))

    def __contains__(self, thing: str) -> bool:
        return thing in self._things


@api.expose
class Row:
    """A container without ``__iter__`` and ``__len__``: iterated by index."""

    def __getitem__(self, index: int) -> int:
        if index >= 3:
            raise IndexError(index)
        return index * 10
