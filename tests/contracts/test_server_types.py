"""What every server type must be able to do, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from pyrolike.api import BatchProxy, Daemon, Proxy
from pyrolike.errors import CommunicationError, PyroError
from tests.support import wire
from tests.support.daemon import PATIENCE, Threads, changed_settings
from tests.support.processes import Program
from tests.support.rawpeer import RawPeer, call_message, serpent
from tests.support.servertypes import (
    ALL,
    HANDSHAKE,
    LISTENING,
    Calc,
    PerCall,
    PerSession,
    Served,
    Single,
    Watching,
    foreign_loop,
    served,
)
from tests.support.serving import count_descriptors, run_bounded, settle, settle_descriptors
from tests.support.waiting import wait_until

HUGE = 30_000_000
"""Characters of a reply that no system takes in before somebody reads."""

every_type = pytest.mark.parametrize("kind", ALL)
listening_types = pytest.mark.parametrize("kind", LISTENING)


@pytest.fixture
def calc() -> Iterator[Calc]:
    calc = Calc()
    yield calc
    calc.may_go_on.set()  # whatever happened, no thread may stay held


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    threads, descriptors = set(threading.enumerate()), count_descriptors()
    yield
    assert settle(threads) == []
    assert settle_descriptors(descriptors) <= descriptors


def oneway_message(method: str, *args: Any) -> bytes:
    return wire.message(wire.INVOKE, serpent(("calc", method, args, {})), flags=wire.ONEWAY)


def check_serves(server: Served) -> None:
    """A new client is served."""
    with server.proxy() as proxy:
        assert proxy.add(3, 4) == 7


# -- calls


@every_type
def test_calls_attributes_batches_and_streams_work(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        assert proxy.add(3, 4) == 7
        proxy.level = 5
        assert proxy.level == 5
        batch = BatchProxy(proxy)
        batch.add(1, 2)
        batch.add(3, 4)
        assert list(batch()) == [3, 7]
        assert list(proxy.count(4)) == [0, 1, 2, 3]
        with pytest.raises(ValueError, match="failed"):
            proxy.fail()
        with pytest.raises(AttributeError):
            proxy.nothing()
        assert proxy.add(3, 4) == 7


@every_type
@pytest.mark.parametrize("size", [10, 100_000, HUGE])
def test_requests_and_replies_of_any_size_arrive_whole(kind: str, calc: Calc, size: int) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        assert len(proxy.repeat("x", size)) == size
        assert len(proxy.repeat("x" * (size // 10), 1)) == size // 10
        assert proxy.add(3, 4) == 7


@every_type
def test_a_daemon_tells_its_server_type(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        info = server.proxy("Pyro.Daemon").info()
        assert f"Servertype: {kind}" in info


@every_type
def test_oneway_calls_run_beside_the_others_and_in_order(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        proxy.wait_oneway()
        for word in range(50):
            proxy.note(word)
        assert proxy.add(3, 4) == 7  # although the first of them still runs
        assert calc.notes == []
        calc.may_go_on.set()
        assert calc.wait_noted(50) == list(range(50))


@every_type
def test_a_oneway_batch_does_not_overtake_the_oneway_calls_before_it(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        proxy.wait_oneway()
        proxy.note(0)
        batch = BatchProxy(proxy)
        batch.note(1)
        batch.note(2)
        batch(oneway=True)
        proxy.note(3)
        assert proxy.add(3, 4) == 7
        assert calc.notes == []
        calc.may_go_on.set()
        assert calc.wait_noted(4) == [0, 1, 2, 3]


@every_type
@pytest.mark.parametrize("how", ["exit", "interrupt", "generator"])
def test_a_method_that_wants_to_end_its_thread_ends_nothing(
    kind: str, calc: Calc, how: str
) -> None:
    with served(kind, {"calc": calc}) as server:
        proxy = server.proxy()
        for _ in range(3):
            with pytest.raises(PyroError, match="raised"):
                proxy.leave(how)
        assert proxy.add(3, 4) == 7
        assert server.running.thread.is_alive()


@every_type
def test_instances_live_as_their_mode_says(kind: str) -> None:
    objects = {"session": PerSession, "single": Single, "percall": PerCall}
    with served(kind, objects) as server:
        for object_id, expected in ("session", [1, 2]), ("single", [1, 2]), ("percall", [1, 1]):
            proxy = server.proxy(object_id)
            assert [proxy.call(), proxy.call()] == expected


@listening_types
def test_each_client_has_its_own_session_instance(kind: str) -> None:
    with served(kind, {"session": PerSession, "single": Single}) as server:
        assert [server.proxy("session").call() for _ in range(3)] == [1, 1, 1]
        assert [server.proxy("single").call() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["thread"])
def test_a_method_may_call_an_object_of_its_own_daemon_while_its_caller_waits(
    kind: str, calc: Calc
) -> None:
    # Not with the other server types: their one thread is the one that waits for the answer.
    with served(kind, {"calc": calc}) as server:
        assert server.proxy().call_back(server.running.proxy()) == 7


@pytest.mark.parametrize("warm", [False, True])
def test_a_method_in_the_loop_cannot_call_its_own_daemon_and_is_told_so(
    calc: Calc, warm: bool
) -> None:
    with served("multiplex", {"calc": calc}) as server:
        proxies = [server.daemon.proxyFor(calc), server.running.proxy()]
        host, port = server.daemon.sock.getsockname()
        proxies += [Proxy(f"PYRO:calc@{name}:{port}") for name in ("localhost", host)]
        for proxy in proxies:
            with proxy:
                if warm:
                    assert proxy.add(1, 2) == 3
                calc.stop_now = lambda proxy=proxy: proxy.add(1, 2)  # type: ignore[misc]
                with pytest.raises(PyroError, match="calls that same daemon"):
                    server.proxy().stop()
        with served("thread", {"calc": calc}) as other:
            calc.stop_now = lambda: other.proxy().add(1, 2)
            assert server.proxy().stop() == "stopped"


@pytest.mark.parametrize("kind", ["multiplex", "existing"])
def test_all_calls_run_in_the_thread_of_the_loop(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        assert server.proxy().thread() == server.running.thread.name


# -- messages, and clients that have trouble with them


@every_type
def test_a_slow_message_arrives_in_the_end(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        peer = server.peer()
        for byte in call_message("add", 3, 4):
            peer.send(bytes([byte]))
        assert peer.read_message().payload == serpent(7)


@every_type
def test_several_messages_in_one_piece_are_answered_in_order(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        peer = server.silent_peer()
        greeting = HANDSHAKE if kind != "existing" else b""
        calls = [call_message("add", seq, 1, seq=seq) for seq in range(1, 21)]
        peer.send(greeting + b"".join(calls))
        if greeting:
            assert peer.read_message().type == wire.CONNECTOK
        replies = [peer.read_message() for _ in calls]
        assert [reply.seq for reply in replies] == list(range(1, 21))


@listening_types
@pytest.mark.parametrize(
    "start",
    [b"", HANDSHAKE[:20], HANDSHAKE, HANDSHAKE + b"PYRO"],
    ids=["nothing", "half a handshake", "a handshake", "half a call"],
)
def test_plenty_of_clients_that_do_not_go_on_stop_nobody(
    kind: str, calc: Calc, start: bytes
) -> None:
    with served(kind, {"calc": calc}) as server:
        for _ in range(90):
            server.silent_peer().send(start)
        check_serves(server)


@pytest.mark.slow
@listening_types
def test_three_hundred_silent_clients_and_a_full_pool_stop_nobody(kind: str, calc: Calc) -> None:
    # Pyro5 5.17 accepts nobody any more when its pool is full and one connection stays silent; its
    # multiplex server needs no more than the silent one.
    settings = {"THREADPOOL_SIZE": 2, "THREADPOOL_SIZE_MIN": 1, "THREADPOOL_QUEUE_WAIT": 0.1}
    with served(kind, {"calc": calc}, **settings) as server:
        good = server.proxy()
        slowest = 0.0

        def check() -> None:
            nonlocal slowest
            start = monotonic()
            assert good.add(3, 4) == 7
            with server.proxy() as new:
                assert new.add(3, 4) == 7
            slowest = max(slowest, monotonic() - start)

        starts = [b"", HANDSHAKE[:20], HANDSHAKE[:40], HANDSHAKE[:-1]]
        for number in range(300):
            server.silent_peer().send(starts[number % len(starts)])
            if number % 50 == 0:
                check()
        check()
        if kind == "thread":
            holding = [server.peer() for _ in range(2)]
            for peer in holding:
                calc.is_held.clear()
                peer.send_call("hold")
                assert calc.is_held.wait(PATIENCE)
            for _ in range(3):
                start = monotonic()
                with pytest.raises(CommunicationError, match="no free workers"):
                    server.proxy().add(1, 2)
                slowest = max(slowest, monotonic() - start)
            calc.may_go_on.set()
            assert [peer.read_message().payload for peer in holding] == [serpent("held")] * 2
        check()
        assert slowest < 1.0


@pytest.mark.slow
@every_type
def test_fifty_thousand_oneway_calls_of_a_slow_method_take_one_thread_and_little_memory(
    kind: str, calc: Calc
) -> None:
    count = 50_000
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        peer = server.peer()
        before = threading.active_count()
        peer.send(oneway_message("wait_oneway"))
        assert calc.is_held.wait(PATIENCE)
        flood = b"".join(oneway_message("note", word) for word in range(count))
        threads.start(peer.send, flood)
        stats = server.daemon.stats
        wait_until(lambda: stats().queued_oneways >= 999)
        if kind != "existing":
            check_serves(server)
        assert stats().queued_oneways <= 1000
        assert threading.active_count() <= before + 8
        calc.may_go_on.set()
        assert calc.wait_noted(count) == list(range(count))


@pytest.mark.slow
@listening_types
def test_a_handshake_that_is_never_finished_is_given_up(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, HANDSHAKE_TIMEOUT=0.1) as server:
        server.silent_peer().wait_closed()
        slow = server.silent_peer()
        slow.send(HANDSHAKE[:-1])
        slow.wait_closed()
        check_serves(server)


@pytest.mark.slow
@listening_types
def test_a_client_that_is_idle_too_long_is_let_go(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, COMMTIMEOUT=0.2, daemon_class=Watching) as server:
        server.peer().wait_closed()
        assert server.daemon.has_left.acquire(timeout=PATIENCE)  # type: ignore[attr-defined]


@pytest.mark.slow
@listening_types
def test_a_client_that_does_not_read_its_reply_stops_nobody(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        deaf = [server.peer() for _ in range(3)]
        for peer in deaf:
            peer.send_call("repeat", "x", HUGE)
            peer.send_call("add", 3, 4, seq=2)
        for _ in range(5):
            check_serves(server)
        for peer in deaf:  # and one that reads late gets everything
            assert len(peer.read_message().payload) > HUGE
            assert peer.read_message().payload == serpent(7)


@pytest.mark.slow
@listening_types
def test_clients_that_read_their_replies_as_a_trickle_hold_no_thread(kind: str, calc: Calc) -> None:
    settings = {"THREADPOOL_SIZE": 2, "THREADPOOL_SIZE_MIN": 1, "THREADPOOL_QUEUE_WAIT": PATIENCE}
    with served(kind, {"calc": calc}, **settings) as server:
        slow = [server.peer() for _ in range(6)]
        for peer in slow:
            peer.send_call("repeat", "x", HUGE)
            peer.send_call("add", 3, 4, seq=2)
        proxy = server.proxy()
        for _ in range(20):
            heads = [peer.sock.recv(1000) for peer in slow]
            assert all(heads)
            start = monotonic()
            assert proxy.add(3, 4) == 7
            assert monotonic() - start < 3.0
        check_serves(server)
        with server.proxy() as other:  # whose own large replies are whole, and in order
            for size in (300_000, 3_000_000, 1):
                assert len(other.repeat("y", size)) == size
        slow[0].sock.close()  # one leaves with a rest
        check_serves(server)


@pytest.mark.slow
@listening_types
def test_a_reply_that_is_still_being_read_when_the_daemon_closes_has_the_grace_to_arrive(
    kind: str, calc: Calc
) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        peer = server.peer()
        peer.send_call("repeat", "x", HUGE)
        wait_for_reply(peer)
        if kind == "thread":
            wait_until(lambda: server.daemon.stats().busy_threads == 0)
        threads.start(server.daemon.close, PATIENCE)
        wait_until(lambda: server.daemon.transportServer is None)
        assert len(peer.read_message().payload) > HUGE
        peer.wait_closed()


@pytest.mark.slow
@listening_types
def test_a_client_that_never_reads_its_reply_is_let_go(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, COMMTIMEOUT=0.2, daemon_class=Watching) as server:
        server.peer().send_call("repeat", "x", HUGE)
        assert server.daemon.has_left.acquire(timeout=PATIENCE)  # type: ignore[attr-defined]


@listening_types
@pytest.mark.parametrize(
    "rubbish",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", bytes(100)],
    ids=["http", "zeros"],
)
def test_rubbish_ends_its_sender_only(kind: str, calc: Calc, rubbish: bytes) -> None:
    with served(kind, {"calc": calc}) as server:
        stranger, client = server.silent_peer(), server.peer()
        stranger.send(rubbish)
        assert stranger.read_message().type == wire.CONNECTFAIL
        stranger.wait_closed()
        client.send(call_message("add", 3, 4) + rubbish)
        assert client.read_message().payload == serpent(7)
        client.wait_closed()
        check_serves(server)


@listening_types
def test_two_clients_with_many_calls_take_turns(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, THREADPOOL_SIZE=1, THREADPOOL_SIZE_MIN=1) as server:
        peers = [server.peer() for _ in range(2)]
        for peer in peers:
            peer.send(b"".join(call_message("add", seq, 1, seq=seq) for seq in range(200)))
        for peer in peers:
            assert [peer.read_message().seq for _ in range(200)] == list(range(200))


@listening_types
def test_more_oneway_calls_than_may_wait_stop_nobody_else(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        peer = server.peer()
        peer.send(oneway_message("wait_oneway"))
        assert calc.is_held.wait(PATIENCE)
        flood = b"".join(oneway_message("note", word) for word in range(1500))
        with Threads() as threads:
            threads.start(peer.send, flood + call_message("add", 3, 4, seq=9))
            check_serves(server)
            calc.may_go_on.set()
            assert calc.wait_noted(1500) == list(range(1500))
            assert peer.read_message().seq == 9


# -- clients that leave


@every_type
def test_when_a_client_leaves_the_daemon_is_told_and_what_is_tracked_is_closed(
    kind: str, calc: Calc
) -> None:
    with served(kind, {"calc": calc}, daemon_class=Watching) as server:
        daemon: Any = server.daemon
        server.proxy().track()
        server.leave()
        assert daemon.has_left.acquire(timeout=PATIENCE)
        assert calc.resource.is_closed.wait(PATIENCE)
        ((conn, was_open, tracked),) = daemon.left
        assert was_open
        assert tracked == 1
        assert conn.is_closed


@every_type
def test_a_client_that_leaves_in_the_middle_of_a_message_is_gone(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, daemon_class=Watching) as server:
        server.peer().send(call_message("add", 1, 2)[:-1])
        server.leave()
        assert server.daemon.has_left.acquire(timeout=PATIENCE)  # type: ignore[attr-defined]


# -- the loop


@every_type
def test_housekeeping_is_done_while_nothing_else_happens(kind: str) -> None:
    with served(kind, daemon_class=Watching, POLLTIMEOUT=0.02) as server:
        for _ in range(3):
            assert server.daemon.houses.acquire(timeout=PATIENCE)  # type: ignore[attr-defined]


@contextlib.contextmanager
def idle_daemon(kind: str, **settings: Any) -> Iterator[Daemon]:
    """Give a daemon whose loop does not run."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(changed_settings(**settings))
        if kind == "existing":
            ours, _ = (stack.enter_context(one) for one in socket.socketpair())
            yield stack.enter_context(Daemon(connected_socket=ours))
        else:
            stack.enter_context(changed_settings(SERVERTYPE=kind))
            yield stack.enter_context(Daemon())


@every_type
def test_the_loop_ends_when_its_condition_says_so_and_can_be_entered_again(kind: str) -> None:
    with idle_daemon(kind, POLLTIMEOUT=0.02) as daemon:
        for _ in range(2):
            turns = iter([True, True, False])
            daemon.requestLoop(loopCondition=lambda turns=turns: next(turns))  # type: ignore[misc]


@every_type
def test_a_condition_that_fails_ends_the_loop_with_its_error(kind: str) -> None:
    def fail() -> bool:
        raise ValueError("broken condition")

    with idle_daemon(kind) as daemon:
        for _ in range(2):
            with pytest.raises(ValueError, match="broken condition"):
                daemon.requestLoop(fail)


@every_type
def test_a_second_loop_waits_for_the_first_and_ends_with_the_daemon(kind: str) -> None:
    with idle_daemon(kind) as daemon, Threads() as threads:
        loops = [threads.start(daemon.requestLoop) for _ in range(2)]
        daemon.shutdown()
        for loop in loops:
            loop.join(PATIENCE)
            assert not loop.is_alive()


SERVER = """
import socket
from pyrolike.api import Daemon, config

words = iter(["READY"])

def announce():
    for word in words:  # once, from inside the loop
        print(word, flush=True)
    return True

ours, theirs = socket.socketpair()
with ours, theirs, Daemon(**({"connected_socket": ours} if EXISTING else {})) as daemon:
    daemon.requestLoop(announce)
    assert ours.fileno() >= 0
print("bye", flush=True)
"""


@pytest.mark.slow
@every_type
def test_ctrl_c_ends_the_loop_quietly(kind: str) -> None:
    program = SERVER.replace("EXISTING", str(kind == "existing"))
    environment = {"PYRO_SERVERTYPE": "thread" if kind == "existing" else kind}
    with Program(
        ["-W", "error", "-c", program], ready=r"^READY$", environment=environment
    ) as server:
        server.interrupt()
        assert server.wait() == 0
        assert server.output.splitlines()[1:] == ["bye"]


# -- what it is doing


@every_type
def test_a_daemon_tells_what_it_is_doing_while_everything_is_busy(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, THREADPOOL_SIZE=2, THREADPOOL_SIZE_MIN=1) as server:
        proxy = server.proxy()
        assert proxy.add(3, 4) == 7
        with pytest.raises(ValueError, match="failed"):
            proxy.fail()
        streams = [proxy.count(3) for _ in range(2)]
        proxy.wait_oneway()
        assert calc.is_held.wait(PATIENCE)
        for word in range(5):
            proxy.note(word)
        assert proxy.add(3, 4) == 7
        stats = server.daemon.stats()
        assert stats.server_type.startswith(kind)
        assert stats.connections == 1
        handshakes = kind == "existing"  # that proxy asks for its metadata by a call
        assert (stats.calls, stats.errors) == (11 + handshakes, 1)
        assert (stats.owned_streams, stats.lingering_streams) == (2, 0)
        assert stats.queued_oneways == 5
        assert {type(getattr(stats, name)) for name in stats.__slots__} == {str, float, int}
        assert stats.busy_threads >= 1  # the one-way call
        assert 0 < stats.uptime < server.daemon.stats().uptime
        calc.may_go_on.set()
        assert calc.wait_noted(5)
        del streams
        calc.may_go_on.clear()
        calc.is_held.clear()
        peer = server.peer()
        peer.send_call("hold")
        assert calc.is_held.wait(PATIENCE)
        assert server.daemon.stats().busy_threads >= 1
        calc.may_go_on.set()
        assert peer.read_message().payload == serpent("held")


@every_type
def test_whatever_fails_counts_as_one_error(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, server.proxy() as proxy:
        assert proxy.add(3, 4) == 7

        def count(fail: Callable[[], object]) -> int:
            before = server.daemon.stats()
            fail()
            calc.notes.clear()
            proxy.note("behind it")  # one-way calls come in order
            calc.wait_noted(1)
            after = server.daemon.stats()
            assert after.calls - before.calls == 2
            return after.errors - before.errors

        def fail_plainly() -> None:
            with pytest.raises(ValueError, match="failed"):
                proxy.fail()

        def fail_in_batch(*, oneway: bool = False) -> None:
            batch = BatchProxy(proxy)
            batch.add(1, 2)
            batch.fail()
            batch.fail()
            results = batch(oneway=oneway)
            if results is not None:
                with pytest.raises(ValueError, match="failed"):
                    list(results)

        def fail_with_annotations() -> None:
            with pytest.raises(PyroError, match="annotation"):
                proxy.answer_with_rubbish()

        assert count(lambda: proxy.add(1, 2)) == 0
        assert count(fail_plainly) == 1
        assert count(proxy.fail_oneway) == 1
        assert count(fail_in_batch) == 1
        assert count(lambda: fail_in_batch(oneway=True)) == 1
        with changed_settings(ONEWAY_THREADED=False):
            assert count(proxy.fail_oneway) == 1
            assert count(lambda: fail_in_batch(oneway=True)) == 1
        proxy._pyroOneway.add("no_such_method")
        proxy._pyroMethods.add("no_such_method")
        assert count(proxy.no_such_method) == 1
        if kind != "existing":  # the proxy connects anew behind such an error
            assert count(fail_with_annotations) == 1


@listening_types
def test_calls_of_clients_that_have_left_still_count(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        for _ in range(3):
            with Proxy(server.running.uri()) as proxy:
                stream = proxy.count(3)
                assert proxy.add(1, 2) == 3
        wait_until(lambda: server.daemon.stats().connections == 0)
        stats = server.daemon.stats()
        assert (stats.calls, stats.errors) == (6, 0)
        assert (stats.owned_streams, stats.lingering_streams) == (0, 3)
        assert (stats.busy_threads, stats.queued_requests) == (0, 0) or kind == "thread"
        wait_until(lambda: server.daemon.stats().busy_threads == 0)
        assert server.daemon.stats().idle_threads >= 1
        del stream
    assert server.daemon.stats().calls == 6


# -- the end


@every_type
@pytest.mark.parametrize("method", ["stop", "stop_oneway"])
def test_a_method_may_shut_its_daemon_down_and_is_answered_at_once(
    kind: str, calc: Calc, method: str
) -> None:
    with served(kind, {"calc": calc}) as server:
        calc.stop_now = server.daemon.shutdown
        proxy = server.proxy()
        proxy._pyroTimeout = 1.5  # less than any of the times that closing waits
        assert getattr(proxy, method)() == ("stopped" if method == "stop" else None)
        server.running.join()
        assert server.daemon.transportServer is None


@every_type
def test_the_reply_of_the_method_that_shut_down_arrives_whole(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server:
        calc.stop_now = server.daemon.shutdown
        assert server.proxy().stop(HUGE) == "x" * HUGE
        server.running.join()


@every_type
def test_shutting_down_twice_from_several_threads_is_fine(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        server.peer()
        for _ in range(4):
            threads.start(server.daemon.shutdown)
        server.running.join()
        server.daemon.close()


@every_type
def test_a_method_and_a_thread_may_shut_down_at_the_same_time(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:

        def stop() -> None:
            threads.start(server.daemon.shutdown)
            server.daemon.shutdown()

        calc.stop_now = stop
        proxy = server.proxy()
        assert proxy.stop() == "stopped"
        server.running.join()


@every_type
def test_shutting_down_wakes_a_loop_that_waits(kind: str) -> None:
    with served(kind, POLLTIMEOUT=1000.0) as server:
        assert run_bounded(server.daemon.shutdown)
        server.running.join()


@pytest.mark.slow
@every_type
def test_a_client_that_does_not_read_does_not_keep_the_daemon_from_closing(
    kind: str, calc: Calc
) -> None:
    with served(kind, {"calc": calc}) as server:
        peer = server.peer()
        peer.send_call("repeat", "x", HUGE)
        wait_for_reply(peer)
        assert run_bounded(lambda: server.daemon.close(0.1), PATIENCE)


@listening_types
def test_closing_ends_the_clients_that_are_connected(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}, daemon_class=Watching) as server:
        peers = [server.peer() for _ in range(5)]
        silent = server.silent_peer()
        proxy = server.proxy()
        assert proxy.add(3, 4) == 7
        server.daemon.close()
        for peer in (*peers, silent):
            peer.wait_closed()
        for _ in range(6):  # of these the daemon is told; the silent one never was a client
            assert server.daemon.has_left.acquire(timeout=PATIENCE)  # type: ignore[attr-defined]
        assert len(server.daemon.left) == 6  # type: ignore[attr-defined]
        with pytest.raises(CommunicationError):
            proxy.add(3, 4)
        with pytest.raises(CommunicationError):
            Proxy(f"PYRO:calc@{server.running.location}").add(3, 4)


@every_type
def test_a_call_that_runs_when_the_daemon_closes_gets_its_answer_out(kind: str, calc: Calc) -> None:
    with served(kind, {"calc": calc}) as server, Threads() as threads:
        peer = server.peer()
        peer.send_call("hold")
        assert calc.is_held.wait(PATIENCE)
        threads.start(server.daemon.close)
        wait_until(lambda: server.daemon.transportServer is None)  # it has begun
        calc.may_go_on.set()
        assert peer.read_message().payload == serpent("held")
        if kind != "existing":
            peer.wait_closed()


@listening_types
def test_a_daemon_in_a_foreign_loop_can_be_closed(kind: str, calc: Calc) -> None:
    with idle_daemon(kind) as daemon:
        daemon.register(calc, "calc")
        daemon.events(daemon.sockets)
        daemon.close()


# -- a foreign loop


@listening_types
def test_a_foreign_loop_serves_all_clients(kind: str, calc: Calc) -> None:
    with idle_daemon(kind) as daemon:
        uri = daemon.register(calc, "calc")
        with foreign_loop(daemon), contextlib.ExitStack() as stack:
            proxies = [stack.enter_context(Proxy(uri)) for _ in range(5)]
            for proxy in proxies:
                proxy._pyroTimeout = PATIENCE
            for _ in range(3):
                assert [proxy.add(3, 4) for proxy in proxies] == [7] * 5


@listening_types
def test_a_foreign_loop_leaves_no_message_unanswered(kind: str, calc: Calc) -> None:
    # It waits without a limit: nothing but the daemon's sockets can tell it that there is more.
    with idle_daemon(kind) as daemon:
        daemon.register(calc, "calc")
        with foreign_loop(daemon, None), connect(daemon) as peer:
            calls = [call_message("add", seq, 1, seq=seq) for seq in range(100)]
            peer.send(HANDSHAKE + b"".join(calls))
            assert peer.read_message().type == wire.CONNECTOK
            assert [peer.read_message().seq for _ in calls] == list(range(100))


@listening_types
def test_a_foreign_loop_is_not_stopped_by_who_does_not_read(kind: str, calc: Calc) -> None:
    with idle_daemon(kind) as daemon:
        daemon.register(calc, "calc")
        with foreign_loop(daemon, None), connect(daemon) as deaf, connect(daemon) as peer:
            deaf.connect()
            deaf.send(call_message("repeat", "x", HUGE) + call_message("add", 3, 4, seq=2))
            wait_for_reply(deaf)
            peer.connect()
            assert peer.call("add", 3, 4).payload == serpent(7)
            assert len(deaf.read_message().payload) > HUGE
            assert deaf.read_message().payload == serpent(7)


def connect(daemon: Daemon) -> RawPeer:
    return RawPeer(socket.create_connection(("127.0.0.1", daemon.sock.getsockname()[1]), PATIENCE))


def wait_for_reply(peer: RawPeer) -> None:
    """Wait until a reply has begun to arrive, without reading it."""
    assert peer.sock.recv(1, socket.MSG_PEEK)
