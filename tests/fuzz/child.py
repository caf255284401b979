"""Checks inputs in a process of its own: ``python -m tests.fuzz.child NAME``.

Reads each with its size in front, and answers a line: ``ok``, or what is wrong, as JSON. What ends
this process is a finding too, and for the parent to tell.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import traceback

from tests.fuzz.guard import guard, limit_memory
from tests.fuzz.target import load_target


def main(name: str) -> None:
    faulthandler.enable()
    logging.raiseExceptions = True
    limit_memory()
    check = guard(load_target(name))
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed meanwhile is no answer
    print("ready", file=answers, flush=True)
    while size := source.read(4):
        data = source.read(int.from_bytes(size, "big"))
        answer = "ok"
        try:
            check(data)
        except BaseException:  # noqa: BLE001  also SystemExit: nothing may get through
            answer = traceback.format_exc()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
