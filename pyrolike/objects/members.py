"""What a class offers to remote callers: computed once, and the gate that every access passes.

`get_members` reads the marks that the decorators of `exposure` left on a class and remembers the
result for as long as the class lives. The gate is one rule for calls and attributes alike: *a name
is remote if and only if it is in the members of the object's class*. `find_method`, `get_property`
and `set_property` apply it; nothing else in the package reaches into an object by a name from
outside.

The members are the truth until `reset_members`: who changes a class that is already being served
calls it. Instances are not looked at, with one exception, because an instance attribute can hide a
method of its class: what hides an exposed method must be exposed itself.

Computing and refusing never run a property or another descriptor of the object. Whether
REQUIRE_EXPOSE holds is an argument everywhere; this floor reads no settings.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from pyrolike._forking import call_after_fork
from pyrolike._remembering import Remembered

from .exposure import EXPOSED, ONEWAY, accessors, has_mark, is_private_attribute, method_bearer

__all__ = [
    "Members",
    "find_method",
    "get_members",
    "get_property",
    "is_private_attribute",
    "reset_members",
    "set_property",
]


MOST_WRITTEN = 20
"""Ways in which the metadata of a class is written at the same time: by serializers, mostly."""


class Members:
    """The names a class offers to remote callers. Not to be changed: it is shared by all threads.

    Attributes:
        methods: Names that can be called, the one-way ones included.
        oneway: Those methods whose callers do not wait.
        attrs: Names of properties.
        written: For those who send the metadata to clients: how they have written it.
    """

    __slots__ = ("attrs", "methods", "oneway", "written")

    def __init__(
        self, methods: frozenset[str], oneway: frozenset[str], attrs: frozenset[str]
    ) -> None:
        self.methods = methods
        self.oneway = oneway
        self.attrs = attrs
        self.written: Remembered[Any, tuple[Any, int, bytes]] = Remembered(MOST_WRITTEN)

    def __bool__(self) -> bool:
        return bool(self.methods or self.attrs)

    def __repr__(self) -> str:
        return (
            f"<Members methods={sorted(self.methods)} oneway={sorted(self.oneway)} "
            f"attrs={sorted(self.attrs)}>"
        )

    def as_metadata(self) -> dict[str, set[str]]:
        """Return the metadata that proxies are sent: fresh sets, the caller's to keep."""
        return {
            "methods": set(self.methods),
            "oneway": set(self.oneway),
            "attrs": set(self.attrs),
        }


_Cache = WeakKeyDictionary[type, Members]

# One cache per value of REQUIRE_EXPOSE. Reading needs no lock. Writing does, so that a result
# computed before a reset is never stored after it. Only our own code runs while the lock is held.
_caches: tuple[_Cache, _Cache] = (WeakKeyDictionary(), WeakKeyDictionary())
_cache_lock = threading.Lock()


def _start_anew() -> None:
    """Have a forked child not wait for a lock that nobody holds there."""
    global _cache_lock
    _cache_lock = threading.Lock()


call_after_fork(_start_anew)


def get_members(obj_or_class: object, require_expose: bool = True) -> Members:
    """Return what the class, or the class of the object, offers to remote callers.

    Computed once per class and kept until `reset_members`; a class is not kept alive by this.

    Args:
        obj_or_class: A class, or any other object to be looked at through its class.
        require_expose: True takes what is marked with ``@expose``; False takes every method and
            property whose name is not private, the inherited ones included.

    Source: api.md A5.1, B5.
    """
    clazz = obj_or_class if isinstance(obj_or_class, type) else type(obj_or_class)
    cache = _caches[require_expose]
    members = cache.get(clazz)
    if members is not None:
        return members
    with _cache_lock:
        # Of several threads that come here at once, all get the result of the first.
        return cache.setdefault(clazz, _compute_members(clazz, require_expose))


def reset_members(obj_or_class: object) -> None:
    """Forget what was computed for a class and its subclasses, because the class has changed."""
    clazz = obj_or_class if isinstance(obj_or_class, type) else type(obj_or_class)
    with _cache_lock:
        for cache in _caches:
            for known in list(cache):
                if clazz in known.__mro__:
                    del cache[known]


def find_method(obj: object, name: str, members: Members) -> Callable[..., Any]:
    """Return the method that a remote caller may call under *name*: the gate for calls.

    Args:
        obj: The object the call is for, an instance.
        name: As it came from outside. Dots are not followed.
        members: What `get_members` said about the object's class.

    Raises:
        AttributeError: The name is private, dotted, unknown or not exposed, or an instance
            attribute that is not exposed hides the method. The text says which.
    """
    # On the way of every call: the usual case leaves at the first return, since a bound method
    # shows the marks of its function.
    if name in members.methods:
        method: Callable[..., Any] = getattr(obj, name)
        if getattr(method, EXPOSED, False) is True:
            return method
        # Unmarked because REQUIRE_EXPOSE is off, or because a descriptor has just made it.
        if not _is_instance_attribute(obj, name):
            return method
    raise AttributeError(_refusal(obj, name, members, "method"))


def get_property(obj: object, name: str, require_expose: bool = True) -> Any:
    """Return the value of a remote attribute: the gate for reading.

    Raises:
        AttributeError: *name* is no exposed property of the object, or can only be written. What
            the property itself raises passes through.
    """
    members = get_members(type(obj), require_expose)
    if name not in members.attrs:
        raise AttributeError(_refusal(obj, name, members))
    return getattr(obj, name)


def set_property(obj: object, name: str, value: object, require_expose: bool = True) -> None:
    """Set a remote attribute: the gate for writing.

    Raises:
        AttributeError: *name* is no exposed property of the object, or has no setter. What the
            property itself raises passes through.
    """
    members = get_members(type(obj), require_expose)
    if name not in members.attrs:
        raise AttributeError(_refusal(obj, name, members))
    if getattr(_class_attribute(type(obj), name), "fset", None) is None:
        raise AttributeError(
            f"remote attribute {name!r} of {_class_name(obj)!r} can only be read: it has no setter"
        )
    setattr(obj, name, value)


def _compute_members(clazz: type, require_expose: bool) -> Members:
    methods: set[str] = set()
    oneway: set[str] = set()
    attrs: set[str] = set()
    for name, member in _class_attributes(clazz):
        method = method_bearer(member)
        bearer = next(iter(accessors(member)), None) if method is None else method
        if bearer is None or is_private_attribute(name):
            continue
        if require_expose and not has_mark(bearer, EXPOSED):
            continue
        (attrs if method is None else methods).add(name)
        if has_mark(bearer, ONEWAY):
            oneway.add(name)
    return Members(frozenset(methods), frozenset(oneway & methods), frozenset(attrs))


def _class_attributes(clazz: type) -> Iterator[tuple[str, object]]:
    """Return name and value of every attribute of a class as it stands in a ``__dict__``.

    What ``object`` gives to everything is left out: none of it is meant by "all methods".
    """
    found: dict[str, object] = {}
    for base in reversed(clazz.__mro__):
        if base is not object:
            found.update(vars(base))
    return iter(found.items())


def _class_attribute(clazz: type, name: str) -> object | None:
    return next((vars(base)[name] for base in clazz.__mro__ if name in vars(base)), None)


def _is_instance_attribute(obj: object, name: str) -> bool:
    return name in getattr(obj, "__dict__", ())


def _class_name(obj: object) -> str:
    clazz = type(obj)
    return f"{clazz.__module__}.{clazz.__qualname__}"


def _refusal(obj: object, name: str, members: Members, wanted: str = "attribute") -> str:
    """Say that a name is not remote and, if there is more to know, why.

    Args:
        obj: The object.
        name: The name asked for; shortened in the text, for a stranger chose it.
        members: What the class of the object offers.
        wanted: "method" if the name was to be called, "attribute" if it was to be read or written.
    """
    text = f"remote object {_class_name(obj)!r} has no exposed attribute {name!r:.100}"
    hint = _hint(obj, name, members, wanted)
    return f"{text}: {hint}" if hint else text


def _hint(obj: object, name: str, members: Members, wanted: str) -> str:
    if name in members.methods:
        if wanted == "method":
            return "an instance attribute that is not exposed itself hides the exposed method"
        return "it is a method, to be called"
    if name in members.attrs:
        return "it is an attribute, to be read and not called"
    if not isinstance(name, str):
        return "a name is text"
    if is_private_attribute(name):
        return "private names are never remote"
    if "." in name:
        return "dots are not followed from one object to the next"
    member = _class_attribute(type(obj), name)
    if method_bearer(member) is not None or accessors(member):
        return "it exists, but is not marked with @expose"
    if member is not None or _is_instance_attribute(obj, name):
        return "only methods and properties can be exposed, and this is a plain attribute"
    return ""
