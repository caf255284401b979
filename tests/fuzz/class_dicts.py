"""Dictionaries that stand for objects."""

from __future__ import annotations

import json
from typing import Any

from pyrolike.errors import PyroError, SecurityError, SerializeError
from pyrolike.serializers import classes, exceptions
from pyrolike.serializers.recreation import dict_to_class, recreate
from tests.fuzz.choices import Choices
from tests.fuzz.reading import assert_harmless
from tests.fuzz.target import Target

KNOWN = [*sorted(classes._pyro_makers), *sorted(exceptions.all_exceptions)]
DANGEROUS = [
    "os.system", "subprocess.Popen", "builtins.eval", "builtins.__import__", "posix.system", "code",
    "builtins.type", "builtins.object", "socket.socket", "pyrolike.server.daemon.Daemon", "", ".",
    "builtins.BaseException", "builtins.BaseExceptionGroup", "builtins.ExceptionGroup", "a..b",
    "builtins.SystemExit", "__main__.X", "Pyro5.errors.PyroError", "Pyro4.errors.NamingError",
    "builtins.UnicodeDecodeError", "builtins.OSError", "sqlite3.Error", "struct.error",
    "decimal.InvalidOperation", "builtins.\x1b[2J", "x" * 500,
]  # fmt: skip
KEYS = [
    "state", "args", "attributes", "__exception__", "value", "real", "imag", "exception", "data",
    "encoding", "name", "__class__", "_pyroTraceback", "__notes__", "__dict__", "__traceback__",
    "__cause__", "with_traceback", "add_note", "errno", "filename", "_pyroUri", "__setstate__",
]  # fmt: skip
STATES: list[Any] = [
    ["PYRO", "obj", None, "localhost", 9999],
    ["PYRO:obj@localhost:9999", [], [], [], 0, "serpent", "", [], [], [], "hello"],
    ["PYRO:obj@127.0.0.1:1", [], ["ping"], ["attr"], "hello", 0],
    ["obj", 5, 5], ("PYRONAME", "x", "./u:s", None, None),
]  # fmt: skip


def check(data: bytes) -> None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = _make(Choices(data), 0)
    for way in (recreate, dict_to_class) if isinstance(found, dict) else (recreate,):
        try:
            made = way(found)
        except (SecurityError, SerializeError) as fault:
            assert len(str(fault)) < 5000
        except PyroError as fault:
            raise AssertionError("an error of another kind") from fault
        else:
            assert_harmless(made)
            _look_at(made)


def _look_at(made: Any) -> None:
    """Do with an object what a program does without meaning to use it."""
    if isinstance(made, exceptions.ExceptionWrapper):
        made = made.exception
    if isinstance(made, BaseException):
        assert isinstance(made, Exception)  # and so nothing that ends a program or an iteration
        assert made.with_traceback(None) is made
        made.add_note("a note")
        classes.class_to_dict(made)


def _make(choices: Choices, depth: int) -> Any:
    """Return a class dict, or something with one inside."""
    name = choices.pick([*KNOWN, *DANGEROUS]) if choices.byte() % 8 else choices.value()
    made: dict[str, Any] = {"__class__": name}
    while not choices.is_used_up and len(made) < 8:
        made[choices.pick(KEYS)] = _part(choices, depth)
    return made if choices.byte() % 4 else [made, {"inside": (made,)}]


def _part(choices: Choices, depth: int) -> Any:
    kind = choices.byte() % 8
    if kind == 0 and depth < 5:
        return _make(choices, depth + 1)
    if kind == 1:
        return choices.pick(STATES)
    if kind == 2:
        return True
    if kind == 3:
        return [_part(choices, depth + 1) for _ in range(choices.byte() % 4 if depth < 5 else 0)]
    if kind == 4:
        return {choices.pick(KEYS): choices.value() for _ in range(choices.byte() % 4)}
    return choices.value()


def _corpus() -> list[bytes]:
    dicts: list[Any] = [
        {"__class__": name, "state": state} for name in KNOWN for state in STATES[:1]
    ]
    dicts += [
        {
            "__class__": f"builtins.{name}",
            "__exception__": True,
            "args": ["x"],
            "attributes": {"a": 1},
        }
        for name in sorted(exceptions.all_exceptions)
    ]
    dicts += [{"__class__": name, "__exception__": True, "args": []} for name in DANGEROUS]
    return [
        b"",
        *(json.dumps(each).encode() for each in dicts),
        *(bytes([n] * 9) for n in range(64)),
    ]


TARGET = Target(
    "A dictionary becomes an object of a class that everybody has, or a SerializeError or a"
    " SecurityError; looking at the object reaches nobody.",
    check,
    _corpus(),
    tokens=[json.dumps(word).encode() for word in [*KEYS, *DANGEROUS[:-1]]],
    largest=1500,
)
