"""The name server as a program: a process of its own, real sockets, and clients that use it."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy, expose, start_ns
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import CommunicationError, NamingError, PyroError, SerializeError
from pyrolike.naming import NameServerDaemon, locate_ns, locateNS, resolve
from pyrolike.naming.lookup import lookup, yplookup
from pyrolike.naming.storage import MemoryStorage
from pyrolike.uri import URI
from tests.support.daemon import Threads, changed_settings, running_daemon
from tests.support.nameservers import answering, nowhere
from tests.support.processes import Program

SERIALIZERS = ["serpent", "json", "marshal", "msgpack"]
TIME_TO_END = 1.0
"""Seconds from Ctrl-C to the end of the process that a person should have to wait at most."""


THEIR_STORAGE = """
from pyrolike.naming import Storage

class TheirStorage(dict, Storage):
    def everything(self, return_metadata=False):
        return {name: entry if return_metadata else entry[0] for name, entry in self.items()}

    def close(self):
        print("closed", flush=True)

def open_theirs(argument):
    return TheirStorage({f"opened.with.{argument}": ("PYRO:a@h:1", None)})
"""


def name_server(
    *options: str, module: str = "pyrolike.naming", path: Path | None = None
) -> Program:
    """Make a name server program; ready when it has printed its uri, ended by Ctrl-C.

    Args:
        options: Further words of its command line.
        module: What is run.
        path: Where it finds further modules and distributions.
    """
    place = () if "-u" in options else ("-n", "127.0.0.1", "-p", "0")
    return Program(
        ["-W", "error", "-m", module, *place, *options],
        ready=r"^URI = (\S+)$",
        environment={"PYTHONPATH": str(path)} if path else None,
        ends_by_interrupt=True,
    )


def printed_uri(program: Program) -> URI:
    assert program.ready_match is not None
    return URI(program.ready_match[1])


def run_to_its_end(*options: str) -> tuple[int, list[str]]:
    """Run a name server that cannot start; return its exit status and everything it wrote."""
    with Program(["-W", "error", "-m", "pyrolike.naming", *options], ready=None) as program:
        return program.wait(), program.output.splitlines()


@pytest.fixture(scope="module", params=["memory", "sql"])
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URI]:
    """The uri of a running name server that the tests of this file share, once per storage."""
    file = tmp_path_factory.mktemp("storage") / "names.db"
    storage = "memory" if request.param == "memory" else f"sql:{file}"
    with name_server("-s", storage) as program:
        yield printed_uri(program)


@pytest.fixture
def ns(uri: URI) -> Iterator[Proxy]:
    """A proxy for the shared name server, which is empty but for its own entry."""
    with Proxy(uri) as proxy:
        proxy.remove(regex=".*")
        yield proxy


@pytest.fixture
def settings_point_to_it(uri: URI) -> Iterator[None]:
    with changed_settings(NS_HOST=uri.host, NS_PORT=uri.port):
        yield


def with_sets(listing: dict[str, Sequence[Any]]) -> dict[str, tuple[str, set[str]]]:
    """Undo what serializers do to tuples and sets."""
    return {name: (uri, set(tags)) for name, (uri, tags) in listing.items()}


@expose
class Greeter:
    def greet(self, name: str) -> str:
        return f"hello {name}"


class TestTheRemoteObject:
    @pytest.fixture(autouse=True, params=SERIALIZERS)
    def serializer(self, request: pytest.FixtureRequest, ns: Proxy) -> str:
        ns._pyroSerializer = request.param
        return str(request.param)

    def test_a_registration_lives_through_all_its_stages(self, ns: Proxy) -> None:
        ns.register("x.one", "PYRO:a@h:1", metadata=["tag", "other"])
        ns.register("x.two", URI("PYRO:b@h:2"), safe=True)
        assert ns.count() == 3
        assert ns.lookup("x.one") == URI("PYRO:a@h:1")
        found = with_sets(ns.list("x.one", None, True))
        assert found == {"x.one": ("PYRO:a@h:1", {"tag", "other"})}
        ns.set_metadata("x.two", {"second"})
        assert with_sets(ns.yplookup(meta_all=["second"])) == {"x.two": ("PYRO:b@h:2", {"second"})}
        assert ns.remove("x.one") == 1
        assert ns.remove("x.one") == 0
        assert ns.list(prefix="x.") == {"x.two": "PYRO:b@h:2"}

    def test_listings_with_tags_arrive_also_when_there_are_no_tags(self, ns: Proxy) -> None:
        ns.register("bare", "PYRO:a@h:1")
        ns.register("tagged", "PYRO:b@h:1", metadata=("tag",))
        assert with_sets(ns.list(regex="(bare|tagged)", return_metadata=True)) == {
            "bare": ("PYRO:a@h:1", set()),
            "tagged": ("PYRO:b@h:1", {"tag"}),
        }

    def test_lookup_gives_the_tags_too_where_the_serializer_can_nest_a_uri(
        self, ns: Proxy, serializer: str
    ) -> None:
        ns.register("x", "PYRO:a@h:1", metadata=["tag", "other"])
        if serializer == "marshal":  # its objects are values of their own, never parts of others
            with pytest.raises(SerializeError, match="URI"):
                ns.lookup("x", return_metadata=True)
        else:
            uri, tags = ns.lookup("x", return_metadata=True)
            assert (uri, set(tags)) == (URI("PYRO:a@h:1"), {"tag", "other"})

    def test_clients_of_pyro4_find_by_tags_with_list(self, ns: Proxy) -> None:
        ns.register("x", "PYRO:a@h:1", metadata=["tag", "other"])
        assert ns.list(metadata_all=["tag", "other"]) == {"x": "PYRO:a@h:1"}
        assert ns.list(metadata_any=["tag", "nothing"]) == {"x": "PYRO:a@h:1"}

    def test_errors_arrive_as_what_they_are(self, ns: Proxy) -> None:
        ns.register("x", "PYRO:a@h:1")
        with pytest.raises(NamingError, match="unknown name: nobody"):
            ns.lookup("nobody")
        with pytest.raises(NamingError, match="name already registered: x"):
            ns.register("x", "PYRO:b@h:1", safe=True)
        with pytest.raises(NamingError, match="it stays so"):
            ns.register(NAMESERVER_NAME, "PYRO:Pyro.NameServer@evil:1")
        with pytest.raises(NamingError, match="invalid regex"):
            ns.list(regex="(")
        with pytest.raises(TypeError, match="should not be a str"):
            ns.register("x", "PYRO:a@h:1", metadata="tag")
        with pytest.raises(ValueError, match="only filter on one thing"):
            ns.list(prefix="a", regex="b")
        with pytest.raises(PyroError):
            ns.register("x", "nonsense")
        assert ns.lookup("x") == URI("PYRO:a@h:1")


class TestItsOwnEntry:
    def test_it_is_found_under_the_class_names_of_both_pyros(self, ns: Proxy, uri: URI) -> None:
        for tag in ("class:Pyro5.nameserver.NameServer", "class:Pyro4.naming.NameServer"):
            assert ns.yplookup([tag], return_metadata=False) == {NAMESERVER_NAME: str(uri)}

    def test_its_inside_is_not_remote(self, ns: Proxy) -> None:
        for name in ("storage", "_lock", "_find_by_name"):
            with pytest.raises(AttributeError):
                getattr(ns, name)


class TestLocating:
    def test_a_host_and_a_port_are_enough(self, ns: Proxy, uri: URI) -> None:
        with locate_ns(uri.host or "", uri.port) as found:
            assert found._pyroConnection is not None
            assert found._pyroUri == uri
            assert found.count() == 1

    @pytest.mark.usefixtures("settings_point_to_it")
    @pytest.mark.parametrize("host", ["", None])
    def test_without_a_host_the_settings_say_where(self, uri: URI, host: str | None) -> None:
        with locate_ns(host, broadcast=False) as found:
            assert found._pyroUri == uri

    def test_both_spellings_are_one_function(self) -> None:
        assert locateNS is locate_ns

    def test_where_nobody_listens_the_error_says_what_to_do(self) -> None:
        with running_daemon(host="127.0.0.1") as running:
            port = running.uri().port
        with pytest.raises(NamingError, match=r"python -m pyrolike\.naming") as caught:
            locate_ns("127.0.0.1", port)
        assert isinstance(caught.value.__cause__, CommunicationError)

    def test_a_daemon_without_a_name_server_is_none(self) -> None:
        with (
            running_daemon({"greeter": Greeter()}, host="127.0.0.1") as running,
            pytest.raises(NamingError, match="failed to locate"),
        ):
            locate_ns("127.0.0.1", running.uri().port)


class TestLogicalUris:
    @pytest.fixture(autouse=True)
    def registered(self, ns: Proxy) -> Iterator[URI]:
        """The uri of a greeter, registered as "greeter" with two tags."""
        with running_daemon({"greeting": Greeter()}, host="127.0.0.1") as running:
            ns.register("greeter", running.uri("greeting"), metadata=["polite", "quick"])
            yield running.uri("greeting")

    @pytest.mark.parametrize("serializer", SERIALIZERS)
    @pytest.mark.parametrize("logical", ["PYRONAME:greeter", "PYROMETA:polite,quick"])
    def test_a_proxy_finds_its_object_by_name_and_by_tags(
        self, uri: URI, logical: str, serializer: str
    ) -> None:
        with Proxy(f"{logical}@{uri.location}") as greeter:
            greeter._pyroSerializer = serializer
            assert greeter.greet("you") == "hello you"

    @pytest.mark.usefixtures("settings_point_to_it")
    @pytest.mark.parametrize("logical", ["PYRONAME:greeter", "PYROMETA:quick"])
    def test_without_a_location_the_settings_say_where_to_ask(self, logical: str) -> None:
        with Proxy(logical) as greeter:
            assert greeter.greet("you") == "hello you"

    @pytest.mark.parametrize("logical", ["PYRONAME:greeter", "PYROMETA:polite"])
    def test_resolve_gives_the_uri_itself(self, uri: URI, registered: URI, logical: str) -> None:
        assert resolve(f"{logical}@{uri.location}") == registered
        assert resolve(URI(f"{logical}@{uri.location}"), delay_time=0.01) == registered

    def test_resolve_leaves_a_real_uri_alone(self) -> None:
        assert resolve("PYRO:a@nowhere.invalid:1") == URI("PYRO:a@nowhere.invalid:1")
        with pytest.raises(TypeError):
            resolve(5)  # type: ignore[arg-type]  # the wrong type is the point

    @pytest.mark.parametrize(
        ("logical", "complaint"),
        [("PYRONAME:nobody", "unknown name: nobody"), ("PYROMETA:polite,slow", "polite, slow")],
    )
    def test_what_is_not_there_is_a_naming_error(
        self, uri: URI, logical: str, complaint: str
    ) -> None:
        for find in (resolve, lambda where: Proxy(where)._pyroBind()):
            with pytest.raises(NamingError, match=complaint):
                find(f"{logical}@{uri.location}")

    def test_the_name_server_itself_has_a_name(self, uri: URI) -> None:
        tag = "class:Pyro5.nameserver.NameServer"
        for logical in (f"PYRONAME:{NAMESERVER_NAME}", f"PYROMETA:{tag}"):
            with Proxy(f"{logical}@{uri.location}") as found:
                assert found.ping() is None


@pytest.mark.slow
def test_many_clients_may_register_at_once(ns: Proxy, uri: URI) -> None:
    def register(own: str) -> None:
        with Proxy(uri) as proxy:
            for number in range(10):
                proxy.register(f"{own}{number}", f"PYRO:{own}@h:{number}", metadata=[own])

    with Threads() as threads:
        for own in "abcd":
            threads.start(register, own)
    assert ns.count() == 41
    assert len(ns.yplookup(["c"])) == 10


class SlowToArrive(MemoryStorage):
    """The first question for "late" finds nothing, and makes it be there for the second."""

    def __getitem__(self, name: str) -> tuple[str, frozenset[str]]:
        try:
            return super().__getitem__(name)
        except KeyError:
            self["late"] = "PYRO:late@h:1", None
            raise


@pytest.mark.slow
def test_a_delay_waits_for_a_name_to_appear() -> None:
    storage = SlowToArrive()
    with running_daemon(
        daemon_class=NameServerDaemon, host="127.0.0.1", port=0, storage=storage
    ) as running:
        with running.proxy(NAMESERVER_NAME) as ns:
            assert lookup(ns, "late", delay_time=0.5) == URI("PYRO:late@h:1")
            assert yplookup(ns, ["nothing"]) == {}
            del storage["late"]
        found = resolve(f"PYRONAME:late@{running.location}", delay_time=0.5)
        assert found == URI("PYRO:late@h:1")


class TestTheProgram:
    @pytest.mark.slow
    @pytest.mark.parametrize("module", ["pyrolike.naming", "pyrolike.nameserver"])
    def test_ctrl_c_ends_it_within_a_second_with_status_0_and_no_traceback(
        self, module: str
    ) -> None:
        with name_server(module=module) as program, Proxy(printed_uri(program)) as idle:
            assert idle.count() == 1
            begin = time.monotonic()
            program.interrupt()
            status = program.wait()
            assert time.monotonic() - begin < TIME_TO_END
        uri = printed_uri(program)
        assert status == 0
        assert program.output.splitlines() == [
            "Not starting broadcast server for localhost.",
            f"NS running on {uri.location} (127.0.0.1)",
            f"URI = {uri}",
            "NS shut down.",
        ]

    @pytest.mark.slow
    def test_a_port_in_use_is_one_helpful_line_and_status_1(self) -> None:
        with running_daemon(host="127.0.0.1") as running:
            port = str(running.uri().port)
            status, lines = run_to_its_end("-n", "127.0.0.1", "-p", port)
        assert status == 1
        assert len(lines) == 1
        assert lines[0].startswith("Error: ")
        assert port in lines[0]
        assert "in use" in lines[0]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("storage", "complaint"),
        [
            ("redis:names", "unknown storage 'redis:names'"),
            ("sql:", "write 'sql:FILENAME'"),
            ("sql:/nowhere/at/all/names.db", "there is no folder '/nowhere/at/all'"),
            ("dbm:/nowhere/at/all/names", "No such file or directory"),
        ],
    )
    def test_a_storage_that_cannot_be_used_is_one_helpful_line_and_status_1(
        self, storage: str, complaint: str
    ) -> None:
        status, lines = run_to_its_end("-n", "127.0.0.1", "-p", "0", "-s", storage)
        assert (status, len(lines)) == (1, 1)
        assert complaint in lines[0]

    @pytest.mark.slow
    def test_a_file_survives_a_restart_with_everything_but_the_old_address(
        self, tmp_path: Path
    ) -> None:
        storage = f"sql:{tmp_path / 'names.db'}"
        with name_server("-s", storage) as program, Proxy(printed_uri(program)) as ns:
            ns.register("x", "PYRO:a@h:1", metadata=["tag"])
        with name_server("-s", storage) as program, Proxy(printed_uri(program)) as ns:
            assert "Persistent store contains 2 existing registrations." in program.output
            uri, tags = ns.lookup("x", return_metadata=True)
            assert (uri, set(tags)) == (URI("PYRO:a@h:1"), {"tag"})
            assert ns.lookup(NAMESERVER_NAME) == printed_uri(program)

    @pytest.mark.slow
    def test_a_dbm_file_keeps_names_and_no_tags(self, tmp_path: Path) -> None:
        storage = f"dbm:{tmp_path / 'names'}"
        with name_server("-s", storage) as program, Proxy(printed_uri(program)) as ns:
            ns.register("x", "PYRO:a@h:1", metadata=["tag"])
            assert "Warning: the DbmStorage doesn't support metadata." in program.output
            with pytest.raises(NamingError, match="doesn't support metadata"):
                ns.yplookup(["tag"])
        with name_server("-s", storage) as program, Proxy(printed_uri(program)) as ns:
            uri, tags = ns.lookup("x", return_metadata=True)
            assert (uri, set(tags)) == (URI("PYRO:a@h:1"), set())

    @pytest.mark.slow
    def test_a_distribution_that_is_installed_brings_its_storage(self, tmp_path: Path) -> None:
        (tmp_path / "their_storage.py").write_text(THEIR_STORAGE)
        info = tmp_path / "their_storage-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-storage\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[pyrolike.naming.storage]\ntheirs = their_storage:open_theirs\n"
        )
        program = name_server("-s", "theirs:the.argument", path=tmp_path)
        with program, Proxy(printed_uri(program)) as ns:
            assert str(ns.lookup("opened.with.the.argument")) == "PYRO:a@h:1"
            ns.register("x", "PYRO:a@h:1", metadata=["tag"])
            assert list(ns.list(regex="x$")) == ["x"]
            assert list(ns.yplookup(["tag"])) == ["x"]
        assert program.output.splitlines()[-2:] == ["closed", "NS shut down."]

    @pytest.mark.slow
    def test_it_can_listen_on_a_unix_socket(self, tmp_path: Path) -> None:
        path = tmp_path / "ns.sock"
        with name_server("-u", str(path)) as program:
            with locate_ns(f"./u:{path}") as ns:
                ns.register("x", "PYRO:a@h:1")
            assert resolve(f"PYRONAME:x@./u:{path}") == URI("PYRO:a@h:1")
            assert f"NS running on ./u:{path} (Unix domain socket)" in program.output
        assert program.wait() == 0
        assert not path.exists()


def on_port(port: int, storage: Path) -> Program:
    """Make a name server program on a port that is known already, with a file."""
    options = ["-n", "127.0.0.1", "-p", str(port), "-s", f"sql:{storage}"]
    return Program(
        ["-W", "error", "-m", "pyrolike.naming", *options],
        ready=r"^URI = (\S+)$",
        ends_by_interrupt=True,
    )


@pytest.mark.slow
class TestANameServerThatIsStartedAnew:
    """Killed, and started on the same port."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Path:
        return tmp_path / "names.db"

    @pytest.fixture
    def port(self) -> int:
        return nowhere()

    def test_a_proxy_for_it_connects_again(self, port: int, storage: Path) -> None:
        with on_port(port, storage) as program:
            ns = locate_ns("127.0.0.1", port)
            ns.register("x", "PYRO:a@h:1")
            program.send(signal.SIGKILL)
            program.wait()
        with on_port(port, storage), ns:
            with pytest.raises(CommunicationError):
                ns.count()  # what was lost is told once
            assert ns.lookup("x") == URI("PYRO:a@h:1")
            ns._pyroMaxRetries = 1
            ns._pyroConnection.sock.shutdown(socket.SHUT_RDWR)
            assert ns.lookup("x") == URI("PYRO:a@h:1")

    def test_who_looks_a_name_up_meanwhile_waits_for_it(self, port: int, storage: Path) -> None:
        with (
            on_port(port, storage) as program,
            locate_ns("127.0.0.1", port) as ns,
            running_daemon({"greeting": Greeter()}, host="127.0.0.1") as running,
        ):
            ns.register("greeter", running.uri("greeting"))
            found: list[Any] = []
            with (
                changed_settings(
                    NS_HOST="127.0.0.1", NS_PORT=port, NS_LOOKUP_DELAY=8.0, BROADCAST_ADDRS=[]
                ),
                Threads() as threads,
                Proxy("PYRONAME:greeter") as greeter,
            ):
                assert greeter.greet("you") == "hello you"
                greeter._pyroRelease()
                program.send(signal.SIGKILL)
                program.wait()
                threads.start(lambda: found.append(greeter.greet("again")))
                threads.start(lambda: found.append(lookup(ns, "greeter")))
                threads.start(lambda: found.append(resolve("PYRONAME:greeter")))
                with on_port(port, storage):
                    threads.wait()
            uri = running.uri("greeting")
            assert sorted(map(str, found)) == [str(uri), str(uri), "hello again"]

    def test_the_next_host_takes_over(self, port: int, storage: Path, uri: URI) -> None:
        with (
            on_port(port, storage) as program,
            changed_settings(NS_HOST=f"127.0.0.1:{port}, {uri.location}", BROADCAST_ADDRS=[]),
            Proxy(f"PYRONAME:{NAMESERVER_NAME}") as ns,
        ):
            assert ns.lookup(NAMESERVER_NAME).port == port
            program.send(signal.SIGKILL)
            program.wait()
            with pytest.raises(CommunicationError):
                ns.ping()
            assert ns.lookup(NAMESERVER_NAME) == uri
        assert program.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_nothing_anywhere_is_known_within_a_second() -> None:
    begin = time.monotonic()
    with (
        answering(),
        changed_settings(NS_HOST="localhost", NS_PORT=nowhere()),
        pytest.raises(NamingError, match=r"\(1\) .*no answer"),
    ):
        locate_ns()
    assert time.monotonic() - begin < 1.0


def test_a_program_serves_its_objects_and_a_name_server_in_one_loop() -> None:
    """With the broadcasts, and all of it in one thread."""
    with changed_settings(SERVERTYPE="multiplex"):
        uri, ns_daemon, broadcaster = start_ns("0.0.0.0", 0, bchost="127.0.0.1", bcport=0)
        assert broadcaster is not None
        with ns_daemon, broadcaster, Daemon(host="127.0.0.1") as daemon:
            ns_daemon.nameserver.register("greeter", daemon.register(Greeter()))
            daemon.combine(ns_daemon)
            daemon.combine(broadcaster)
            with Threads() as threads:
                threads.start(daemon.requestLoop)
                with (
                    changed_settings(
                        NS_HOST="",
                        BROADCAST_ADDRS=["127.0.0.1"],
                        NS_BCPORT=broadcaster.getPort(),
                    ),
                    Proxy("PYRONAME:greeter") as greeter,
                    locate_ns() as ns,
                ):
                    assert greeter.greet("you") == "hello you"
                    assert ns._pyroUri.port == uri.port
                daemon.shutdown()
