"""Takes the checks out of a process that are on the way of a small call, to see what they cost.

Some are functions, which are replaced. Others are conditions in the middle of one: those functions
are compiled anew from their source, without the condition. What is not found there any more is an
error: the figures would be wrong.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from pyrolike.objects.dispatch import Dispatcher
from pyrolike.protocol.reader import MessageReader
from pyrolike.serializers import marshal_check, serpent_reader, serpent_whole

CONDITIONS: tuple[tuple[type, str, str, str], ...] = (
    # Ceilings on sizes, and which messages have their place.
    (MessageReader, "feed", "and size <= self.max_size\n", "\n"),
    (MessageReader, "feed", "and (accepted is None or whole.type in accepted)", ""),
    (Dispatcher, "answer", "len(payload) <= self.policy.max_size", "True"),
    # The hook for permissions, and the gate for members.
    (Dispatcher, "prepare", "self._permit is not None", "False"),
    (
        Dispatcher,
        "prepare",
        "find_method(instance, name, entry.get_members(require_expose))",
        "getattr(instance, name)",
    ),
)
"""Class, method, a condition in it, and what stands in its place."""


def remove_checks() -> None:
    """Take them all out of this process."""
    changes: dict[tuple[type, str], list[tuple[str, str]]] = {}
    for owner, name, condition, instead in CONDITIONS:
        changes.setdefault((owner, name), []).append((condition, instead))
    for (owner, name), pairs in changes.items():
        setattr(owner, name, _compile_without(getattr(owner, name), pairs))
    serpent_reader.is_deeper = serpent_whole.is_deeper = lambda structure, limit: False
    marshal_check.is_simple = lambda data: True


def _compile_without(function: Callable[..., Any], pairs: list[tuple[str, str]]) -> Any:
    source = textwrap.dedent(inspect.getsource(function))
    for condition, instead in pairs:
        if source.count(condition) != 1:
            raise ValueError(f"{function.__qualname__} has no condition {condition!r} any more")
        source = source.replace(condition, instead)
    module = sys.modules[function.__module__]
    made: dict[str, Any] = {}
    exec(
        compile("from __future__ import annotations\n" + source, "<unchecked>", "exec"),
        vars(module),
        made,
    )
    return made[function.__name__]
