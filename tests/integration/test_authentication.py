"""Authentication and permissions over real sockets: on every server type, and for stock clients."""

from __future__ import annotations

import copy
import logging
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy, current_context, expose, oneway
from pyrolike.authentication import (
    AnyOf,
    Authenticator,
    CertificateCheck,
    SharedKey,
    SharedKeyCheck,
    TokenCheck,
    UnixUserCheck,
)
from pyrolike.errors import CommunicationError, SecurityError
from tests.support.certificates import Certificates, make_certificates
from tests.support.daemon import changed_settings, running_daemon
from tests.support.waiting import wait_logged

KEY = "an unguessable key, more or less"
OTHER = "another key that is long enough"


@expose
class Vault:
    """Says who asks, and remembers what was done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._colour = "grey"

    def whoami(self) -> Any:
        return current_context.client.user

    def process(self) -> Any:
        credentials = current_context.client.peer_credentials
        return credentials and credentials.pid

    def put(self, thing: str) -> None:
        self.done.append(thing)

    @oneway
    def put_later(self, thing: str) -> None:
        self.done.append(thing)

    def count(self) -> Iterator[int]:
        yield from range(3)

    @property
    def colour(self) -> str:
        return self._colour

    @colour.setter
    def colour(self, colour: str) -> None:
        self._colour = colour


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def with_handshake(proxy: Proxy, handshake: Any) -> Proxy:
    proxy._pyroHandshake = handshake
    return proxy


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_a_shared_key_opens_and_opens_again(server_type: str, serializer: str) -> None:
    check = SharedKeyCheck({"ada": KEY})
    with running_daemon({"vault": Vault()}, authenticator=check) as running:
        proxy = with_handshake(running.proxy("vault", serializer), SharedKey(KEY, "ada"))
        with proxy:
            assert proxy.whoami() == "ada"
            proxy._pyroRelease()
            assert proxy.whoami() == "ada"  # a new connection, a new handshake
        with copy.copy(proxy) as twin:
            assert twin.whoami() == "ada"


@pytest.mark.parametrize("handshake", ["hello", None, SharedKey(OTHER, "ada"), {"user": "ada"}])
def test_who_has_no_key_calls_nothing(
    server_type: str, handshake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    vault = Vault()
    with (
        running_daemon({"vault": vault}, authenticator=SharedKeyCheck({"ada": KEY})) as running,
        with_handshake(running.proxy("vault"), handshake) as proxy,
    ):
        with pytest.raises(CommunicationError, match=r"rejected: authentication failed$"):
            proxy.put("in")
        wait_logged(caplog, "was refused")
    assert vault.done == []


def test_a_daemon_that_does_not_know_the_key_gets_no_call() -> None:
    vault = Vault()
    with (
        running_daemon({"vault": vault}) as running,
        with_handshake(running.proxy("vault"), SharedKey(KEY)) as proxy,
        pytest.raises(SecurityError, match="has not proven"),
    ):
        proxy.put("a secret")
    assert vault.done == []


class Recording(Proxy):
    answer: Any = None

    def _pyroValidateHandshake(self, response: Any) -> None:
        Recording.answer = response


class Welcoming(Daemon):
    def validateHandshake(self, conn: Any, data: Any) -> Any:
        return f"welcome, {conn.user}"


def test_the_hook_of_the_daemon_is_asked_afterwards_and_answers() -> None:
    check = SharedKeyCheck({"ada": KEY})
    with running_daemon({"vault": Vault()}, daemon_class=Welcoming, authenticator=check) as running:
        proxy = Recording(running.uri("vault"))
        with with_handshake(proxy, SharedKey(KEY, "ada")):
            proxy._pyroBind()
    assert Recording.answer == "welcome, ada"


def test_a_key_does_not_travel_with_its_proxy() -> None:
    with running_daemon({"vault": Vault()}) as running:
        proxy = with_handshake(running.proxy("vault"), SharedKey(KEY))
        assert proxy.__getstate__()[4] == "hello"
        with running.proxy("vault", "serpent") as other:
            other.put(proxy)


def test_tokens_and_certificates_and_users_of_this_machine(
    tmp_path: Path, certificates: Certificates
) -> None:
    check: Authenticator = AnyOf(TokenCheck({"ada": KEY}), UnixUserCheck([os.getuid()]))
    with running_daemon({"vault": Vault()}, authenticator=check) as running:
        with with_handshake(running.proxy("vault"), KEY) as proxy:
            assert proxy.whoami() == "ada"
        with running.proxy("vault") as proxy, pytest.raises(CommunicationError):
            proxy.whoami()
    path = str(tmp_path / "vault.sock")
    with (
        running_daemon({"vault": Vault()}, unixsocket=path, authenticator=check) as running,
        running.proxy("vault") as proxy,
    ):
        assert proxy.whoami() == f"uid:{os.getuid()}"
        assert proxy.process() == os.getpid()
    with (
        changed_settings(**certificates.mutual),
        running_daemon({"vault": Vault()}, authenticator=CertificateCheck()) as running,
        running.proxy("vault") as proxy,
    ):
        assert proxy.whoami()  # a name of the client's certificate
        assert proxy.process() is None
    with (
        changed_settings(**certificates.settings),
        running_daemon({"vault": Vault()}, authenticator=CertificateCheck()) as running,
        running.proxy("vault") as proxy,
        pytest.raises(CommunicationError, match="authentication failed"),
    ):
        proxy.whoami()


def test_a_socket_without_a_handshake_has_no_use_for_an_authenticator() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ValueError, match="has no handshake"):
        Daemon(connected_socket=ours, authenticator=SharedKeyCheck(KEY))


# -- permissions


class Guarded(Daemon):
    """Remembers what it was asked, and permits what its test says."""

    permitted: frozenset[tuple[str, str]] = frozenset()

    def __init__(self, **options: Any) -> None:
        self.asked: list[tuple[str, str, str]] = []
        super().__init__(**options)

    def permit_call(self, conn: Any, objectId: str, member: str, access: str) -> bool:
        self.asked.append((objectId, member, access))
        return (member, access) in self.permitted


def guarded(*permitted: tuple[str, str]) -> type[Guarded]:
    return type("Guarded", (Guarded,), {"permitted": frozenset(permitted)})


@pytest.mark.parametrize("serializer", ["serpent", "json", "marshal", "msgpack"])
def test_what_is_permitted_is_done_and_nothing_else(server_type: str, serializer: str) -> None:
    vault = Vault()
    permitted = guarded(("put", "call"), ("colour", "read"), ("count", "call"))
    with (
        running_daemon({"vault": vault}, daemon_class=permitted) as running,
        running.proxy("vault", serializer) as proxy,
    ):
        proxy.put("one")
        assert proxy.colour == "grey"
        assert list(proxy.count()) == [0, 1, 2]
        with pytest.raises(SecurityError, match=r"not permitted: write 'colour'"):
            proxy.colour = "red"
        with pytest.raises(SecurityError, match=r"not permitted: call 'whoami'"):
            proxy.whoami()
        proxy.put_later("two")
        assert (vault.done, vault.colour) == (["one"], "grey")
        # Not one call of a batch is made if one of them is not permitted.
        batch = BatchProxy(proxy)
        batch.put("three")
        batch.whoami()
        with pytest.raises(SecurityError):
            list(batch())
        batch.put("four")
        batch.whoami()
        batch(oneway=True)
        proxy.put("five")
        assert vault.done == ["one", "five"]


def test_unknown_and_forbidden_objects_look_the_same() -> None:
    with running_daemon({"vault": Vault()}, daemon_class=guarded()) as running:
        texts = set()
        with running.proxy("vault") as proxy:
            proxy._pyroBind()
            for object_id in "vault", "nothing", "Pyro.Daemon":
                with pytest.raises(SecurityError) as caught:
                    proxy._pyroLink.invoke("registered", (), {}, object_id=object_id)
                texts.add(str(caught.value))
        assert texts == {"not permitted: call 'registered'"}


def test_a_name_cannot_be_hidden_from_the_question() -> None:
    """Neither by the order of a dictionary, nor by arguments with names."""
    vault = Vault()
    permitted = guarded(("permitted", "write"), ("permitted", "read"))
    with (
        running_daemon({"vault": vault}, daemon_class=permitted) as running,
        running.proxy("vault", "marshal") as proxy,
    ):
        proxy._pyroBind()
        for vargs, kwargs in [
            ({"colour": 1, 0: "permitted"}, {}),
            ([], {"name": "colour", "value": "red"}),
            (["permitted"], {"name": "colour", "value": "red"}),
            ([["colour"], "red"], {}),
        ]:
            with pytest.raises(Exception, match=r".") as caught:
                proxy._pyroLink.invoke("__setattr__", vargs, kwargs)
            assert not isinstance(caught.value, CommunicationError)
    assert vault.colour == "grey"


def test_a_daemon_without_the_hook_does_not_call_it() -> None:
    with Daemon() as daemon:
        assert daemon._pyroService.dispatcher._permit is None


# -- serializers that run code


BEYOND = {"host": "0.0.0.0"}


@pytest.mark.parametrize("unsafe", ["pickle", "dill", "cloudpickle"])
def test_no_daemon_takes_code_from_strangers(unsafe: str) -> None:
    if unsafe != "pickle":
        pytest.importorskip(unsafe)
    with changed_settings(SERIALIZERS_ACCEPTED={"serpent", unsafe}):
        with pytest.raises(SecurityError, match=rf"has {unsafe}.*PICKLE_WITHOUT_AUTHENTICATION"):
            Daemon(**BEYOND)
        with pytest.raises(SecurityError, match=r"203\.0\.113\.5"):
            Daemon(nathost="203.0.113.5")
        for options in {}, {"nathost": "localhost"}, {"host": "127.0.0.1"}:
            Daemon(**options).close()
        Daemon(**BEYOND, authenticator=SharedKeyCheck(KEY)).close()
        Welcoming(**BEYOND).close()
        with changed_settings(PICKLE_WITHOUT_AUTHENTICATION=True):
            Daemon(**BEYOND).close()


def test_client_certificates_are_authentication_and_servers_are_not(
    certificates: Certificates, tmp_path: Path
) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"pickle"}):
        with changed_settings(**certificates.settings), pytest.raises(SecurityError):
            Daemon(**BEYOND)
        with changed_settings(**certificates.mutual):
            Daemon(**BEYOND).close()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with pytest.raises(SecurityError):
            Daemon(**BEYOND, ssl=context)
        Daemon(unixsocket=str(tmp_path / "u")).close()


def test_a_refused_daemon_leaves_nothing_open(tmp_path: Path) -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"pickle"}):
        with Daemon("127.0.0.1") as daemon:
            _, port = daemon.sock.getsockname()
        with pytest.raises(SecurityError):
            Daemon("0.0.0.0", port)
        Daemon("127.0.0.1", port).close()


class Bomb:
    """Runs code where it is unpickled."""

    exploded: list[str] = []  # noqa: RUF012

    def __reduce__(self) -> Any:
        return Bomb.exploded.append, ("boom",)


def test_a_handshake_in_pickle_runs_nothing_and_a_plain_one_is_read(server_type: str) -> None:
    with (
        changed_settings(SERIALIZERS_ACCEPTED={"pickle"}),
        running_daemon({"vault": Vault()}, authenticator=SharedKeyCheck({"ada": KEY})) as running,
    ):
        with (
            with_handshake(running.proxy("vault", "pickle"), Bomb()) as proxy,
            pytest.raises(CommunicationError, match="plain values only"),
        ):
            proxy.whoami()
        assert Bomb.exploded == []
        with with_handshake(running.proxy("vault", "pickle"), SharedKey(KEY, "ada")) as proxy:
            assert proxy.whoami() == "ada"


def test_names_of_strangers_are_escaped_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    evil = "ada\n2026 ERROR all is lost \x1b[31m"
    with running_daemon({"vault": Vault()}, authenticator=SharedKeyCheck({"ada": KEY})) as running:
        for handshake in SharedKey(OTHER, evil), evil:
            with (
                with_handshake(running.proxy("vault"), handshake) as proxy,
                pytest.raises(CommunicationError),
            ):
                proxy.whoami()
        with Proxy(f"PYRO:vault@{running.location}") as proxy, pytest.raises(CommunicationError):
            proxy.whoami()
    assert "\x1b" not in caplog.text
    assert "\n2026 ERROR" not in caplog.text
