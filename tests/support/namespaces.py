"""Machines that are not there: programs run in network namespaces of Linux, for those who may."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.peers.vanishing import NOWHERE
from tests.support.processes import ROOT, pinned_environment
from tests.support.terminals import Machine

PATIENCE = 60.0
TOOLS = ("ip", "unshare", "nsenter")


def can_cut_cables() -> bool:
    """Whether this machine can make machines that are not there: namespaces and their cables."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        return False
    make = ["unshare", "-n", "ip", "link", "add", "name", "one", "type", "veth"]
    return subprocess.run(make, capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(
    not can_cut_cables(), reason="this needs root and network namespaces of Linux"
)


def run_alone(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Run a module in a network of its own; return its exit status and what it has said.

    Args:
        folder: Where to put what it says: into a file and not a pipe, which a process that is left
            over would keep open.
        module: What to run.
        arguments: Of its command line.
    """
    with (folder / "said").open("w+") as said:
        run = subprocess.run(
            ["unshare", "-n", sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            cwd=ROOT,
            env=pinned_environment(),
            check=False,
        )
        said.seek(0)
        return run.returncode, said.read()


@contextlib.contextmanager
def joined_machines(folder: Path, addresses: Mapping[str, str]) -> Iterator[dict[str, Machine]]:
    """Have machines of these names, in one network; each knows all names.

    Args:
        folder: Where each has a folder of its own, and what all have in ``/etc/hosts``.
        addresses: Of each, all in the same 24 bits.
    """
    hosts = folder / "hosts"
    lines = ["127.0.0.1 localhost", *(f"{addresses[name]} {name}" for name in addresses)]
    hosts.write_text("\n".join([*lines, ""]), "ascii")
    machines = {}
    with contextlib.ExitStack() as running:
        switch = running.enter_context(_running_machine("switch", hosts, folder))
        _run_in(switch, "ip link add switch up type bridge")
        for name, address in addresses.items():
            (folder / name).mkdir()
            machine = running.enter_context(_running_machine(name, hosts, folder / name))
            holder = machine.inside[machine.inside.index("--target") + 1]
            plug = f"ip link add {name} master switch up type veth peer eth0 netns {holder}"
            _run_in(switch, plug)
            _run_in(machine, f"ip addr add {address}/24 brd + dev eth0")
            _run_in(machine, "ip link set eth0 up")
            _run_in(machine, "ip route add default dev eth0")
            machines[name] = machine
        yield machines


def lose_packets(machine: Machine, address: str) -> None:
    """Have what *machine* sends to *address* vanish, as behind a firewall that says nothing."""
    _run_in(machine, f"ip neigh replace {address} lladdr {NOWHERE} dev eth0 nud permanent")


@contextlib.contextmanager
def _running_machine(name: str, hosts: Path, folder: Path) -> Iterator[Machine]:
    """Keep a machine's namespaces by a process that waits in them."""
    script = f"hostname {name} && mount --bind {shlex.quote(str(hosts))} /etc/hosts"
    script = f"{script} && ip link set lo up && echo here && exec cat"
    command = ["unshare", "--net", "--mount", "--uts", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"here\n"
        pid = str(holder.pid)
        enter = ("nsenter", "--target", pid, "--net", "--mount", "--uts", f"--wd={folder}")
        yield Machine(folder, enter)


def _run_in(machine: Machine, command: str) -> None:
    subprocess.run([*machine.inside, *command.split()], check=True)
