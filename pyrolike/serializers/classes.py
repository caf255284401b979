"""Which classes may cross the wire, and how: the registries, and objects to dictionaries.

None of the safe serializers knows classes. An object is sent as a dictionary with the key
``__class__``, which the receiver may turn into an object again (see `recreation`). Who takes part:

* the users' converters, in both directions;
* Pyro's own classes. This module knows two of them; `Proxy`, `Daemon` and others are on upper
  floors and announce themselves with :func:`register_pyro_class` when their module is loaded. Each
  has two names on the wire, one in the Pyro5 family and one in the Pyro4 family. Both are read, and
  the serializer's family is written;
* replacements: what a daemon does so that an object arrives as a proxy for it.

The most specific class decides, not the order of registration. The registries are global to the
process and shared by all serializers. They are plain dicts: each change is one atomic step, and
they are copied before iteration. Source: the serialization page of the reference, 4.1 and 6.
"""

from __future__ import annotations

from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from pyrolike.errors import SerializeError
from pyrolike.uri import URI

from .exceptions import ExceptionWrapper, exception_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

TAGS = ("Pyro5", "Pyro4")
"""The families of names for Pyro's own classes; the first is ours unless told otherwise."""


class PyroClass(NamedTuple):
    """How one of Pyro's own classes is sent.

    Attributes:
        names: Its name on the wire, by family.
        to_items: Makes what goes into the dict besides the class name, from object and family.
        to_pickle: Makes the state that Pyro4 has in its pickles; None where that is the same.
    """

    names: dict[str, str]
    to_items: Callable[[Any, str], dict[str, object]]
    to_pickle: Callable[[Any], object] | None = None


_to_dict: dict[type, Callable[[Any], Any]] = {}
_not_for_serpent: set[type] = set()
_from_dict: dict[str, Callable[[str, dict[str, Any]], Any]] = {}
_replacements: dict[type, Callable[[Any], Any]] = {}
_pyro_classes: dict[type, PyroClass] = {}
_pyro_makers: dict[str, Callable[[dict[str, Any]], object]] = {}
_listeners: list[Callable[[type], None]] = []


# ── the users' converters ────────────────────────────────────────────────────────────────────────


def register_class_to_dict(
    cls: type, converter: Callable[[Any], Any], serpent_too: bool = True
) -> None:
    """Have instances of *cls*, and of its subclasses, sent as what *converter* makes of them."""
    if serpent_too:
        _not_for_serpent.discard(cls)
    else:
        _not_for_serpent.add(cls)
    _to_dict[cls] = converter
    _tell(cls)


def unregister_class_to_dict(cls: type) -> None:
    """Forget the converter of *cls*; no error if there is none. Pyro's own classes stay known."""
    _to_dict.pop(cls, None)
    _not_for_serpent.discard(cls)


def register_dict_to_class(name: str, converter: Callable[[str, dict[str, Any]], Any]) -> None:
    """Have dicts of the class *name* turned into what ``converter(name, dict)`` returns."""
    _from_dict[name] = converter


def unregister_dict_to_class(name: str) -> None:
    """Forget the converter for the class *name*; no error if there is none."""
    _from_dict.pop(name, None)


def find_dict_converter(name: str) -> Callable[[str, dict[str, Any]], Any] | None:
    """Return the user's converter for exactly the class *name*."""
    return _from_dict.get(name)


# ── Pyro's own classes ───────────────────────────────────────────────────────────────────────────


def register_pyro_class(
    cls: type,
    pyro5_tag: str,
    pyro4_tag: str,
    get_state: Callable[[Any], object],
    from_state: Callable[[Any], object],
    get_pyro4_state: Callable[[Any], object] | None = None,
    get_pyro4_pickle: Callable[[Any], object] | None = None,
) -> None:
    """Make one of Pyro's own classes known.

    Args:
        cls: The class; its subclasses are sent like it.
        pyro5_tag: Its name on the wire among Pyro5 peers, such as ``"Pyro5.client.Proxy"``.
        pyro4_tag: Its name among Pyro4 peers.
        get_state: Returns what goes under the key ``state``, made of plain values.
        from_state: Makes an object from a state of either family. Sequences may arrive as lists and
            sets as lists or tuples. A state that is wrong may raise anything derived from
            ``LookupError``, ``TypeError`` or ``ValueError``: that becomes a SerializeError.
        get_pyro4_state: What Pyro4 peers get in place of *get_state*'s; None for the same.
        get_pyro4_pickle: What they get in a pickle, where values need not be plain; likewise.
    """
    by_family = dict(zip(TAGS, (get_state, get_pyro4_state or get_state), strict=True))
    names = dict(zip(TAGS, (pyro5_tag, pyro4_tag), strict=True))

    def to_items(obj: Any, tags: str) -> dict[str, object]:
        return {"state": by_family[tags](obj)}

    _add_pyro_class(cls, PyroClass(names, to_items, get_pyro4_pickle))
    register_maker(lambda data: from_state(data["state"]), pyro5_tag, pyro4_tag)


def register_maker(make: Callable[[dict[str, Any]], object], *names: str) -> None:
    """Have class dicts with one of these names turned into what ``make(dict)`` returns."""
    for name in names:
        _pyro_makers[name] = make


def find_maker(name: str) -> Callable[[dict[str, Any]], object] | None:
    """Return what makes objects of Pyro's own class of that name, of either family."""
    return _pyro_makers.get(name)


def find_pyro_class_by_name(name: str) -> type | None:
    """Return Pyro's own class of that name, of either family."""
    for cls, known in list(_pyro_classes.items()):
        if name in known.names.values():
            return cls
    return None


def find_pyro_names(cls: type) -> dict[str, str] | None:
    """Return the names on the wire of one of Pyro's own classes, by family; None for others."""
    known = _pyro_classes.get(cls)
    return known.names if known else None


def get_pyro_state(cls: type, obj: object, tags: str) -> Any:
    """Return the state that a pickle for peers has of an object of Pyro's own class *cls*.

    None means that it is as Python finds it.
    """
    known = _pyro_classes[cls]
    if known.to_pickle is not None and tags == "Pyro4":
        return known.to_pickle(obj)
    return known.to_items(obj, tags).get("state")


def _add_pyro_class(cls: type, known: PyroClass) -> None:
    _pyro_classes[cls] = known
    _tell(cls)


# ── replacements ─────────────────────────────────────────────────────────────────────────────────


def register_type_replacement(cls: type, function: Callable[[Any], Any]) -> None:
    """Have instances of *cls* replaced by ``function(instance)`` before they are sent.

    Raises:
        ValueError: *cls* is not a class, or is ``type`` itself.
    """
    if cls is type or not isinstance(cls, type):
        raise ValueError(f"a type replacement needs an ordinary class, not {cls!r}")
    _replacements[cls] = function
    _tell(cls)


def has_replacements() -> bool:
    """Say whether there is any type replacement."""
    return bool(_replacements)


def is_replaceable(cls: type) -> bool:
    """Say whether something may be sent instead of instances of *cls*."""
    return any(base in _replacements for base in cls.__mro__)


def replace(obj: object) -> Any:
    """Return what is sent instead of *obj*; *obj* itself if nothing is."""
    if _replacements:
        for base in type(obj).__mro__:
            function = _replacements.get(base)
            if function is not None:
                return function(obj)
    return obj


# ── listening ────────────────────────────────────────────────────────────────────────────────────


def on_registration(listener: Callable[[type], None]) -> None:
    """Have ``listener(cls)`` called for every class known now or later to be sent in a special way.

    For serializers that leave objects to a library with a registry of its own.
    """
    _listeners.append(listener)
    for cls in [*_pyro_classes, *_to_dict, *_replacements]:
        listener(cls)


def _tell(cls: type) -> None:
    for listener in _listeners:
        listener(cls)


# ── objects to dictionaries ──────────────────────────────────────────────────────────────────────

_CONTAINERS = frozenset({set, frozenset, dict, tuple, list})
NEVER_DATA = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
"""They have a ``__dict__``, but sending that would only move the error to the receiver."""


def find_special(obj: object, tags: str, serpent: bool = False) -> Callable[[Any], Any] | None:
    """Return what converts *obj* if its class is registered, or is an exception; else None.

    Args:
        obj: What is to be sent.
        tags: The family of names for Pyro's own classes.
        serpent: Look only at those converters that serpent may use.
    """
    cls = type(obj)
    hidden = _not_for_serpent if serpent else ()
    for base in cls.__mro__:
        converter = _to_dict.get(base)
        if converter is not None and base not in hidden:
            return converter
        pyro_class = _pyro_classes.get(base)
        if pyro_class is not None:
            return _pyro_converter(pyro_class, tags)
        if base is BaseException:
            return lambda exception: exception_to_dict(exception, tags)
    return _find_virtual(cls, hidden)


def _find_virtual(cls: type, hidden: Collection[type]) -> Callable[[Any], Any] | None:
    """Find a converter of an abstract class that *cls* only claims to implement."""
    for base, converter in list(_to_dict.items()):
        if issubclass(cls, base) and base not in hidden:
            return converter
    return None


def _pyro_converter(known: PyroClass, tags: str) -> Callable[[Any], Any]:
    return lambda obj: {"__class__": known.names[tags], **known.to_items(obj, tags)}


def class_to_dict(obj: object, tags: str = TAGS[0]) -> Any:
    """Return what is sent in place of an object that has no form of its own on the wire.

    The object is never changed.

    Args:
        obj: Any object but a plain container.
        tags: The family of names for Pyro's own classes.

    Returns:
        Normally a dict with the key ``__class__``; exactly what the converter returned if one is
        registered for the class, and what ``__getstate__`` returned if it returned a dict.

    Raises:
        ValueError: *obj* is a plain container: the serializer failed on something inside it.
        SerializeError: Objects of this kind have nothing that could be sent.
    """
    convert = find_special(obj, tags)
    if convert is not None:
        return convert(obj)
    if type(obj) in _CONTAINERS:
        raise ValueError(f"a {type(obj).__name__} is not an object to be converted")
    if isinstance(obj, (*NEVER_DATA, Enum)):
        raise SerializeError(f"{kind_of(obj)} has no attributes to send")
    return _state_of(obj)


def kind_of(obj: object) -> str:
    """Return the words for something that is no data."""
    if isinstance(obj, type):
        return "a class"
    if isinstance(obj, ModuleType):
        return "a module"
    return "an enum member" if isinstance(obj, Enum) else "a function"


def _state_of(obj: object) -> dict[str, object]:
    cls = type(obj)
    if cls.__getstate__ is not object.__getstate__:
        state = obj.__getstate__()
        if isinstance(state, dict):
            return state
    try:
        items = dict(vars(obj))
    except TypeError:
        items = dict(_slot_values(obj))
    if "_pyroDaemon" in items:
        items["_pyroDaemon"] = None  # a registered object's way back to its daemon stays at home
    items["__class__"] = f"{cls.__module__}.{cls.__name__}"
    return items


def _slot_values(obj: object) -> Iterator[tuple[str, object]]:
    """Yield the slots that are set, those of base classes included."""
    owners = [cls for cls in reversed(type(obj).__mro__) if "__slots__" in vars(cls)]
    if not owners:
        raise SerializeError(
            "this serializer does not know its class, and it has no attributes to send in its "
            "place; perhaps another serializer knows it, or register a converter with "
            "register_class_to_dict"
        )
    for cls in owners:
        slots = vars(cls)["__slots__"]
        for name in [slots] if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name):
                yield name, getattr(obj, name)


def _make_uri(state: Any) -> URI:
    protocol, thing, sockname, host, port = state
    if protocol == "PYROMETA":
        sound = not isinstance(thing, str) and all(isinstance(tag, str) for tag in thing)
    else:
        sound = protocol in ("PYRO", "PYRONAME") and isinstance(thing, str)
    texts = isinstance(sockname, str | None) and isinstance(host, str | None)
    if not (sound and texts and isinstance(port, int | None)):
        raise ValueError("the state is not that of a URI")
    uri = URI.__new__(URI)
    uri.__setstate__((protocol, thing, sockname, host, port))
    return uri


register_pyro_class(URI, "Pyro5.core.URI", "Pyro4.core.URI", URI.__getstate__, _make_uri)
_add_pyro_class(
    ExceptionWrapper,
    PyroClass(
        {"Pyro5": "Pyro5.core._ExceptionWrapper", "Pyro4": "Pyro4.futures._ExceptionWrapper"},
        lambda wrapper, tags: {"exception": class_to_dict(wrapper.exception, tags)},
    ),
)
