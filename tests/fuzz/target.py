"""What a fuzzer is: one invariant, where to begin, and how to see that the invariant holds."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NAMES = (
    "wire",
    "serpent_reader",
    "json_reader",
    "marshal_reader",
    "msgpack_reader",
    "class_dicts",
    "handshake",
    "name_server",
    "regexes",
    "responder",
    "answers",
    "gateway",
)
"""The fuzzers; each is a module of this package that has a `TARGET`."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that strangers reach, and what must hold for it.

    Attributes:
        invariant: What must hold, in a sentence.
        check: Raises anything at all if some bytes break it. What is common to all targets, such
            as that nothing is dialled, is for `tests.fuzz.guard` to see.
        corpus: Bytes to begin with: what real peers sent, and what our own codecs write.
        tokens: Pieces that mutations should use.
        largest: Bytes of the largest input.
        seconds: CPU time that one input may take.
        memory: Bytes by which the process may grow for one input.
        dials: Whether it has reason to send something.
    """

    invariant: str
    check: Callable[[bytes], None]
    corpus: Sequence[bytes]
    tokens: Sequence[bytes] = ()
    largest: int = 4096
    seconds: float = 2.0
    memory: int = 32 * 1024 * 1024
    dials: bool = False


def load_target(name: str) -> Target:
    """Return the fuzzer of that name."""
    target: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    return target
