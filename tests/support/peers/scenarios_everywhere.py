"""Scenarios about remote objects in every position, their registrations, and callbacks."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import threading
from typing import Any

from tests.support.peers.library import api
from tests.support.peers.objects import PATIENCE
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario, serving
from tests.support.peers.scenarios_references import Ear


@api.expose
class Listener(Ear):
    """A callback object that can do more than to hear."""

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        self._visit = visit
        self._has_heard = threading.Event()

    def hear(self, word: str) -> str:
        answer = super().hear(word)
        self._has_heard.set()
        return answer

    def hear_and_ask(self, word: str) -> int:
        """Call the server again, while it waits for us."""
        with self._visit.proxy() as calc:
            answer: int = calc.add(40, 2)
            return answer

    @api.callback
    def fail(self) -> None:
        raise ValueError("the callback failed")

    # -- for the scenario itself

    def wait_heard(self) -> list[str]:
        assert self._has_heard.wait(PATIENCE)
        return self.heard


# -- objects that become proxies


@scenario(finds=["ARGS.0", "ARGS.1.0", "ARGS.2.K", "ARGS.3.0.X.1", "KWARGS.NAMED", "KWARGS.MORE.0"])
def objects_as_arguments_everywhere(visit: Visit) -> Any:
    ear = Listener(visit)
    with serving({"ear": ear}), visit.proxy("factory") as factory:
        return factory.make_all_hear(
            ear, [ear], {"k": ear}, ([{"x": [1, ear]}], "last")[0], named=ear, more=(ear, 2)
        )


@scenario(finds=[[1, 1, 1], [1, 1], [1, 1]])
def objects_as_results_everywhere(visit: Visit) -> Any:
    """Inside containers, as an attribute, as items of a stream."""
    with visit.proxy("factory") as factory:
        gifts = factory.gifts()
        one, two, three = gifts["list"][0], gifts["deep"]["er"][0]["still"], gifts["tuple"][1]
        found = [_count(one, two, three), _count(factory.latest, factory.latest)]
        return [*found, _count(*factory.tallies(2))]


def _count(*tallies: Any) -> list[int]:
    """Call each of some proxies, and let them go."""
    counts = []
    for tally in tallies:
        with tally:
            counts.append(tally.count())
    return counts


@scenario(finds=[["ARGS.0", "ARGS.1.0"], ["KWARGS.IT"], 1, [1]])
def objects_in_a_batch(visit: Visit) -> Any:
    ear = Listener(visit)
    with serving({"ear": ear}), visit.proxy("factory") as factory:
        calls = api.BatchProxy(factory)
        calls.make_all_hear(ear, [ear])
        calls.make_all_hear(it=ear)
        calls.new_tally()
        calls.several()
        first, second, tally, several = calls()
        return [first, second, *_count(tally), _count(several[1]["tally"])]


@scenario(finds=[1, 2, "DaemonError", "CommunicationError"])
def weakly_registered_object(visit: Visit) -> Any:
    with visit.proxy("factory") as factory, api.Proxy(factory.keep_weakly()) as tally:
        tally._pyroSerializer = visit.serializer
        found = [tally.count(), tally.count()]
        factory.drop_weak()
        found.append(kind_of(error_of(tally.count)))
        tally._pyroRelease()
        return [*found, kind_of(error_of(tally.count))]


@scenario(finds=["DaemonError", "DaemonError", True, True, *["DaemonError"] * 2, "TypeError", True])
def registrations(visit: Visit) -> Any:
    with visit.proxy("factory") as factory:
        *found, last = factory.register_twice()
        assert last is None
        return found


@scenario(finds=[1, "DaemonError", "unknown object", "CommunicationError"])
def unregistered_object(visit: Visit) -> Any:
    """It is gone at once, also for those who were connected to it; the connection stays."""
    with visit.proxy("factory") as factory, factory.tally_proxy() as tally:
        found = [tally.count()]
        factory.unregister_by_id(tally._pyroUri.object)
        error = error_of(tally.count)
        with api.Proxy(tally._pyroUri) as another:
            return [*found, kind_of(error), str(error), kind_of(error_of(another._pyroBind))]


# -- callbacks


@scenario(finds=[None, ["later"], 7])
def callback_from_a_oneway_call(visit: Visit) -> Any:
    ear = Listener(visit)
    with serving({"ear": ear}) as daemon, visit.proxy("relay") as relay, visit.proxy() as calc:
        answer = relay.call_back_later(daemon.proxyFor(ear), "later")
        return [answer, ear.wait_heard(), calc.add(3, 4)]


@scenario(finds=[[42], "HEARD"])
def callback_that_calls_the_caller_again(visit: Visit) -> Any:
    """Client, server, client, server: each waits for the next."""
    ear = Listener(visit)
    with serving({"ear": ear}) as daemon, visit.proxy("relay") as relay:
        told = relay.call_and_return(daemon.proxyFor(ear), "hear_and_ask", "word")
        return [[told], relay.call_and_return(daemon.proxyFor(ear), "hear", "heard")]


@scenario(finds=[["ValueError", "the callback failed", "STILL THERE"], "ValueError", True])
def callback_that_fails(visit: Visit) -> Any:
    """Its error reaches the server that called, and through it the client."""
    ear = Listener(visit)
    with serving({"ear": ear}) as daemon, visit.proxy("relay") as relay:
        told = relay.call_back_and_tell(daemon.proxyFor(ear), "fail")
        error = error_of(relay.call_and_return, daemon.proxyFor(ear), "fail")
        return [told, kind_of(error), "callback failed" in str(error)]


@scenario(finds=["KEPT", "AGAIN", "DaemonError", "unknown object", 7])
def callback_that_is_unregistered_meanwhile(visit: Visit) -> Any:
    ear = Listener(visit)
    with serving({"ear": ear}) as daemon, visit.proxy("relay") as relay, visit.proxy() as calc:
        found = [relay.keep(daemon.proxyFor(ear)), relay.use_kept("again")]
        daemon.unregister(ear)
        error = error_of(relay.use_kept, "once more")
        relay.let_go()
        return [*found, kind_of(error), str(error), calc.add(3, 4)]
