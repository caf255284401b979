"""The HTTP gateway in front of a stock Pyro5, and beside Pyro5's own gateway.

Name server, objects and gateways are processes of their own. Whatever the two gateways answer
differently stands here, with its reason.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pyrolike.api import Proxy
from pyrolike.transport import find_probably_unused_port
from tests.support.peers.starting import name_server_peer, peer_environment, server_peer
from tests.support.processes import Program

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MODULES = {"pyro5": "Pyro5.utils.httpgateway", "pyrolike": "pyrolike.utils.httpgateway"}
READY = r"^Pyro HTTP gateway running on http://\S+:(\d+)/pyro/$"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("localhost", port, timeout=20)
    try:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request(method, path, body, given)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def media_type(answer: Answer) -> str:
    return answer.headers["Content-Type"].removesuffix("; charset=utf-8")


# Pyro5's gateway cannot pass on results that come with annotations, as our usual peer's do.
SERVER = """
import sys, threading
from tests.support.peers import objects
from tests.support.peers.library import api
with api.Daemon(host="localhost") as daemon:
    daemon.register(objects.Calculator(), "calc")
    threading.Thread(target=lambda: (sys.stdin.read(), daemon.shutdown()), daemon=True).start()
    print("READY", daemon.locationStr, flush=True)
    daemon.requestLoop()
"""


@contextmanager
def plain_server_peer() -> Iterator[str]:
    """Run a stock server and give its location."""
    with Program(
        ["-c", SERVER], ready=r"^READY (\S+)$", environment=peer_environment("pyro5")
    ) as program:
        assert program.ready_match is not None
        yield program.ready_match[1]


@contextmanager
def gateway_peer(library: str, name_server: str, *options: str) -> Iterator[int]:
    """Run a gateway and give its port."""
    host, _, port = name_server.rpartition(":")
    free = str(find_probably_unused_port())
    with Program(
        ["-m", MODULES[library], "-H", "localhost", "-p", free, "-e", "", *options],
        ready=READY,
        environment={"PYRO_NS_HOST": host, "PYRO_NS_PORT": port},
        ends_by_interrupt=True,
    ) as program:
        assert program.ready_match is not None
        yield int(program.ready_match[1])


@pytest.fixture(scope="module")
def name_server() -> Iterator[str]:
    """A stock name server that knows an object of a stock daemon."""
    with (
        name_server_peer("pyro5") as where,
        plain_server_peer() as server,
        server_peer("pyro5") as other,
    ):
        with Proxy(f"PYRO:Pyro.NameServer@{where}") as names:
            names.register("http.calc", f"PYRO:calc@{server}", metadata={"calculator"})
            names.register("http.annotated", f"PYRO:calc@{other}")
            names.register("http/with/slashes", f"PYRO:calc@{server}")
        yield where


@pytest.fixture(scope="module")
def ours(name_server: str) -> Iterator[int]:
    with gateway_peer("pyrolike", name_server) as port:
        yield port


@pytest.fixture(scope="module")
def stock(name_server: str) -> Iterator[int]:
    with gateway_peer("pyro5", name_server) as port:
        yield port


SAME = [
    ("GET", "/pyro/http.calc/echo?a=1&b=x%20y&b=%C3%BC&c="),
    ("POST", "/pyro/http.calc/same?value=%F0%9F%90%8D"),
    ("GET", "/pyro/http.calc/nothing"),
    ("GET", "/pyro/http.calc/some_bytes"),
    ("GET", "/pyro/http.calc/fixed"),
    ("GET", "/pyro/http.calc/fixed?x=1"),
    ("GET", "/pyro/http.calc/broken"),
    ("GET", "/pyro/http.calc/fail"),
    ("GET", "/pyro/http.calc/fail_kettle"),
    ("GET", "/pyro/http.calc/no_such_method"),
    ("GET", "/pyro/http.calc/_private"),
    ("GET", "/pyro/http.calc/fire?amount=1"),
    ("GET", "/pyro/http/with/slashes/nothing"),
    ("GET", "/pyro/Pyro.NameServer/lookup?name=http.calc"),
    ("GET", "/pyro/x"),
    ("GET", "/other"),
    ("PUT", "/pyro/http.calc/nothing"),
    ("OPTIONS", "/pyro/http.calc/nothing"),
]


@pytest.mark.parametrize(("method", "path"), SAME)
def test_both_gateways_answer_the_same(ours: int, stock: int, method: str, path: str) -> None:
    our, their = ask(ours, method, path), ask(stock, method, path)
    assert our.status == their.status
    assert media_type(our) == media_type(their)
    has_id = "X-Pyro-Correlation-Id" in their.headers
    assert ("X-Pyro-Correlation-Id" in our.headers) is has_id
    if our.status != 500:
        assert our.body == their.body
        return
    our_error, their_error = json.loads(our.body), json.loads(their.body)
    assert our_error["__class__"] == their_error["__class__"]
    assert our_error["__exception__"] is True
    # Ours keeps the server's files and lines from strangers; texts of its own are its own.
    assert "_pyroTraceback" not in our_error["attributes"]
    if "fail" in path or "broken" in path:
        assert "_pyroTraceback" in their_error["attributes"]
        assert our_error["args"] == their_error["args"]


def test_headers_and_options_are_understood_by_both(ours: int, stock: int) -> None:
    correlation = "11111111-2222-3333-4444-555555555555"
    for port in (ours, stock):
        answer = ask(
            port,
            "GET",
            "/pyro/http.calc/fail",
            X_Pyro_Options="oneway",
            X_Pyro_Correlation_Id=correlation,
        )
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["X-Pyro-Correlation-Id"] == correlation
        bad = ask(port, "GET", "/pyro/http.calc/nothing", X_Pyro_Correlation_Id="x")
        assert (bad.status, json.loads(bad.body)["__class__"]) == (500, "builtins.ValueError")


def test_both_describe_an_object_alike(ours: int, stock: int) -> None:
    found = [json.loads(ask(port, "GET", "/pyro/http.calc/$meta").body) for port in (ours, stock)]
    assert found[0].keys() == found[1].keys() == {"methods", "attributes"}
    for key, names in found[0].items():
        assert names == sorted(found[1][key])


def test_what_is_different_on_purpose(ours: int, stock: int) -> None:
    def statuses(method: str, path: str, **more: Any) -> tuple[int, int]:
        return ask(ours, method, path, **more).status, ask(stock, method, path, **more).status

    # An unknown name is not found.
    assert statuses("GET", "/pyro/http.nobody/x") == (404, 500)
    # No other site may call, and nobody is told that it may.
    assert statuses("GET", "/pyro/http.calc/nothing", Origin="https://evil.example") == (403, 200)
    assert "Access-Control-Allow-Origin" not in ask(ours, "GET", "/pyro/http.calc/nothing").headers
    # We go by our own name only.
    assert statuses("GET", "/pyro/http.calc/nothing", Host="evil.example") == (403, 200)
    # Forms and JSON are read.
    form = ask(
        ours,
        "POST",
        "/pyro/http.calc/same",
        "value=form",
        Content_Type="application/x-www-form-urlencoded",
    )
    assert json.loads(form.body) == "form"
    typed = ask(
        ours,
        "POST",
        "/pyro/http.calc/add",
        '{"$args": [3], "b": 4}',
        Content_Type="application/json",
    )
    assert typed.body == b"7"


def test_streams_of_a_stock_daemon_are_followed(ours: int) -> None:
    given = {"Content_Type": "application/json"}
    answer = ask(ours, "POST", "/pyro/http.calc/count_to", '{"number": 3}', **given)
    assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    items = [json.loads(line) for line in answer.body.splitlines()]
    assert len(items) == 3
    failing = ask(ours, "POST", "/pyro/http.calc/count_and_fail", '{"number": 2}', **given)
    *_, last = failing.body.splitlines()
    assert json.loads(last)["__exception__"] is True


def test_a_stock_daemon_is_called_by_many_and_again(ours: int) -> None:
    for number in range(30):
        answer = ask(ours, "GET", f"/pyro/http.annotated/same?value={number}")
        assert json.loads(answer.body) == str(number)
        # After some errors a stock daemon closes the connection; that is not the next caller's.
        assert ask(ours, "GET", "/pyro/http.annotated/unserializable").status == 500


def test_the_page_lists_what_a_stock_name_server_knows(ours: int) -> None:
    found = json.loads(ask(ours, "GET", "/pyro/$objects?search=http.calc").body)
    assert found["objects"] == [{"name": "http.calc", "tags": ["calculator"]}]
    found = json.loads(ask(ours, "GET", "/pyro/$objects?search=tag:calculator").body)
    assert [each["name"] for each in found["objects"]] == ["http.calc"]
    shown = json.loads(ask(ours, "GET", "/pyro/$object?name=http.calc").body)
    assert "fire" in shown["oneway"]
