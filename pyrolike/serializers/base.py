"""The form of every serializer, and the place where users register their converters.

A serializer turns values into bytes and back. It has no state that changes with use, so one
instance serves all threads. It reads no settings: what they decide is given to its constructor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pyrolike.errors import MessageTooLargeError, SerializeError

from . import classes
from .long_values import LONG, has_long
from .record_lists import are_records
from .recreation import dict_to_class, recreate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyrolike._pieces import Payload

Buffer: TypeAlias = "bytes | bytearray | memoryview"
"""What can be decoded."""

Call: TypeAlias = "tuple[str, str, Sequence[Any], Mapping[str, Any] | None]"
"""Object id, method name, positional and keyword arguments (None means none)."""

_SEQUENCES = (tuple, list)

WORTH_COMPRESSING = 200
"""Bytes below which Pyro4 does not try to compress."""

LARGEST = 1 << 30
"""Most bytes that compressed data may open to in `SerializerBase.deserializeData`."""


def no_call(value: object) -> SerializeError:
    """Return the error for data that can be read, but not as a call."""
    size = f" of {len(value)}" if isinstance(value, list | tuple | dict) else ""
    return SerializeError(
        "the data is not a call: expected were object, method, arguments and keyword arguments; "
        f"found was one {type(value).__name__}{size}"
    )


class SerializerBase(ABC):
    """Turns values into bytes and back; the base of all serializers.

    To add one, derive from this class and put an instance into
    :data:`pyrolike.serializers.serializers` and :data:`pyrolike.serializers.serializers_by_id`.

    Attributes:
        name: What it is called in settings.
        serializer_id: Its number in Pyro5's protocol. Other protocols number differently: ask the
            dialect of the connection.
        tags: The family of names it writes for Pyro's own classes. Both families are read.
    """

    name: ClassVar[str] = ""
    serializer_id: ClassVar[int] = 0
    tags: str = classes.TAGS[0]

    def __init__(self, *, tags: str = classes.TAGS[0]) -> None:
        self.tags = tags

    def with_tags(self, tags: str) -> SerializerBase:
        """Return a serializer like this one that writes another family of names.

        It is made anew, with the public attributes as arguments. A program's own serializer that
        cannot be made so is returned as it is, unless it overrides this.
        """
        try:
            return type(self)(**{**_settings(self), "tags": tags})
        except TypeError:
            return self

    @abstractmethod
    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result.

        Raises:
            SerializeError: It cannot be sent. The text says what cannot, and where it sat. It is a
                ``TypeError`` and a ``ValueError`` as well.
        """

    @abstractmethod
    def loads(self, data: Buffer) -> Any:
        """Decode a value.

        Raises:
            SerializeError: The data is damaged, or contains a class that is not known.
            SecurityError: The data names a class that nobody may have us create.
        """

    def loads_plain(self, data: Buffer) -> Any:
        """Decode a value of somebody unknown: what a handshake may say. It never runs code.

        Raises:
            SerializeError, SecurityError: As `loads`.
        """
        return self.loads(data)

    @abstractmethod
    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call.

        Args:
            obj: The object's id.
            method: The method's name.
            vargs: Positional arguments.
            kwargs: Keyword arguments; None is sent as None (attribute access and batches do so).

        Raises:
            SerializeError: As for :meth:`dumps`.
        """

    @abstractmethod
    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call.

        Raises:
            SerializeError: As for :meth:`loads`; or the data is not a call.
            SecurityError: As for :meth:`loads`.
        """

    def pack(self, data: Any) -> Payload:
        """Encode a value to be sent: as `dumps`, but long values need not be copied."""
        packed: Payload | None = None
        if has_long((data,), self._least_cut):
            packed = self._pack_around(data, self._result_depth)
        elif are_records(data):
            packed = self._pack_records(data)
        return self.dumps(data) if packed is None else packed

    def pack_call(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> Payload:
        """Encode a call to be sent: as `dumpsCall`, but long values need not be copied."""
        packed: Payload | None = None
        least = self._least_cut
        if has_long(vargs, least) or (kwargs and has_long(kwargs.values(), least)):
            call = self._call_as_value(obj, method, vargs, kwargs)
            packed = self._pack_around(call, self._call_depth)
        elif type(vargs) in _SEQUENCES and any(map(are_records, vargs)):
            packed = self._pack_records_call(obj, method, vargs, kwargs)
        return self.dumpsCall(obj, method, vargs, kwargs) if packed is None else packed

    _least_cut = LONG
    """How long long values must be together to be worth another way than `dumps`."""

    _result_depth, _call_depth = 1, 3
    """How many containers deep long values are looked for in what is sent."""

    def _pack_around(self, value: Any, depth: int) -> Payload | None:
        """Encode something without copying the long values in it; None if that is not possible."""
        return None

    def _pack_records(self, value: list[Any]) -> bytes | None:
        """Encode what is most likely a list of records; None if there is no quicker way for it."""
        return None

    def _pack_records_call(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes | None:
        """Encode a call with such a list among its arguments, which are a tuple or a list."""
        return None

    def _call_as_value(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> Any:
        """Return what is encoded for a call, as `_pack_around` takes it."""
        return obj, method, vargs, kwargs

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A class that encodes in another way than the one it is derived from must not send in that.
        own = min(_place(cls, "dumps"), _place(cls, "dumpsCall"))
        for way in ("_pack_around", "_pack_records", "_pack_records_call"):
            if own < _place(cls, way):
                setattr(cls, way, getattr(SerializerBase, way))

    def serializeData(self, data: Any, compress: bool = False) -> tuple[bytes, bool]:
        """Encode a value as Pyro4's programs do it.

        Returns:
            The bytes, and whether they are compressed: only if *compress* asks for it and it helps.

        Raises:
            SerializeError: As for :meth:`dumps`.
        """
        return _squeeze(self.dumps(data), compress)

    def serializeCall(
        self,
        obj: str,
        method: str,
        vargs: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        compress: bool = False,
    ) -> tuple[bytes, bool]:
        """Encode a call: :meth:`dumpsCall`, with the result of :meth:`serializeData`."""
        return _squeeze(self.dumpsCall(obj, method, vargs, kwargs), compress)

    def deserializeData(self, data: Buffer, compressed: bool = False) -> Any:
        """Decode a value that :meth:`serializeData` has encoded.

        Raises:
            SerializeError: As for :meth:`loads`; or it is not compressed as it should be.
            MessageTooLargeError: It opens to more than a gigabyte.
        """
        return self.loads(_open(data) if compressed else data)

    def deserializeCall(self, data: Buffer, compressed: bool = False) -> Call:
        """Decode a call that :meth:`serializeCall` has encoded."""
        return self.loadsCall(_open(data) if compressed else data)

    def recreate_classes(self, literal: Any) -> Any:
        """Return decoded data with all class dicts in it turned into objects."""
        return recreate(literal)

    @classmethod
    def register_class_to_dict(
        cls, clazz: type, converter: Callable[[Any], Any], serpent_too: bool = True
    ) -> None:
        """Choose how instances of a class, and of its subclasses, are sent.

        Args:
            clazz: The class. The most specific registered class of an object decides.
            converter: ``converter(obj)`` returns what is sent in its place: a dict whose key
                ``__class__`` says what it is, or any other value that can be sent.
            serpent_too: Use it for the serpent serializer as well.
        """
        classes.register_class_to_dict(clazz, converter, serpent_too)

    @classmethod
    def unregister_class_to_dict(cls, clazz: type) -> None:
        """Forget the converter of a class; no error if there is none."""
        classes.unregister_class_to_dict(clazz)

    @classmethod
    def register_dict_to_class(
        cls, classname: str, converter: Callable[[str, dict[str, Any]], Any]
    ) -> None:
        """Choose what becomes of dicts whose ``__class__`` is exactly *classname*.

        Args:
            classname: The name. It may also be one of Pyro's own, which is then overridden.
            converter: ``converter(classname, dict)`` returns the object.
        """
        classes.register_dict_to_class(classname, converter)

    @classmethod
    def unregister_dict_to_class(cls, classname: str) -> None:
        """Forget the converter for a class name; no error if there is none."""
        classes.unregister_dict_to_class(classname)

    @classmethod
    def register_type_replacement(
        cls, object_type: type, replacement_function: Callable[[Any], Any]
    ) -> None:
        """Have ``replacement_function(obj)`` sent instead of instances of a class.

        The marshal serializer knows no replacements.

        Raises:
            ValueError: *object_type* is not a class, or is ``type`` itself.
        """
        classes.register_type_replacement(object_type, replacement_function)

    @classmethod
    def class_to_dict(cls, obj: object) -> Any:
        """Return what is sent in place of an object that has no form of its own on the wire."""
        return classes.class_to_dict(obj)

    @classmethod
    def dict_to_class(cls, data: dict[str, Any]) -> Any:
        """Return the object that a class dict stands for.

        Raises:
            SerializeError: The class is not known, or the dict is not as that class needs it.
            SecurityError: The class name contains two underscores in a row.
        """
        return dict_to_class(data)

    def __eq__(self, other: object) -> bool:
        """Two serializers are equal if they are of one class and have the same public settings."""
        return type(other) is type(self) and _settings(other) == _settings(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


def _place(cls: type, name: str) -> int:
    """Return how far up among its bases *cls* has the method *name* from."""
    return next(place for place, base in enumerate(cls.__mro__) if name in vars(base))


def _settings(serializer: SerializerBase) -> dict[str, Any]:
    return {name: value for name, value in vars(serializer).items() if not name.startswith("_")}


def _squeeze(data: bytes, compress: bool) -> tuple[bytes, bool]:
    if compress and len(data) >= WORTH_COMPRESSING:
        import zlib  # few programs compress

        smaller = zlib.compress(data)
        if len(smaller) < len(data):
            return smaller, True
    return data, False


def _open(data: Buffer) -> bytes:
    import zlib

    opener = zlib.decompressobj()
    try:
        opened = opener.decompress(data, LARGEST)
    except zlib.error as problem:
        raise SerializeError(f"the data is not compressed as it should be: {problem}") from problem
    if opener.unconsumed_tail:
        raise MessageTooLargeError(
            f"compressed data opens to more than {LARGEST:,} bytes", limit=LARGEST
        )
    if not opener.eof:
        raise SerializeError("the compressed data is not complete")
    return opened
