"""Keeps a server under load, and kills it again and again: ``python -m tests.soak``.

A server process with a name server is called by several client processes: calls, batches, streams
whose connections are cut, one-way calls, callbacks, large messages, and clients that misbehave.
Every few seconds the server is killed (SIGKILL) and started again on its ports. In the end

- each call that was acknowledged is in the server's log, none was made twice that was not repeated
  by the leave of its proxy, and one-way calls are there in their order;
- no answer was wrong, no item of a stream was missing or came twice;
- every call ended within its timeout;
- the clients have no more descriptors, threads and memory than before, and the last server has let
  go of all its clients.

The exit status says whether that is so. All happens on the loopback interface; the load is steady
and moderate. Only processes that were started here are ended, each by its own id.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from tests.soak import report
from tests.soak.audit import SPARE_DESCRIPTORS, Growth, Sample, compare, take_sample
from tests.soak.server import HOST
from tests.soak.work import MARGIN, TIMEOUT
from tests.support.processes import Program

PORTS = range(20_000, 30_000)
"""Below those that systems give to clients: one of them could take the port of a dead server."""

SETTLING = 20.0
"""Seconds a server has to let go of its clients."""


@dataclass(slots=True)
class Findings:
    """What a run has shown.

    Attributes:
        tally: How often what has happened, all clients together.
        mistakes: All that was not right.
        growth: One for each client.
        kills: How often the server was killed.
        longest: Seconds of the longest call.
        server: The last server under load, and after its last client left.
    """

    tally: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)
    growth: dict[str, Growth] = field(default_factory=dict)
    kills: int = 0
    longest: float = 0.0
    server: tuple[Sample, Sample] | None = None


class Soak:
    """One run."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.findings = Findings()
        self._folder = folder
        self._options = options
        self._environment = _tls_environment(folder) if options.tls else {}
        self._ports = [str(port) for port in free_ports(2)]
        self._log = folder / "log"
        self._programs = ExitStack()

    def run(self) -> Findings:
        """Do all of it."""
        with self._programs:
            server = self._start_server()
            idle = take_sample(server.pid)
            clients = [self._start_client(str(number)) for number in range(self._options.clients)]
            server = self._keep_killing(server, clients)
            busy = take_sample(server.pid)
            for client in clients:
                client.say("stop")
            for client in clients:
                self._take_result(client)
            self._see_that_clients_are_forgotten(server, idle, busy)
            server.say("stop")
            if server.wait() != 0:
                self.findings.mistakes.append(f"the last server failed: {server.output}")
        acknowledged = "".join(
            path.read_text("utf-8") for path in self._folder.glob("acknowledged-*")
        )
        log = self._log.read_text("utf-8").splitlines()
        self.findings.tally["acknowledged"] = len(acknowledged.splitlines())
        self.findings.mistakes += compare(log, acknowledged.splitlines())
        for name, growth in self.findings.growth.items():
            self.findings.mistakes += [f"client {name}: {text}" for text in growth.complaints()]
        return self.findings

    def _keep_killing(self, server: Program, clients: Sequence[Program]) -> Program:
        """Let it go on for the time that was asked for; return the server that lives then."""
        end = monotonic() + 60 * self._options.minutes
        next_kill = self._next_kill()
        pause = threading.Event()
        while (now := monotonic()) < end and all(client.is_running for client in clients):
            if next_kill <= now and next_kill + self._options.every < end:
                server.send(signal.SIGKILL)
                server.wait()
                server.end()
                self.findings.kills += 1
                server = self._start_server()
                next_kill = self._next_kill()
            elif not server.is_running:
                self.findings.mistakes.append(f"the server ended by itself: {server.output}")
                server = self._start_server()
            for number, client in enumerate(clients):
                self.findings.growth.setdefault(str(number), Growth()).watch(client.pid)
            pause.wait(min(1.0, max(0.05, min(next_kill, end) - monotonic())))
        return server

    def _next_kill(self) -> float:
        return monotonic() + self._options.every * random.uniform(0.5, 1.5)

    def _start(self, module: str, *arguments: str) -> Program:
        program = Program(
            ["-m", f"tests.soak.{module}", *arguments, self._options.server_type],
            ready="READY",
            environment=self._environment,
        )
        return self._programs.enter_context(program)

    def _start_server(self) -> Program:
        return self._start("server", *self._ports, str(self._log))

    def _start_client(self, name: str) -> Program:
        return self._start("client", name, *self._ports, str(self._folder / f"acknowledged-{name}"))

    def _take_result(self, client: Program) -> None:
        try:
            line = client.wait_for_line("^RESULT (.*)", 3 * (TIMEOUT + MARGIN))
        except AssertionError as error:
            self.findings.mistakes.append(str(error))
            return
        result: dict[str, Any] = json.loads(line[1])
        self.findings.tally += Counter(result["tally"])
        self.findings.longest = max(self.findings.longest, result["longest"])
        self.findings.mistakes += result["mistakes"]
        self.findings.mistakes += [f"{name}: a call hung" for name in result["hung"]]
        client.end()

    def _see_that_clients_are_forgotten(
        self, server: Program, idle: Sample | None, busy: Sample | None
    ) -> None:
        if idle is None or busy is None:
            return  # the system does not show such things
        most = idle.descriptors + SPARE_DESCRIPTORS
        end, pause = monotonic() + SETTLING, threading.Event()
        while (now := take_sample(server.pid)) and now.descriptors > most and monotonic() < end:
            pause.wait(0.1)
        if now is None or now.descriptors > most:
            self.findings.mistakes.append(f"the server never let go of its clients: {now}")
        else:
            self.findings.server = busy, now


def free_ports(count: int) -> list[int]:
    """Return ports where nobody listens."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError("there is no free port")


def _tls_environment(folder: Path) -> dict[str, str]:
    from tests.support.certificates import make_certificates

    settings = make_certificates(folder).settings
    return {f"PYRO_{name}": str(value) for name, value in settings.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak test and return the exit status: 0, or 1 if anything was not right."""
    options = _parser().parse_args(arguments)
    if options.tls and not find_spec("trustme"):
        print("soak: --tls needs trustme, which makes the certificates", file=sys.stderr)
        return 1
    print(report.heading(options), flush=True)
    with tempfile.TemporaryDirectory(prefix="pyrolike-soak-") as folder:
        findings = Soak(Path(folder), options).run()
    print(report.summary(findings), flush=True)
    return 1 if findings.mistakes else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Keep a server under load, kill it again and again, and look what was lost.",
    )
    parser.add_argument("--minutes", type=_positive, default=10.0, help="how long (default 10)")
    parser.add_argument(
        "--every",
        type=_positive,
        default=3.0,
        metavar="SECONDS",
        help="mean time between two kills (default 3)",
    )
    parser.add_argument("--clients", type=int, default=3, help="client processes (default 3)")
    parser.add_argument("--server-type", choices=["thread", "multiplex"], default="thread")
    parser.add_argument("--tls", action="store_true", help="with TLS; needs trustme")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
