"""What ``python -m Pyro4.naming`` and its like start.

Python looks for the module, and then runs its code under the name ``__main__``. The modules that
stand for Pyro's are imported already by then, under another name; so their code is not run a second
time, but the function called that is in the table.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from .names import STARTED, TABLES

if TYPE_CHECKING:
    from types import CodeType


def find_started() -> str | None:
    """Return what this process shall start by ``-m``, while Python is still looking for it."""
    if sys.argv[:1] != ["-m"]:  # it becomes the name of the file then
        return None
    for argument in sys.orig_argv[1:]:
        # Python takes ``-m NAME``, ``-mNAME`` and ``-bm NAME`` or ``-bmNAME``.
        attached = argument.partition("m")[2] if argument.startswith("-") else ""
        for name in (argument, attached):
            if name in STARTED:
                return name
    return None


def start(name: str) -> NoReturn:
    """Do what ``python -m <name>`` does, and end the process."""
    # Python is not looking for it any more: now it is an ordinary module.
    sys.modules[name] = import_module(TABLES[name.partition(".")[0]][name])
    module_name, _, function = STARTED[name].partition(":")
    raise SystemExit(getattr(import_module(module_name), function)())


class StarterLoader(importlib.abc.InspectLoader):
    """Loads code that starts what is in the table."""

    @classmethod
    def make_spec(cls, fullname: str) -> importlib.machinery.ModuleSpec:
        """Return the spec of what ``-m`` names."""
        our_name = TABLES[fullname.partition(".")[0]][fullname]
        origin = getattr(import_module(our_name), "__file__", None)
        return importlib.machinery.ModuleSpec(fullname, cls(), origin=origin)

    def get_code(self, fullname: str) -> CodeType:
        """Return the code for *fullname*."""
        return compile(self.get_source(fullname), f"<start of {fullname}>", "exec")

    def get_source(self, fullname: str) -> str:
        """Return the same as text."""
        return f"from pyrolike.compat.starting import start\nstart({fullname!r})\n"
