"""Scenarios about objects as values, about what the daemon tells, and about the call context."""

from __future__ import annotations

import uuid
from typing import Any

from tests.support.peers.library import api
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario, serving

CORRELATION_ID = "11112222-3333-4444-5555-666677778888"


# -- proxies and URIs as values


@api.expose
class Ear:
    """A callback object that lives with the client."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def hear(self, word: str) -> str:
        self.heard.append(word)
        return word.upper()


@scenario(finds=["URI", True, 7])
def uri_as_a_result(visit: Visit) -> Any:
    with visit.proxy("factory") as factory:
        uri = factory.own_uri()
        return [
            kind_of(uri),
            str(uri) == visit.uri("factory"),
            factory.call_uri(_calc(visit), 3, 4),
        ]


def _calc(visit: Visit) -> Any:
    return api.URI(visit.uri("calc"))


@scenario(finds=[True, True])
def uris_as_arguments(visit: Visit) -> Any:
    meta = api.URI("PYROMETA:a,b@somewhere:1")
    with visit.proxy() as calc:
        return [calc.same(_calc(visit)) == _calc(visit), calc.same(meta) == meta]


@scenario(finds=["Proxy", 1, 2, ["count"]])
def proxy_as_a_result(visit: Visit) -> Any:
    with visit.proxy("factory") as factory, factory.tally_proxy() as tally:
        return [kind_of(tally), tally.count(), tally.count(), sorted(tally._pyroMethods)]


@scenario(finds=["Proxy", 1, 2])
def registered_object_as_a_result(visit: Visit) -> Any:
    with visit.proxy("factory") as factory, factory.new_tally() as tally:
        return [kind_of(tally), tally.count(), tally.count()]


@scenario(finds=["URI", "Proxy", 1])
def references_inside_containers(visit: Visit) -> Any:
    with visit.proxy("factory") as factory:
        uri, inner = factory.several()
        with inner["tally"] as tally:
            return [kind_of(uri), kind_of(tally), tally.count()]


@scenario(finds=[7, True])
def proxy_as_an_argument(visit: Visit) -> Any:
    with visit.proxy("factory") as factory, visit.proxy() as calc:
        calc._pyroBind()
        return [factory.call_add(calc, 3, 4), factory.describe(calc).startswith("Proxy ")]


@scenario(finds=[["ONE", "TWO"], ["one", "two"]])
def callback_by_proxy(visit: Visit) -> Any:
    ear = Ear()
    with serving({"ear": ear}) as daemon, visit.proxy("factory") as factory:
        return [factory.call_back(daemon.proxyFor(ear), ["one", "two"]), ear.heard]


@scenario(finds=[["ONE", "TWO"], ["one", "two"]])
def callback_by_object(visit: Visit) -> Any:
    ear = Ear()
    with serving({"ear": ear}) as daemon, visit.proxy("factory") as factory:
        assert daemon.uriFor(ear) is not None
        return [factory.call_back(ear, ["one", "two"]), ear.heard]


# -- instances


@scenario(finds=[[1, 2], [1], [True, True]])
def session_instances(visit: Visit) -> Any:
    with visit.proxy("session") as one, visit.proxy("session") as two:
        first, again, other = one.who(), one.who(), two.who()
    return [
        [first[1], again[1]],
        [other[1]],
        [first[0] == again[0], first[0] != other[0]],
    ]


@scenario(finds=[True, True])
def single_instances(visit: Visit) -> Any:
    with visit.proxy("single") as one, visit.proxy("single") as two:
        first, other = one.who(), two.who()
    return [first[0] == other[0], other[1] == first[1] + 1]


@scenario(finds=[True, [1, 1]])
def percall_instances(visit: Visit) -> Any:
    with visit.proxy("percall") as one:
        first, again = one.who(), one.who()
    return [first[0] != again[0], [first[1], again[1]]]


@scenario(finds=["made by the creator", "TypeError"])
def created_instances(visit: Visit) -> Any:
    with visit.proxy("created") as created, visit.proxy("miscreated") as miscreated:
        return [created.origin(), kind_of(error_of(miscreated.origin))]


# -- what the daemon tells


@scenario(finds=[[False, ["shown"], [], []], ["fire", "misfire"], True])
def metadata(visit: Visit) -> Any:
    with visit.proxy("secretive") as secretive, visit.proxy() as calc:
        secretive._pyroBind()
        calc._pyroBind()
        names = [secretive._pyroMethods, secretive._pyroAttrs, secretive._pyroOneway]
        return [
            ["hidden" in secretive._pyroMethods, *(sorted(some) for some in names)],
            sorted(calc._pyroOneway),
            {"value", "fixed", "broken", "endless"} == set(calc._pyroAttrs),
        ]


@scenario(finds=[None, True, True, ["attrs", "methods", "oneway"], ["shown"]])
def daemon_object(visit: Visit) -> Any:
    with visit.proxy("Pyro.Daemon") as daemon:
        told = daemon.get_metadata("secretive")
        return [
            daemon.ping(),
            {"Pyro.Daemon", "calc", "session"} <= set(daemon.registered()),
            visit.location in daemon.info(),
            sorted(told),
            list(told["methods"]),
        ]


# -- the call context


@scenario(finds=[{"ABCD": "hello", "EFGH": ""}, {"RESP": b"answer", "DAEM": b"from the daemon"}])
def annotations_both_ways(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        api.current_context.annotations = {"ABCD": b"hello", "EFGH": b""}
        try:
            seen = witness.annotations()
            witness.answer_annotations({"RESP": "answer"})
        finally:
            api.current_context.annotations = {}
        received = api.current_context.response_annotations
        return [seen, {name: bytes(value) for name, value in received.items()}]


@scenario(finds=[{}, {"DAEM": b"from the daemon"}])
def annotations_do_not_stay(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        witness.answer_annotations({"RESP": "answer"})
        seen = witness.annotations()
        received = api.current_context.response_annotations
        return [seen, {name: bytes(value) for name, value in received.items()}]


@scenario(finds=[CORRELATION_ID, True])
def correlation_id(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        api.current_context.correlation_id = uuid.UUID(CORRELATION_ID)
        try:
            mine = witness.correlation_id()
        finally:
            api.current_context.correlation_id = None
        return [mine, uuid.UUID(witness.correlation_id()).version == 4]


@scenario(finds=[1, True, "SocketConnection", [1, 3, 2, 4]])
def context_of_a_call(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        seen = witness.context()
        numbers = {"serpent": 1, "marshal": 2, "json": 3, "msgpack": 4}
        expected = [1, 3, 2, 4] if numbers[visit.serializer] == seen["serializer_id"] else seen
        own = repr(witness._pyroLocalSocket[:2]) in seen["client_sock_addr"].replace(", 0, 0", "")
        return [seen["seq"], own, seen["client"], expected]


# -- blobs


@scenario(finds=["a blob", ["a blob", [1, 2, "x"]]])
def serialized_blobs(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        try:
            info = witness.blob_info(api.SerializedBlob("a blob", [1, 2, "x"]))
            return [info, witness.open_blob(api.SerializedBlob("a blob", [1, 2, "x"]))]
        finally:
            # A Pyro5 client leaves the blob's annotation there, and would send it ever after.
            api.current_context.annotations = {}
