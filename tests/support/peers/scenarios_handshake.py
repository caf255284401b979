"""Scenarios about how a connection begins and ends."""

from __future__ import annotations

from typing import Any

from tests.support.peers.chains import make_key
from tests.support.peers.library import api
from tests.support.peers.objects import PATIENCE
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario, setting

VALUES = [None, 17, 2.5, "wörd", ["a", [1]], {"k": {"deep": [True, None]}}, "x" * 50_000]


class Listening(api.Proxy):  # type: ignore[misc]  # either library's, known when it runs
    """A proxy that remembers what daemons answer to its handshakes, and may not like it."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        object.__setattr__(self, "_pyroHeard", [])
        object.__setattr__(self, "_pyroDisliked", None)

    def _pyroValidateHandshake(self, response: Any) -> None:
        self._pyroHeard.append(response)
        if response == self._pyroDisliked:
            object.__setattr__(self, "_pyroDisliked", None)
            raise ValueError("the client does not like this answer")


def _listening(visit: Visit, word: Any) -> Any:
    proxy = Listening(visit.uri("calc"))
    proxy._pyroSerializer = visit.serializer
    proxy._pyroHandshake = word
    return proxy


@scenario(finds=[{"heard": value} for value in VALUES])
def handshake_values(visit: Visit) -> Any:
    heard = []
    for value in VALUES:
        with _listening(visit, value) as proxy:
            proxy._pyroBind()
            heard += proxy._pyroHeard
    return heard


@scenario(finds=[["hello"], [{"heard": "again"}], 7])
def handshake_at_every_connect(visit: Visit) -> Any:
    with _listening(visit, "hello") as proxy:
        proxy._pyroBind()
        found = [list(proxy._pyroHeard)]
        proxy._pyroRelease()
        proxy._pyroHandshake = "again"
        answer = proxy.add(3, 4)
        return [*found, proxy._pyroHeard[1:], answer]


@scenario(finds=[["CommunicationError", True]] * 3 + [7])
def refusals_with_a_reason(visit: Visit) -> Any:
    """Whatever the hook raises, its text is what the client is told, wörd for wörd."""
    found: list[Any] = []
    for name in ("PyroError", "SecurityError", "NamingError"):
        proxy = visit.proxy()
        proxy._pyroHandshake = {"refuse": name, "args": ["not tøday"]}
        error = error_of(proxy._pyroBind)
        found.append([kind_of(error), "rejected" in str(error) and "not tøday" in str(error)])
        proxy._pyroRelease()
    with visit.proxy() as calc:
        return [*found, calc.add(3, 4)]


@scenario(finds=["ValueError", "the client does not like this answer", 7])
def answer_the_client_does_not_like(visit: Visit) -> Any:
    with _listening(visit, "hello") as proxy:
        object.__setattr__(proxy, "_pyroDisliked", "hello")
        error = error_of(proxy._pyroBind)
        return [kind_of(error), str(error), proxy.add(3, 4)]


@scenario(finds=[True, 0, False])
def daemon_is_told_that_a_client_leaves(visit: Visit) -> Any:
    key = make_key()
    with visit.proxy("attendance") as attendance, visit.proxy() as guest:
        guest._pyroHandshake = {"attend": key}
        guest._pyroBind()
        found = [attendance.is_present(key)]
        guest._pyroRelease()
        return [*found, attendance.wait_left(key), attendance.is_present(key)]


@scenario(finds=[[True, True], 1, [True, False]])
def tracked_resources(visit: Visit) -> Any:
    key = make_key()
    with visit.proxy("attendance") as attendance:
        guest = visit.proxy("attendance")
        guest._pyroHandshake = {"attend": key}
        guest.track(key)
        found = [attendance.are_open(key)]
        guest._pyroRelease()
        return [*found, attendance.wait_left(key), attendance.wait_closed(key)]


@scenario(finds=[1, "ConnectionClosedError", 2, 3, "ConnectionClosedError", 2, 7])
def retries_after_a_lost_connection(visit: Visit) -> Any:
    """The daemon cuts the caller off; only a proxy that may retry comes again by itself."""
    with visit.proxy("attendance") as attendance, visit.proxy() as calc:
        key = make_key()
        found = [attendance.hang_up(make_key(), 0)]
        found += [kind_of(error_of(attendance.hang_up, key, 1)), attendance.hang_up(key, 1)]
        attendance._pyroMaxRetries = 2
        found += [attendance.hang_up(make_key(), 2)]
        found += [kind_of(error_of(attendance.hang_up, make_key(), 3))]
        with setting("MAX_RETRIES", 1), visit.proxy("attendance") as another:
            found += [another.hang_up(make_key(), 1)]
        return [*found, calc.add(3, 4)]


@scenario(finds=[["TimeoutError", 1, "n1"], ["TimeoutError", 2, "n2"], ["TimeoutError", 3, "n3"]])
def late_answers_reach_nobody(visit: Visit) -> Any:
    found = []
    with visit.proxy() as calc, visit.proxy() as other:
        for number in (1, 2, 3):
            gate = make_key()
            calc._pyroBind()
            calc._pyroTimeout = 0.05
            error = error_of(calc.wait_gate, gate, "too late")
            calc._pyroTimeout = PATIENCE
            other.open_gate(gate)
            found.append([kind_of(error), calc.same(number), calc.same(f"n{number}")])
    return found


@scenario(finds=[[1, 2], [1], True, [2]])
def sessions_begin_anew_with_a_new_connection(visit: Visit) -> Any:
    with visit.proxy("session") as session:
        first, again = session.who(), session.who()
        session._pyroReconnect()
        anew, once_more = session.who(), session.who()
    return [[first[1], again[1]], [anew[1]], anew[0] != first[0], [once_more[1]]]
