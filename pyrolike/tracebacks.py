"""Tracebacks as text: local ones, plain or with variables, and those that came from a peer.

Nothing here reads a setting; what is wanted comes in as an argument. Formatting happens when
something has gone wrong already, so it does not raise: a value that cannot describe itself is
described by us, and a remote traceback is taken in whatever form a careless peer sent it.

Source: the layout is Pyro5's, measured.
"""

import linecache
import traceback
from collections.abc import Iterable, Iterator
from reprlib import Repr
from types import FrameType, TracebackType

RULE = "-" * 52 + "\n"
"""What frames the parts of a detailed traceback; the width is Pyro's."""

REMOTE_START = " +--- This exception occurred remotely (Pyro) - Remote traceback:"
REMOTE_END = " +--- End of remote traceback"

_CAUSE = "\nThe exception above was the direct cause of the following one:\n\n"
_CONTEXT = "\nDuring the handling of the exception above, another one occurred:\n\n"

_MOST_FRAMES = 60
"""Frames shown of a detailed traceback. A runaway recursion has a thousand, all alike."""

_SECRET_WORDS = ("passw", "secret", "token", "credential", "private_key", "api_key", "apikey")
"""A variable with one of these in its name is not shown: tracebacks travel, and end up in logs."""


def _make_shortener() -> Repr:
    """Return a ``repr`` that keeps every value to a line or two of a terminal."""
    shortener = Repr()
    shortener.maxstring = shortener.maxother = shortener.maxlong = 160
    for container in ("list", "tuple", "set", "frozenset", "dict", "deque", "array"):
        setattr(shortener, f"max{container}", 8)
    return shortener


_SHORTENER = _make_shortener()


def format_local(
    exception: BaseException | None, trace: TracebackType | None, *, detailed: bool
) -> list[str]:
    """Return the local traceback of an exception.

    Args:
        exception: What was raised; ``None`` gives Python's text for "no exception".
        trace: Where; usually the exception's own ``__traceback__``.
        detailed: Show the variables of each frame. Long values are shortened, and values whose name
            sounds like a secret are hidden. Even so: show the result to people you trust.

    Returns:
        Lines to be joined without a separator. Exceptions that led to this one come first.
    """
    if exception is None:
        return traceback.format_exception(None, None, trace)
    if detailed:
        return list(_detailed_lines(exception, trace))
    return traceback.format_exception(type(exception), exception, trace)


def remote_note(lines: Iterable[str]) -> str:
    """Return a peer's traceback as one text, fit for :meth:`BaseException.add_note`.

    Args:
        lines: The traceback as it came over the wire; each may hold several lines of text.

    Returns:
        Several lines of text, without a newline at the end.
    """
    return "".join(_remote_entries(lines))


def is_remote_note(note: str) -> bool:
    """Say whether *note* was made by `remote_note`."""
    return note.startswith(REMOTE_START)


def remote_part(exception: BaseException | None) -> list[str]:
    """Return what must be printed behind the local traceback of an exception from a peer.

    Returns:
        Lines to be joined without a separator. None if the exception is a local one, or if it has
        the remote traceback as a note, for then that was printed already.
    """
    lines = _remote_lines(exception)
    notes = getattr(exception, "__notes__", None)
    if not lines or (isinstance(notes, list) and remote_note(lines) in notes):
        return []
    return [*_remote_entries(lines), "\n"]


def _remote_lines(exception: BaseException | None) -> list[str]:
    lines = getattr(exception, "_pyroTraceback", None)
    if isinstance(lines, str):
        return [lines]
    if isinstance(lines, (list, tuple)):
        return [str(line) for line in lines]
    return []


def _remote_entries(lines: Iterable[str]) -> list[str]:
    # Split anew, because every single line gets the mark: nothing a peer sends looks like ours.
    # Some entries end with a newline, those of a remote part begin with one: neither is a line.
    parts = [part for line in lines for part in line.strip("\n").split("\n")]
    return [REMOTE_START, *(f"\n | {part}" for part in parts), "\n" + REMOTE_END]


def _detailed_lines(exception: BaseException, trace: TracebackType | None) -> Iterator[str]:
    for ancestor, relation in _ancestors(exception):
        yield from _detailed_block(ancestor, ancestor.__traceback__)
        yield relation
    yield from _detailed_block(exception, trace)


def _ancestors(exception: BaseException) -> list[tuple[BaseException, str]]:
    """Return the exceptions that led to this one, oldest first, with how each led to the next."""
    found: list[tuple[BaseException, str]] = []
    seen = {id(exception)}  # a program may tie causes into a ring
    step = _ancestor(exception)
    while step is not None and id(step[0]) not in seen:
        found.append(step)
        seen.add(id(step[0]))
        step = _ancestor(step[0])
    return found[::-1]


def _ancestor(exception: BaseException) -> tuple[BaseException, str] | None:
    if exception.__cause__ is not None:
        return exception.__cause__, _CAUSE
    if exception.__context__ is not None and not exception.__suppress_context__:
        return exception.__context__, _CONTEXT
    return None


def _detailed_block(exception: BaseException, trace: TracebackType | None) -> Iterator[str]:
    yield from (RULE, f" EXCEPTION {traceback.format_exception_only(exception)[0]}")
    yield " Extended stacktrace follows (most recent call last)\n"
    frames = list(traceback.walk_tb(trace))
    left_out = len(frames) - _MOST_FRAMES
    for number, (frame, line_number) in enumerate(frames):
        # The outermost frame is a module or a server's loop: its variables fill pages, to no use.
        if number == 0 or number > left_out:
            yield from _frame_lines(frame, line_number, with_locals=number > 0)
        elif number == 1:
            yield from (RULE, f"({left_out} frames are left out here)\n")
    yield RULE
    yield from _last_lines(exception)
    yield RULE


def _last_lines(exception: BaseException) -> list[str]:
    """Return the exception itself, with its notes; a group with all its members."""
    if isinstance(exception, BaseExceptionGroup):
        return traceback.format_exception(exception, chain=False)
    return traceback.format_exception_only(exception)


def _frame_lines(frame: FrameType, line_number: int, *, with_locals: bool) -> Iterator[str]:
    file_name = frame.f_code.co_filename
    yield RULE
    yield f'File "{file_name}", line {line_number}, in {frame.f_code.co_qualname}\n'
    source = linecache.getline(file_name, line_number, frame.f_globals).strip()
    if source:
        yield f"Source code:\n    {source}\n"
    if with_locals and frame.f_locals:
        yield "Local values:\n"
        for name, value in sorted(frame.f_locals.items()):
            yield f"    {name} = {_describe(name, value)}\n"
            if name == "self":
                yield from _attribute_lines(value)


def _attribute_lines(instance: object) -> Iterator[str]:
    try:
        # Past any __getattr__ of the class: looking must not run code, or even make a remote call.
        attributes = object.__getattribute__(instance, "__dict__")
    except AttributeError:
        return
    for name, value in list(attributes.items()):
        yield f"        self.{name} = {_describe(str(name), value)}\n"


def _describe(name: str, value: object) -> str:
    """Return a short text for a value, and never raise."""
    if any(word in name.lower() for word in _SECRET_WORDS):
        return "<hidden>"
    try:
        return _SHORTENER.repr(value)
    except Exception:  # noqa: BLE001 - whatever is wrong with the value, the traceback goes on
        return "<a value that cannot be shown>"
