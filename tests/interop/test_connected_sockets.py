"""A socket that the program has connected, with a stock Pyro5 at either end."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator

import pytest

from tests.support.connected import VISITED
from tests.support.peers.starting import peer_environment
from tests.support.processes import Program

pytestmark = pytest.mark.interop


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def play(library: str, role: str, sock: socket.socket, ready: str) -> Program:
    """Start a process that plays *role*; the socket is its own from now on."""
    return Program(
        ["-m", "tests.support.connected", role, str(sock.fileno())],
        ready=ready,
        environment=peer_environment(library),
        descriptors=[sock.fileno()],
    )


@pytest.mark.parametrize(
    ("client", "server"), [("pyrolike", "pyro5"), ("pyro5", "pyrolike"), ("pyrolike", "pyrolike")]
)
def test_each_serves_the_other_on_a_socket_they_were_given(
    ends: tuple[socket.socket, socket.socket], client: str, server: str
) -> None:
    ours, theirs = ends
    serving = play(server, "serve", ours, r"^READY$")
    ours.close()
    with serving:
        calling = play(client, "call", theirs, r"^FOUND (.*)$")
        theirs.close()
        with calling:
            assert calling.ready_match is not None
            assert ast.literal_eval(calling.ready_match[1]) == VISITED
            assert calling.wait_for_line("^OPEN (.*)$")[1] == "True"
            assert calling.wait() == 0
        assert serving.wait_for_line("^OPEN (.*)$")[1] == "True"  # the loop ended by itself
        assert serving.wait() == 0
