"""The pickle serializer: anything Python can pickle, and anything a peer wants executed.

Unpickling runs whatever code the sender chose. So nothing uses this serializer unless a setting or
a proxy names it, and no daemon accepts it unless ``SERIALIZERS_ACCEPTED`` does. Use it only between
programs that trust each other completely.

Pyro5 has no pickle serializer; Pyro4's wire form is the same as this one. Its pickles name Pyro4's
classes, and it can read no others: see `pickled_names`.
"""

from __future__ import annotations

import io
import pickle
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from pyrolike.errors import SerializeError

from .base import Buffer, Call, SerializerBase, no_call
from .classes import TAGS, has_replacements, replace
from .failures import explain, name_arguments
from .pickled_names import find_global, reduce_for_pyro

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PickleSerializer(SerializerBase):
    """Python's pickle.

    Attributes:
        protocol: The pickle protocol to write; the newest unless told otherwise, and for -1.
    """

    name = "pickle"
    serializer_id = 200  # Pyro5's protocol has no number for it: this one is ours

    def __init__(self, *, protocol: int = pickle.HIGHEST_PROTOCOL, **options: Any) -> None:
        super().__init__(**options)
        self.protocol = protocol

    def _load_classes(self) -> tuple[type[Any], type[Any]]:
        """Return the pickler and the unpickler that are used."""
        return pickle.Pickler, pickle.Unpickler

    # Made on first use: the libraries of derived classes are slow to import.

    @cached_property
    def _pickler(self) -> type[Any]:
        return self._load_classes()[0]

    @cached_property
    def _replacing_pickler(self) -> type[Any]:
        return _make_replacing(self._pickler, self.tags)

    @cached_property
    def _unpickler(self) -> type[Any]:
        return _make_knowing(self._load_classes()[1], self)

    def permits(self, module: str, name: str) -> bool:
        """Say whether a pickle that is read may name this class or function; here all may.

        Override it in a class of your own to let in what you know, and put an instance of that into
        `pyrolike.serializers.serializers`, in this one's place. Pyro's own classes are always let
        in. Compare both parts: a name with dots can lead from one module into another.

        Args:
            module: Where it is.
            name: What it is called there.
        """
        return True

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            return self._pickle(data)
        except Exception as exc:
            raise explain([("the value", data)], self._pickle, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        try:
            return self._unpickler(io.BytesIO(data)).load()
        except Exception as exc:
            raise SerializeError(
                f"invalid {self.name} data: {str(exc) or type(exc).__name__}"
            ) from exc

    def loads_plain(self, data: Buffer) -> Any:
        """Decode a value that consists of Python's own plain types: nothing else is made or run."""
        try:
            return PlainUnpickler(io.BytesIO(data)).load()
        except Exception as exc:
            raise SerializeError(
                f"a handshake in {self.name} may have plain values only: "
                f"{str(exc) or type(exc).__name__}"
            ) from exc

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        """Encode a call."""
        try:
            return self._pickle((obj, method, vargs, kwargs))
        except Exception as exc:
            raise explain(name_arguments(vargs, kwargs), self._pickle, exc) from exc

    def loadsCall(self, data: Buffer) -> Call:
        """Decode a call."""
        call = self.loads(data)
        try:
            obj, method, vargs, kwargs = call
        except (TypeError, ValueError):
            raise no_call(call) from None
        return obj, method, vargs, kwargs

    def _pickle(self, value: object) -> bytes:
        stream = io.BytesIO()
        is_plain = self.tags == TAGS[0] and not has_replacements()
        pickler = self._pickler if is_plain else self._replacing_pickler
        pickler(stream, self.protocol).dump(value)
        return stream.getvalue()


class PlainUnpickler(pickle._Unpickler):
    """Makes plain values, whatever the data says: numbers, texts, bytes, lists, sets, dicts.

    It is Python's own in Python. The one in C reserves as much memory as two bytes of the data tell
    it to; this one keeps what is there.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        raise SerializeError(f"it names {module}.{name}"[:200])

    def get_extension(self, code: int) -> NoReturn:
        raise SerializeError("it names an extension")


def _make_replacing(pickler: type[Any], tags: str) -> type[Any]:
    """Make a pickler that writes registered objects as what is sent in their place.

    Args:
        pickler: The pickler it is to be otherwise.
        tags: Whose names Pyro's own classes get. ``"Pyro5"`` peers are all ours, and know our own.
    """

    class ReplacingPickler(pickler):  # type: ignore[misc] # whose it is, is known at run time
        def reducer_override(self, obj: Any) -> Any:
            replacement = replace(obj)
            if tags != TAGS[0]:
                reduced = reduce_for_pyro(replacement, tags)
                if reduced is not NotImplemented:
                    return reduced
            if replacement is not obj:
                # Newer protocols have a special form for objects, and check that it is of *obj*'s
                # class.
                return replacement.__reduce_ex__(1)
            inherited = getattr(super(), "reducer_override", None)
            return NotImplemented if inherited is None else inherited(obj)

    return ReplacingPickler


def _make_knowing(unpickler: type[Any], codec: PickleSerializer) -> type[Any]:
    """Make an unpickler that knows Pyro's own classes by the names both Pyros have for them.

    Args:
        unpickler: The unpickler it is to be otherwise.
        codec: Is asked what else it may find.
    """

    def check(module: str, name: str) -> None:
        if not codec.permits(module, name):
            raise SerializeError(f"it names {module}.{name}, which is not permitted"[:200])

    class KnowingUnpickler(unpickler):  # type: ignore[misc] # as above
        def find_class(self, module: str, name: str) -> Any:
            found = find_global(module, name, check)
            if found is None:
                check(module, name)
                found = super().find_class(module, name)
            return found

    return KnowingUnpickler
