"""The pickle serializer: anything Python can pickle, and anything a peer wants executed.

Unpickling runs whatever code the sender chose. So nothing uses this serializer unless a setting or
a proxy names it, and no daemon accepts it unless ``SERIALIZERS_ACCEPTED`` does. Use it only between
programs that trust each other completely.

Pyro5 has no pickle serializer; Pyro4's wire form is the same as this one.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from .base import Buffer, Call, SerializerBase
from .classes import has_replacements, replace
from .failures import explain, name_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PickleSerializer(SerializerBase):
    """Python's pickle.

    Attributes:
        protocol: The pickle protocol to write; the newest unless told otherwise.
    """

    name = "pickle"
    serializer_id = 200  # Pyro5's protocol has no number for it: this one is ours

    def __init__(self, *, protocol: int = pickle.HIGHEST_PROTOCOL, **options: Any) -> None:
        super().__init__(**options)
        self.protocol = protocol

    def dumps(self, data: Any) -> bytes:
        """Encode a value, such as a result."""
        try:
            return self._pickle(data)
        except Exception as exc:
            raise explain([("the value", data)], self._pickle, exc) from exc

    def loads(self, data: Buffer) -> Any:
        """Decode a value."""
        try:
            return pickle.loads(data)
        except Exception as exc:
            raise SerializeError(f"invalid pickle data: {str(exc) or type(exc).__name__}") from exc

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
        try:
            obj, method, vargs, kwargs = self.loads(data)
        except (TypeError, ValueError):
            raise SerializeError("the data is not a call") from None
        return obj, method, vargs, kwargs

    def _pickle(self, value: object) -> bytes:
        if not has_replacements():
            return pickle.dumps(value, self.protocol)
        stream = io.BytesIO()
        _ReplacingPickler(stream, self.protocol).dump(value)
        return stream.getvalue()


class _ReplacingPickler(pickle.Pickler):
    """Pickles registered objects as what is sent in their place."""

    def reducer_override(self, obj: Any) -> Any:
        replacement = replace(obj)
        if replacement is obj:
            return NotImplemented
        # Newer protocols have a special form for objects, and check that it is of *obj*'s class.
        return replacement.__reduce_ex__(1)
