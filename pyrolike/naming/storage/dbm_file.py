"""Reads a dbm file whole, and replaces it whole, so that a crash leaves the old one or the new one.

Python has up to four dbm modules, and some of them keep one database in two or three files. A new
database therefore goes to a folder first, and moves in three steps:

1. it is written in the folder ``FILENAME.tmp``;
2. the folder is renamed to ``FILENAME.new``: from that moment on the new one counts;
3. its files are moved to where they belong, and the folder is removed.

`read` finishes what a crash has left between the second step and the end of the third.
"""

from __future__ import annotations

import contextlib
import dbm
import importlib
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from pyrolike.errors import NamingError

_ENDINGS = ("", ".dat", ".dir", ".pag", ".db")
"""What the modules put behind the name of a file."""


def read(path: str) -> tuple[str, dict[str, str]]:
    """Return the name of the module that made a dbm file, and what is in it.

    The name is empty if there is no file, and then nothing is in it.

    Raises:
        NamingError: It is no dbm file.
        ImportError: This Python lacks the module.
        OSError: It cannot be read. The module's own error, ValueError or SyntaxError if it is
            damaged.
    """
    _put_in_place(path)
    module = dbm.whichdb(path)
    # None also means that the first bytes of a file with an ending are not what they should be.
    if not module and any(os.path.exists(path + ending) for ending in _ENDINGS):
        raise NamingError(f"{path!r} is no dbm file, or a damaged one")
    if not module:
        return "", {}
    with closing(_load(module).open(path, "r")) as found:
        return module, {key.decode(): found[key].decode() for key in found.keys()}  # noqa: SIM118 - not all can be iterated


def write(path: str, module: str, entries: Mapping[str, str]) -> None:
    """Replace a dbm file by a new one.

    Args:
        path: The file.
        module: Which module makes it; empty for the one this Python prefers.
        entries: What is in it.
    """
    folder = path + ".tmp"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    made = os.path.join(folder, os.path.basename(path))
    maker: Any = _load(module) if module else dbm
    with closing(maker.open(made, "n")) as database:
        for name, uri in entries.items():
            database[name.encode()] = uri.encode()
    for name in os.listdir(folder):
        _synchronize(os.path.join(folder, name))
    _synchronize(folder)
    os.rename(folder, path + ".new")
    _synchronize(_folder_of(path))
    _put_in_place(path)


def _put_in_place(path: str) -> None:
    """Move the files of a complete folder to where they belong, those that are left in it."""
    folder = path + ".new"
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            os.replace(os.path.join(folder, name), os.path.join(_folder_of(path), name))
        _synchronize(_folder_of(path))
        os.rmdir(folder)


def _load(module: str) -> Any:
    return importlib.import_module(module)


def _folder_of(path: str) -> str:
    return os.path.dirname(path) or os.curdir


def _synchronize(path: str) -> None:
    """See that a file, or the names in a folder, are on the disk and not only on their way."""
    with contextlib.suppress(PermissionError):  # Windows does not open folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
