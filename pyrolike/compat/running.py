"""Run a program that was written for Pyro4 or Pyro5 on pyrolike.

The program is not touched. It finds itself as ``__main__``, with its own arguments and path, as if
Python had started it; only that the packages Pyro4 and Pyro5 at the front of the path are ours.
Programs that it starts find the same through ``PYTHONPATH``.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .names import STARTED, TABLES
from .registering import add_to_environment, register, shim_directory
from .starting import start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType

USAGE = """\
usage: python -m pyrolike.compat [--only Pyro4|Pyro5] program.py [argument ...]
       python -m pyrolike.compat [--only Pyro4|Pyro5] -m module [argument ...]
       python -m pyrolike.compat [--only Pyro4|Pyro5] -c code [argument ...]

Run a program that was written for Pyro4 or Pyro5 on pyrolike, unchanged: it, and the Python
programs it starts, find pyrolike under these names. --only leaves the other name alone.
"""


def main(args: Sequence[str] | None = None) -> None:
    """Run the program that the command line names; what it raises, `SystemExit` too, is raised.

    Args:
        args: The words of the command line; None means those of this process.
    """
    names, words = _parse(list(sys.argv[1:] if args is None else args))
    add_to_environment(*names)
    if words[0] == "-c":
        _run_code_text(names, words)
    elif words[0] == "-m":
        _run_module(names, words[1:])
    else:
        _run_path(names, words)


def _parse(words: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names to stand for, and the program with its arguments.

    By hand, because everything behind the program is the program's.
    """
    names = tuple(TABLES)
    if words[:1] == ["--only"] and words[1:2] and words[1] in TABLES:
        names, words = (words[1],), words[2:]
    if words[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        raise SystemExit(0)
    is_option = bool(words) and words[0].startswith("-")
    if not words or (is_option and (words[0] not in ("-c", "-m") or len(words) < 2)):
        print(USAGE, end="", file=sys.stderr)
        raise SystemExit(2)
    return names, words


def _set_path(names: Sequence[str], own: str | None) -> None:
    """Make `sys.path` the program's, with ours in front of it.

    Args:
        names: What to stand for.
        own: Where Python would have the program look first; None if nowhere.
    """
    if not sys.flags.safe_path:
        del sys.path[0]  # the directory that ``-m pyrolike.compat`` was called in
        if own is not None:
            sys.path.insert(0, own)
    # On the path, not registered: a program's settings depend on which of the two it imports. And
    # the children of multiprocessing get this path, not PYTHONPATH.
    sys.path[:0] = [shim_directory(name) for name in names]


def _run_code_text(names: Sequence[str], words: list[str]) -> None:
    sys.argv = ["-c", *words[2:]]
    _set_path(names, "")
    _execute(compile(words[1], "<string>", "exec", dont_inherit=True))


def _run_module(names: Sequence[str], words: list[str]) -> None:
    name = words[0]
    _set_path(names, os.getcwd())
    if name.partition(".")[0] in names and name in STARTED:
        register(name.partition(".")[0])
        sys.argv = [str(sys.modules[name].__file__), *words[1:]]
        start(name)
    sys.argv = ["-m", *words[1:]]
    spec, code = _find_code(name)
    sys.argv[0] = str(spec.origin)
    _execute(code, spec=spec, file=spec.origin)


def _find_code(name: str) -> tuple[ModuleSpec, CodeType]:
    """Return where the code of a module is, or that of a package's ``__main__``."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError as problem:
        raise SystemExit(f"cannot run {name}: {problem}") from problem
    if spec is not None and spec.submodule_search_locations is not None:
        return _find_code(f"{name}.__main__")
    code = getattr(spec and spec.loader, "get_code", lambda name: None)(name)
    if spec is None or code is None:
        raise SystemExit(f"cannot run {name}: there is no such module, or it has no code")
    return spec, code


def _run_path(names: Sequence[str], words: list[str]) -> None:
    path = Path(words[0])
    sys.argv = words
    if path.is_file() and not _is_archive(path):
        _set_path(names, str(path.resolve().parent))
        source = path.read_bytes()
        _execute(compile(source, str(path), "exec", dont_inherit=True), file=str(path))
        return
    _set_path(names, None)
    try:
        runpy.run_path(str(path), run_name="__main__")
    except FileNotFoundError:
        raise SystemExit(f"cannot run {path}: there is no such file") from None


def _is_archive(path: Path) -> bool:
    """Whether Python would look for a ``__main__`` in the file: in a zip archive."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04" or path.suffix in (".pyz", ".zip", ".pyc")


def _execute(code: CodeType, *, spec: ModuleSpec | None = None, file: str | None = None) -> None:
    """Run *code* as the module ``__main__``, which stays: threads of it may live on."""
    module = ModuleType("__main__")
    names = vars(module)
    names.update(__builtins__=builtins, __spec__=spec, __package__=spec.parent if spec else None)
    if spec is not None:
        names.update(__loader__=spec.loader, __cached__=spec.cached)
    if file is not None:
        names["__file__"] = file
    sys.modules["__main__"] = module
    exec(code, names)
