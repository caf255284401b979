r"""Proof that marshal data is plain and finished, before Python's own loader touches it.

:func:`marshal.loads` believes what it reads: five bytes make it allocate 16 GiB, others build code
objects, and a tuple that contains a reference to itself ends the process. :func:`check_marshal`
refuses all of that; what it lets pass makes the loader return plain values, or raise ValueError,
TypeError or EOFError. Those that are harmless are left to the loader: invalid UTF-8, unhashable
keys, and references to objects that do not exist (it checks the index itself).

What is accepted is *defined* by :class:`_Walk`, token by token:

* one value of the types in the tables below, and nothing behind it (the loader would ignore it);
* every announced size and count is met by bytes that are there. So there are at most as many items
  as bytes, and n bytes make the loader allocate at most about 70 * n;
* containers are nested at most `MAX_DEPTH` deep. A reference counts as what it refers to, because
  hashing a tuple recurses without a guard;
* no reference to a container that is still open;
* written without references to containers, the data would have at most `MAX_REPEATED` bytes more
  than sixteen times its size. Sharing is cheap to load, but hashing or converting visits each copy.

Two shortcuts accept a part of the same, and only accept; what they cannot prove goes to the walk:
`is_simple`, one regular expression for calls and small results, and :class:`_HurriedWalk`, which
skips runs of flat items. Their patterns take linear time: repetitions are possessive, and
alternatives differ in their first byte, so there is never a second way to try.

Source: the serialization page of the reference, 5.2; the rest is known from the loader's behavior.
"""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike.errors import SerializeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .base import Buffer

MAX_DEPTH = 200
"""Levels of containers; the same as what Python's parser, and so serpent, can read."""

MAX_REPEATED = 8 * 1024 * 1024
"""Bytes that references to containers may save; a shared row makes up a matrix of a million."""

_FLAGGED = 0x80  # added to a type code: the object gets the next index and may be referred to
_REF, _END, _LONG, _DICT, _SMALL_TUPLE = b"r0l{)"
_COUNTED = frozenset(b"([<>")  # with a count of 32 bits
_SIZES = [0] * 256  # of a token, with its type code
_LENGTHS = [0] * 256  # width of the length field of a token
for _code, _size in zip(b"NTF.igy", (1, 1, 1, 1, 5, 9, 17), strict=True):
    _SIZES[_code] = _size
    if _size > 1:  # the loader gives no index to singletons, flagged or not, and none is written
        _SIZES[_code | _FLAGGED] = _size
for _code in b"zZsutaA":
    _LENGTHS[_code] = _LENGTHS[_code | _FLAGGED] = 1 if _code in b"zZ" else 4

_read_uint: Callable[[Buffer, int], tuple[int]] = struct.Struct("<I").unpack_from
_read_int: Callable[[Buffer, int], tuple[int]] = struct.Struct("<i").unpack_from

_Object = tuple[int, int] | None
"""What a reference would repeat: bytes, and levels of containers; None while it is open."""

_SCALAR: _Object = (0, 0)
_TRUNCATED = (IndexError, struct.error)


def check_marshal(data: Buffer) -> None:
    """Make sure that marshal data of a peer may be given to Python's loader.

    Args:
        data: The whole data; a view must be contiguous. Contents of strings are not looked at, so
            that their length costs nothing.

    Raises:
        SerializeError: The data is damaged, or is no plain value.
    """
    if not is_simple(data):
        check_unusual(data)


def check_unusual(data: Buffer) -> None:
    """Do what `check_marshal` does, for data that is not simple."""
    if type(data) is memoryview:
        data = data.cast("B")
    if len(data) < _WORTH_A_HURRY or not _is_proven_in_a_hurry(data):
        _Walk(data).check()


class _Walk:
    """The definition of what is allowed: reads tokens one by one, without recursion.

    Attributes:
        objects: What was flagged so far, in order of appearance.
        stack: Of each open container but the innermost: its items still to come, height, index in
            `objects` (-1 if it is not flagged) and start; and the items to come of the data itself.
        extra: Bytes that the references seen so far would add.

    The items to come of a dict are counted down from -1: odd before a key, even before a value.
    """

    __slots__ = ("data", "extra", "height", "index", "objects", "stack", "start")

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.objects: list[_Object] = []
        self.stack: list[tuple[int, int, int, int]] = []
        self.height = self.start = self.extra = 0
        self.index = -1

    def check(self) -> None:
        """Walk to the end of the value, which must be the end of the data."""
        try:
            end = self._walk()
        except _TRUNCATED:
            end = len(self.data) + 1
        if end > len(self.data):
            raise SerializeError(
                f"invalid marshal data: it ends at byte {len(self.data)}, inside of a value"
            )
        if end < len(self.data):
            _refuse(end, "there is something behind the end of the value")

    def _walk(self) -> int:
        """Return where the value ends. May run over the end of the data, but only once."""
        data, sizes, lengths, stack, objects = self.data, _SIZES, _LENGTHS, self.stack, self.objects
        at, left = 0, 1
        while True:
            while not left:
                if not stack:
                    return at
                left = self._close(at)
            left -= 1
            code = data[at]
            if size := sizes[code]:
                at += size
            elif width := lengths[code]:
                at += 2 + data[at + 1] if width == 1 else 5 + _read_uint(data, at + 1)[0]
            elif code == _REF:
                index = _read_uint(data, at + 1)[0]
                if index < len(objects) and objects[index] is not _SCALAR:
                    self._refer(at, objects[index])
                at += 5  # the loader refuses an index that is too high
                continue
            else:
                at, left = self._step(code, at, left)
                continue
            if code >= _FLAGGED:
                objects.append(_SCALAR)

    def _step(self, code: int, at: int, left: int) -> tuple[int, int]:
        """Read a token that is not simple; return the place and the items to come behind it."""
        kind = code & ~_FLAGGED
        if kind == _DICT:
            return self._open(code, at + 1, left, -1)
        if kind == _SMALL_TUPLE:
            return self._open(code, at + 2, left, self.data[at + 1])
        if kind in _COUNTED:
            return self._open(code, at + 5, left, _read_uint(self.data, at + 1)[0])
        if kind == _LONG:
            return self._read_long(code, at), left
        if code != _END or left >= 0 or left % 2:
            _refuse(at, f"type code {bytes([code])!r} stands for no plain value here")
        return at + 1, 0

    def _open(self, code: int, at: int, left: int, count: int) -> tuple[int, int]:
        """Begin a container whose first item is at *at*."""
        if count > len(self.data) - at:
            _refuse(at, f"{count:,} items are announced, more than there are bytes")
        if len(self.stack) >= MAX_DEPTH:
            _refuse(at, f"containers are nested deeper than {MAX_DEPTH} levels")
        self.stack.append((left, self.height, self.index, self.start))
        self.height, self.start = 0, at + self.extra
        self.index = self._flag(at) if code >= _FLAGGED else -1
        return at, count

    def _flag(self, at: int) -> int:
        """Give the next index to a container that is being opened."""
        self.objects.append(None)
        return len(self.objects) - 1

    def _close(self, at: int) -> int:
        """End the innermost container; return the items to come of the one around it."""
        height = self.height + 1
        if self.index >= 0:
            self.objects[self.index] = (at + self.extra - self.start, height)
        left, outer_height, self.index, self.start = self.stack.pop()
        self.height = max(outer_height, height)
        return left

    def _refer(self, at: int, container: _Object) -> None:
        """Check a reference to a container."""
        if container is None:
            _refuse(at, "a container contains a reference to itself")
        repeated, height = container
        if len(self.stack) + height > MAX_DEPTH:
            _refuse(at, f"references nest containers deeper than {MAX_DEPTH} levels")
        self.height = max(self.height, height)
        self.extra += repeated
        if self.extra > MAX_REPEATED + 15 * len(self.data):
            _refuse(at, f"references repeat the data to more than {self.extra:,} bytes")

    def _read_long(self, code: int, at: int) -> int:
        """Check a long integer, which is made of 15 bits in each two bytes; return its end."""
        digits = abs(_read_int(self.data, at + 1)[0])
        first, end = at + 5, at + 5 + 2 * digits
        if end > len(self.data):
            _refuse(at, f"an integer of {digits:,} digits is announced, more than there are bytes")
        if digits:
            high = bytes(self.data[first + 1 : end : 2])
            if not (high[-1] or self.data[end - 2]) or max(high) > 0x7F:
                _refuse(at, "an integer has invalid digits")
        if code >= _FLAGGED:
            self.objects.append(_SCALAR)
        return end


def _refuse(at: int, reason: str) -> NoReturn:
    raise SerializeError(f"refused marshal data: {reason} (byte {at})")


# -- Shortcut: long runs of flat items

_WORTH_A_HURRY = 512  # bytes
_RUNS = (16, 2)  # items that are skipped at a time; even, to end between the pairs of a dict
_ROWS_AT_LEAST = 100  # items of a list in which rows are looked for
_MOST_SHAPES = 4  # of rows that are looked for
_RUN_HEIGHT = 2  # levels of containers in a run, at most
_FEW = 8  # flagged containers; each one costs a search


class _NotProvenError(Exception):
    """The data may be all right, but only the exact walk can tell."""


class _HurriedWalk(_Walk):
    """Skips items without nested containers, many at a time.

    How many objects are flagged in a run remains unknown, hence the indexes of all later ones. But
    no container in a run is flagged, so a reference can only go wrong if it leads

    * to a container that was flagged before the first run. Its index is known, so that a run can be
      searched for the bytes of such a reference;
    * to a container that is flagged after it: no references at all may follow one.

    Attributes:
        containers: The indexes of all flagged containers before the first run.
        was_skipping: There was a run; what is added to `objects` since is not at its index, but
            then all that a higher index can mean are scalars.
        has_references: The byte of a reference occurs in what was still to come, last time we
            looked.
        shapes_left: How many more shapes of rows may be looked for, each by a pattern of its own.
    """

    __slots__ = ("containers", "has_references", "shapes_left", "was_skipping")

    def __init__(self, data: Buffer) -> None:
        super().__init__(data)
        self.containers: list[int] = []
        self.was_skipping = False
        self.has_references = True
        self.shapes_left = _MOST_SHAPES

    def _open(self, code: int, at: int, left: int, count: int) -> tuple[int, int]:
        at, count = super()._open(code, at, left, count)
        if len(self.containers) > _FEW or len(self.stack) > MAX_DEPTH - _RUN_HEIGHT:
            return at, count
        return self._skip(at, count)

    def _flag(self, at: int) -> int:
        if not self.was_skipping:
            self.containers.append(super()._flag(at))
            return self.containers[-1]
        if self.has_references:
            self.has_references = b"r" in bytes(self.data[at:])
            if self.has_references:
                raise _NotProvenError
        return -1

    def _skip(self, at: int, left: int) -> tuple[int, int]:
        """Skip what is flat at the start of the container whose first item is at *at*."""
        if left >= _ROWS_AT_LEAST:
            at, left = self._skip_rows(at, left)
        start = at
        # To skip a few items is no gain where it hides the indexes of what comes: in a call, which
        # has four parts, that is all.
        is_worth_it = self.was_skipping or left < 0 or left > 4
        for count in _RUNS if is_worth_it else _RUNS[:1]:
            match_run = _run(count)
            while (left >= count or left < 0) and (match := match_run(self.data, at)):
                at = match.end()
                left -= count
        if at > start:
            self._end_run(start, at)
        return at, left

    def _skip_rows(self, at: int, left: int) -> tuple[int, int]:
        """Skip what is flat at the start of a list, as long as there are many rows in it.

        Where there is no row like those before, some items are skipped in the general way, and then
        others are looked for.
        """
        from . import marshal_rows as rows  # few messages are so long

        data, match_run, least = self.data, _run(_RUNS[0]), max(self.containers, default=-1) + 1
        shape = None
        while self.shapes_left and left >= _RUNS[0] and (match := match_run(data, at)):
            self._end_run(at, match.end())
            at, left = match.end(), left - _RUNS[0]
            if left < rows.COUNT:
                break
            shape = rows.find_shape(data, at, shape)
            match_rows = shape and rows.rows_matcher(shape, least, len(data) - at)
            if not match_rows:
                break
            self.shapes_left -= 1
            while left >= rows.COUNT and (match := match_rows(data, at)):
                at, left = match.end(), left - rows.COUNT
        return at, left

    def _end_run(self, start: int, end: int) -> None:
        """Check the references in a run, which may not lead to containers."""
        run = bytes(self.data[start:end])
        for index in self.containers:
            # From behind, because that is twice as quick.
            if run.rfind(b"r" + index.to_bytes(4, "little")) >= 0:
                raise _NotProvenError
        self.was_skipping = True
        self.height = _RUN_HEIGHT  # at most


def _is_proven_in_a_hurry(data: Buffer) -> bool:
    try:
        _HurriedWalk(data).check()
    except (_NotProvenError, SerializeError):
        return False
    return True


# -- The patterns, made when they are first needed: that takes some milliseconds


def either(*patterns: bytes) -> bytes:
    """Match one of some patterns, which must differ in their first byte."""
    return b"(?:" + b"|".join(patterns) + b")"


def _sized(lengths: Iterable[int], width: int) -> bytes:
    """Match that many bytes as a length field in front of them announces."""
    return either(
        *(re.escape(n.to_bytes(width, "little")) + (b".{%d}+" % n if n else b"") for n in lengths)
    )


def _counted(item: bytes, most: int, behind: bytes) -> bytes:
    """Match that many items as a count of one byte announces; *behind* is behind that byte."""
    counts = (
        b"\\x%02x%b%b" % (n, behind, item + b"{%d}+" % n if n else b"") for n in range(most + 1)
    )
    return either(*counts)


def _sequence(item: bytes, most: int) -> bytes:
    """Match an unflagged tuple or list of up to that many items.

    The count of a tuple has one byte, that of a list four; no item begins with a zero.
    """
    return rb"(?:\)(?!.\0)|\[(?=.\0\0\0))" + _counted(item, most, rb"(?:\0\0\0)?+")


def _long(digits: int) -> bytes:
    """Match a long integer of some digits, of either sign, behind its type code."""
    signs = (re.escape(n.to_bytes(4, "little", signed=True)) for n in (digits, -digits))
    return either(*signs) + b".[\0-\x7f]" * (digits - 1) + b"(?!\0\0).[\0-\x7f]"


TEXT = b"[zZ\xfa\xda]" + _sized(range(48), 1)
_ANY = b"r...."  # reference
_LONGS = b"[l\xec]" + either(*map(_long, (3, 4, 5)))  # 32 to 75 bits


def _scalar(reference: bytes, *others: bytes) -> bytes:
    """Match a short value that is no container, or such a reference, or something else."""
    return either(
        reference,
        TEXT,
        b"[i\xe9]....",
        b"[NTF.]",
        b"[g\xe7]........",
        *others,
        b"[uts\xf5\xf4\xf3]" + _sized(range(24), 4),
        _LONGS,
        b"[y\xf9].{16}+",
    )


def _pairs(reference: bytes, value: bytes) -> bytes:
    """Match keys and values of a dict, as many as there are."""
    return b"(?:" + either(reference, TEXT, b"[i\xe9]....") + value + b")*+"


def _make_simple() -> Callable[[Buffer], Any]:
    """Return what matches calls with few flat arguments, flat dicts, and short scalars.

    In a call the only containers are the call itself (if it is flagged, index 0), the list of
    arguments (flagged: index 3 at most, group 1) and the dict of keyword arguments (group 2). So
    indexes from 1 on, or from 4 on, are those of scalars; behind a flagged dict nothing is known.
    A dict alone has index 0.
    """
    in_list = b"r(?(1)[\x04-\xff]|[\x01-\xff])\0\0\0"
    in_dict = b"r(?(2)(?!)|(?(1)[\x04-\xff]|[\x01-\xff]))\0\0\0"
    arguments = rb"(?:(\xdb)|\[)" + _counted(_scalar(in_list), 4, rb"\0\0\0")
    items = _pairs(in_dict, _scalar(in_dict)) + b"0"
    keywords = either(rb"(?:(\xfb)|\{)" + items, b"N")
    call = rb"[)\xa9]\x04" + TEXT + TEXT + arguments + keywords
    single = either(TEXT, b"[i\xe9]....", b"[NTF.]", b"[g\xe7]........")
    return re.compile(either(call, rb"[{\xfb]" + items, single), re.DOTALL).fullmatch


@cache
def _run(count: int) -> Callable[[Buffer, int], Any]:
    """Return what matches that many flat items.

    Items are scalars, references, unflagged tuples and lists of up to eight of these, and unflagged
    dicts of these, whose values may be tuples and lists, too. (Keys may be any items: where a run
    is part of a dict, the loader refuses those that cannot be hashed.)
    """
    scalar = _scalar(_ANY)
    pairs = _pairs(_ANY, _scalar(_ANY, _sequence(scalar, 4)))
    item = _scalar(_ANY, rb"\{" + pairs + b"0", _sequence(scalar, 8))
    return re.compile(item + b"{%d}+" % count, re.DOTALL).match


def _compile_first(data: Buffer) -> Any:
    """Stand in for `is_simple` until it is first needed: compiling it takes some milliseconds."""
    global is_simple
    is_simple = _make_simple()
    return is_simple(data)


is_simple: Callable[[Buffer], Any] = _compile_first
"""Proves the usual calls and results plain, with one pattern; says nothing about others."""
