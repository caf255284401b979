"""After ``os.fork``: the child never uses what is the parent's, and the parent goes on undisturbed.

The forks happen in programs of their own, ``tests/support/peers/forks.py``; each of the stories in
there is one test here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyrolike.server.building import INHERITED
from tests.support.processes import ROOT, pinned_environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PATIENCE = 40.0
"""Seconds a program may take: more than it allows itself."""


def tell(folder: Path, *words: str) -> None:
    """Run a story, and see that it ends well and that nothing was said of any trouble."""
    # Into a file and not a pipe: a child that is left over must not keep us waiting for its end.
    with (folder / "said").open("w+") as said:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.support.peers.forks", *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            cwd=ROOT,
            env=pinned_environment({"PYROLIKE_TEST_FOLDER": str(folder)}),
            check=False,
        )
        said.seek(0)
        text = said.read()
        assert (run.returncode, text) == (0, "well done\n"), text


@pytest.mark.parametrize(
    "story",
    [
        "both_call",
        "child_lets_go",
        "grandchild_calls",
        "descriptors_are_closed",
        "locks_are_held",
        "fork_in_a_signal_handler",
        "streams",
        "name_server_lines",
        "connected_sockets",
        "futures",
    ],
)
def test_a_client_and_its_forked_child(story: str, tmp_path: Path) -> None:
    tell(tmp_path, story)


@pytest.mark.parametrize("kind", ["thread", "multiplex"])
@pytest.mark.parametrize("story", ["daemons", "port_is_free_again", "fork_in_a_method"])
def test_a_daemon_and_a_forked_child(story: str, kind: str, tmp_path: Path) -> None:
    tell(tmp_path, story, kind)


@pytest.mark.skipif(not INHERITED, reason="there are no doors here")
def test_a_daemon_whose_workers_wait_at_the_door_and_a_forked_child(tmp_path: Path) -> None:
    tell(tmp_path, "open_door", "thread")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_get_a_proxy_as_an_argument(method: str, tmp_path: Path) -> None:
    tell(tmp_path, "processes", method)
