"""The decorators with which a program says what of its objects is remote.

A decorator only leaves a mark on a function or class and returns what it was given; nothing is
wrapped, so a decorated method costs nothing in local use. The marks carry Pyro's names, therefore
code that sets them by hand keeps working. What they add up to for a class is computed in `members`.

Nothing here runs the code of a descriptor: a class is read through its ``__dict__``.
"""

from collections.abc import Callable
from functools import cached_property, partial, partialmethod, singledispatchmethod
from typing import Any, Literal, TypeVar, get_args

EXPOSED = "_pyroExposed"
ONEWAY = "_pyroOneway"
CALLBACK = "_pyroCallback"
INSTANCING = "_pyroInstancing"

Marked = TypeVar("Marked")
"""What goes in comes out, with its type: type checkers still see a method's signature."""

ClassT = TypeVar("ClassT", bound=type[Any])

InstanceMode = Literal["session", "single", "percall"]

# The names Pyro5 keeps local, then the three that only Pyro4 knows, then ours: Python 3.14 puts
# these two functions into every annotated class.
# Source: api.md A5.1; conflicts.md 1, "private names".
# fmt: off
NEVER_REMOTE = frozenset({
    "__bool__", "__call__", "__class__", "__cmp__", "__coerce__", "__copy__", "__deepcopy__",
    "__del__", "__delattr__", "__dir__", "__enter__", "__eq__", "__exit__", "__format__", "__ge__",
    "__getattr__", "__getattribute__", "__getinitargs__", "__getnewargs__", "__getstate__",
    "__gt__", "__hasattr__", "__hash__", "__init__", "__init_subclass__", "__instancecheck__",
    "__le__", "__lt__", "__module__", "__ne__", "__new__", "__nonzero__", "__reduce__",
    "__reduce_ex__", "__repr__", "__setattr__", "__setstate__", "__sizeof__", "__str__",
    "__subclasscheck__", "__subclasshook__", "__weakref__",
    "__unicode__", "__getstate_for_dict__", "__setstate_from_dict__",
    "__annotate__", "__annotate_func__",
})
# fmt: on


def is_private_attribute(name: str) -> bool:
    """Say whether *name* can never be reached from outside, exposed or not.

    Private is what starts with an underscore, except special names such as ``__len__``; and of
    those, the ones with which Python itself handles an object are private again.

    Source: api.md A5.1.
    """
    if not name.startswith("_"):
        return False
    is_special = len(name) > 4 and name.startswith("__") and name.endswith("__")
    return not is_special or name in NEVER_REMOTE


def expose(method_or_class: Marked) -> Marked:
    """Mark a method, a property or a whole class as remotely accessible.

    On a class it marks every method and property that the class itself defines and whose name is
    not private; what it inherits needs a mark of its own. It may also be called as a function, on a
    class that somebody else wrote: ``Exposed = expose(LibraryClass)`` changes that class in place.

    With ``classmethod`` and ``staticmethod`` it must be the inner decorator. With ``property``
    either order does; type checkers prefer ``@property`` on top. The setter of an exposed property
    is exposed too.

    Returns:
        The argument itself, marked.

    Raises:
        AttributeError: The name is private, the decorators are in the wrong order, or the argument
            is nothing that can carry a mark (a builtin, a ``partial``, a value).

    *Pyro:* a ``cached_property`` is a readable remote attribute here; in Pyro it is listed as a
    method that cannot be called.
    """
    # Source: api.md A5.1.
    if isinstance(method_or_class, type):
        _refuse_private(method_or_class.__name__)
        _expose_class(method_or_class)
        return method_or_class
    if isinstance(method_or_class, (classmethod, staticmethod)):
        kind = type(method_or_class).__name__
        raise AttributeError(f"put @expose below @{kind}: it must be the inner decorator")
    bearer = next(iter(accessors(method_or_class)), method_or_class)
    name = getattr(bearer, "__name__", None)
    if not isinstance(name, str):
        raise AttributeError(
            f"@expose cannot mark {method_or_class!r}: "
            "only methods, properties and classes can be exposed"
        )
    _refuse_private(name)
    _set_mark(bearer, EXPOSED, True)
    return method_or_class


def oneway(method: Marked) -> Marked:
    """Mark a method whose callers do not wait for it and get no result.

    The method must be exposed as well. It runs after the caller has gone on; nobody hears of an
    exception it raises.

    Raises:
        AttributeError: The argument is no method.
    """
    # Source: api.md A5.1.
    _set_mark(_method_function(method), ONEWAY, True)
    return method


def callback(method: Marked) -> Marked:
    """Mark a method whose exceptions matter to the process that runs it, not only to its caller.

    The daemon that runs the method logs such an exception, besides sending it to the caller.

    Raises:
        AttributeError: The argument is no method.

    *Pyro:* closes the connection behind the exception; here it stays open.
    """
    # Source: api.md A5.1; conflicts.md 9.3, number 36.
    _set_mark(_method_function(method), CALLBACK, True)
    return method


def behavior(
    instance_mode: InstanceMode = "session",
    instance_creator: Callable[[Any], object] | None = None,
) -> Callable[[ClassT], ClassT]:
    """Choose how many instances a daemon makes of a registered class, and how.

    Subclasses inherit the choice. The order relative to ``@expose`` does not matter.

    Args:
        instance_mode: ``"session"``, one instance per connection; ``"single"``, one per daemon;
            ``"percall"``, a new one for every call.
        instance_creator: Called with the class, returns an instance of it. None calls the class.

    Raises:
        SyntaxError: Used without parentheses.
        ValueError: There is no such mode.
        TypeError: The creator cannot be called, or the decorated thing is not a class.
    """
    # Source: api.md A5.1.
    if not isinstance(instance_mode, str):
        raise SyntaxError('behavior needs arguments: write @behavior(instance_mode="session")')
    if instance_mode not in get_args(InstanceMode):
        raise ValueError(
            f"instance_mode must be one of {get_args(InstanceMode)}, not {instance_mode!r}"
        )
    if instance_creator is not None and not callable(instance_creator):
        raise TypeError(f"instance_creator must be callable, not {instance_creator!r}")

    def set_behavior(clazz: ClassT) -> ClassT:
        if not isinstance(clazz, type):
            raise TypeError(f"behavior decorates classes, not {clazz!r}")
        setattr(clazz, INSTANCING, (instance_mode, instance_creator))
        return clazz

    return set_behavior


# The kind of a member is taken with type(), not isinstance(): the latter asks the member for its
# ``__class__``, and a lazy object in a class attribute would wake up.


def accessors(member: Any) -> tuple[object, ...]:
    """Return the functions behind a property or cached property; nothing for any other member.

    They come in the order getter, setter, deleter. The first one's mark decides for the property.
    """
    kind = type(member)
    if issubclass(kind, cached_property):
        return (member.func,)
    if not hasattr(kind, "__get__") or not hasattr(kind, "__set__"):
        return ()
    found = (getattr(member, name, None) for name in ("fget", "fset", "fdel"))
    return tuple(function for function in found if function is not None)


def method_bearer(member: Any) -> object | None:
    """Return what carries the marks of a method, or None if *member* is no method.

    A method is what becomes callable by reaching it through an instance: a function, the function
    of a class or static method, a wrapper such as that of ``lru_cache``. Classes, callable objects
    and other values are not.

    Args:
        member: A value as it stands in the ``__dict__`` of a class.
    """
    if issubclass(type(member), (classmethod, staticmethod)):
        member = member.__func__
    return member if _is_method_descriptor(member) else None


def has_mark(bearer: object, mark: str) -> bool:
    """Say whether a function or class carries *mark*, without running any of its code."""
    import inspect  # by those who expose something: it takes a while to load

    return inspect.getattr_static(bearer, mark, False) is True


def _is_method_descriptor(member: object) -> bool:
    kind = type(member)
    if not hasattr(kind, "__get__") or hasattr(kind, "__set__"):
        return False
    if issubclass(kind, (type, partial)):  # newer Pythons prepare a partial to become a method
        return False
    return callable(member) or issubclass(kind, (partialmethod, singledispatchmethod))


def _expose_class(clazz: type) -> None:
    for name, member in list(vars(clazz).items()):
        if is_private_attribute(name):
            continue
        method = method_bearer(member)
        for bearer in accessors(member) if method is None else (method,):
            _set_mark(bearer, EXPOSED, True)
    _set_mark(clazz, EXPOSED, True)


def _method_function(method: object) -> object:
    """Return the function to mark: above or below ``@classmethod``, the mark must not get lost."""
    if isinstance(method, (classmethod, staticmethod)):
        return method.__func__
    return method


def _refuse_private(name: str) -> None:
    if is_private_attribute(name):
        raise AttributeError(f"{name!r} cannot be exposed: its name is private")


def _set_mark(bearer: object, mark: str, value: bool) -> None:
    try:
        setattr(bearer, mark, value)
    except (AttributeError, TypeError) as problem:
        # Builtins and C functions have no room for a mark.
        raise AttributeError(
            f"{bearer!r} cannot be marked as remote ({problem}); "
            "write a method in Python that calls it, and mark that one"
        ) from problem
