"""Finding out what a daemon speaks, and connecting to one that speaks Pyro4's protocol."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import URI, Proxy
from pyrolike.client.binding import Binding
from pyrolike.client.connecting import Opened, WireSettings, get_deadline, open_channel
from pyrolike.client.locating import NameServerLine
from pyrolike.configure import config
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    ProtocolError,
    SecurityError,
    SerializeError,
    TimeoutError,
)
from pyrolike.protocol import V48, V502, Pyro4Dialect
from pyrolike.serializers import get_serializer
from tests.support import wire, wire48
from tests.support.daemon import changed_settings
from tests.support.rawpeer import METADATA, PATIENCE, RawPeer, scripted_server, serpent
from tests.support.wire import RawMessage

KEY = b"key"
REFUSAL = wire48.message(
    wire.CONNECTFAIL, marshal.dumps("unsupported protocol version"), serializer=wire48.MARSHAL
)
"""What a stock Pyro4 daemon says to a client that speaks 502."""

WELCOME = serpent({"handshake": "welcome", "meta": dict(METADATA)})


def refuse(peer: RawPeer) -> None:
    """Do as a stock Pyro4 daemon that a client of Pyro5 calls."""
    request = peer.receive(wire.HEADER_SIZE)
    assert request[4:6] == b"\x01\xf6"
    peer.send(REFUSAL)


def welcome(
    requests: list[RawMessage] | None = None,
    payload: bytes = WELCOME,
    flags: int = wire48.META_ON_CONNECT,
    key: bytes | None = None,
    calls: int = 0,
) -> Callable[[RawPeer], None]:
    """Return the script of a Pyro4 daemon that accepts its client, and answers some calls."""

    def script(peer: RawPeer) -> None:
        request = wire48.read_message(peer.receive)
        if requests is not None:
            requests.append(request)
        peer.send(wire48.message(wire.CONNECTOK, payload, flags=flags, seq=request.seq, key=key))
        for _ in range(calls):
            call = wire48.read_message(peer.receive)
            if requests is not None:
                requests.append(call)
            peer.send(wire48.message(wire.RESULT, serpent(call.seq), seq=call.seq, key=key))
        peer.wait_closed()

    return script


def connect(location: str, settings: WireSettings | None = None, **options: Any) -> Opened:
    settings = settings or WireSettings.take(config, None)
    options = {"deadline": get_deadline(PATIENCE), **options}
    return open_channel(URI(f"PYRO:calc@{location}"), "hello", settings, **options)


# -- finding out


def test_a_daemon_that_answers_in_48_is_called_again_in_48() -> None:
    requests: list[RawMessage] = []
    with scripted_server(refuse, welcome(requests)) as location:
        opened = connect(location, seq=7)
        opened.channel.close()
    assert (opened.answer, set(opened.meta["methods"])) == ("welcome", {"call"})
    assert opened.settings.dialect is V48
    assert opened.settings.codec.tags == "Pyro4"
    [request] = requests
    assert (request.type, request.flags, request.seq) == (wire.CONNECT, wire48.META_ON_CONNECT, 7)
    content = get_serializer("serpent").loads(request.payload)
    assert content == {"handshake": "hello", "object": "calc"}


def test_the_serializer_stays_the_same() -> None:
    requests: list[RawMessage] = []
    settings = WireSettings.take(config, "json")
    with scripted_server(refuse, welcome(requests)) as location:
        opened = connect(location, settings)
        opened.channel.close()
    assert opened.settings.codec.name == "json"
    assert requests[0].serializer == wire48.JSON


def test_a_daemon_that_accepts_in_the_wrong_protocol_is_asked_again_too() -> None:
    def accept(peer: RawPeer) -> None:
        peer.read_message()
        peer.send(wire48.message(wire.CONNECTOK, WELCOME, flags=wire48.META_ON_CONNECT))

    with scripted_server(accept, welcome()) as location:
        opened = connect(location)
        opened.channel.close()
    assert opened.settings.dialect is V48


def test_a_daemon_that_always_answers_in_the_other_protocol_is_asked_twice_and_no_more() -> None:
    def contrary(peer: RawPeer) -> None:
        wire48.read_message(peer.receive)
        peer.send(wire.message(wire.CONNECTFAIL, marshal.dumps("no"), serializer=wire.MARSHAL))

    def must_not_be_called(peer: RawPeer) -> None:
        raise AssertionError("a third connection")

    with (
        scripted_server(refuse, contrary, must_not_be_called) as location,
        pytest.raises(ProtocolError, match="version 502 is not spoken here; this end speaks 48"),
    ):
        connect(location)


def test_both_attempts_share_one_deadline() -> None:
    def silent(peer: RawPeer) -> None:
        peer.receive(1)
        while peer.sock.recv(1000):
            pass

    start = monotonic()
    with scripted_server(refuse, silent) as location, pytest.raises(TimeoutError):
        connect(location, deadline=monotonic() + 0.2)
    assert 0.19 <= monotonic() - start < 5.0


def test_the_refusal_of_the_second_attempt_is_told() -> None:
    def deny(peer: RawPeer) -> None:
        request = wire48.read_message(peer.receive)
        payload = serpent("not you")
        peer.send(wire48.message(wire.CONNECTFAIL, payload, seq=request.seq))

    with (
        scripted_server(refuse, deny) as location,
        pytest.raises(CommunicationError, match="rejected: not you"),
    ):
        connect(location)


def test_who_wants_one_protocol_gets_no_other() -> None:
    with (
        scripted_server(refuse) as location,
        pytest.raises(ProtocolError, match="version 48 is not spoken here; this end speaks 502"),
    ):
        connect(location, dialects={502: V502})


def test_a_refusal_in_a_serializer_that_runs_code_is_not_opened() -> None:
    def deny(peer: RawPeer) -> None:
        wire48.read_message(peer.receive)
        peer.send(wire48.message(wire.CONNECTFAIL, b"cos\nsystem\n.", serializer=wire48.PICKLE))

    with (
        scripted_server(refuse, deny) as location,
        pytest.raises(SerializeError, match="answer came in pickle"),
    ):
        connect(location)


# -- metadata


def test_without_metadata_the_object_is_not_named() -> None:
    requests: list[RawMessage] = []
    with (
        changed_settings(METADATA=False),
        scripted_server(refuse, welcome(requests, serpent("bare"), 0)) as location,
    ):
        opened = connect(location)
        opened.channel.close()
    assert (opened.answer, opened.meta) == ("bare", None)
    assert requests[0].flags == 0
    assert b"object" not in requests[0].payload


@pytest.mark.parametrize("payload", ["bare", {"handshake": "without the rest"}])
@pytest.mark.parametrize("flags", [0, wire48.META_ON_CONNECT])
def test_an_answer_without_the_metadata_that_were_asked_for_is_an_error(
    payload: Any, flags: int
) -> None:
    with scripted_server(refuse, welcome(payload=serpent(payload), flags=flags)) as location:
        binding = Binding(URI(f"PYRO:calc@{location}"))
        with pytest.raises(ProtocolError, match="metadata"):
            binding.connect(get_deadline(PATIENCE))
        assert binding.channel is None


# -- keys


def signed_settings(key: bytes) -> dict[str, Any]:
    dialect = Pyro4Dialect(key)
    settings = WireSettings.take(config, None, dialect)
    return {"settings": settings, "dialects": {48: dialect}}


def test_with_a_key_the_handshake_is_signed() -> None:
    requests: list[RawMessage] = []
    with scripted_server(welcome(requests, key=KEY)) as location:
        connect(location, **signed_settings(KEY)).channel.close()
    [request] = requests
    signature = request.annotations.pop("HMAC")
    assert signature == wire48.signature(KEY, request.payload, request.annotations)


@pytest.mark.parametrize(("key", "reason"), [(None, "does not sign"), (b"other", "not signed wi")])
def test_who_does_not_have_the_key_is_not_believed(key: bytes | None, reason: str) -> None:
    with (
        scripted_server(welcome(key=key)) as location,
        pytest.raises(SecurityError, match=reason),
    ):
        connect(location, **signed_settings(KEY))


def test_a_daemon_without_the_key_cannot_have_it_left_away() -> None:
    """Not by speaking the protocol that has none."""

    def answer_in_502(peer: RawPeer) -> None:
        wire48.read_message(peer.receive)
        peer.send(wire.message(wire.CONNECTOK, WELCOME))

    with (
        scripted_server(answer_in_502) as location,
        pytest.raises(ProtocolError, match="version 502 is not spoken here"),
    ):
        connect(location, **signed_settings(KEY))


def test_a_signed_refusal_says_that_a_key_is_missing() -> None:
    def keyed(peer: RawPeer) -> None:
        peer.receive(wire.HEADER_SIZE)
        payload = marshal.dumps("no")
        peer.send(
            wire48.message(wire.CONNECTFAIL, payload, serializer=wire48.MARSHAL, key=b"theirs")
        )

    with scripted_server(keyed) as location, pytest.raises(SecurityError, match="_pyroHmacKey"):
        connect(location)


# -- bindings


def binding_to(location: str) -> Binding:
    binding = Binding(URI(f"PYRO:calc@{location}"))
    binding.timeout = PATIENCE
    return binding


def test_what_a_daemon_speaks_is_remembered_for_the_next_connection() -> None:
    with scripted_server(refuse, welcome(), welcome()) as location:
        binding = binding_to(location)
        for _ in range(2):
            assert binding.connect()._write_head.__self__ is V48  # type: ignore[attr-defined]
            binding.release()
        assert binding.protocol_version is None


def test_a_daemon_that_has_changed_is_found_out_again() -> None:
    def changed(peer: RawPeer) -> None:
        wire48.read_message(peer.receive)
        peer.send(wire.message(wire.CONNECTFAIL, marshal.dumps("no"), serializer=wire.MARSHAL))

    def pyro5(peer: RawPeer) -> None:
        peer.accept_handshake()
        peer.wait_closed()

    with scripted_server(refuse, welcome(), changed, pyro5) as location:
        binding = binding_to(location)
        for dialect in (V48, V502):
            assert binding.connect()._write_head.__self__ is dialect  # type: ignore[attr-defined]
            binding.release()


def test_another_protocol_is_spoken_from_the_next_connection_on() -> None:
    with scripted_server(welcome(), refuse) as location:
        binding = binding_to(location)
        binding.speak(48, None)
        binding.connect()
        binding.speak(502, None)
        assert binding.protocol_version == 502
        assert binding._settings.dialect is V48  # the connection's, which goes on
        assert binding._refresh_settings().codec.tags == "Pyro4"
        binding.release()
        with pytest.raises(ProtocolError, match="this end speaks 502"):
            binding.connect()


def test_a_choice_made_while_connecting_is_not_forgotten() -> None:
    with scripted_server(refuse, welcome(), welcome()) as location:
        binding = binding_to(location)
        binding.get_annotations = lambda: binding.speak(48, None) or {}
        binding.connect()
        binding.release()
        binding.get_annotations = None
        assert binding.protocol_version == 48
        binding.connect()
        binding.release()


# -- proxies


def test_a_proxy_says_what_it_speaks() -> None:
    proxy = Proxy("PYRO:calc@h:1")
    assert (proxy._pyroProtocolVersion, proxy._pyroHmacKey) == (None, None)
    proxy._pyroProtocolVersion = 48
    assert proxy._pyroProtocolVersion == 48
    proxy._pyroProtocolVersion = None
    proxy._pyroHmacKey = "key"
    assert (proxy._pyroProtocolVersion, proxy._pyroHmacKey) == (48, KEY)
    proxy._pyroHmacKey = None
    assert (proxy._pyroProtocolVersion, proxy._pyroHmacKey) == (None, None)


def test_taking_a_key_away_keeps_the_protocol_that_was_chosen() -> None:
    proxy = Proxy("PYRO:calc@h:1")
    proxy._pyroProtocolVersion = 48
    proxy._pyroHmacKey = KEY
    proxy._pyroHmacKey = None
    assert proxy._pyroProtocolVersion == 48


@pytest.mark.parametrize("version", [0, 47, "48", 503])
def test_a_protocol_that_does_not_exist_is_refused(version: Any) -> None:
    proxy = Proxy("PYRO:calc@h:1")
    with pytest.raises(ValueError, match="48 and 502 are"):
        proxy._pyroProtocolVersion = version


def test_a_key_and_a_protocol_without_signing_are_a_mistake() -> None:
    proxy = Proxy("PYRO:calc@h:1")
    proxy._pyroProtocolVersion = 502
    with pytest.raises(ValueError, match="use TLS"):
        proxy._pyroHmacKey = KEY
    assert (proxy._pyroProtocolVersion, proxy._pyroHmacKey) == (502, None)
    proxy._pyroProtocolVersion = None
    proxy._pyroHmacKey = KEY
    with pytest.raises(ValueError, match="use TLS"):
        proxy._pyroProtocolVersion = 502
    assert proxy._pyroHmacKey == KEY


@pytest.mark.parametrize(("key", "error"), [("", ValueError), (5, TypeError)])
def test_what_is_no_key_is_refused(key: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="key"):
        Proxy("PYRO:calc@h:1")._pyroHmacKey = key


def test_calls_are_signed_as_the_handshake_is() -> None:
    requests: list[RawMessage] = []
    with (
        scripted_server(welcome(requests, key=KEY, calls=1)) as location,
        Proxy(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroHmacKey = KEY
        proxy._pyroTimeout = PATIENCE
        assert proxy.call(1) == 1
    _, call = requests
    assert call.annotations["HMAC"] == wire48.signature(KEY, call.payload, {})


def test_an_answer_that_is_not_signed_ends_the_connection() -> None:
    def forge(peer: RawPeer) -> None:
        request = wire48.read_message(peer.receive)
        peer.send(
            wire48.message(
                wire.CONNECTOK, WELCOME, flags=wire48.META_ON_CONNECT, seq=request.seq, key=KEY
            )
        )
        call = wire48.read_message(peer.receive)
        peer.send(wire48.message(wire.RESULT, serpent("forged"), seq=call.seq))
        peer.wait_closed()

    with scripted_server(forge) as location:
        proxy = Proxy(f"PYRO:calc@{location}")
        proxy._pyroHmacKey, proxy._pyroTimeout = KEY, PATIENCE
        with pytest.raises(SecurityError, match="does not sign"):
            proxy.call(1)
        assert proxy._pyroConnection is None


def test_annotations_beyond_the_field_are_refused_and_the_connection_stays() -> None:
    class Annotating(Proxy):
        size = 70_000

        def _pyroAnnotations(self) -> dict[str, bytes]:
            return {"HUGE": bytes(self.size)} if self._pyroConnection is not None else {}

    with (
        scripted_server(welcome(calls=1)) as location,
        Annotating(f"PYRO:calc@{location}") as proxy,
    ):
        proxy._pyroProtocolVersion, proxy._pyroTimeout = 48, PATIENCE
        proxy._pyroBind()
        with pytest.raises(ProtocolError, match="room for 65,535"):
            proxy.call(1)
        Annotating.size = 10
        assert proxy.call(1) > 0


# -- name servers


@pytest.mark.parametrize(
    ("scripts", "key", "is_pyro4"),
    [
        ([refuse, welcome()], None, True),
        ([welcome(key=KEY)], KEY, True),
        ([RawPeer.accept_handshake], None, False),
    ],
    ids=["found out", "key", "pyro5"],
)
def test_a_line_knows_whether_its_name_server_speaks_pyro4s(
    scripts: list[Any], key: bytes | None, is_pyro4: bool
) -> None:
    with (
        changed_settings(COMMTIMEOUT=PATIENCE),
        scripted_server(*scripts) as location,
        closing(NameServerLine(URI(f"PYRO:Pyro.NameServer@{location}"), hmac_key=key)) as line,
    ):
        assert line.is_pyro4 is is_pyro4


def test_nobody_there_is_nobody_there_in_any_protocol() -> None:
    def hang_up(peer: RawPeer) -> None:
        peer.receive(wire.HEADER_SIZE)

    with scripted_server(hang_up) as location, pytest.raises(ConnectionClosedError):
        connect(location)
