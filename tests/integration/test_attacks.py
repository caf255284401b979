"""Attacks on a server in its own process: it lives, serves others within a second, stays small, and
nothing is left of them. On both server types, plain and with TLS.
"""

from __future__ import annotations

import contextlib
import itertools
import marshal
import os
import select
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support import wire
from tests.support.certificates import make_certificates
from tests.support.peers.besieged import LONG_NAME, NAMES_ID
from tests.support.processes import ROOT
from tests.support.rawpeer import RawPeer, call_message, serpent
from tests.support.siege import (
    HELLO,
    LIMIT,
    MEGABYTE,
    Siege,
    at_most_descriptors,
    besieged,
    has_room,
    hear_out,
    invoke,
    say,
    withstand,
)

SILENT = int(os.environ.get("PYROLIKE_SILENT_PEERS", "1200"))
"""Three times as many as the server lets stay."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

EACH = [("thread", False), ("thread", True), ("multiplex", False), ("multiplex", True)]


@pytest.fixture(
    scope="module", params=EACH, ids=lambda each: f"{each[0]}-{'tls' * each[1] or 'plain'}"
)
def siege(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Siege]:
    server_type, has_tls = request.param
    files = make_certificates(tmp_path_factory.mktemp("certificates")) if has_tls else None
    with besieged(server_type, files) as siege:
        yield siege


def ask(siege: Siege, *messages: bytes) -> list[wire.RawMessage]:
    """Say all that on connections that have shaken hands, and return the answers.

    What ends its connection without an answer is followed by the rest on another one.
    """
    heard: list[wire.RawMessage] = []
    waiting = list(messages)
    while waiting:
        with siege.peer() as peer, contextlib.suppress(EOFError, OSError):
            while waiting:
                peer.send(waiting.pop(0))
                heard.append(peer.read_message())
    for answer in heard:  # strangers are told no places and no lines of code
        told = bytes(answer.payload)
        assert not any(word in told for word in (os.fsencode(ROOT), b".py", b'File "')), told
    return heard


def all_refused(answers: list[wire.RawMessage]) -> bool:
    return bool(answers) and all(answer.flags & wire.EXCEPTION for answer in answers)


# -- payloads that readers do not like


HARMFUL = [
    b"\xe3" + bytes(143),
    b"\xdb\x02\x00\x00\x00r\x00\x00\x00\x00r\x00\x00\x00\x00",
    b"\xbc\x01\x00\x00\x00r\x00\x00\x00\x00",
    b"\xfb" + b"r\x00\x00\x00\x00" * 2 + b"0",
    b"c" + bytes(145),
    b"\xe3\x00\x00\x00\x00" + b"r\x00\x00\x00\x00" * 20,
    b"l\xff\xff\xff\x7f" + bytes(20),
    b"l\x00\x00\x00\x80",
    b"(\xff\xff\xff\x7f",
    b"[\xff\xff\xff\x7f",
    b"<\xff\xff\xff\x7f",
    b"s\xff\xff\xff\x7f",
    b"[\x01\x00\x00\x00" * 3000,
    marshal.dumps(("calc", "echo", [compile("1", "x", "eval")], {})),
]


def test_marshal_data_that_crashes_pythons_loader(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        for data in HARMFUL:
            with siege.silent() as peer:
                say(peer, wire.message(wire.CONNECT, data, serializer=wire.MARSHAL))
                assert [answer.type for answer in hear_out(peer)] == [wire.CONNECTFAIL]
        assert all_refused(ask(siege, *(invoke(data, wire.MARSHAL) for data in HARMFUL)))

    withstand(siege, attack)


def test_bombs(siege: Siege) -> None:
    big = "x" * 30 * MEGABYTE
    hello = zlib.compress(serpent({"handshake": big, "object": "calc"}), 9)
    call = zlib.compress(serpent(("calc", "echo", (big,), {})), 9)

    def attack(siege: Siege) -> None:
        with siege.silent() as peer:
            say(peer, wire.message(wire.CONNECT, hello, flags=wire.COMPRESSED))
            assert [answer.type for answer in hear_out(peer)] == [wire.CONNECTFAIL]
        for kind in (0, wire.BATCH, wire.KEEPSERIALIZED):
            assert all_refused(ask(siege, invoke(call, flags=wire.COMPRESSED | kind)))
        with siege.peer() as peer:
            say(peer, *6 * [invoke(call, flags=wire.COMPRESSED | wire.ONEWAY)])
            assert peer.call("echo", 1).payload == serpent(1)

    withstand(siege, attack, memory=4 * LIMIT)


DEEP = 100_000
DIGITS = b"9" * 900_000


@pytest.mark.parametrize(
    "payloads",
    [
        [
            (wire.SERPENT, b"# serpent utf-8 python3.2\n" + b"(" * DEEP + b")" * DEEP),
            (wire.SERPENT, b"# serpent utf-8 python3.2\n" + b"-" * DEEP + b"1"),
            (wire.SERPENT, b"# serpent utf-8 python3.2\n" + b"{1:" * DEEP),
            (wire.JSON, b'{"object":"calc","params":' + b"[" * DEEP + b"]" * DEEP + b"}"),
            (wire.JSON, b'{"a":' * DEEP),
            (wire.MARSHAL, b"[\x01\x00\x00\x00" * DEEP + b"N"),
            (wire.MSGPACK, b"\x91" * DEEP + b"\xc0"),
        ],
        [
            (wire.SERPENT, b"# serpent utf-8 python3.2\n('calc','echo',(%b,),{})" % DIGITS),
            (wire.SERPENT, b"# serpent utf-8 python3.2\n(1e%b,)" % DIGITS),
            (wire.SERPENT, b"# serpent utf-8 python3.2\n(%bj,)" % DIGITS[:3000]),
            (wire.JSON, b'{"object":"calc","method":"echo","kwargs":{},"params":[%b]}' % DIGITS),
            (wire.MARSHAL, b"l" + (400_000).to_bytes(4, "little") + b"\xff\x7f" * 400_000),
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\x91\xc8\xff\xff\x31" + b"9" * 0xFFFF + b"\x80"),
        ],
        [
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\xdd\x7f\xff\xff\xff"),
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\x91\xdf\x7f\xff\xff\xff"),
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\x91\xc6\x7f\xff\xff\xff"),
            (wire.MSGPACK, b"\x94\xa4calc\xa4echo\x91\xc9\x7f\xff\xff\xff\x31"),
            (wire.MARSHAL, b"(\x04\x00\x00\x00z\x04calcz\x04echo[\xff\xff\xff\x7f"),
        ],
    ],
    ids=["deep", "digits", "announced"],
)
def test_payloads_that_ask_for_too_much(siege: Siege, payloads: list[tuple[int, bytes]]) -> None:
    def attack(siege: Siege) -> None:
        assert all_refused(ask(siege, *(invoke(data, number) for number, data in payloads)))

    # A parser may hold a text several times, before it sees what is wrong.
    withstand(siege, attack, memory=16 * LIMIT)


def test_calls_of_very_many_values(siege: Siege) -> None:
    """Small values take far more memory than they have bytes, until the call is answered."""
    text = b"# serpent utf-8 python3.2\n('calc','look_at',([%b],),{})"
    lists = text % (b"[]," * 150_000 + b"[]")
    unusual = text % (b"[]," * 20_000)  # with its last comma it is read token by token
    calls = b"('echo',(1,),{})," * 20_000
    batch = b"# serpent utf-8 python3.2\n('calc','<batch>',[%b],None)" % calls[:-1]

    def attack(siege: Siege) -> None:
        with siege.peer() as peer:
            peer.send(invoke(lists))
            assert peer.read_message().type == wire.RESULT
            peer.send(invoke(unusual))
            assert peer.read_message().type == wire.RESULT
            peer.send(invoke(batch, flags=wire.BATCH))
            assert peer.read_message().type == wire.RESULT

    withstand(siege, attack, memory=60 * LIMIT)


def test_annotations_of_very_many_chunks(siege: Siege) -> None:
    ids = ("".join(letters) for letters in itertools.product("ABCDEFGHIJKLMNOPQRSTUVW", repeat=4))
    many = dict.fromkeys(itertools.islice(ids, 120000), b"")
    same = wire.chunks({"ABCD": b""}) * 120_000

    def attack(siege: Siege) -> None:
        with siege.peer() as peer:
            payload = serpent(("calc", "echo", (1,), {}))
            peer.send(wire.message(wire.INVOKE, payload, annotations=many))
            assert peer.read_message().payload == serpent(1)
            head = wire.header(wire.INVOKE, data_size=len(payload), annotations_size=len(same))
            peer.send(head + same + payload)
            with contextlib.suppress(EOFError, OSError):  # twice the same may end the connection
                peer.read_message()
        # A stranger has less room: the connection may be gone before all of it is sent.
        with siege.silent() as peer, contextlib.suppress(EOFError, OSError):
            peer.send(wire.message(wire.CONNECT, HELLO[40:], annotations=many))
            assert peer.read_message().type == wire.CONNECTFAIL

    withstand(siege, attack, memory=60 * LIMIT)


# -- peers that do not go on


def test_silent_peers_and_halves_of_messages(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        with ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(siege.dial())
            for beginning in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n", b"PYRO"):
                stack.enter_context(siege.dial()).sendall(beginning)
            for size in (1, 5, 39, 40, len(HELLO) - 1) * 5:
                say(stack.enter_context(siege.silent()), HELLO[:size])
            for size in (1, 39, 41, 60) * 5:
                say(stack.enter_context(siege.peer()), call_message("echo", "x" * 30)[:size])

    withstand(siege, attack)


@pytest.mark.skipif(not has_room(SILENT + 500), reason="needs so many descriptors")
def test_thousands_of_silent_peers_and_of_those_that_say_a_byte_now_and_then(siege: Siege) -> None:
    first = b"\x16\x03\x01\x02\x00" if siege.context else HELLO

    def attack(siege: Siege) -> None:
        with ExitStack() as stack:
            slow: list[tuple[socket.socket, Iterator[int]]] = []
            for number in range(SILENT):
                sock = stack.enter_context(siege.dial())
                if number % 2:
                    slow.append((sock, iter(first)))
                if number % (SILENT // 5) == 0:
                    for each, letters in slow:
                        with contextlib.suppress(OSError):
                            each.send(bytes([next(letters)]))

    # Only HANDSHAKE_LIMIT of them are there at once; each has its place in TLS, too.
    withstand(siege, attack, memory=(16 if siege.context else 4) * MEGABYTE)


@pytest.mark.skipif(not has_room(500), reason="needs some descriptors")
def test_peers_that_use_up_the_descriptors(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        used = siege.sample().descriptors
        with ExitStack() as stack, at_most_descriptors(siege.program.pid, used + 150):
            for _ in range(250):
                stack.enter_context(siege.dial())
            with siege.peer() as peer:
                assert peer.call("echo", 1).payload == serpent(1)

    withstand(siege, attack, memory=4 * LIMIT)


def test_sizes_that_are_only_announced(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        with ExitStack() as stack:
            for _ in range(20):
                head = wire.header(wire.CONNECT, data_size=LIMIT - 100)
                say(stack.enter_context(siege.silent()), head + b"a little")
                head = wire.header(wire.INVOKE, data_size=LIMIT - 100)
                say(stack.enter_context(siege.peer()), head + b"a little")
            for kind, size in itertools.product(
                (wire.CONNECT, wire.INVOKE), (LIMIT + 1, 0xFFFF_FFFF)
            ):
                peer = stack.enter_context(siege.silent() if kind == wire.CONNECT else siege.peer())
                say(peer, wire.header(kind, data_size=size))
                assert len(hear_out(peer)) == 1

    # Each of them has the room in which its message would begin to be put together.
    withstand(siege, attack, memory=8 * LIMIT)


# -- floods


def test_a_flood_of_handshakes(siege: Siege) -> None:
    count = 25 if siege.context else 200

    def attack(siege: Siege) -> None:
        for _ in range(count):
            siege.peer().sock.close()
        for _ in range(count):
            siege.dial().close()
        for _ in range(count // 5):
            with siege.silent() as peer:
                say(peer, HELLO * 20)  # all at once, and only the first has its place

    withstand(siege, attack)


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_flood_of_pings_and_oneway_calls(siege: Siege, is_heard: bool) -> None:
    ping = wire.message(wire.PING, b"ping", serializer=42)
    note = invoke(serpent(("calc", "note", ("x",), {})), flags=wire.ONEWAY)

    def attack(siege: Siege) -> None:
        with siege.peer() as first, siege.peer() as second, siege.peer() as third:
            flood(first, ping * 5000, is_heard=is_heard)
            flood(second, note * 5000, is_heard=is_heard)
            flood(third, call_message("echo", "x" * 5000) * 400, is_heard=is_heard)

    withstand(siege, attack, memory=8 * LIMIT)


def flood(peer: RawPeer, data: bytes, *, is_heard: bool) -> None:
    """Send all of it; take in what is answered, or give up when the other side does not go on."""
    peer.sock.settimeout(0.3)
    view = memoryview(data)
    with contextlib.suppress(TimeoutError, OSError):
        while view:
            view = view[peer.sock.send(view[:20_000]) :]
            while is_heard and select.select([peer.sock], [], [], 0)[0]:
                if not peer.sock.recv(1 << 20):
                    return


def test_a_greedy_client_with_many_connections(siege: Siege) -> None:
    """It keeps all of them busy: more than the server has threads, and calls that take a while."""
    calls = call_message("echo", list(range(5_000))) * 8 + call_message("echo", 1) * 100

    def attack(siege: Siege) -> None:
        with ExitStack() as stack:
            peers = [stack.enter_context(siege.peer()) for _ in range(30)]
            for peer in peers:
                peer.sock.settimeout(20.0)
                peer.send(calls)
            for peer in peers:
                for _ in range(108):
                    assert peer.read_message().type == wire.RESULT

    withstand(siege, attack, memory=16 * LIMIT)


def test_more_streams_than_a_client_may_have(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        with siege.peer() as peer:
            answers = [peer.call("count", 10) for _ in range(200)]
        opened = [answer for answer in answers if answer.flags & wire.ITEMSTREAM]
        assert len(opened) == 50
        assert all_refused(answers)  # a stream has that flag too

    withstand(siege, attack)


# -- what may be reached


NAMES = [
    "_private", "_secret", "__init__", "__class__", "__dict__", "__getattribute__", "__reduce__",
    "__subclasshook__", "echo.__globals__", "echo.__func__", "notes.real", "__class__.__mro__", "",
    " ",
    "echo ", "ECHO", "echo\0", "e" * 100_000, "\u0435cho", "_pyroDaemon", "_pyroId", "register",
]  # fmt: skip


def test_names_that_are_nobodys_business(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        for name in NAMES:
            asked = [
                invoke(serpent(("calc", name, (), {}))),
                invoke(serpent(("plain", name, (), {}))),
                invoke(serpent(("calc", "__getattr__", (name,), None))),
                invoke(serpent(("calc", "__setattr__", (name, 1), None))),
                invoke(serpent(("Pyro.Daemon", name, (), {}))),
            ]
            assert all_refused(ask(siege, *asked)), name
            (answer,) = ask(
                siege,
                invoke(serpent(("calc", "<batch>", [(name, (), {})], None)), flags=wire.BATCH),
            )
            assert answer.flags & wire.EXCEPTION or b"_ExceptionWrapper" in answer.payload, name
        for object_id in ("nobody", "__main__", "calc.echo", "", "c" * 100_000):
            assert all_refused(ask(siege, invoke(serpent((object_id, "echo", (1,), {})))))

    withstand(siege, attack)


CLASSES = [
    "os.system", "subprocess.Popen", "builtins.eval", "builtins.__import__", "builtins.type",
    "socket.socket", "pyrolike.server.daemon.Daemon", "__main__.Calc",
    "tests.support.peers.besieged.Calc",
    "builtins.SystemExit\n", "", "x" * 100_000,
]  # fmt: skip


def test_classes_that_nobody_may_have_made(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        for name in CLASSES:
            made: Any = {"__class__": name, "args": ["true"], "state": ["true"], "attributes": {}}
            forms = [made, [made], {"a": ({"b": made},)}, {**made, "__exception__": True}]
            asked = [invoke(serpent(("calc", "echo", (form,), {}))) for form in forms]
            asked += [invoke(marshal.dumps(("calc", "echo", [f], {})), wire.MARSHAL) for f in forms]
            assert all_refused(ask(siege, *asked)), name

    withstand(siege, attack)


def test_proxies_that_lead_to_where_a_stranger_likes(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            where = f"PYRO:x@127.0.0.1:{listener.getsockname()[1]}"
            state = (where, (), ("ping",), (), "hello", 0)
            proxy: Any = {"__class__": "Pyro5.client.Proxy", "state": state}
            for value in (proxy, [proxy], {"a": (proxy,)}):
                for method in ("look_at", "echo", "note"):
                    ask(siege, call_message(method, value))
            uri: Any = {
                "__class__": "Pyro5.core.URI",
                "state": ("PYRONAME", "x", None, "127.0.0.1", 1),
            }
            assert not all_refused(
                ask(siege, call_message("look_at", proxy), call_message("echo", uri))
            )
            assert select.select([listener], [], [], 0.05)[0] == []

    withstand(siege, attack)


def test_messages_again_and_under_other_numbers(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        with siege.peer() as peer:
            for seq in (1, 1, 0, 65_535, 7):  # which number a client takes is its own business
                answer = peer.call("echo", seq, seq=seq)
                assert (answer.seq, answer.payload) == (seq, serpent(seq))
        for kind in (wire.CONNECT, wire.CONNECTOK, wire.CONNECTFAIL, wire.RESULT, 0, 99, 255):
            with siege.peer() as peer:
                say(peer, wire.message(kind, HELLO[40:]), call_message("echo", 1))
                peer.wait_closed()
        for message in (call_message("echo", 1), wire.message(wire.PING), call_message("note", 1)):
            with siege.silent() as peer:
                say(peer, message, HELLO, call_message("echo", 1))
                assert [answer.type for answer in hear_out(peer)] in ([wire.CONNECTFAIL], [])

    withstand(siege, attack)


REGEXES = [
    "(a+)+$", "(a|a)*$", "(a*)*b", "((a{1,20}){1,20}){1,20}$", "(" * 400, "a" * 5000, "(a+)+\\1$",
    "(?=(a+)+$)", "[a-z]*" * 100 + "$",
]  # fmt: skip


def test_regular_expressions(siege: Siege) -> None:
    def attack(siege: Siege) -> None:
        for regex in REGEXES:
            ask(siege, call_message("list", None, regex, object_id=NAMES_ID))
            ask(siege, call_message("remove", None, None, regex, object_id=NAMES_ID))
        assert len(ask(siege, call_message("lookup", LONG_NAME, object_id=NAMES_ID))) == 1

    withstand(siege, attack, memory=8 * LIMIT)
