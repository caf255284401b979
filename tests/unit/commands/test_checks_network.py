"""What the doctor finds by trying: where daemons are, and who is a name server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from pyrolike.commands import checks_network as checks
from pyrolike.commands.findings import Finding
from pyrolike.constants import NAMESERVER_NAME, NAMESERVER_QUESTION as QUESTION
from pyrolike.naming import BroadcastServer
from pyrolike.objects import expose
from tests.support.certificates import make_certificates
from tests.support.commands import name_server_here
from tests.support.daemon import changed_settings, running_daemon
from tests.support.nameservers import host_and_port

HERE = ip_address("127.0.0.1")


def found(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Return level and text of each."""
    return [(finding.level, finding.text) for finding in findings]


def the_only_wrong_one(findings: Iterable[Finding]) -> str:
    (text,) = [finding.text for finding in findings if finding.is_wrong]
    return text


# -- where daemons are


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        ("localhost", False),
        ("127.0.0.9", False),
        ("0.0.0.0", True),
        ("", True),
        ("x.invalid", True),
    ],
)
def test_only_what_listens_on_loopback_is_private(host: str, is_public: bool) -> None:
    with changed_settings(HOST=host):
        assert checks.is_public() is is_public


def test_by_default_a_daemon_is_for_this_machine() -> None:
    listens, answers, advertised, *_ = found(checks.check_binding())
    assert listens[0] == answers[0] == "ok"
    assert listens[1].startswith("HOST is 'localhost': a daemon listens on ")
    assert advertised[0] == "note"
    assert "only programs on this machine" in advertised[1]


def test_uris_with_all_interfaces_are_wrong() -> None:
    with changed_settings(HOST="0.0.0.0"):
        assert "clients elsewhere connect to themselves" in the_only_wrong_one(
            checks.check_binding()
        )


@pytest.mark.parametrize("host", ["203.0.113.9", "nowhere.invalid"])
def test_a_host_that_is_not_this_machine_is_wrong(host: str) -> None:
    with changed_settings(HOST=host):
        finding, *rest = checks.check_binding()
    assert (finding.level, rest) == ("error", [])
    assert finding.text.startswith("A daemon cannot be made: ")
    assert finding.advice == "Set HOST to a name or an address of this machine."


def test_settings_that_contradict_each_other_are_wrong() -> None:
    with changed_settings(THREADPOOL_SIZE=1, THREADPOOL_SIZE_MIN=5):
        finding, *rest = checks.check_binding()
    assert (finding.level, rest) == ("error", [])
    assert "Correct the settings" in finding.advice


@pytest.mark.slow
@pytest.mark.parametrize(("which", "is_fine"), [("server", True), ("expired", False)])
def test_a_certificate_that_no_client_takes_is_found_by_calling(
    which: str, is_fine: bool, tmp_path: Path
) -> None:
    files = make_certificates(tmp_path)
    with changed_settings(**files.settings | {"SSL_SERVERCERT": getattr(files, which)}):
        wrong = [one.text for one in checks.check_binding() if one.is_wrong]
    assert (wrong == []) is is_fine
    assert is_fine or "expired" in wrong[0]


@pytest.mark.parametrize(
    ("nathost", "meaning"),
    [("nowhere.invalid", "an unknown name here"), ("127.0.0.1", "127.0.0.1 here"), ("0.0.0.0", "")],
)
def test_a_published_host_that_leads_nowhere_is_wrong(nathost: str, meaning: str) -> None:
    with changed_settings(NATHOST=nathost, NATPORT=5):
        assert meaning in the_only_wrong_one(checks.check_binding())


def test_a_published_host_is_told() -> None:
    with changed_settings(NATHOST="192.0.2.7", NATPORT=5):
        findings = found(checks.check_binding())
    assert ("note", "Uris say 192.0.2.7, which is 192.0.2.7.") in findings
    assert any("loopback only" in text for _, text in findings)


def test_a_published_host_before_a_public_address_needs_no_advice() -> None:
    with changed_settings(NATHOST="192.0.2.7"):
        assert len(found(checks._check_advertised(ip_address("192.0.2.1"), "x"))) == 1


def test_an_address_that_others_reach_is_fine() -> None:
    ((level, text),) = found(checks._check_advertised(ip_address("192.0.2.1"), "192.0.2.1"))
    assert level == "ok"
    assert "unless a firewall is between them" in text


def test_a_uri_with_a_name_that_nobody_knows_is_wrong() -> None:
    assert "no such name is known here" in the_only_wrong_one(
        checks._check_advertised(HERE, "nowhere.invalid")
    )


@pytest.mark.parametrize(
    ("address", "host", "level"),
    [("127.0.1.1", "Machine", "warning"), ("127.0.1.1", "localhost", "note")],
)
def test_a_machine_whose_name_is_loopback_is_told_of(
    address: str, host: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks.socket, "gethostname", lambda: "machine")
    monkeypatch.setattr(checks, "find_address", lambda name: ip_address(address))
    ((seen, text),) = found(checks._check_own_name(host))
    assert seen == level
    assert "machine, means 127.0.1.1 here" in text


@pytest.mark.parametrize("address", ["192.0.2.1", None])
def test_a_machine_whose_name_is_an_address_or_unknown_is_fine(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "find_address", lambda name: address and ip_address(address))
    assert list(checks._check_own_name("localhost")) == []


# -- name servers


def test_a_name_server_that_answers_is_fine() -> None:
    with name_server_here() as running:
        assert found(checks.check_name_server()) == [
            ("ok", f"The name server at {running.location} answers, and has 1 names.")
        ]


def test_no_name_server_is_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with changed_settings(NS_HOST="127.0.0.1", NS_PORT=port, BROADCAST_ADDRS=[]):
        text = the_only_wrong_one(checks.check_name_server())
    assert text == f"There is no name server at 127.0.0.1:{port}."


def test_an_unknown_host_of_the_name_server_is_wrong() -> None:
    with changed_settings(NS_HOST="nowhere.invalid", BROADCAST_ADDRS=[]):
        texts = [text for _, text in found(checks.check_name_server())]
    assert texts[0] == "NS_HOST says nowhere.invalid, an unknown name."


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a", [("a", 9090)]),
        (" a , b:1 ", [("a", 9090), ("b", 1)]),
        ("[::1]:5, ::1", [("::1", 5), ("::1", 9090)]),
        ("./u:/run/ns,", []),
    ],
)
def test_the_setting_may_name_several_places(text: str, places: list[tuple[str, int]]) -> None:
    with changed_settings(NS_HOST=text):
        assert list(checks._places()) == places


def test_a_port_that_something_else_has_is_wrong() -> None:
    nobody_else = {"NS_HOST": "127.0.0.1", "BROADCAST_ADDRS": []}
    with stranger() as port, changed_settings(NS_PORT=port, **nobody_else):
        text = the_only_wrong_one(checks.check_name_server())
    assert text.startswith(f"Port {port} of 127.0.0.1 is in use, and not by a name server")


@expose
class Impostor:
    """Stands where a name server should be."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def list(self) -> object:
        return self._answer


@expose
class Counting(Impostor):
    def count(self) -> object:
        return 1 if self._answer != "count" else "many"


@pytest.mark.parametrize("impostor", [Impostor({}), Counting("count"), Counting(5)])
def test_what_is_no_name_server_is_not_taken_for_one(impostor: Impostor) -> None:
    with running_daemon({NAMESERVER_NAME: impostor}) as running:
        host, port = host_and_port(running.location)
        with changed_settings(NS_HOST=host, NS_PORT=port, BROADCAST_ADDRS=[]):
            text = the_only_wrong_one(checks.check_name_server())
    assert text.startswith(
        f"What seems to be a name server, at {running.location}, does not answer"
    )


def test_a_serializer_that_does_not_fit_is_not_the_name_servers_fault() -> None:
    with name_server_here() as running, changed_settings(SERIALIZER="nowhere"):
        assert found(checks.check_name_server()) == [
            ("ok", f"The name server at {running.location} answers, and has 1 names.")
        ]


def test_what_is_no_uri_is_told_with_its_name() -> None:
    with name_server_here() as running:
        storage = running.daemon.nameserver.storage  # type: ignore[attr-defined]
        storage["old"] = "PYRO:x", ()
        text = the_only_wrong_one(checks.check_name_server())
    assert text == "What old is registered for is no uri."


@contextlib.contextmanager
def stranger() -> Iterator[int]:
    """Give the port of a server that greets with something that is no Pyro."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.sendall(b"220 mail.example.org ESMTP\r\n")
                        client.recv(1000)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_names_that_lead_every_client_to_itself_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with name_server_here() as running, running.proxy("Pyro.NameServer") as names:
        names.register("everywhere", "PYRO:x@0.0.0.0:1")
        for name in ("a", "b", "c"):
            names.register(name, "PYRO:x@127.0.0.1:1")
        names.register("d", "PYRO:x@localhost:1")
        names.register("fine", "PYRO:x@server.example:1")
        names.register("also", "PYRO:x@./u:/run/x")
        text = the_only_wrong_one(checks.check_name_server())
        assert text.startswith("everywhere is registered at 0.0.0.0")
        monkeypatch.setattr(checks, "find_address", lambda host: ip_address("192.0.2.1"))
        texts = [text for level, text in found(checks.check_name_server()) if level == "warning"]
        assert texts[1].startswith("a, b, c and 1 more are registered at localhost")


def test_a_large_name_server_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_NAMES", 1)
    with name_server_here() as running, running.proxy("Pyro.NameServer") as names:
        names.register("everywhere", "PYRO:x@0.0.0.0:1")
        assert [level for level, _ in found(checks.check_name_server())] == ["ok"]


# -- broadcasts


@contextlib.contextmanager
def broadcaster(uri: str, host: str, port: int = 0) -> Iterator[int]:
    with BroadcastServer(uri, host, port) as server:
        server.runInThread()
        yield server.getPort()


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "BROADCAST_SECONDS", 0.1)


@pytest.mark.usefixtures("short_wait")
def test_who_answers_broadcasts_is_told() -> None:
    with broadcaster("PYRO:Pyro.NameServer@192.0.2.1:9090", "127.0.0.1") as port:
        addresses = ["127.0.0.1", "nowhere.invalid"]
        with changed_settings(NS_BCPORT=port, BROADCAST_ADDRS=addresses):
            ((level, text),) = found(checks.check_broadcasts())
    assert (level, text.endswith(": PYRO:Pyro.NameServer@192.0.2.1:9090.")) == ("ok", True)


@pytest.mark.usefixtures("short_wait")
def test_several_who_answer_are_wrong() -> None:
    one, other = "PYRO:Pyro.NameServer@192.0.2.1:9090", "PYRO:Pyro.NameServer@192.0.2.2:9090"
    with (
        broadcaster(one, "127.0.0.1") as port,
        broadcaster(other, "127.0.0.2", port),
        changed_settings(NS_BCPORT=port, BROADCAST_ADDRS=["127.0.0.1", "127.0.0.2"]),
    ):
        text = the_only_wrong_one(checks.check_broadcasts())
    assert text.startswith(f"2 name servers answer broadcasts: {one}, {other}.")


@pytest.mark.usefixtures("short_wait")
def test_nonsense_and_silence_are_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer() -> None:
            data, address = sock.recvfrom(100)
            assert data == QUESTION
            sock.sendto(b"\xff no uri", address)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with changed_settings(NS_BCPORT=sock.getsockname()[1], BROADCAST_ADDRS=["127.0.0.1"]):
            ((level, text),) = found(checks.check_broadcasts())
        thread.join()
    assert (level, text.startswith("No name server answers broadcasts")) == ("note", True)
