"""One question to many, and their answers."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from time import monotonic

import pytest

from pyrolike.transport import broadcast
from pyrolike.transport.broadcast import MOST_ANSWERS, ask_around
from tests.support.nameservers import answering

QUESTION = b"GET_NSURI"


def ask(port: int, *addresses: str, seconds: float = 0.05, ip_version: int = 0) -> list[bytes]:
    """Return all answers."""
    answers = ask_around(QUESTION, addresses, port, seconds=seconds, ip_version=ip_version)
    return [answer for answer, sender in answers]


def test_all_answers_to_all_questions_are_given_with_their_sender() -> None:
    with answering("one", "two", settings=False) as port:
        answers = list(ask_around(QUESTION, ["127.0.0.1"], port, seconds=0.1, rounds=2))
    assert answers == [(b"one", "127.0.0.1"), (b"two", "127.0.0.1")] * 2


def test_who_has_heard_enough_may_go() -> None:
    with answering("one", settings=False) as port:
        start = monotonic()
        with closing(ask_around(QUESTION, ["127.0.0.1"], port, seconds=20.0)) as answers:
            assert next(answers) == (b"one", "127.0.0.1")
    assert monotonic() - start < 10.0


def test_what_has_arrived_is_given_also_when_the_time_is_up() -> None:
    with answering("one", "two", settings=False) as port:
        answers = ask_around(QUESTION, ["127.0.0.1"], port, seconds=0.2, rounds=1)
        assert next(answers)[0] == b"one"
        end = monotonic() + 0.2
        while monotonic() < end:
            pass  # the caller takes its time
        assert [answer for answer, _ in answers] == [b"two"]


def test_nobody_is_asked_twice_at_once_and_some_not_at_all() -> None:
    with answering("one", settings=False) as port:
        words = ["127.0.0.1", "localhost", "nowhere.invalid", "no\0host", "x" * 300]
        assert ask(port, *words) == [b"one"] * 3


def test_somebody_who_answers_without_end_is_heard_for_a_while_only() -> None:
    with answering(*["one"] * 40, settings=False) as port:
        assert len(ask(port, "127.0.0.1", seconds=0.1)) <= MOST_ANSWERS


@pytest.mark.parametrize("address", ["0.0.0.0", ""])
def test_no_address_means_this_machine(address: str) -> None:
    with answering("one", settings=False) as port:
        assert ask(port, address, ip_version=4)[0] == b"one"


def test_where_nobody_can_be_asked_nobody_is_waited_for() -> None:
    start = monotonic()
    assert ask(1, "<broadcast>", "127.0.0.1", seconds=20.0, ip_version=6) == []
    assert ask(1, seconds=20.0) == []
    assert monotonic() - start < 10.0


def test_a_machine_without_a_network_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*arguments: object, **options: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(broadcast, "create_bc_socket", no_network)
    assert ask(1, "<broadcast>", "127.0.0.1", seconds=20.0) == []


def test_everybody_is_a_word_for_an_address() -> None:
    found = list(broadcast._resolve(["<broadcast>", "255.255.255.255", ""], 9091, 0))
    assert found == [
        (socket.AF_INET, ("255.255.255.255", 9091)),
        (socket.AF_INET, ("0.0.0.0", 9091)),
    ]


def test_on_ipv6_hosts_can_be_asked_directly() -> None:
    try:
        responder = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        responder.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with responder:
        answers = ask_around(
            QUESTION, ["::1"], responder.getsockname()[1], seconds=20.0, ip_version=6
        )
        with closing(answers):
            responder.settimeout(20.0)

            def answer() -> None:
                _, address = responder.recvfrom(100)
                responder.sendto(b"six", address)

            thread = threading.Thread(target=answer)
            thread.start()
            assert next(answers) == (b"six", "::1")
            thread.join()
