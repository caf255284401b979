"""Answer to the names "Pyro4" and "Pyro5": our modules stand in `sys.modules` under theirs.

Every module of a table is registered at once, under its old name, and bound to its parent. Only
the top one would be worse than nothing: ``import Pyro5.client`` would then find our package's file
a second time, and make a second copy of every class in it. For the same reason `Gate` refuses all
names below that are in no table.

Other processes learn of it through directories on their path, in ``shims``: each holds a package
called Pyro4 or Pyro5, which does nothing but `take_over` its own name. That needs no hook in the
interpreter, works for whatever program is started, and survives ``multiprocessing``.

Registering is never a side effect of importing pyrolike. It changes, besides `sys.modules`: the
parent of our loggers (a program that sets up the logger ``Pyro5`` sets up ours), and, while Pyro4
is registered alone, the defaults of a few settings, see `settings`.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pyrolike._logging import configure_logging

from .names import TABLES
from .settings import adopt_defaults, adopt_environment, registered
from .starting import StarterLoader, find_started

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from types import ModuleType

SHIMS = Path(__file__).parent / "shims"
"""One directory per name, to be put on a path."""

_NESTED_PYRO4 = "Pyro5.compatibility.Pyro4"

_lock = threading.RLock()  # guards `registered` and the entries of sys.modules that belong to it


class Gate(importlib.abc.MetaPathFinder):
    """Answers first for everything below the registered names.

    Only what is in no table comes here, for the rest is in `sys.modules`; except for what this
    process was started with, as ``python -m Pyro4.naming``.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to start *fullname*; None if it is none of ours.

        Raises:
            ModuleNotFoundError: It is below a registered name and does not exist.
        """
        if fullname.partition(".")[0] not in registered:
            return None
        if fullname == _NESTED_PYRO4:
            return _shim_spec(fullname, "Pyro4")
        if fullname == find_started():
            return StarterLoader.make_spec(fullname)
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: pyrolike, which runs this program, has no such part",
            name=fullname,
        )


def register(*names: str, force: bool = False) -> None:
    """Let ``import Pyro4`` or ``import Pyro5`` mean pyrolike from now on, in this process.

    To be called before anything imports the real one. Twice is fine.

    Args:
        names: "Pyro4", "Pyro5", or both.
        force: Replace a real Pyro that is imported already. What has been taken from it stays what
            it is: use this only where nothing has.

    Raises:
        ValueError: There is no such name.
        ImportError: The real Pyro is imported already.
    """
    for name in names:
        if name not in TABLES:
            raise ValueError(f"pyrolike stands for 'Pyro4' and 'Pyro5', not for {name!r}")
    with _lock:
        for name in names:
            _make_way(name, force)
        for name in names:
            _register(name)


def take_over(module_name: str) -> None:
    """Put pyrolike in the place of the shim called *module_name*, which is being imported."""
    name = module_name.rpartition(".")[2]
    with _lock:
        if name not in registered:
            _forget(name)  # the shim itself
            _register(name)
    sys.modules[module_name] = sys.modules[name]


def add_to_environment(*names: str, environ: MutableMapping[str, str] | None = None) -> None:
    """Have Python programs that are started with this environment run on pyrolike.

    Args:
        names: "Pyro4", "Pyro5", or both.
        environ: Its ``PYTHONPATH`` is changed; None is that of this process. Programs
            that ignore it (``python -E`` and ``-I``) are not reached.
    """
    if environ is None:
        environ = os.environ
    old = environ.get("PYTHONPATH")
    ours = [
        text for text in map(shim_directory, names) if text not in (old or "").split(os.pathsep)
    ]
    environ["PYTHONPATH"] = os.pathsep.join([*ours, *([old] if old else [])])


def shim_directory(name: str) -> str:
    """Return the directory that makes ``import <name>`` mean pyrolike, if it is on the path."""
    if name not in TABLES:
        raise ValueError(f"pyrolike stands for 'Pyro4' and 'Pyro5', not for {name!r}")
    return str(SHIMS / name.lower())


def _make_way(name: str, force: bool) -> None:
    """Make sure that *name* is free, or ours."""
    there = sys.modules.get(name)
    if there is None or name in registered:
        return
    if not force and not _is_shim(there):
        raise ImportError(
            f"{name} {getattr(there, '__version__', '')} is imported already, from "
            f"{getattr(there, '__file__', 'somewhere')}: register pyrolike before anything imports "
            "it (or use force=True)",
            name=name,
        )
    _forget(name)


def _is_shim(module: ModuleType) -> bool:
    return SHIMS in Path(getattr(module, "__file__", None) or "/").parents


def _forget(name: str) -> None:
    for module_name in list(sys.modules):
        if module_name.partition(".")[0] == name:
            del sys.modules[module_name]


def _register(name: str) -> None:
    if name in registered:
        return
    if not registered:
        sys.meta_path.insert(0, Gate())
        # What the program has put into its environment before its first import counts.
        adopt_environment()
        configure_logging()
    registered.add(name)
    adopt_defaults()
    started = find_started()
    for old_name, our_name in TABLES[name].items():
        if _exists(our_name):
            module = import_module(our_name)
            parent, _, child = old_name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)
            if old_name != started:  # that one is for the Gate, while Python looks for it
                sys.modules[old_name] = module
    # A program knows our loggers as "Pyro5.client": what it says of "Pyro5" is to hold for them.
    ours, theirs = logging.getLogger("pyrolike"), logging.getLogger(name)
    theirs.parent, ours.parent = ours.parent, theirs


def _exists(module_name: str) -> bool:
    """Whether this version of pyrolike has that module."""
    try:
        return importlib.util.find_spec(module_name) is not None
    except ModuleNotFoundError:
        return False  # not even its package


def _shim_spec(fullname: str, name: str) -> importlib.machinery.ModuleSpec | None:
    location = Path(shim_directory(name), name, "__init__.py")
    return importlib.util.spec_from_file_location(fullname, location)
