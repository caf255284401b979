"""A client that speaks Pyro4's protocol: what it is told, and that the limits hold for it too."""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pyrolike.callcontext import current_context, get_state
from pyrolike.objects import expose, oneway
from pyrolike.protocol import Flag
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
from tests.support import wire, wire48
from tests.support.daemon import changed_settings
from tests.support.rawpeer import serpent
from tests.support.serving import Hooks, Serving, make_service, serving
from tests.support.wire import RawMessage

CORRELATION = bytes(range(16))
KEY = b"key"


class Calc:
    """An object with what is spelled otherwise for Pyro4."""

    @expose
    def add(self, a: Any, b: Any) -> Any:
        return a + b

    @expose
    def fail(self) -> None:
        raise ValueError("failed")

    @expose
    def uri(self) -> URI:
        return URI("PYRO:x@h:1")

    @expose
    def count(self) -> Iterator[int]:
        yield from range(3)

    @expose
    def repeat(self, text: str, times: int) -> str:
        return text * times

    @expose
    def annotate(self, size: int) -> None:
        current_context.response_annotations = {"MINE": bytes(size)}

    @expose
    def context(self) -> list[Any]:
        context = current_context
        return [context.msg_flags, context.serializer_id, get_state().protocol_version]

    @expose
    def correlation(self) -> str:
        return str(current_context.correlation_id)

    @expose
    @oneway
    def fire(self) -> None: ...


def handshake(flags: int = wire48.META_ON_CONNECT, **options: Any) -> bytes:
    content = {"handshake": "hello", "object": "calc"}
    if not flags & wire48.META_ON_CONNECT:
        del content["object"]
    return wire48.message(wire.CONNECT, serpent(content), flags=flags, **options)


def invoke(method: str, *args: Any, **options: Any) -> bytes:
    payload = serpent(("calc", method, args, {}))
    return wire48.message(wire.INVOKE, payload, **{"seq": 1, **options})


def exchange(pair: Serving, data: bytes) -> RawMessage:
    """Send *data* and return the answer, which comes in the same protocol."""
    pair.peer.send(data)
    pair.finish()
    return wire48.read_message(pair.peer.receive)


def value_of(answer: RawMessage) -> Any:
    return get_serializer("serpent").loads(answer.payload)


def reason_of(answer: RawMessage) -> str:
    assert answer.type == wire.CONNECTFAIL
    assert answer.serializer == wire48.MARSHAL
    return str(marshal.loads(answer.payload))


@pytest.fixture
def new() -> Iterator[Serving]:
    """A session that has heard nothing yet."""
    with serving(make_service({"calc": Calc()})) as pair:
        yield pair


@pytest.fixture
def opened(new: Serving) -> Serving:
    """A session after the handshake."""
    assert exchange(new, handshake()).type == wire.CONNECTOK
    return new


@pytest.fixture
def keyed() -> Iterator[Serving]:
    """A session of a daemon with a key."""
    service = make_service({"calc": Calc()})
    service.hmac_key = KEY
    with serving(service) as pair:
        yield pair


# -- handshakes


def test_a_handshake_that_asks_for_metadata_gets_lists(new: Serving) -> None:
    answer = exchange(new, handshake())
    assert (answer.type, answer.flags) == (wire.CONNECTOK, wire48.META_ON_CONNECT)
    content = value_of(answer)
    assert content["handshake"] == "hello"
    assert content["meta"]["oneway"] == ["fire"]
    assert content["meta"]["methods"][:2] == ["add", "annotate"]
    assert new.session.connection.objectId == "calc"


def test_a_handshake_that_does_not_ask_gets_the_bare_answer(new: Serving) -> None:
    answer = exchange(new, handshake(0))
    assert (answer.type, answer.flags, value_of(answer)) == (wire.CONNECTOK, 0, "hello")
    assert new.session.connection.objectId is None
    assert value_of(exchange(new, invoke("add", 1, 2))) == 3


@pytest.mark.parametrize("content", [{"handshake": "hello"}, {"object": "calc"}, "hello", None])
def test_a_handshake_that_lacks_something_is_refused(new: Serving, content: Any) -> None:
    data = wire48.message(wire.CONNECT, serpent(content), flags=wire48.META_ON_CONNECT, seq=3)
    answer = exchange(new, data)
    assert (answer.type, answer.serializer, answer.seq) == (wire.CONNECTFAIL, wire48.SERPENT, 3)
    assert "handshake" in value_of(answer)
    new.peer.wait_closed()


@pytest.mark.parametrize("number", [0, 4, 5, 7, 8, 42, 256, 0xFFFF])
def test_a_serializer_that_is_not_accepted_is_named_by_the_clients_number(
    new: Serving, number: int
) -> None:
    answer = exchange(new, wire48.message(wire.CONNECT, b"never read", serializer=number, seq=2))
    known = {4: "pickle", 5: "dill", 7: "cloudpickle"}
    assert f"serializer {known.get(number, f'number {number}')};" in reason_of(answer)
    assert answer.seq == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (wire48.header(wire.CONNECT, data_size=0, error=1), "checksum"),
        (wire48.header(wire.CONNECT, data_size=1024 * 1024 + 1), "allowed"),
        (wire48.header(wire.CONNECT, data_size=-1), "no size"),
        (invoke("add", 1, 2), "CONNECT"),
        (handshake(key=KEY), "this side has none"),
    ],
    ids=["checksum", "too large", "negative", "call", "signed"],
)
def test_what_is_no_handshake_is_refused_in_the_clients_protocol(
    new: Serving, data: bytes, reason: str
) -> None:
    answer = exchange(new, data)
    assert reason in reason_of(answer)
    assert answer.seq == 0
    new.peer.wait_closed()


def test_a_handshake_cannot_be_inflated_beyond_its_limit(new: Serving) -> None:
    bomb = zlib.compress(bytes(2 * 1024 * 1024))
    answer = exchange(new, wire48.message(wire.CONNECT, bomb, flags=wire.COMPRESSED))
    assert answer.type == wire.CONNECTFAIL
    assert "opens to more than" in value_of(answer)


# -- calls


def test_a_call_is_answered_in_the_clients_protocol(opened: Serving) -> None:
    answer = exchange(opened, invoke("add", 1, 2, seq=7))
    assert (answer.type, answer.flags, answer.seq) == (wire.RESULT, 0, 7)
    assert (answer.serializer, value_of(answer)) == (wire48.SERPENT, 3)


def test_classes_have_the_names_of_the_clients_pyro(opened: Serving) -> None:
    assert b"Pyro4.core.URI" in exchange(opened, invoke("uri")).payload
    failure = exchange(opened, invoke("missing"))
    assert failure.flags == wire.EXCEPTION
    unknown = exchange(opened, wire48.message(wire.INVOKE, serpent(("nobody", "x", (), {})), seq=2))
    assert b"Pyro4.errors.DaemonError" in unknown.payload


def test_the_context_shows_numbers_of_pyro5(opened: Serving) -> None:
    payload = get_serializer("json").dumpsCall("calc", "context", (), {})
    answer = exchange(opened, wire48.message(wire.INVOKE, payload, serializer=wire48.JSON))
    assert get_serializer("json").loads(answer.payload) == [0, wire.JSON, 48]


def test_the_correlation_id_is_an_annotation_and_absent_from_errors(opened: Serving) -> None:
    sent = {"CORR": CORRELATION}
    answer = exchange(opened, invoke("correlation", annotations=sent))
    assert value_of(answer) == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert answer.annotations == sent
    assert exchange(opened, invoke("fail", annotations=sent)).annotations == {}


def test_a_stream_is_announced_with_pyro4s_flag(opened: Serving) -> None:
    answer = exchange(opened, invoke("count"))
    assert answer.flags == wire.EXCEPTION | wire48.ITEMSTREAM
    assert answer.annotations["STRM"]


def test_replies_are_compressed_as_pyro4_does() -> None:
    with changed_settings(COMPRESSION=True), serving(make_service({"calc": Calc()})) as pair:
        exchange(pair, handshake())
        answer = exchange(pair, invoke("repeat", "x", 1000))
    assert answer.flags == wire.COMPRESSED
    assert answer.payload[:2] == b"\x78\x9c"
    assert b"x" * 1000 in zlib.decompress(answer.payload)


def test_annotations_beyond_the_field_are_an_error_for_the_caller(opened: Serving) -> None:
    answer = exchange(opened, invoke("annotate", 70_000))
    assert answer.flags == wire.EXCEPTION
    assert "room for 65,535" in str(value_of(answer))
    assert value_of(exchange(opened, invoke("add", 1, 2))) == 3


def test_a_ping_is_answered_with_its_number(opened: Serving) -> None:
    answer = exchange(opened, wire48.message(wire.PING, b"ping", serializer=42, seq=5))
    assert (answer.type, answer.serializer, answer.seq) == (wire.PING, 42, 5)
    assert answer.payload == b"pong"


def test_a_ping_is_answered_even_if_the_daemons_annotations_cannot_be_sent() -> None:
    class Annotating(Hooks):
        def annotations(self) -> Mapping[str, Any]:
            return {"HUGE": bytes(70_000)} if self.shaken and self.is_told else {}

        is_told = False

    hooks = Annotating()
    with serving(make_service({"calc": Calc()}, hooks)) as pair:
        exchange(pair, handshake())
        hooks.is_told = True
        answer = exchange(pair, wire48.message(wire.PING, b"ping", serializer=42, seq=5))
    assert (answer.type, answer.serializer, answer.payload) == (wire.PING, 42, b"pong")


def test_a_call_beyond_the_limit_is_told_so_by_its_header() -> None:
    with (
        changed_settings(MAX_MESSAGE_SIZE=1000),
        serving(make_service({"calc": Calc()})) as pair,
    ):
        exchange(pair, handshake())
        answer = exchange(pair, wire48.header(wire.INVOKE, data_size=1001, seq=8))
        assert (answer.flags, answer.seq) == (wire.EXCEPTION, 8)
        assert b"Pyro4.errors.MessageTooLargeError" in answer.payload
        pair.peer.wait_closed()


def test_a_client_cannot_change_to_the_other_protocol(opened: Serving) -> None:
    opened.peer.send(wire.message(wire.INVOKE, serpent(("calc", "add", (1, 2), {}))))
    opened.finish()
    opened.peer.wait_closed()


def test_a_call_in_a_serializer_that_is_not_accepted_is_refused(opened: Serving) -> None:
    payload = get_serializer("pickle").dumpsCall("calc", "add", (1, 2), {})
    answer = exchange(opened, wire48.message(wire.INVOKE, payload, serializer=wire48.PICKLE))
    assert (answer.flags, answer.serializer) == (wire.EXCEPTION, wire48.PICKLE)
    assert "serializer pickle" in str(get_serializer("pickle").loads(answer.payload))
    opened.peer.wait_closed()


def test_without_a_handshake_the_first_call_tells_the_protocol() -> None:
    with serving(make_service({"calc": Calc()}), needs_handshake=False) as pair:
        answer = exchange(pair, invoke("context"))
    assert value_of(answer) == [0, wire.SERPENT, 48]


@pytest.mark.parametrize("is_open", [False, True])
def test_who_finds_no_free_worker_is_told_so(new: Serving, is_open: bool) -> None:
    if is_open:
        exchange(new, handshake())
    new.peer.send(invoke("add", 1, 2, seq=9) if is_open else handshake())
    message = new.session.take_message()
    assert message is not None
    new.session._message = message
    new.session.refuse_busy()
    answer = wire48.read_message(new.peer.receive)
    assert answer.type == (wire.RESULT if is_open else wire.CONNECTFAIL)
    assert b"no free workers" in answer.payload


# -- keys


def test_with_a_key_everything_is_signed_both_ways(keyed: Serving) -> None:
    for data in (handshake(key=KEY), invoke("add", 1, 2, key=KEY), invoke("fail", key=KEY)):
        answer = exchange(keyed, data)
        signature = answer.annotations.pop("HMAC")
        assert signature == wire48.signature(KEY, answer.payload, answer.annotations)
    assert answer.flags == wire.EXCEPTION


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (handshake(), "does not sign"),
        (handshake(key=b"other"), "not signed with the key"),
        (handshake(annotations={"HMAC": b""}), "not signed with the key"),
    ],
    ids=["none", "other", "empty"],
)
def test_a_handshake_that_is_not_signed_with_the_key_is_refused(
    keyed: Serving, data: bytes, reason: str
) -> None:
    answer = exchange(keyed, data)
    assert reason in reason_of(answer)
    assert answer.annotations["HMAC"] == wire48.signature(KEY, answer.payload, {})
    assert keyed.session.connection.is_closed


def test_a_call_that_is_not_signed_ends_the_session_without_being_made(keyed: Serving) -> None:
    exchange(keyed, handshake(key=KEY))
    keyed.peer.send(invoke("add", 1, 2))
    keyed.finish()
    keyed.peer.wait_closed()
    assert keyed.session.calls == 0


def test_a_daemon_with_a_key_does_not_speak_with_who_cannot_sign(keyed: Serving) -> None:
    payload = serpent({"handshake": "hello", "object": "calc"})
    keyed.peer.send(wire.message(wire.CONNECT, payload))
    keyed.finish()
    answer = keyed.peer.read_message()
    assert answer.type == wire.CONNECTFAIL
    assert "this end speaks 48" in marshal.loads(answer.payload)


def test_a_daemon_of_this_protocol_only_says_so_in_it() -> None:
    with changed_settings(PROTOCOLS_ACCEPTED={48}):
        service = make_service({"calc": Calc()})
    with serving(service) as pair:
        payload = serpent({"handshake": "hello", "object": "calc"})
        answer = exchange(pair, wire.message(wire.CONNECT, payload))
        assert "this end speaks 48" in reason_of(answer)


def test_a_daemon_without_this_protocol_refuses_it_by_its_first_bytes() -> None:
    with changed_settings(PROTOCOLS_ACCEPTED={502}):
        service = make_service({"calc": Calc()})
    with serving(service) as pair:
        pair.peer.send(handshake()[:6])
        pair.finish()
        answer = pair.peer.read_message()
        assert answer.type == wire.CONNECTFAIL
        assert "this end speaks 502" in marshal.loads(answer.payload)


def test_a_flag_that_only_pyro4_has_cannot_be_set_in_502() -> None:
    assert Flag.META_ON_CONNECT > 0xFFFF
