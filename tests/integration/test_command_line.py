"""The command line programs as a newcomer uses them, mistakes included: each in its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Outcome, run_command
from tests.support.processes import PATIENCE, ROOT, Program, pinned_environment

pytestmark = pytest.mark.slow

ONLY_HERE = {"PYRO_BROADCAST_ADDRS": ""}
"""So that no test asks the network it happens to run in."""

SHOP = """
from pyrolike.api import expose

@expose
class Stock:
    def __init__(self):
        self.pens = 0

    def store(self, number):
        self.pens += number
        return self.pens

    def count(self):
        number = 0
        while True:
            yield number
            number += 1

    def wait(self):
        import time
        yield "waiting"
        time.sleep(30)

stock = Stock()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module to serve."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP, "utf-8")
    return folder


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The uri of an echo server."""
    words = ["-W", "error", "-m", "pyrolike.utils.echoserver", "-H", "127.0.0.1"]
    with Program(words, ready=r"^echo uri: (\S+)$", ends_by_interrupt=True) as program:
        assert program.ready_match is not None
        yield program.ready_match[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which a name server is found."""
    words = ["-W", "error", "-m", "pyrolike", "ns", "-n", "127.0.0.1", "-p", "0"]
    with Program(words, ready=r"^URI = \S+:(\d+)$", ends_by_interrupt=True) as program:
        assert program.ready_match is not None
        yield {"PYRO_NS_HOST": "127.0.0.1", "PYRO_NS_PORT": program.ready_match[1], **ONLY_HERE}


@pytest.fixture(scope="module")
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def fails(outcome: Outcome, *parts: str) -> None:
    """Check that a command failed with one line that has these parts, and without a traceback."""
    assert outcome.status == 1
    for part in parts:
        assert part in outcome.complaint


# -- every program, once


def test_from_the_first_server_to_the_first_call(folder: Path, names: dict[str, str]) -> None:
    words = [
        "serve",
        "shop:stock",
        "--host",
        "127.0.0.1",
        "--name",
        "example.stock",
        "--tag",
        "new",
    ]
    with serving(folder, names, words) as program:
        calls = [
            run_command("call", "example.stock", "store", "3", environment=names),
            run_command("call", "PYROMETA:new", "store", "4", environment=names),
        ]
        assert [call.out for call in calls] == ["3\n", "7\n"]
        assert "example.stock    PYRO:example.stock@" in run_command("ls", environment=names).out
        ping = run_command("ping", "-c", "2", "-i", "0", "example.stock", environment=names)
        assert (ping.status, ping.out.count(" time=")) == (0, 2)
        listing = run_command("list", "example.", module="pyrolike.nsc", environment=names)
        assert listing.out.startswith("--------START LIST - prefix 'example.'\nexample.stock --> ")
        assert "    metadata: {'new'}\n" in listing.out
        program.send(signal.SIGTERM)
        assert program.wait() == 0
    fails(run_command("call", "example.stock", "store", "1", environment=names), "unknown name")


def serving(folder: Path, names: dict[str, str], words: list[str]) -> Program:
    """Make a program that serves what is in the folder."""
    # The folder is where it looks for the module, as a person's current directory would be.
    start = f"import os, sys; os.chdir({str(folder)!r}); from pyrolike.commands.main import main; "
    return Program(
        ["-W", "error", "-c", f"{start}sys.exit(main({words!r}))"],
        ready=r"^Pyro daemon running\.$",
        environment=names,
        ends_by_interrupt=True,
    )


def test_ctrl_c_ends_a_server_with_status_0(folder: Path) -> None:
    with serving(folder, {}, ["serve", "shop:stock"]) as program:
        program.interrupt()
        assert program.wait() == 0
    assert "Traceback" not in program.output


def test_the_echo_server_can_be_called_measured_and_looked_at(echo: str) -> None:
    assert run_command("call", echo, "echo", '{"a": [1, null]}').data == {"a": [1, None]}
    assert run_command("call", echo, "generator").out == '"one"\n"two"\n"three"\n'
    assert "oneway     oneway_echo" in run_command("ls", echo).out
    figures = run_command("bench", echo, "echo", "1", "--seconds", "0.1", "--json")
    assert (figures.status, figures.data["calls"] > 0) == (0, True)
    error = run_command("call", echo, "error_with_text", "--traceback")
    assert error.err.startswith(
        "Error: the remote side raised ValueError: the message of the error"
    )
    assert "Remote traceback" in error.err


def test_shutdown_ends_the_echo_server() -> None:
    words = ["-W", "error", "-m", "pyrolike", "echoserver", "-H", "127.0.0.1"]
    with Program(words, ready=r"^echo uri: (\S+)$") as program:
        assert program.ready_match is not None
        assert run_command("call", program.ready_match[1], "shutdown").out == "null\n"
        assert program.wait() == 0


def test_the_doctor_is_content_where_there_is_a_name_server(names: dict[str, str]) -> None:
    outcome = run_command("doctor", "--json", environment=names)
    assert (outcome.status, outcome.data["ok"]) == (0, True)
    assert any("answers, and has" in finding["text"] for finding in outcome.data["findings"])


def test_the_doctor_finds_what_is_wrong(free_port: int) -> None:
    wrong = {"PYRO_HOST": "0.0.0.0", "PYRO_NS_PORT": str(free_port), "PYRO_POLLTIMEOUT": "often"}
    given = {**ONLY_HERE, **wrong, "PYRO_SERIALIZERS_ACCEPTED": "serpent,pickle"}
    outcome = run_command("doctor", environment=given)
    assert (outcome.status, outcome.err) == (1, "")
    for part in ("PYRO_POLLTIMEOUT must be", "can run any", "no name server", "things are wrong"):
        assert part in outcome.out


@pytest.mark.parametrize("module", ["pyrolike.configure", "pyrolike"])
def test_the_settings_are_printed(module: str) -> None:
    words = ["config"] if module == "pyrolike" else []
    outcome = run_command(*words, module=module, environment={"PYRO_NS_PORT": "1234"})
    assert outcome.status == 0
    assert "\nNS_PORT = 1234\n" in outcome.out


@pytest.mark.parametrize(
    "script", ["pyrolike", "pyrolike-ns", "pyrolike-nsc", "pyrolike-echoserver"]
)
def test_installed_commands_are_there(script: str) -> None:
    path = Path(sys.executable).parent / script
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {script} ")


# -- every mistake, once


def test_nobody_is_there(free_port: int) -> None:
    nowhere = {"PYRO_NS_HOST": "127.0.0.1", "PYRO_NS_PORT": str(free_port), **ONLY_HERE}
    place = f"127.0.0.1:{free_port}"
    fails(run_command("nsc", "list", environment=nowhere), "name server", place)
    fails(run_command("call", place, "ping"), place, "nobody is listening there")
    fails(run_command("ls", environment=nowhere), "name server")
    fails(run_command("bench", place), "nobody is listening there")
    outcome = run_command("ping", "-c", "1", place)
    assert (outcome.status, "nobody is listening there" in outcome.out) == (1, True)


def test_the_port_belongs_to_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        outcome = run_command("call", where, "ping", "--timeout", "0.2")
    fails(outcome, where, "has not answered in time", "--timeout")


def test_the_port_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = ["127.0.0.1", "-p", str(server.getsockname()[1])]
        fails(run_command("ns", "-x", "-n", *place), "in use")
        fails(run_command("echoserver", "-q", "-H", *place), "in use")


def test_the_database_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "names.db"
    file.write_text("this is no database, " * 100)
    words = ["ns", "-n", "127.0.0.1", "-p", "0", "-s"]
    fails(run_command(*words, f"sql:{file}"), "database")
    fails(run_command(*words, f"sql:{tmp_path}/nowhere/names.db"))
    fails(run_command(*words, "xyz:file"), "unknown storage 'xyz:file'")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["nsc", "frobnicate"], "invalid choice: 'frobnicate'"),
        (["nsc", "register", "a"], "requires two arguments: name uri"),
        (["call", "x"], "the following arguments are required: member"),
        (["call", "x", "y", "[1,"], "'[1,' begins like JSON, but is none"),
        (["call", "PYRO:x", "y"], "a PYRO uri needs a location"),
        (["ns", "--port", "http"], "a port is a number"),
    ],
)
def test_the_command_line_is_wrong(words: list[str], part: str) -> None:
    outcome = run_command(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert part in outcome.err
    assert "Traceback" not in outcome.err


def test_a_setting_cannot_be_read() -> None:
    outcome = run_command("nsc", "list", environment={"PYRO_NS_PORT": "many"})
    fails(outcome, "environment variable PYRO_NS_PORT must be a port number")


def test_removing_many_with_a_closed_input_removes_nothing(names: dict[str, str]) -> None:
    run_command("nsc", "register", "many.1", "PYRO:x@h:1", environment=names)
    outcome = run_command("nsc", "removematching", r"many\.", environment=names)
    assert (outcome.status, "--yes removes without asking" in outcome.err) == (1, True)
    agreed = run_command("nsc", "removematching", r"many\.", stdin="y\n", environment=names)
    assert (agreed.status, agreed.out.endswith("1 items removed.\n")) == (0, True)


# -- pipes and Ctrl-C


@pytest.fixture(scope="module")
def stock(folder: Path) -> Iterator[str]:
    """The uri of an object with endless streams."""
    words = ["serve", "shop:stock", "--host", "127.0.0.1"]
    with serving(folder, {"PYRO_SHUTDOWN_GRACE": "0"}, words) as program:
        yield next(
            line.partition(" = ")[2] for line in program.output.splitlines() if "uri = " in line
        )


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "pyrolike", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=pinned_environment(),
        start_new_session=True,
    )


def test_a_reader_that_has_seen_enough_ends_an_endless_stream(stock: str) -> None:
    with start("call", stock, "count") as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert [command.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
        command.stdout.close()
        assert command.wait(PATIENCE) == 141
        assert command.stderr.read() == ""


def test_ctrl_c_ends_a_call_without_a_word(stock: str) -> None:
    with start("call", stock, "wait") as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline() == '"waiting"\n'
        os.kill(command.pid, signal.SIGINT)
        assert command.wait(PATIENCE) == 130
        assert command.stderr.read() == ""
