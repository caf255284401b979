"""The daemon that serves a name server, and what the start functions print and return."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.configure import config
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import NamingError, PyroError
from pyrolike.naming import (
    BroadcastServer,
    NameServerDaemon,
    daemon as daemon_module,
    start_ns,
    start_ns_loop,
)
from pyrolike.naming.storage import MemoryStorage, SqlStorage
from pyrolike.uri import URI

OWN_TAGS = {"class:Pyro5.nameserver.NameServer", "class:Pyro4.naming.NameServer"}


@pytest.fixture
def make() -> Iterator[Callable[..., NameServerDaemon]]:
    """Make name server daemons that are closed in the end."""
    made: list[NameServerDaemon] = []

    def make(**arguments: Any) -> NameServerDaemon:
        made.append(NameServerDaemon(**{"host": "127.0.0.1", "port": 0} | arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., NameServerDaemon]


class ClosableStorage(MemoryStorage):
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def introduce(daemon: NameServerDaemon, wants_broadcast: bool = True) -> list[str]:
    return daemon_module.introduction(daemon, None, wants_broadcast)


class TestTheDaemon:
    def test_the_name_server_is_its_own_first_entry_with_the_tags_of_both_pyros(
        self, make: Make
    ) -> None:
        daemon = make()
        uri = f"PYRO:{NAMESERVER_NAME}@{daemon.locationStr}"
        assert daemon.nameserver.list(return_metadata=True) == {NAMESERVER_NAME: (uri, OWN_TAGS)}
        assert daemon.objectsById[NAMESERVER_NAME] is daemon.nameserver

    def test_without_a_port_it_takes_that_of_the_settings(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = probe.getsockname()[1]
        monkeypatch.setattr(config, "NS_PORT", port)
        assert make(port=None).locationStr == f"127.0.0.1:{port}"

    def test_without_a_host_it_takes_that_of_the_settings(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "HOST", "127.0.0.1")
        assert make(host=None).locationStr.startswith("127.0.0.1:")

    def test_behind_nat_the_published_address_is_the_registered_one(self, make: Make) -> None:
        daemon = make(nathost="outside", natport=99)
        assert daemon.nameserver.lookup(NAMESERVER_NAME) == URI(
            f"PYRO:{NAMESERVER_NAME}@outside:99"
        )

    def test_an_old_address_in_the_storage_is_replaced(self, make: Make) -> None:
        storage = MemoryStorage()
        storage[NAMESERVER_NAME] = f"PYRO:{NAMESERVER_NAME}@old:1", ["stale"]
        storage["x"] = "PYRO:a@h:1", None
        daemon = make(storage=storage)
        _, tags = storage[NAMESERVER_NAME]
        assert tags == OWN_TAGS
        assert daemon.nameserver.lookup(NAMESERVER_NAME) == daemon.uriFor(NAMESERVER_NAME)
        assert daemon.nameserver.count() == 2

    def test_closing_closes_the_storage_and_is_allowed_twice(self, make: Make) -> None:
        storage = ClosableStorage()
        daemon = make(storage=storage)
        assert not storage.closed
        daemon.close()
        daemon.close()
        assert storage.closed

    def test_shutting_down_closes_the_storage(self, make: Make) -> None:
        storage = ClosableStorage()
        make(storage=storage).shutdown()
        assert storage.closed

    def test_a_with_statement_closes_it_and_it_cannot_be_used_again(self, make: Make) -> None:
        with make() as daemon:
            assert daemon.nameserver.count() == 1
        with pytest.raises(PyroError), daemon:
            pass

    def test_a_port_in_use_closes_the_storage_again(self, make: Make) -> None:
        storage = ClosableStorage()
        port = URI(f"PYRO:x@{make().locationStr}").port
        with pytest.raises(OSError, match=str(port)):
            NameServerDaemon("127.0.0.1", port, storage=storage)
        assert storage.closed

    def test_a_storage_that_fails_leaves_no_socket_open(self, tmp_path: Path) -> None:
        # An open socket would be reported as a ResourceWarning, which is an error here.
        with pytest.raises(NamingError, match="unable to open"):
            NameServerDaemon("127.0.0.1", 0, storage=f"sql:{tmp_path / 'nowhere' / 'names.db'}")
        with pytest.raises(ValueError, match="unknown storage"):
            NameServerDaemon("127.0.0.1", 0, storage="redis:x")


class TestTheIntroduction:
    def test_on_localhost_it_says_so_as_pyro_does(self, make: Make) -> None:
        daemon = make()
        assert introduce(daemon) == [
            "Not starting broadcast server for localhost.",
            f"NS running on {daemon.locationStr} (127.0.0.1)",
            f"URI = PYRO:Pyro.NameServer@{daemon.locationStr}",
        ]

    def test_without_broadcast_there_is_nothing_to_explain(self, make: Make) -> None:
        assert introduce(make(), wants_broadcast=False)[0].startswith("NS running on")

    def test_where_others_can_ask_it_says_where_broadcasts_are_heard(self, make: Make) -> None:
        daemon = make(host="0.0.0.0")
        uri = daemon.uriFor(daemon.nameserver)
        with BroadcastServer(uri, "127.0.0.1", 0) as broadcaster:
            assert not any("roadcast" in line for line in introduce(daemon))
            broadcaster.runInThread()
            lines = daemon_module.introduction(daemon, broadcaster, wants_broadcast=True)
            assert lines[0] == f"Broadcast server running on {broadcaster.locationStr}"

    def test_for_ipv6_it_says_so_as_pyro_does(self, make: Make) -> None:
        try:
            daemon = make(host="::1")
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert introduce(daemon)[:2] == [
            "Not starting broadcast server for IPv6.",
            f"NS running on {daemon.locationStr} (::1)",
        ]

    def test_on_a_unix_socket_the_words_stand_for_the_address(
        self, make: Make, tmp_path: Path
    ) -> None:
        path = tmp_path / "ns.sock"
        assert introduce(make(host=None, port=None, unixsocket=str(path))) == [
            f"NS running on ./u:{path} (Unix domain socket)",
            f"URI = PYRO:Pyro.NameServer@./u:{path}",
        ]

    def test_behind_nat_both_addresses_are_shown(self, make: Make) -> None:
        daemon = make(nathost="outside", natport=0)
        port = URI(f"PYRO:x@{daemon.locationStr}").port
        assert introduce(daemon)[-2:] == [
            f"internal URI = PYRO:Pyro.NameServer@{daemon.locationStr}",
            f"external URI = PYRO:Pyro.NameServer@outside:{port}",
        ]

    def test_what_an_earlier_run_left_is_counted(self, make: Make, tmp_path: Path) -> None:
        file = tmp_path / "names.db"
        with closing(SqlStorage(str(file))) as storage:
            storage["x"] = "PYRO:a@h:1", None
        assert "Persistent store contains 2 existing registrations." in introduce(
            make(storage=f"sql:{file}")
        )

    def test_a_storage_without_tags_is_told(self, make: Make, tmp_path: Path) -> None:
        lines = introduce(make(storage=f"dbm:{tmp_path / 'names'}"))
        assert "Warning: the DbmStorage doesn't support metadata." in lines


class TestStarting:
    def test_what_is_no_key_leaves_nothing_open(self) -> None:
        with pytest.raises(ValueError, match="empty key"):
            start_ns("127.0.0.1", 0, hmac_key="")

    def test_start_ns_gives_the_uri_the_daemon_and_no_broadcast_server(self) -> None:
        uri, daemon, broadcast_server = start_ns("127.0.0.1", 0)
        with daemon:
            assert uri == URI(f"PYRO:{NAMESERVER_NAME}@{daemon.locationStr}")
            assert broadcast_server is None

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_where_only_this_machine_can_ask_nobody_listens_for_broadcasts(self, host: str) -> None:
        try:
            _, daemon, broadcast_server = start_ns(host, 0, bcport=0)
        except OSError:
            pytest.skip("this machine has no IPv6")
        daemon.close()
        assert broadcast_server is None

    def test_start_ns_gives_a_broadcast_server_that_knows_the_internal_address(self) -> None:
        uri, daemon, broadcast_server = start_ns("0.0.0.0", 0, bcport=0, nathost="out", natport=9)
        assert broadcast_server is not None
        with daemon, broadcast_server:
            assert uri.location == "out:9"
            assert broadcast_server.nsUri.location == daemon.locationStr
            assert not broadcast_server.running

    def test_broadcasts_can_be_declined(self) -> None:
        _, daemon, broadcast_server = start_ns("0.0.0.0", 0, enableBroadcast=False)
        daemon.close()
        assert broadcast_server is None

    def test_if_broadcasts_cannot_be_heard_nothing_is_left_open(self) -> None:
        storage = ClosableStorage()
        with pytest.raises(OSError, match="assign"):
            start_ns("0.0.0.0", 0, bchost="192.0.2.1", bcport=0, storage=storage)
        assert storage.closed

    def test_the_loop_answers_broadcasts_while_it_runs(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def ask() -> bool:
            """Stand in for the loop condition: ask once, and end the loop with the answer."""
            printed = capsys.readouterr().out
            place = re.search(r"Broadcast server running on 127\.0\.0\.1:(\d+)", printed)
            assert place is not None
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.settimeout(20.0)
                asker.sendto(b"GET_NSURI", ("127.0.0.1", int(place[1])))
                answers.append(asker.recv(100).decode())
            return False

        answers: list[str] = []
        start_ns_loop("0.0.0.0", 0, bchost="127.0.0.1", bcport=0, loopCondition=ask)
        assert re.fullmatch(r"PYRO:Pyro\.NameServer@127\.0\.0\.1:\d+", answers[0])

    def test_pyros_order_of_arguments_is_kept(self) -> None:
        storage = MemoryStorage()
        uri, daemon, _ = start_ns(
            "127.0.0.1", 0, True, "bchost", 9091, None, "outside", 99, storage
        )
        with daemon:
            assert str(uri) == "PYRO:Pyro.NameServer@outside:99"
            assert daemon.nameserver.storage is storage

    def test_the_loop_prints_serves_and_says_goodbye(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        storage = ClosableStorage()
        start_ns_loop("127.0.0.1", 0, storage=storage, loopCondition=lambda: False)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" ")[0] for line in lines] == ["Not", "NS", "URI", "NS"]
        assert lines[-1] == "NS shut down."
        assert storage.closed

    def test_ctrl_c_at_any_time_ends_it_well(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupted(*arguments: object) -> list[str]:
            raise KeyboardInterrupt

        monkeypatch.setattr(daemon_module, "introduction", interrupted)
        start_ns_loop("127.0.0.1", 0)
        assert capsys.readouterr().out == "NS shut down.\n"

    def test_both_spellings_are_one_function(self) -> None:
        assert daemon_module.startNS is start_ns
        assert daemon_module.startNSloop is start_ns_loop
