"""Exceptions on their way: what a client can still find out when much of one got lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.api import Proxy, expose
from pyrolike.errors import (
    CommunicationError,
    ConnectionClosedError,
    MessageTooLargeError,
    PyroError,
    SerializeError,
    get_pyro_traceback,
)
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon

pytestmark = pytest.mark.usefixtures("server_type")

SERIALIZERS = ("serpent", "json", "marshal", "msgpack")


class OwnError(ValueError):
    """An exception of the server's that no client knows."""


class LookingUpError(ValueError):
    """Looks for every attribute that it does not have in a place where it is not."""

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["data"][name]


class ClosedError(ValueError):
    """Lets nobody near its attributes."""

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError("hands off")

    def __delattr__(self, name: str) -> None:
        raise RuntimeError("hands off")

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_pyro"):
            raise RuntimeError("hands off")
        return super().__getattribute__(name)


STUBBORN = {
    "looks up": lambda: LookingUpError("stubborn"),
    "closed": lambda: ClosedError("stubborn"),
    "surrogate": lambda: ValueError("stubborn \udc80"),
    "both": lambda: ClosedError("stubborn \udc80"),
}


@expose
class Counting:
    """Counts for each session."""

    def __init__(self) -> None:
        self._count = 0

    def count(self) -> int:
        self._count += 1
        return self._count

    def lock(self) -> Any:
        return threading.Lock()

    def locks(self) -> Iterator[Any]:
        yield threading.Lock()


@expose
class Failing:
    """Fails with what is hard to send."""

    def __init__(self) -> None:
        self.next_uri = ""

    def fail_in_its_own_way(self) -> None:
        raise OwnError("the reason is in here")

    def lose_somebody(self) -> None:
        raise ConnectionClosedError("in the middle", partial_data=b"half a mess")

    def repeat(self, text: str, times: int) -> str:
        return text * times

    def ask_for_too_much(self) -> str:
        with Proxy(self.next_uri) as proxy, changed_settings(MAX_MESSAGE_SIZE=4000):
            answer: str = proxy.repeat("x", 5000)
            return answer

    def be_stubborn(self, kind: str) -> None:
        raise STUBBORN[kind]()

    def explain(self) -> None:
        error = ValueError("no")
        error.add_note("because of the weather")
        raise error

    def show_variables(self, name: str, password: str) -> None:
        numbers = list(range(100_000))
        raise KeyError(name, len(numbers), len(password))


@pytest.fixture
def running() -> Iterator[RunningDaemon]:
    failing = Failing()
    with (
        running_daemon({"failing": failing, "counting": Counting}) as running,
        running_daemon({"failing": Failing()}) as behind,
    ):
        failing.next_uri = str(behind.uri("failing"))
        yield running


@pytest.fixture(params=SERIALIZERS)
def proxy(request: pytest.FixtureRequest, running: RunningDaemon) -> Iterator[Proxy]:
    with running.proxy("failing", request.param) as proxy:
        yield proxy


def test_an_unknown_exception_still_shows_its_text_and_its_place(proxy: Proxy) -> None:
    with pytest.raises(SerializeError, match=r"OwnError.*register_dict_to_class") as caught:
        proxy.fail_in_its_own_way()
    for text in ("".join(get_pyro_traceback(caught.value)), "".join(caught.value.__notes__)):
        assert text.count("Remote traceback") == 1
        assert "in fail_in_its_own_way" in text
        assert "the reason is in here" in text
    assert proxy.repeat("x", 3) == "xxx"


def test_an_error_of_a_connection_behind_arrives_as_what_it_is(proxy: Proxy) -> None:
    with pytest.raises(ConnectionClosedError, match="in the middle") as caught:
        proxy.lose_somebody()
    assert caught.value.partialData is None
    assert proxy.repeat("x", 3) == "xxx"


def test_a_refusal_behind_the_server_arrives_as_what_it_is(proxy: Proxy) -> None:
    with pytest.raises(CommunicationError, match=r"4,000.*MAX_MESSAGE_SIZE") as caught:
        proxy.ask_for_too_much()
    assert isinstance(caught.value, MessageTooLargeError)
    assert proxy.repeat("x", 3) == "xxx"


def test_a_detailed_traceback_shows_variables_but_no_secrets(proxy: Proxy) -> None:
    with changed_settings(DETAILED_TRACEBACK=True), pytest.raises(KeyError) as caught:
        proxy.show_variables("the name", "sesame open")
    text = "".join(getattr(caught.value, "_pyroTraceback", []))
    assert "'the name'" in text
    assert "password" in text
    assert "sesame" not in text
    assert len(text) < 5_000
    assert "'the name'" in "".join(get_pyro_traceback(caught.value))


@pytest.mark.parametrize("kind", STUBBORN)
def test_whatever_an_exception_is_like_the_caller_hears_of_it(proxy: Proxy, kind: str) -> None:
    proxy._pyroBind()
    connection = proxy._pyroConnection
    with pytest.raises((PyroError, ValueError), match="stubborn") as caught:
        proxy.be_stubborn(kind)
    assert not isinstance(caught.value, ConnectionClosedError)
    assert proxy.repeat("x", 3) == "xxx"
    assert proxy._pyroConnection is connection


def test_the_programs_notes_arrive(proxy: Proxy) -> None:
    for send_tracebacks in (True, False):
        with (
            changed_settings(REMOTE_TRACEBACKS=send_tracebacks),
            pytest.raises(ValueError, match="no") as caught,
        ):
            proxy.explain()
        assert caught.value.__notes__[0] == "because of the weather"


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_what_cannot_be_sent_back_does_not_end_the_session(
    running: RunningDaemon, serializer: str
) -> None:
    with running.proxy("counting", serializer) as proxy:
        assert [proxy.count(), proxy.count()] == [1, 2]
        with pytest.raises(SerializeError, match="lock"):
            proxy.lock()
        assert proxy.count() == 3
        with pytest.raises(SerializeError, match="lock"):
            next(proxy.locks())
        assert proxy.count() == 4
