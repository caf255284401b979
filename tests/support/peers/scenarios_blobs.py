"""Scenarios about serialized blobs: passed on unopened, and used where they do not belong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.peers.chains import make_key
from tests.support.peers.library import api
from tests.support.peers.objects import Point
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario

VALUES = [1, "zwei ü", [None, 2.5, {"k": [True]}], {"a": "b"}]


@contextmanager
def _clean_context() -> Iterator[None]:
    """Take away what a Pyro5 client leaves behind: the blob's annotation, to be sent ever after."""
    try:
        yield
    finally:
        api.current_context.annotations = {}


def _blob(visit: Visit, data: Any, **info: Any) -> Any:
    return api.SerializedBlob({"serializer": visit.serializer, "word": "info", **info}, data)


@scenario(finds=["info", VALUES])
def blob_opened_at_once(visit: Visit) -> Any:
    with visit.proxy("opener") as opener, _clean_context():
        return opener.pass_blob(_blob(visit, VALUES))


@scenario(finds=["info", VALUES])
def blob_over_two_hops(visit: Visit) -> Any:
    with visit.proxy("dispatcher") as dispatcher, _clean_context():
        return dispatcher.pass_blob(_blob(visit, VALUES))


@scenario(finds=["info", [300_000, True]])
def large_blob_over_two_hops(visit: Visit) -> Any:
    text = "0123456789" * 30_000
    with visit.proxy("dispatcher") as dispatcher, _clean_context():
        word, data = dispatcher.pass_blob(_blob(visit, [text]))
        return [word, [len(data[0]), data[0] == text]]


@scenario(finds=["[Point(1, 2)]", 7])
def blob_with_an_object_that_is_opened_at_the_end(visit: Visit) -> Any:
    """The dispatchers need not know its class."""
    with visit.proxy("dispatcher") as dispatcher, visit.proxy() as calc, _clean_context():
        described = dispatcher.describe_blob(_blob(visit, [Point(1, 2)]))
        return [described, calc.add(3, 4)]


@scenario(finds=[None, VALUES])
def blob_in_a_oneway_call(visit: Visit) -> Any:
    key = make_key()
    with visit.proxy("dispatcher") as dispatcher, _clean_context():
        answer = dispatcher.note_blob(_blob(visit, VALUES, key=key))
        api.current_context.annotations = {}
        return [answer, dispatcher.take_note(key)]


@scenario(finds=["SerializeError", "SerializeError", "SerializeError", 7])
def blob_that_is_not_the_only_argument(visit: Visit) -> Any:
    blob = _blob(visit, [1])
    with visit.proxy() as calc, _clean_context():
        return [
            kind_of(error_of(calc.echo, blob, 2)),
            kind_of(error_of(calc.echo, 1, blob)),
            kind_of(error_of(calc.echo, blob, k=2)),
            calc.add(3, 4),
        ]


@scenario(finds=[True, True, True, True, 7])
def blob_where_it_does_not_belong(visit: Visit) -> Any:
    """As a keyword, inside a container, in a batch, as a result: an error, and nothing worse."""
    blob = _blob(visit, [1])
    with visit.proxy() as calc, visit.proxy("opener") as opener, _clean_context():
        errors = [
            error_of(calc.same, value=blob),
            error_of(calc.same, [blob]),
            error_of(lambda: list(calc._pyroInvokeBatch([("same", (blob,), {})]))),
            error_of(opener.return_blob),
        ]
        api.current_context.annotations = {}
        return [*(isinstance(error, Exception) for error in errors), calc.add(3, 4)]
