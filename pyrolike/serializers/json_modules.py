"""Other modules than the standard one that may write and read json, for the setting JSON_MODULE.

Such a module, for example ``simplejson``, must offer what the json serializer needs of the standard
module, under the same names:

- ``dumps(value, ensure_ascii=False, allow_nan=True, default=function)`` returns text;
- ``loads(text)`` returns the value, and raises a ``ValueError`` for text that is no json.

A module is tried on a sample when the serializer is first used, so that one that is missing or
behaves otherwise is named then, and not by an odd failure of some later call.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from pyrolike.errors import SerializeError

from .failures import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_SAMPLE = {"text": "é€\n", "numbers": [1, -2.5, 2**80], "others": [None, True, {}], "": "mark"}
_SAMPLE_TEXT = '{"a": [1, 2.5, null, true, "\\u00e9"], "b": {}}'
_SAMPLE_VALUE = {"a": [1, 2.5, None, True, "é"], "b": {}}

_OWN_WAYS = {"use_decimal": False, "namedtuple_as_object": False, "encoding": None}
"""What simplejson writes differently from the standard module unless it is told not to."""

_CONSTANTS = {"parse_constant": float}
"""How to read NaN and the infinities, for a module that has to be told, such as simplejson."""


class UnfitModuleError(SerializeError, ValueError):
    """The module that JSON_MODULE names cannot be imported, or cannot do what is needed of it."""


class JsonModule:
    """A module that writes and reads json, once it has proved that it can.

    Args:
        name: Of the module.
        default: Called with each object that json does not know; returns what is written instead.

    Raises:
        UnfitModuleError: See there.
    """

    def __init__(self, name: str, default: Callable[[Any], Any]) -> None:
        module = _import(name)
        try:
            self._dumps, self._loads = module.dumps, module.loads
            options = {"ensure_ascii": False, "allow_nan": True}
            self._writing: dict[str, Any] = options | _known(module.dumps, _OWN_WAYS)
            self._reading = _known(module.loads, _CONSTANTS)
            self._try_out()
        except Exception as fault:
            raise _unfit(name, f"{type(fault).__name__}: {fault}") from fault
        self._writing["default"] = default

    def encode(self, value: Any) -> str:
        """Return the text of *value*; raises one of the usual faults of encoders if it has none."""
        try:
            text: str = self._dumps(value, **self._writing)
        except FAULTS:
            raise
        except Exception as fault:
            raise ValueError(f"{type(fault).__name__}: {fault}") from fault
        return text

    def decode(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: It is no json.
            RecursionError: It is nested too deeply.
        """
        try:
            return self._loads(text, **self._reading)
        except (ValueError, RecursionError):
            raise
        except Exception as fault:
            raise ValueError(f"{type(fault).__name__}: {fault}") from fault

    def _try_out(self) -> None:
        text = self._dumps({**_SAMPLE, "": Ellipsis}, default=lambda _: "mark", **self._writing)
        if not isinstance(text, str):
            raise TypeError(f"its dumps returns {type(text).__name__}, not text")
        if self._loads(text) != _SAMPLE or self._loads(_SAMPLE_TEXT) != _SAMPLE_VALUE:
            raise ValueError("what it writes and reads is not what the standard module does")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as fault:
        raise _unfit(name, f"it cannot be imported: {fault}") from fault


def _known(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return those of *options* that a function has parameters for; none if that is not known."""
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in options.items() if name in names}


def _unfit(name: str, why: str) -> UnfitModuleError:
    return UnfitModuleError(
        f"the setting JSON_MODULE names {name!r}, which the json serializer cannot use ({why}); "
        "it needs dumps and loads like those of the standard module json"
    )
