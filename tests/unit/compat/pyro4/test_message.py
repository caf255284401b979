from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Daemon, Proxy
from pyrolike.compat.pyro4 import message
from pyrolike.compat.pyro4.message import Message
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import MessageTooLargeError, ProtocolError, SecurityError
from pyrolike.protocol import SendingMessage, classic
from pyrolike.transport import SocketConnection
from tests.support.vectors import VECTORS_48 as CAPTURED


@pytest.fixture
def ends() -> Iterator[tuple[SocketConnection, SocketConnection]]:
    one, other = socket.socketpair()
    with SocketConnection(one) as ours, SocketConnection(other) as theirs:
        yield ours, theirs


def key_of(vector: Any) -> bytes | None:
    return b"secretkey" if "hmac" in vector.name else None


@pytest.mark.parametrize("vector", CAPTURED, ids=lambda vector: vector.name)
def test_what_pyro4_wrote_is_read_and_written_again_byte_for_byte(
    vector: Any, ends: tuple[SocketConnection, SocketConnection]
) -> None:
    ours, theirs = ends
    theirs.send(vector.data)
    found = Message.recv(ours, hmac_key=key_of(vector))
    assert found.to_bytes() == vector.data
    header = Message.from_header(vector.data[: Message.header_size])
    assert (header.type, header.flags, header.seq) == (found.type, found.flags, found.seq)
    assert (header.serializer_id, header.data_size) == (found.serializer_id, found.data_size)
    signature = 26 if found.hmac_key else 0
    assert header.annotations_size == found.annotations_size + signature


def test_a_message_is_sent_signed_and_refused_with_another_key(
    ends: tuple[SocketConnection, SocketConnection],
) -> None:
    ours, theirs = ends
    sent = Message(message.MSG_INVOKE, b"data", 42, 0, 7, {"ABCD": b"x"}, "key")
    sent.send(ours)
    found = Message.recv(theirs, [message.MSG_INVOKE], b"key")
    assert (bytes(found.data), found.serializer_id, found.hmac()) == (b"data", 42, sent.hmac())
    assert repr(found) == "<Message type=4 seq=7 4 bytes>"
    for key in (b"other", None):
        sent.send(ours)
        with pytest.raises(SecurityError):
            Message.recv(theirs, hmac_key=key)
    with pytest.raises(TypeError, match="no signature"):
        Message(1, b"", 1, 0, 0).hmac()


def test_a_compressed_payload_is_opened_once() -> None:
    packed = zlib.compress(b"a" * 500)
    found = Message(message.MSG_RESULT, packed, 1, message.FLAGS_COMPRESSED, 0)
    for _ in range(2):
        assert found.decompress_if_needed() is found
        assert (bytes(found.data), found.data_size, found.flags) == (b"a" * 500, 500, 0)


def test_other_types_and_sizes_without_measure_are_refused_by_their_header(
    ends: tuple[SocketConnection, SocketConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = ends
    Message(message.MSG_RESULT, b"", 1, 0, 0).send(ours)
    with pytest.raises(ProtocolError, match="RESULT"):
        Message.recv(theirs, [message.MSG_PING])
    monkeypatch.setattr(classic, "LARGEST", 3)
    Message(message.MSG_RESULT, b"1234", 1, 0, 0).send(ours)
    with pytest.raises(MessageTooLargeError):
        Message.recv(theirs)
    with pytest.raises(ProtocolError):
        Message.from_header(b"x" * 24)


@pytest.mark.parametrize("version", [48, 502])
def test_a_proxys_connection_is_pinged_in_the_protocol_it_speaks(version: int) -> None:
    with Daemon(host="127.0.0.1") as daemon:
        loop = threading.Thread(target=daemon.requestLoop)
        loop.start()
        with Proxy(daemon.uriFor(DAEMON_NAME)) as proxy:
            proxy._pyroProtocolVersion = version
            proxy._pyroBind()
            connection = proxy._pyroConnection
            assert connection is not None
            for _ in range(2):
                Message.ping(connection)
                SendingMessage.ping(connection)
            assert proxy.registered() == [DAEMON_NAME]
        daemon.shutdown()
        loop.join()


def test_signatures_are_compared() -> None:
    assert message.secure_compare(b"a", b"a")
    assert not message.secure_compare(b"a", b"b")
