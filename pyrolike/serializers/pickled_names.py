"""Pyro's own classes in pickles: the names that Pyro4 and Pyro5 have for them.

A pickle names a class by module and name, and whoever reads it imports that. Pyro's programs have
``Pyro4.core.Proxy`` in theirs, or ``Pyro5.client.Proxy``: here both mean our proxy, whether or not
such a module can be imported. What is sent to a Pyro4 peer must name classes that it has.
"""

from __future__ import annotations

import copyreg
import pkgutil
from typing import Any

from .classes import find_pyro_class_by_name, find_pyro_names, get_pyro_state
from .exceptions import PYRO_ERRORS, PYRO_MODULES, tag_of

_RESOLVING = ("pkgutil", "resolve_name")


def find_global(module: str, name: str) -> Any:
    """Return what a pickle means by one of Pyro's names; None if it is none of these."""
    if module in PYRO_MODULES:
        return PYRO_ERRORS.get(name)
    if module.startswith("Pyro"):
        return find_pyro_class_by_name(f"{module}.{name}")
    return _resolve if (module, name) == _RESOLVING else None


def _resolve(name: str) -> Any:
    """Do what `pkgutil.resolve_name` does, by which `reduce_for_pyro` names classes."""
    module, _, attribute = name.partition(":")
    return find_global(module, attribute) or pkgutil.resolve_name(name)


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
