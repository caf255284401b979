"""What is loaded on first use only: attributes of modules (PEP 562), and classes.

``import pyrolike`` should cost almost nothing, and yet every name should be there. So the front
door only knows *where* each name lives. The first access imports that module and keeps the value;
the next one is an ordinary look-up. Two threads may do this at once: they find the same value.
"""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from operator import attrgetter
from typing import Any


def loaded_class(module: str, name: str) -> Any:
    """Return a class for `isinstance`, or, if its module is not loaded, what nothing is one of."""
    return getattr(sys.modules.get(module), name, ())


TOOLS = {"TYPE_CHECKING", "configure_logging", "lazy_attributes"}
"""What a module imports to do this: nothing that a person looks for in it."""


def lazy_attributes(
    package: str,
    names: Mapping[str, str],
    submodules: Collection[str] = (),
    *,
    base: str | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the two functions that give a package its lazy attributes.

    Args:
        package: The own ``__name__`` of the package, or of the module.
        names: Where each name lives. ``{"Proxy": "client"}`` names a module of the package *base*;
            ``{"dump": "client:Proxy.dump"}`` adds the way to the value, if it is not simply the
            name.
        submodules: Modules of this package that are reachable as attributes themselves.
        base: The package in which the names live; None for this one.

    Returns:
        What to bind as ``__getattr__`` and ``__dir__`` in the package.
    """

    def get(name: str) -> object:
        if name in names:
            module, _, path = names[name].partition(":")
            value = attrgetter(path or name)(import_module(f"{base or package}.{module}"))
            setattr(sys.modules[package], name, value)
            return value
        if name in submodules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *submodules} - TOOLS)

    return get, list_names
