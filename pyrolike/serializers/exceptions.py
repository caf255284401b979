"""Exceptions as dictionaries, and back.

A remote exception crosses the wire as its class name, its arguments, its attributes and the notes
that the program has added; causes and the real traceback stay behind. Only classes that everybody
has are made again: Python's own, Pyro's, and a few of the standard library. Anything else needs
the user's converters.

The peer is not trusted: it chooses the class name, the arguments and the attributes, and none of
them may end this program or replace a method. Source: the serialization page of the reference,
4.1, 4.2 and 4.5; its defects 17 and 18 are not repeated.
"""

from __future__ import annotations

import builtins
import struct
from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike import errors
from pyrolike.errors import RemoteError, SerializeError
from pyrolike.tracebacks import is_remote_note

if TYPE_CHECKING:
    from collections.abc import Sequence

PYRO_ERRORS: dict[str, type[BaseException]] = {
    cls.__name__: cls
    for cls in (
        errors.PyroError,
        errors.NamingError,
        errors.DaemonError,
        errors.SecurityError,
        errors.CommunicationError,
        errors.ConnectionClosedError,
        errors.TimeoutError,
        errors.ProtocolError,
        errors.MessageTooLargeError,
        errors.SerializeError,
    )
}
"""The exceptions every Pyro knows, by their plain names."""

_BUILTIN_ERRORS: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}

all_exceptions: dict[str, type[BaseException]] = _BUILTIN_ERRORS | PYRO_ERRORS
"""What a bare name may mean. ``TimeoutError`` is Pyro's; Python's has its module in front."""

PYRO_MODULES = frozenset({"Pyro5.errors", "Pyro4.errors"})
_BUILTIN_MODULES = frozenset({"builtins", "exceptions"})  # the second is what Python 2 peers say


NOTES = "__notes__"
MOST_NOTES = 100
"""Notes of a peer's exception that are taken over."""

_ONLY_HERE = frozenset({"partialData", "pyroMsg"})
"""Attributes of Pyro's errors that mean something only beside the connection they came from.

Most serializers could not carry them, and the error would not arrive for their sake.
"""


class ExceptionWrapper:
    """Stands for an exception among the results of a batch.

    Attributes:
        exception: What the call raised.
    """

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception

    def raiseIt(self) -> NoReturn:
        """Raise the exception, with all its attributes.

        Pyro: raises a copy that has lost all attributes but the remote traceback.
        """
        raise make_catchable(self.exception)

    def __repr__(self) -> str:
        return f"<ExceptionWrapper of {self.exception!r}>"


def exception_to_dict(exception: BaseException, tags: str) -> dict[str, object]:
    """Return the form in which an exception is sent.

    Args:
        exception: Any exception; whether the peer can make it again is not checked.
        tags: The family of names for Pyro's own classes, ``"Pyro5"`` or ``"Pyro4"``.
    """
    local = _ONLY_HERE if isinstance(exception, errors.CommunicationError) else ()
    return {
        "__class__": tag_of(type(exception), tags),
        "__exception__": True,
        "args": exception.args,
        "attributes": {
            **{k: v for k, v in vars(exception).items() if k[:2] != "__" and k not in local},
            **_notes_of(exception),
        },
    }


def _notes_of(exception: BaseException) -> dict[str, list[str]]:
    """Return the program's notes as an attribute. Ours hold the remote traceback, which travels."""
    notes = getattr(exception, NOTES, None)
    if not isinstance(notes, list):
        return {}
    own = [note for note in notes if isinstance(note, str) and not is_remote_note(note)]
    return {NOTES: own} if own else {}


def tag_of(cls: type[BaseException], tags: str) -> str:
    """Return the name by which a peer will know an exception class.

    Our additions to Pyro's tree go out as the class they refine, for nobody else has them.
    """
    if cls.__module__.startswith("pyrolike."):
        for base in cls.__mro__:
            if PYRO_ERRORS.get(base.__name__) is base:
                return f"{tags}.errors.{base.__name__}"
    return f"{cls.__module__}.{cls.__name__}"


def find_exception_class(name: str, data: dict[str, Any]) -> type[BaseException] | None:
    """Return the exception class that a class dict means, None if it means none we may create.

    Args:
        name: The dict's class name.
        data: The dict. Pyro's own errors are known by their full name alone; all others must also
            be marked as exceptions.
    """
    module, _, short = name.rpartition(".")
    if module in PYRO_MODULES:
        return PYRO_ERRORS.get(short)
    if name == "struct.error":
        return struct.error
    if not data.get("__exception__"):
        return None
    if not module:
        return all_exceptions.get(short)
    if module in _BUILTIN_MODULES:
        return _BUILTIN_ERRORS.get(short)
    return _find_sqlite_error(short) if module == "sqlite3" else None


def _find_sqlite_error(name: str) -> type[BaseException] | None:
    import sqlite3  # only on demand: most programs never need it, and some Pythons lack it

    found = getattr(sqlite3, name, None) if name.endswith("Error") else None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def create_exception(cls: type[BaseException], name: str, data: dict[str, Any]) -> BaseException:
    """Make an exception from its class dict.

    Args:
        cls: What :func:`find_exception_class` found.
        name: The dict's class name.
        data: The dict: ``args``, and optionally ``attributes``.

    Returns:
        The exception. One that is not an ``Exception``, such as ``SystemExit``, comes as a
        RemoteError, see `make_catchable`.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: The dict is malformed.
    """
    args = data["args"]
    if not isinstance(args, list | tuple):
        raise TypeError(f"args must be a list or tuple, not {type(args).__name__}")
    exception = _build(cls, args) if issubclass(cls, Exception) else _stand_in(cls, args, name)
    for attribute, value in (data.get("attributes") or {}).items():
        if attribute == NOTES and isinstance(value, (list, tuple)):
            for note in map(str, value[:MOST_NOTES]):
                if not is_remote_note(note):  # which is for us to make
                    exception.add_note(note)
        elif _may_set(exception, attribute):
            setattr(exception, attribute, value)
    return exception


def make_catchable(exception: BaseException) -> Exception:
    """Return an exception from a peer as something to raise here: itself, if it is an `Exception`.

    What is none is an order to the program that it is raised in. ``SystemExit`` would end it, and a
    ``GeneratorExit`` the iteration or the task that it passes, without a word, because of an
    accident in another program. Pickles and the users' converters can make such objects.
    """
    if isinstance(exception, Exception):
        return exception
    cls = type(exception)
    told = _stand_in(cls, exception.args, f"{cls.__module__}.{cls.__name__}")
    vars(told).update(vars(exception))
    return told


def _stand_in(cls: type[BaseException], args: Sequence[Any], name: str) -> RemoteError:
    text = ", ".join(repr(arg) for arg in args)
    return RemoteError(f"{cls.__name__}({text}) was raised on the other side", class_name=name)


def _build(cls: type[BaseException], args: Sequence[Any]) -> BaseException:
    try:
        return cls(*args)
    except TypeError:
        # UnicodeDecodeError insists on bytes, which serpent sends as a dict that it leaves to the
        # user to open. Here we know what was meant.
        opened = [_open_bytes(arg) for arg in args]
        if all(new is old for new, old in zip(opened, args, strict=True)):
            raise
        return cls(*opened)


def _open_bytes(arg: object) -> object:
    if type(arg) is dict and arg.keys() == {"data", "encoding"} and arg["encoding"] == "base64":
        from base64 import b64decode

        return b64decode(arg["data"])
    return arg


def _may_set(exception: BaseException, name: object) -> bool:
    """Refuse the names with which a peer could reach more than data: dunders and methods."""
    if not isinstance(name, str) or name.startswith("__") or name == "args":
        return False
    return not callable(getattr(type(exception), name, None))


def wrapper_from_dict(exception: object) -> ExceptionWrapper:
    """Make an ExceptionWrapper again.

    Raises:
        SerializeError: It was wrapped around something that is no exception.
    """
    if not isinstance(exception, BaseException):
        raise SerializeError(f"a batch reports a {type(exception).__name__} as the exception")
    return ExceptionWrapper(exception)
