"""A client in a process of its own: ``python -m tests.support.peers.client [SETTING=value ...]``.

Reads one request a line, ``(scenario, location, serializer)`` as a Python literal, visits the
server there, and answers with one line: ``FOUND`` and the findings, or ``BROKEN`` and a traceback.
Ends when its input ends.
"""

from __future__ import annotations

import ast
import sys
import traceback

from tests.support.peers.catalogue import SCENARIOS
from tests.support.peers.objects import register_converters
from tests.support.peers.scenario import Visit
from tests.support.peers.scenarios_names import NAME_SCENARIOS
from tests.support.peers.server import apply_settings

ALL_SCENARIOS = {**SCENARIOS, **NAME_SCENARIOS}


def answer(request: str) -> str:
    """Do what a request line asks and return the answer line."""
    name, location, serializer = ast.literal_eval(request)
    try:
        return f"FOUND {ALL_SCENARIOS[name].run(Visit(location, serializer))!r}"
    except Exception:  # noqa: BLE001  # the process that asked shows it and fails its test
        return f"BROKEN {traceback.format_exc()!r}"


def main(arguments: list[str]) -> None:
    """Answer requests until the input ends."""
    apply_settings(arguments)
    register_converters()
    print("READY", flush=True)
    for request in sys.stdin:
        print(answer(request), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
