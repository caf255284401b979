"""Pyro's own classes in pickles: the names that Pyro4 and Pyro5 have for them.

A pickle names a class by module and name, and whoever reads it imports that. Pyro's programs have
``Pyro4.core.Proxy`` in theirs, or ``Pyro5.client.Proxy``: here both mean our proxy, whether or not
such a module can be imported. What is sent to a Pyro4 peer must name classes that it has.
"""

from __future__ import annotations

import copyreg
import pkgutil
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from pyrolike.errors import PyroError

from .classes import find_pyro_class_by_name, find_pyro_names, get_pyro_state
from .exceptions import PYRO_ERRORS, PYRO_MODULES, tag_of

Check: TypeAlias = Callable[[str, str], None]

_RESOLVING = ("pkgutil", "resolve_name")
_FORMS = {
    ("copyreg", "_reconstructor"): copyreg._reconstructor,  # type: ignore[attr-defined]
    ("builtins", "object"): object,
}
"""How `reduce_for_pyro` says that an object is to be made; of what class, is checked."""


def find_global(module: str, name: str, check: Check) -> Any:
    """Return what a pickle means by one of Pyro's names; None if it is none of these.

    Args:
        module: The module that is named.
        name: What is named in it.
        check: Raises an error if something that is not Pyro's may not be named.
    """
    if module in PYRO_MODULES:
        return PYRO_ERRORS.get(name)
    if module.startswith("Pyro"):
        return find_pyro_class_by_name(f"{module}.{name}")
    if module.startswith("pyrolike."):
        return _find_own(module, name)
    if (module, name) == _RESOLVING:
        return partial(_resolve, check)
    return _FORMS.get((module, name))


def _find_own(module: str, name: str) -> Any:
    """Return the class that stands for one of Pyro's, by our own name for it; None if none does.

    Nothing is imported for a peer's sake: such a class is there already.
    """
    found = getattr(sys.modules.get(module), name, None)
    is_own = isinstance(found, type) and (issubclass(found, PyroError) or find_pyro_names(found))
    return found if is_own else None


def _resolve(check: Check, name: str) -> Any:
    """Do what `pkgutil.resolve_name` does, by which `reduce_for_pyro` names classes."""
    module, _, attribute = name.partition(":")
    found = find_global(module, attribute, check)
    if found is None:
        check(module, attribute)
        found = pkgutil.resolve_name(name)
    return found


def reduce_for_pyro(obj: Any, tags: str) -> Any:
    """Return how to pickle one of Pyro's own classes, or an object of one, for a peer.

    Args:
        obj: What is to be pickled.
        tags: The family of names that the peer knows.

    Returns:
        A tuple as ``__reduce__`` returns it; NotImplemented if nothing special is needed.
    """
    if isinstance(obj, type):
        names = find_pyro_names(obj)
        name = names[tags] if names else _error_name(obj, tags)
        if not name:
            return NotImplemented
        # A pickler insists on importing what it names. This way only the reader does.
        return pkgutil.resolve_name, (":".join(name.rsplit(".", 1)),)
    for base in type(obj).__mro__:
        if find_pyro_names(base):
            state = get_pyro_state(base, obj, tags)
            break
    else:
        return NotImplemented
    if state is None:
        return NotImplemented
    return copyreg._reconstructor, (base, object, None), state  # type: ignore[attr-defined]


def _error_name(cls: type, tags: str) -> str:
    """Return the name that a peer knows an error of ours by, empty if it is none."""
    if not issubclass(cls, BaseException) or not cls.__module__.startswith("pyrolike."):
        return ""
    return tag_of(cls, tags)
