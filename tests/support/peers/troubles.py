"""Remote objects that fail, in every way a method can."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from tests.support.peers.library import api


class OddError(Exception):
    """An exception nobody else knows."""


class OddValueError(ValueError):
    """An exception nobody else knows, of a kind that everybody knows."""


@api.expose
class Trouble:
    """Fails as it is told to."""

    def fail_odd(self) -> NoReturn:
        raise OddError("odd")

    def fail_odd_value(self) -> NoReturn:
        raise OddValueError("odd value")

    def fail_chained(self) -> NoReturn:
        try:
            self._deep_down()
        except KeyError as error:
            raise ValueError("not found") from error

    def fail_while_failing(self) -> NoReturn:
        try:
            self._deep_down()
        except KeyError:
            raise ValueError("worse")  # noqa: B904  # the implicit chain is the point

    def _deep_down(self) -> NoReturn:
        raise KeyError("the first cause")

    def fail_with_args(self, *args: Any) -> NoReturn:
        raise ValueError(*args)

    def fail_with_attributes(self, attributes: dict[str, Any]) -> NoReturn:
        error = RuntimeError("with attributes")
        vars(error).update(attributes)
        raise error

    def fail_with_note(self) -> NoReturn:
        error = RuntimeError("noted")
        error.add_note("a note on it")
        raise error

    def fail_by_name(self, name: str) -> NoReturn:
        """Raise one of Python's own exceptions."""
        import builtins

        raise getattr(builtins, name)("raised by name")

    def fail_with_file(self) -> NoReturn:
        raise FileNotFoundError(2, "nowhere", "a_file")

    def fail_to_decode(self) -> str:
        return b"\xff".decode()

    def fail_in_a_stream(self, name: str) -> Iterator[int]:
        yield 1
        self.fail_by_name(name)

    @property
    def readable(self) -> NoReturn:
        raise LookupError("cannot be read")

    @property
    def writable(self) -> str:
        return "as ever"

    @writable.setter
    def writable(self, value: Any) -> None:
        raise ValueError("cannot be set", value)

    def same(self, value: Any) -> Any:
        return value


@api.behavior(instance_mode="session")
class Unborn:
    """Its instances cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("never to be born")

    @api.expose
    def live(self) -> str:
        return "never"


@api.expose
class Amount:
    """Has the operators of a number."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __add__(self, other: int) -> int:
        return self._value + other

    def __radd__(self, other: int) -> int:
        return other + self._value

    def __mul__(self, other: int) -> int:
        return self._value * other

    def __neg__(self) -> int:
        return -self._value

    def __int__(self) -> int:
        return self._value

    def __contains__(self, other: int) -> bool:
        return 0 <= other < self._value

    def __call__(self, *args: Any) -> str:
        return "called"

    def __eq__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "remote text"


@api.expose
class Ring:
    """A sequence with everything that Python lets a sequence say for itself."""

    def __init__(self) -> None:
        self._things = ["north", "east", "south", "west"]

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, index: Any) -> Any:
        return self._things[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __reversed__(self) -> Iterator[str]:
        return iter(["reversed", *reversed(self._things)])

    def __contains__(self, thing: str) -> bool:
        return thing in self._things
