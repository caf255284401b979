"""The exceptions of pyrolike, and how to print one that came from the other side.

The tree is Pyro's, name for name, so that an old ``except`` still catches::

    Exception
    └── PyroError
        ├── NamingError
        ├── DaemonError
        ├── SecurityError
        ├── RemoteError                      (ours)
        └── CommunicationError
            ├── ConnectionClosedError
            ├── TimeoutError
            └── ProtocolError
                ├── MessageTooLargeError
                └── SerializeError

Any of them can cross the wire, and is then made anew from ``args`` and ``__dict__``. Two rules
follow for every class here. It can be built from positional arguments alone, and the data it
carries is keyword-only and kept out of ``args``. Data that was not given is not stored (the class
has a default), because stock peers write an empty dictionary where there is nothing to say.
"""

import sys
from types import TracebackType
from typing import Any

from pyrolike import tracebacks
from pyrolike.configure import config


class PyroError(Exception):
    """Something went wrong in pyrolike itself; the ancestor of all its errors.

    An exception that came over the wire, of this class or any other, has an attribute
    ``_pyroTraceback``: where it was raised on the other side, as lines of text, or ``None``.
    """


class NamingError(PyroError):
    """A name is unknown or taken, or no name server was found."""


class DaemonError(PyroError):
    """A daemon does not know the object, or cannot register it as asked."""


class SecurityError(PyroError):
    """The peer sent something that is refused for safety, such as a forbidden class."""


class RemoteError(PyroError):
    """The remote side raised something that must not be raised here under its own name.

    ``SystemExit`` or ``KeyboardInterrupt`` would end *this* program because of an accident in
    another one, and ``GeneratorExit`` whatever generator or task it passes.

    Attributes:
        class_name: What was really raised, such as ``"builtins.SystemExit"``.

    Pyro: raises the original class, so that a server can end its clients.
    """

    class_name: str = ""

    def __init__(self, *args: object, class_name: str = "") -> None:
        super().__init__(*args)
        if class_name:
            self.class_name = class_name


class CommunicationError(PyroError):
    """A peer cannot be reached or does not want us; the ancestor of all errors between peers."""


class ConnectionClosedError(CommunicationError):
    """The connection is gone.

    Attributes:
        partialData: What had arrived of an incomplete read; ``None`` if nothing was being read.
    """

    partialData: bytes | None = None  # noqa: N815 - Pyro's public spelling

    def __init__(self, *args: object, partial_data: bytes | None = None) -> None:
        super().__init__(*args)
        if partial_data is not None:
            self.partialData = partial_data


class TimeoutError(CommunicationError):
    """The time for connecting, sending or receiving is over. Not the builtin of the same name."""


class ProtocolError(CommunicationError):
    """The peer broke the rules of the wire protocol, or one of us needs what the other forbids."""


class MessageTooLargeError(ProtocolError):
    """A message is larger than the limit allows.

    Attributes:
        announced: Its size in bytes, as announced by its header or found by encoding it.
        limit: The number of bytes that are allowed.
        pyroMsg: The message without its body, where it came from a peer.
    """

    announced: int | None = None
    limit: int | None = None
    pyroMsg: Any = None  # noqa: N815 - Pyro's public spelling

    def __init__(
        self, *args: object, announced: int | None = None, limit: int | None = None
    ) -> None:
        super().__init__(*args)
        if announced is not None:
            self.announced = announced
        if limit is not None:
            self.limit = limit


class SerializeError(ProtocolError):
    """A value cannot be turned into bytes, or bytes not into a value.

    Attributes:
        class_name: The class that was the obstacle, if it was one.
        where: Its place in what was sent, such as ``"args[2]['when']"``, if that is known.
    """

    class_name: str | None = None
    where: str | None = None

    def __init__(
        self, *args: object, class_name: str | None = None, where: str | None = None
    ) -> None:
        super().__init__(*args)
        if class_name is not None:
            self.class_name = class_name
        if where is not None:
            self.where = where


def get_pyro_traceback(
    ex_type: BaseException | type[BaseException] | None = None,
    ex_value: BaseException | None = None,
    ex_tb: TracebackType | None = None,
) -> list[str]:
    """Return the traceback of an exception, with the remote part if it has one.

    Local variables are shown if ``config.DETAILED_TRACEBACK`` is on.

    Args:
        ex_type: The exception, and nothing else; or its type, with the other two arguments.
            Without any argument: the exception being handled.
        ex_value: The exception.
        ex_tb: Its traceback.

    Returns:
        Lines to be joined without a separator.

    Raises:
        TypeError: The first argument is neither an exception nor a type.

    Source: Pyro's function of this name; the form with one argument is ours.
    """
    value, trace = _find_exception(ex_type, ex_value, ex_tb)
    lines = tracebacks.format_local(value, trace, detailed=config.DETAILED_TRACEBACK)
    return lines + tracebacks.remote_part(value)


def format_traceback(
    ex_type: BaseException | type[BaseException] | None = None,
    ex_value: BaseException | None = None,
    ex_tb: TracebackType | None = None,
    detailed: bool = False,
) -> list[str]:
    """Return the local traceback of an exception.

    Args:
        ex_type: As for :func:`get_pyro_traceback`.
        ex_value: The exception.
        ex_tb: Its traceback.
        detailed: Show the local variables of each frame. They may hold secrets: think before
            showing the result to strangers.

    Returns:
        Lines to be joined without a separator.

    Raises:
        TypeError: The first argument is neither an exception nor a type.
    """
    value, trace = _find_exception(ex_type, ex_value, ex_tb)
    return tracebacks.format_local(value, trace, detailed=detailed)


def excepthook(
    ex_type: type[BaseException], ex_value: BaseException | None, ex_tb: TracebackType | None
) -> None:
    """Write an exception to standard error, with the remote part of its traceback.

    To be assigned to :data:`sys.excepthook`. Python's own hook shows the remote part too, as a
    note; this one obeys ``config.DETAILED_TRACEBACK`` as well.
    """
    sys.stderr.write("".join(get_pyro_traceback(ex_type, ex_value, ex_tb)))


def _find_exception(
    ex_type: BaseException | type[BaseException] | None,
    ex_value: BaseException | None,
    ex_tb: TracebackType | None,
) -> tuple[BaseException | None, TracebackType | None]:
    """Bring the three ways of naming an exception into one."""
    if ex_type is None and ex_value is None:
        current = sys.exception()
        return current, current.__traceback__ if current else None
    if isinstance(ex_type, BaseException):
        return ex_type, ex_tb or ex_type.__traceback__
    if ex_type is not None and not isinstance(ex_type, type):
        raise TypeError(f"expected an exception or its type, not {ex_type!r}")
    return ex_value, ex_tb
