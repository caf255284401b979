"""What to say when a value cannot be sent: which class it was, and where it sat.

Encoders only report *that* they failed, some not even on what. The place is therefore searched
after the failure, by trying the parts of the value one by one; a call that works pays nothing for
it. The search calls the users' converters once more, which should not have effects anyway.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from itertools import islice
from types import FunctionType, MethodType
from typing import TYPE_CHECKING

from pyrolike.errors import SerializeError

from .classes import class_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Attempt = Callable[[object], object]

MAX_STEPS = 30
"""How far down the search goes; nobody reads a longer path."""

MAX_PARTS = 10_000
"""How many parts of one value are tried, so that a mistake in a huge list does not cost seconds."""

FAULTS = (
    ValueError, TypeError, AttributeError, OverflowError, RecursionError, SerializeError,
)  # fmt: skip
"""What encoders, and objects asked for their state, raise if something cannot be sent."""

_PLUMBING = frozenset({"__class__", "__exception__"})


class UnserializableError(SerializeError, TypeError, ValueError):
    """A value that cannot be sent with this serializer.

    Pyro raises a ``TypeError``, a ``ValueError`` or a ``SerializeError`` for it, depending on the
    serializer and on the depth at which the value sat. This one is all three, so that a program
    that catches any of them still does. Its attributes are those of SerializeError.
    """


def explain(
    parts: Iterable[tuple[str, object]],
    attempt: Attempt,
    cause: BaseException,
    inner: Attempt | None = None,
) -> UnserializableError:
    """Make the error for something that could not be encoded.

    Args:
        parts: What was to be sent, in pieces that have a name, such as ``("args[0]", 42)``.
        attempt: Encodes one value and raises if it cannot be sent.
        cause: Why encoding the whole failed; used if no single piece is to blame.
        inner: The same for what is inside of others, where that makes a difference.

    Returns:
        The error, to be raised by the caller. It names the innermost value that cannot be sent.
    """
    for where, value in parts:
        reason = _why_not(attempt, value)
        if reason is not None:
            return _descend(where, value, reason, inner or attempt)
    return UnserializableError(f"cannot serialize the message: {_reason(cause)}")


def _descend(where: str, value: object, reason: str, attempt: Attempt) -> UnserializableError:
    """Follow the failing parts of *value* down to the one that has no failing part itself."""
    top = where, value
    above = {id(value)}
    for _ in range(MAX_STEPS):
        found = _first_failing(value, attempt)
        if found is None:
            return _error(where, value, reason)
        step, value, reason = found
        where += step
        if id(value) in above:
            return _error(where, value, "it contains itself")
        above.add(id(value))
    return _error(*top, "it is nested too deeply")


def _first_failing(value: object, attempt: Attempt) -> tuple[str, object, str] | None:
    for step, part in islice(_parts(value), MAX_PARTS):
        reason = _why_not(attempt, part)
        if reason is not None:
            return step, part, reason
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield what *value* is made of, each with the text that leads from it to the part."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f" (the key {key!r:.40})", key
            yield f"[{key!r:.40}]", item
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((" (a member)", item) for item in value)
    else:
        yield from _attributes(value)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes that would be sent of an object that is sent as a dictionary."""
    try:
        state = class_to_dict(value)
    except Exception:  # noqa: BLE001 - a user's converter failed: that is reported already
        return
    if isinstance(state, dict):
        yield from ((f".{name}", part) for name, part in state.items() if name not in _PLUMBING)


def _why_not(attempt: Attempt, value: object) -> str | None:
    """Return why *value* cannot be sent, None if it can.

    As text: an exception that is kept would keep everything that its traceback refers to.
    """
    try:
        attempt(value)
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is what the search wants to know
        return _reason(problem)
    return None


def _error(where: str, value: object, reason: str) -> UnserializableError:
    cls = type(value)
    name = cls.__name__
    if cls.__module__ != "builtins":
        name = f"{cls.__module__}.{cls.__qualname__}"
    advice = "" if ";" in reason else _advice(value)  # it may bring its own
    if isinstance(value, Iterator | Coroutine):
        reason = reason.partition(". Give it ")[0]  # serpent's advice, which is no use for these
    return UnserializableError(
        f"cannot serialize {name} at {where}: {reason}{advice}",
        class_name=name,
        where=where,
    )


def _advice(value: object) -> str:
    """Return what can be done about a value that cannot be sent."""
    if isinstance(value, Iterator):
        return "; send its items in a list"
    if isinstance(value, Coroutine):
        return "; an async method cannot be remote: run what it does in an ordinary one"
    if isinstance(value, FunctionType | MethodType):
        return "; to be called back, register an object with a daemon of your own and send that"
    if type(value).__module__ == "builtins":
        return ""
    return "; register a converter with register_class_to_dict, or send plain values"


def _reason(problem: BaseException) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deeply, or contains itself"
    return str(problem) or type(problem).__name__


def name_arguments(
    vargs: Sequence[object], kwargs: Mapping[str, object] | None
) -> list[tuple[str, object]]:
    """Return the arguments of a call as parts for :func:`explain`."""
    parts = [(f"args[{index}]", value) for index, value in enumerate(vargs)]
    return parts + [(f"kwargs[{name!r}]", value) for name, value in (kwargs or {}).items()]
