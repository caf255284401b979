"""The gateway as a program: started, used, misused, and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyrolike.api import Proxy
from tests.support.daemon import PATIENCE, running_daemon
from tests.support.gateways import Weather
from tests.support.processes import ROOT, Program, pinned_environment

pytestmark = pytest.mark.slow

MODULE = "pyrolike.utils.httpgateway"
READY = r"^Pyro HTTP gateway running on http://127\.0\.0\.1:(\d+)/pyro/$"


def name_server(port: str = "0") -> Program:
    return Program(
        ["-W", "error", "-m", "pyrolike.naming", "-n", "127.0.0.1", "-p", port],
        ready=r"^URI = PYRO:Pyro\.NameServer@127\.0\.0\.1:(\d+)$",
        ends_by_interrupt=True,
    )


def number_of(program: Program) -> str:
    assert program.ready_match is not None
    return program.ready_match[1]


@contextmanager
def gateway(*options: str, ready: str = READY, **variables: str) -> Iterator[Program]:
    with Program(
        ["-W", "error", "-m", MODULE, "-H", "127.0.0.1", "-p", "0", *options],
        ready=ready,
        environment=variables,
        ends_by_interrupt=True,
    ) as program:
        yield program


def ask(port: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def run_to_its_end(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a gateway that cannot start."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", MODULE, *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=pinned_environment(variables),
        timeout=PATIENCE,
        check=False,
    )


def test_it_serves_until_it_is_interrupted() -> None:
    with name_server() as names, running_daemon({"weather": Weather()}) as objects:
        port = number_of(names)
        with Proxy(f"PYRO:Pyro.NameServer@127.0.0.1:{port}") as proxy:
            proxy.register("http.weather", objects.uri("weather"))
        with gateway(PYRO_NS_HOST="127.0.0.1", PYRO_NS_PORT=port) as program:
            address = number_of(program)
            assert program.output.splitlines() == [
                "Exposing objects with names matching:  http\\.",
                f"Connected to name server at:  PYRO:Pyro.NameServer@127.0.0.1:{port}",
                f"Pyro HTTP gateway running on http://127.0.0.1:{address}/pyro/",
            ]
            assert ask(address, "/pyro/http.weather/station") == (200, b'"Sonnblick"')
            whole = f"http://127.0.0.1:{address}/pyro/http.weather/station"  # as for a proxy
            assert ask(address, whole, Host="evil.example") == (200, b'"Sonnblick"')
            assert ask(address, whole.replace("127.0.0.1", "evil.example"))[0] == 403
            program.interrupt()
            assert program.wait() == 0
            assert program.output.splitlines()[-1] == "HTTP gateway shut down."
            assert "Traceback" not in program.output


def test_sigterm_ends_it_while_a_stream_and_silent_clients_are_there() -> None:
    with name_server() as names, running_daemon({"weather": Weather()}) as objects:
        port = number_of(names)
        with Proxy(f"PYRO:Pyro.NameServer@127.0.0.1:{port}") as proxy:
            proxy.register("http.weather", objects.uri("weather"))
        with gateway(PYRO_NS_HOST="127.0.0.1", PYRO_NS_PORT=port) as program:
            address = int(number_of(program))
            silent = socket.create_connection(("127.0.0.1", address), PATIENCE)
            stream = http.client.HTTPConnection("127.0.0.1", address, timeout=PATIENCE)
            stream.request("GET", "/pyro/http.weather/forever")
            response = stream.getresponse()
            assert response.readline() == b"0\n"
            program.send(signal.SIGTERM)
            assert program.wait() == 0
            assert "Traceback" not in program.output
            with contextlib.suppress(OSError):
                assert silent.recv(1) == b""
            response.close()
            stream.close()
            silent.close()


def test_the_name_server_may_come_and_go() -> None:
    with name_server() as first:
        port = number_of(first)
    with gateway("-e", "", PYRO_NS_HOST="127.0.0.1", PYRO_NS_PORT=port) as program:
        address = number_of(program)
        assert program.output.splitlines()[:2] == [
            "Warning: exposing all objects (no expose regex set)",
            "Not yet connected to a name server.",
        ]
        status, body = ask(address, "/pyro/")
        assert (status, b"cannot connect to the name server" in body) == (500, True)
        for _ in range(2):
            with name_server(port):
                wait_for(address, "/pyro/Pyro.NameServer/count", 200)
            wait_for(address, "/pyro/Pyro.NameServer/count", 500)


def wait_for(address: str, path: str, status: int) -> None:
    """Ask until the answer is as wanted: an absence is believed for two seconds."""
    for _ in range(10_000):
        if ask(address, path)[0] == status:
            return
    raise AssertionError(f"{path} never had the status {status}")


def test_mistakes_are_told_in_a_line_and_a_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        failed = run_to_its_end("-H", "127.0.0.1", "-p", port)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(f"Error: cannot listen on 127.0.0.1:{port}: the port is in use")
    failed = run_to_its_end("-H", "no.such.host.invalid")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: cannot listen on no.such.host.invalid:8080")
    failed = run_to_its_end("-e", "(")
    assert failed.returncode == 2
    assert "'(' is no regular expression" in failed.stderr
    failed = run_to_its_end("-g", "one", PYRO_HTTPGATEWAY_KEY="sesame")
    assert failed.returncode == 2
    assert "sesame" not in failed.stdout + failed.stderr


def test_the_key_is_shown_nowhere_although_everything_is_logged() -> None:
    log = {"PYRO_LOGLEVEL": "DEBUG", "PYRO_LOGFILE": "{stderr}", "PYRO_NS_PORT": "1"}
    with gateway(PYRO_HTTPGATEWAY_KEY="sesame", **log) as program:
        address = number_of(program)
        assert ask(address, "/pyro/http.a/b?$key=sesame")[0] == 500
        key: Any = {"X-Pyro-Gateway-Key": "sesame"}
        assert ask(address, "/pyro/http.a/b", **key)[0] == 500
        assert ask(address, "/pyro/http.a/b")[0] == 403
        program.interrupt()
        assert program.wait() == 0
        assert "sesame" not in program.output
        assert "GET /pyro/http.a/b" in program.output
        assert "HTTPGATEWAY_KEY" not in program.output


def test_an_empty_key_in_the_environment_is_none() -> None:
    with gateway(PYRO_HTTPGATEWAY_KEY="", PYRO_NS_PORT="1") as program:
        assert ask(number_of(program), "/pyro/http.a/b")[0] == 500


EMBEDDED = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from pyrolike.utils.httpgateway import pyro_app

class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass

pyro_app.ns_regex = "http"
pyro_app.cors = "https://a.example"
pyro_app.gateway_key = b"sesame"
pyro_app.comm_timeout = 20.0
with make_server("127.0.0.1", 0, pyro_app, handler_class=Quiet) as server:
    print("READY", server.server_port, flush=True)
    for _ in range(int(sys.argv[1])):
        server.handle_request()
"""


def test_a_wsgi_server_of_somebody_elses_serves_it_too() -> None:
    with name_server() as names, running_daemon({"weather": Weather()}) as objects:
        port = number_of(names)
        with Proxy(f"PYRO:Pyro.NameServer@127.0.0.1:{port}") as proxy:
            proxy.register("http.weather", objects.uri("weather"))
        with Program(
            ["-W", "error", "-c", EMBEDDED, "4"],
            ready=r"^READY (\d+)$",
            environment={"PYRO_NS_HOST": "127.0.0.1", "PYRO_NS_PORT": port},
        ) as program:
            address = number_of(program)
            assert ask(address, "/pyro/http.weather/station")[0] == 403
            path = "/pyro/http.weather/station?$key=sesame"
            assert ask(address, path) == (200, b'"Sonnblick"')
            key: Any = {"X-Pyro-Gateway-Key": "sesame"}
            assert ask(address, "/pyro/http.weather/hidden", **key)[0] == 500
            status, body = ask(address, "/pyro/$objects", **key)
            assert (status, json.loads(body)["found"]) == (200, 1)
            assert program.wait() == 0
            assert "Traceback" not in program.output
