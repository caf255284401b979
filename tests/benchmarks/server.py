"""The server's process: ``python -m tests.benchmarks.server raw``, ``… rpyc`` or ``… Pyro5.api``.

It prints where it can be reached, as its first line, and serves until its standard input ends, so
that it cannot outlive the benchmark that started it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading

from . import peers, raw
from .contestants import PEERS
from .service import OBJECT_ID, make_service


def main(contestant: str) -> None:
    """Serve as *contestant*: ``raw``, a key of `PEERS`, or the name of a library's ``api``."""
    # Waiting for input costs nothing while calls are measured; ending at once leaves nothing to
    # tidy up, for the process holds only sockets.
    threading.Thread(target=_end_with_input, daemon=True).start()
    if contestant == "raw":
        raw.serve(_announce)
    elif contestant in PEERS:
        peers.serve(contestant, _announce)
    else:
        _serve_objects(contestant)


def _serve_objects(module: str) -> None:
    api = importlib.import_module(module)
    with api.Daemon(host=raw.HOST, port=0) as daemon:
        _announce(str(daemon.register(make_service(api), OBJECT_ID)))
        daemon.requestLoop()


def _announce(address: str) -> None:
    print(address, flush=True)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
