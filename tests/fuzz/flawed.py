"""A target that breaks its word in all ways there are, to see that each of them is found."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time

from tests.fuzz.target import Target

_kept: list[bytearray] = []


def check(data: bytes) -> None:
    word = data.partition(b" ")[0]
    if word == b"raise":
        raise KeyError("raised")
    if word == b"exit":
        raise SystemExit(3)
    if word == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == b"hang":
        threading.Event().wait()
    if word == b"burn":
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    if word == b"swell":
        _kept.append(bytearray(b"x" * 40_000_000))
    if word == b"dial":
        with socket.socket() as sock:
            sock.connect_ex(("127.0.0.1", 9))
    if word == b"log":
        logging.getLogger("pyrolike.flawed").error("unexpected")
    if word == b"write":
        open(os.devnull, "w").close()
    if word == b"import":
        import this  # noqa: F401  the one that nobody else has loaded
    if word == b"thread":
        threading.Thread(target=threading.Event().wait, args=(5,), daemon=True).start()


TARGET = Target("Nothing happens.", check, [b"", b"fine"], tokens=[b"raise"], seconds=0.2)
