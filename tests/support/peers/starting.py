"""Peers as processes, ready to be used by tests: servers, clients and name servers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from tests.support.peers.library import LIBRARY_VARIABLE
from tests.support.processes import Program

NAME_SERVER_MODULES = {
    "pyro5": "Pyro5.nameserver",
    "pyro4": "Pyro4.naming",
    "pyrolike": "pyrolike.naming",
}

VISIT_PATIENCE = 20.0
"""Seconds one visit may take; the longest, a failing connection, takes a fraction of one."""


def peer_environment(library: str) -> dict[str, str]:
    """Return what a peer's environment says about its library; our own takes no warnings."""
    strictness = {"PYTHONWARNINGS": "error"} if library == "pyrolike" else {}
    return {LIBRARY_VARIABLE: library, **strictness}


def as_arguments(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as a peer's command line has them."""
    return [f"{item}={value!r}" for item, value in settings.items()]


@contextmanager
def server_peer(library: str, **settings: Any) -> Iterator[str]:
    """Run a server peer and give its location, ``host:port``.

    Args:
        library: ``pyro5``, ``pyro4`` or ``pyrolike``.
        settings: Configuration items of the library.
    """
    with Program(
        ["-m", "tests.support.peers.server", *as_arguments(settings)],
        ready=r"^READY (\S+)$",
        environment=peer_environment(library),
    ) as program:
        assert program.ready_match is not None
        yield program.ready_match[1]


@contextmanager
def name_server_peer(library: str, *arguments: str) -> Iterator[str]:
    """Run a name server on a port of the system's choice and give its location, ``host:port``."""
    with Program(
        ["-m", NAME_SERVER_MODULES[library], "-p", "0", *arguments],
        ready=r"^URI = PYRO:Pyro\.NameServer@(\S+)$",
        environment=peer_environment(library),
        ends_by_interrupt=True,
    ) as program:
        assert program.ready_match is not None
        yield program.ready_match[1]


class ClientPeer:
    """A client process that does scenarios on request, one after the other.

    A process that gets stuck, or dies, fails only the visit during which it did: the next one gets
    a new process.
    """

    def __init__(self, library: str, **settings: Any) -> None:
        self.library = library
        self._settings = as_arguments(settings)
        self._program: Program | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def visit(self, name: str, location: str, serializer: str) -> Any:
        """Do a scenario and return its findings.

        Raises:
            AssertionError: The scenario raised, or the process got stuck or died in it.
        """
        program = self._running_program()
        program.say(repr((name, location, serializer)))
        try:
            found = program.wait_for_line(r"^(FOUND|BROKEN) (.*)$", VISIT_PATIENCE)
        except AssertionError:
            self.end()
            raise
        findings = ast.literal_eval(found[2])
        if found[1] == "BROKEN":
            raise AssertionError(f"the scenario raised in the client process:\n{findings}")
        return findings

    def end(self) -> None:
        """End the process; the next visit starts another one."""
        if self._program is not None:
            self._program.end()
            self._program = None

    def _running_program(self) -> Program:
        if self._program is None:
            program = Program(
                ["-m", "tests.support.peers.client", *self._settings],
                ready=r"^READY$",
                environment=peer_environment(self.library),
            )
            self._program = program.__enter__()
        return self._program
