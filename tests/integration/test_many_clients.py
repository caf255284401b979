"""Thousands of clients that are connected and say nothing cost memory, and nobody's time.

The number is 500 unless the environment variable ``MANY_CLIENTS`` says another; 10 000 take some
seconds. Run alone, with ``-s``, it prints what was measured.
"""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from time import perf_counter

import pytest

from pyrolike.api import Proxy
from tests.support import wire
from tests.support.processes import Program
from tests.support.rawpeer import raw_client, serpent

COUNT = int(os.environ.get("MANY_CLIENTS", "500"))
CALLS = 2000

SERVER = """
import resource, sys, threading
from pyrolike.api import Daemon, config, expose

@expose
class Thing:
    def add(self, a, b):
        return a + b

    def get_stats(self):
        stats = daemon.stats()
        return {name: getattr(stats, name) for name in stats.__slots__}

    def get_memory(self):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
daemon = Daemon()
uri = daemon.register(Thing(), "calc")
print("READY", uri, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), daemon.shutdown())).start()
daemon.requestLoop()
"""


def measure(proxy: Proxy) -> list[float]:
    """Return how many microseconds calls take, sorted."""
    times = []
    for _ in range(CALLS):
        start = perf_counter()
        assert proxy.add(3, 4) == 7
        times.append((perf_counter() - start) * 1e6)
    return sorted(times)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads memory from /proc")
@pytest.mark.parametrize("kind", ["thread", "multiplex"])
def test_thousands_of_idle_clients_are_hardly_noticed(kind: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < COUNT + 200:
        pytest.skip(f"needs {COUNT + 200} open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, COUNT + 200), hard))
    program = Program(
        ["-W", "error", "-c", SERVER],
        ready=r"^READY (\S+)$",
        environment={"PYRO_SERVERTYPE": kind},
    )
    try:
        with program, ExitStack() as idle:
            assert program.ready_match is not None
            uri = program.ready_match[1]
            proxy = idle.enter_context(Proxy(uri))
            proxy._pyroTimeout = 20.0
            before, memory = measure(proxy), proxy.get_memory()
            start = perf_counter()
            hello = wire.message(wire.CONNECT, serpent({"handshake": "", "object": "calc"}))
            for _ in range(COUNT):
                peer = idle.enter_context(raw_client(uri.partition("@")[2]))
                peer.send(hello)
                assert peer.read_message().type == wire.CONNECTOK
            connecting = perf_counter() - start
            after = measure(proxy)
            cost = (proxy.get_memory() - memory) / COUNT
            stats = proxy.get_stats()
            print(
                f"\n{kind}: {COUNT} idle clients, connected in {connecting:.1f} s, "
                f"{cost / 1024:.1f} KiB each; a call takes (median, 99 %) "
                f"{before[CALLS // 2]:.0f}, {before[CALLS * 99 // 100]:.0f} µs without them and "
                f"{after[CALLS // 2]:.0f}, {after[CALLS * 99 // 100]:.0f} µs with them"
            )
            assert stats["connections"] == COUNT + 1
            assert stats["busy_threads"] + stats["idle_threads"] <= 80
            assert cost < 10_000
            assert proxy.get_memory() < 100_000_000
            assert after[CALLS // 2] < 2 * before[CALLS // 2] + 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
