"""One of the libraries that the README compares: a server of it, or a client that tries it out.

``python -m tests.support.peers.compared serve LIBRARY`` prints its address and runs until its input
ends; ``... ask LIBRARY ADDRESS`` prints what it has found, as JSON. Nothing but what the libraries'
manuals show is used.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

PYROS = {"pyrolike": "pyrolike.api", "Pyro5": "Pyro5.api", "Pyro4": "Pyro4"}
MODULES = {**PYROS, "rpyc": "rpyc", "gRPC": "grpc"}
THREADS, CROWD = 10, 30
"""Of a server where that can be said, and the clients that come to it."""


class Work:
    """What the servers do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = self._most = 0

    def meet(self) -> int:
        """Take a while; return how many calls have done so at once, at most."""
        with self._lock:
            self._busy += 1
            self._most = max(self._most, self._busy)
        time.sleep(0.3)
        with self._lock:
            self._busy -= 1
            return self._most

    def threads(self) -> int:
        """Return the number of this process's threads."""
        return threading.active_count()

    def extend(self, values: list[int]) -> None:
        """Change a list of the caller's, or a copy of it."""
        values.append(2)

    def total(self, values: Iterable[int]) -> int:
        """Use up an iterator of the caller's, if it can be had."""
        return sum(values)

    def each(self) -> Iterator[int]:
        """Give some numbers, one by one."""
        yield from (1, 2, 3)

    def sleep(self, seconds: float) -> None:
        """Take longer."""
        time.sleep(seconds)

    def fail(self) -> None:
        """Raise an exception."""
        raise ValueError("of the server")


# -- servers


def serve_pyro(module: Any) -> None:
    """Serve with one of the Pyros."""
    module.config.THREADPOOL_SIZE = THREADS
    daemon = module.Daemon()
    print(daemon.register(module.expose(Work)(), "work"), flush=True)
    daemon.requestLoop()


def serve_rpyc(module: Any) -> None:
    """Serve with rpyc."""
    servers = importlib.import_module("rpyc.utils.server")
    names = ("meet", "threads", "extend", "total", "each", "sleep", "fail")
    members = {f"exposed_{name}": getattr(Work, name) for name in names}
    service = type("Service", (module.Service, Work), members)
    server = servers.ThreadedServer(service(), hostname="localhost", port=0)
    print(server.port, flush=True)
    server.start()


def serve_grpc(module: Any) -> None:
    """Serve with gRPC, whose messages are bytes here."""
    work = Work()
    single, both = module.unary_unary_rpc_method_handler, module.stream_stream_rpc_method_handler

    def echo(items: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from items

    methods = {
        "meet": single(lambda request, context: b"%d" % work.meet()),
        "threads": single(lambda request, context: b"%d" % work.threads()),
        "sleep": single(lambda request, context: work.sleep(float(request)) or b""),
        "fail": single(lambda request, context: work.fail() or b""),
        "echo": both(echo),
    }
    server = module.server(ThreadPoolExecutor(THREADS))
    handler = module.method_handlers_generic_handler("Work", methods)
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("localhost:0"), flush=True)
    server.start()
    server.wait_for_termination()


# -- clients


def ask_pyro(module: Any, address: str) -> dict[str, Any]:
    """Try one of the Pyros."""
    proxies = [module.Proxy(address) for _ in range(CROWD)]
    work = module.Proxy(address)
    found = ask_with_values(work)
    drip = Drip(int(address.rpartition(":")[2]))
    slow = module.Proxy(f"{address.partition('@')[0]}@localhost:{drip.port}")
    slow._pyroTimeout = 0.5
    slow.threads()
    found["waits"] = drip_on(drip, slow.threads)
    work._pyroTimeout = 0.5
    found["times out"] = 0.4 < patience(lambda: work.sleep(2)) < 1.5
    work._pyroRelease()
    found["served"] = 0
    with suppress(Exception):
        for proxy in proxies:
            proxy._pyroTimeout = 10
            proxy.threads()
            found["served"] += 1
    return found


def ask_rpyc(module: Any, address: str) -> dict[str, Any]:
    """Try rpyc, whose client lets the server change what it passes."""

    def connect(timeout: float = 30, port: int = int(address)) -> Any:
        settings = {"allow_public_attrs": True, "sync_request_timeout": timeout}
        return module.connect("localhost", port, config=settings)

    work = connect().root
    before = work.threads()
    found = ask_with_values(work)
    hasty = connect(timeout=0.5).root
    found["times out"] = 0.4 < patience(lambda: hasty.sleep(2)) < 1.5
    drip = Drip(int(address))
    slow = connect(0.5, drip.port).root
    slow.threads()
    found["waits"] = drip_on(drip, slow.threads)
    crowd = [connect().root for _ in range(CROWD)]
    found["served"] = sum(bool(each.threads()) for each in crowd)
    found["grown"] = work.threads() - before
    return found


def ask_grpc(module: Any, address: str) -> dict[str, Any]:
    """Try gRPC."""
    options = [("grpc.use_local_subchannel_pool", 1)]  # or its channels would share a connection
    channels = [
        module.insecure_channel(f"localhost:{address}", options=options) for _ in range(CROWD)
    ]
    channel = channels[0]

    def call(method: str, text: bytes = b"", timeout: float = 10, on: Any = channel) -> int:
        return int(on.unary_unary(f"/Work/{method}")(text, timeout=timeout) or 0)

    found = {
        "error": class_of_error(lambda: call("fail")),
        "threads": share(lambda: call("meet")),
        "to the client": succeeds(lambda: call("threads")),
        "times out": 0.4 < patience(lambda: call("sleep", b"2", 0.5)) < 1.5,
        "served": sum(call("threads", on=each) > 0 for each in channels),
        "grown": call("threads") - THREADS,
        "asyncio": importlib.util.find_spec("grpc.aio") is not None,
    }
    drip = Drip(int(address))
    slow = module.insecure_channel(f"localhost:{drip.port}", options=options)
    call("threads", on=slow)
    found["waits"] = drip_on(drip, lambda: call("threads", timeout=0.5, on=slow))
    both_ways = channel.stream_stream("/Work/echo")(iter([b"1", b"2"]))
    found["to the server"] = found["to the client"] = list(both_ways) == [b"1", b"2"]
    return found


def ask_with_values(work: Any) -> dict[str, Any]:
    """Pass Python values to a server's object, and see what becomes of them."""
    values = [1]
    work.extend(values)
    return {
        "error": class_of_error(work.fail),
        "threads": share(work.meet),
        "passed": "stay where they are" if values == [1, 2] else "copied",
        "to the client": list(work.each()) == [1, 2, 3],
        "to the server": succeeds(lambda: work.total(iter([1, 2]))),
    }


def class_of_error(call: Callable[[], object]) -> str:
    """Return the name of what a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return next(base.__name__ for base in type(error).__mro__ if base.__name__[0] != "_")
    return ""


def succeeds(call: Callable[[], object]) -> bool:
    """Say whether a call returns."""
    return class_of_error(call) == ""


def patience(call: Callable[[], object]) -> float:
    """Return how many seconds it takes until a call fails."""
    begin = time.monotonic()
    return time.monotonic() - begin if not succeeds(call) else 0.0


def drip_on(drip: Drip, call: Callable[[], object]) -> str:
    """Say what a timeout of half a second is for, if answers come byte by byte."""
    drip.slow.set()
    return "the whole call" if 0.4 < patience(call) < 1.5 else "each wait"


def share(call: Callable[[], int]) -> str:
    """Say what becomes of the calls of several threads on one connection."""
    try:
        with ThreadPoolExecutor(4) as threads:
            most = max(threads.map(lambda _: call(), range(4)))
    except Exception:  # noqa: BLE001 - whatever it is
        return "refused"
    return "in turn" if most == 1 else "at once"


class Drip:
    """A way to a server on which answers arrive byte by byte, from some moment on.

    Attributes:
        port: Where it begins.
        slow: Set it, and each byte takes a while; after a dozen of them the connection ends.
    """

    def __init__(self, port: int) -> None:
        self.slow = threading.Event()
        self._goal = port
        self._listener = socket.create_server(("localhost", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        near, _ = self._listener.accept()
        self._listener.close()
        with near, socket.create_connection(("localhost", self._goal)) as far:
            threading.Thread(target=self._pass_on, args=(near, far), name="out").start()
            self._pass_on(far, near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1000):
                if not self.slow.is_set() or threading.current_thread().name == "out":
                    target.sendall(data)
                else:
                    for byte in data[:12]:
                        target.sendall(bytes([byte]))
                        time.sleep(0.2)
                    return


def main(verb: str, library: str, *address: str) -> None:
    """Serve, or ask."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(MODULES[library])
    kind = "pyro" if library in PYROS else library.lower()
    if verb == "serve":
        threading.Thread(target=globals()[f"serve_{kind}"], args=(module,), daemon=True).start()
        sys.stdin.read()
        return
    found = globals()[f"ask_{kind}"](module, *address)
    front = importlib.util.find_spec(MODULES[library].partition(".")[0])
    assert front is not None
    assert front.origin is not None
    found["typed"] = Path(front.origin).with_name("py.typed").exists()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
