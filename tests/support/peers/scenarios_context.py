"""Scenarios about the call context on longer ways: nested calls, oneway calls, own threads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.peers.chains import make_key
from tests.support.peers.library import api
from tests.support.peers.scenario import Visit, scenario

NUMBER = "99998888-7777-4666-8555-444433332222"


@contextmanager
def _context(**annotations: bytes) -> Iterator[None]:
    """Set correlation id and annotations for a while."""
    api.current_context.correlation_id = uuid.UUID(NUMBER)
    api.current_context.annotations = annotations
    try:
        yield
    finally:
        api.current_context.correlation_id = None
        api.current_context.annotations = {}


@scenario(finds=[NUMBER, [NUMBER, True], [True, None, {}]])
def correlation_id_of_nested_calls(visit: Visit) -> Any:
    """It goes on to the object behind, also from a thread it was handed to, and only there."""
    with visit.proxy("relay") as relay, _context():
        return [
            relay.ask_next("correlation_id", visit.serializer),
            relay.ask_next_in_a_thread("correlation_id", visit.serializer),
            relay.thread_without_context(),
        ]


@scenario(finds=[True, True])
def correlation_id_that_the_daemon_makes_up(visit: Visit) -> Any:
    """Each call has its own, and the calls behind it have the same."""
    with visit.proxy("relay") as relay:
        seen = [relay.ask_next("correlation_id", visit.serializer) for _ in range(3)]
    return [len(set(seen)) == 3, all(uuid.UUID(one).version == 4 for one in seen)]


@scenario(finds=[{"ABCD": "one", "EFGH": ""}, NUMBER, NUMBER])
def context_of_a_oneway_call(visit: Visit) -> Any:
    key = make_key()
    with visit.proxy("relay") as relay:
        with _context(ABCD=b"one", EFGH=b""):
            relay.note_context(key, visit.serializer)
        return relay.take_note(key)


@scenario(finds=[{"ABCD": "one"}, {"ABCD": "two"}, {}, {}])
def annotations_of_one_call_after_the_other(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        found = []
        for value in (b"one", b"two"):
            with _context(ABCD=value):
                found.append(witness.annotations())
        found.append(witness.annotations())
        with visit.proxy("witness") as other:
            return [*found, other.annotations()]


@scenario(finds=[{"BIG_": 70_000}, [b"x" * 70_000]])
def large_annotations(visit: Visit) -> Any:
    """Larger than Pyro4 could send, both ways."""
    text = "x" * 70_000
    with visit.proxy("witness") as witness:
        with _context(BIG_=text.encode()):
            seen = {name: len(value) for name, value in witness.annotations().items()}
        witness.answer_annotations({"BIG_": text})
        received = api.current_context.response_annotations
        return [seen, [bytes(value) for name, value in received.items() if name == "BIG_"]]
