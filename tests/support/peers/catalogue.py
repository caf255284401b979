"""Every scenario, and the cells of the table that stay empty.

The table has one cell for each scenario, serializer, client library and server library; there are
none with Pyro4 on one side and Pyro5 on the other, which understand nothing of each other. All are
run. A `Hole` explains the cells that fail, most because of what a stock library does; a hole that
has closed fails the run, so the list stays true.

Source: docs/reference/wire, and ``conflicts.md`` section 9 of the facts the project was built from.
"""

from __future__ import annotations

# Imported for the scenarios they enter in the table.
from tests.support.peers import (
    scenarios_blobs as scenarios_blobs,
    scenarios_calls as scenarios_calls,
    scenarios_context as scenarios_context,
    scenarios_errors as scenarios_errors,
    scenarios_everywhere as scenarios_everywhere,
    scenarios_exposure as scenarios_exposure,
    scenarios_failures as scenarios_failures,
    scenarios_handshake as scenarios_handshake,
    scenarios_operators as scenarios_operators,
    scenarios_references as scenarios_references,
    scenarios_settings as scenarios_settings,
)
from tests.support.peers.hole import (
    BLOBS_THAT_ARE_OPENED,
    CALLS_WITHOUT_KEYWORDS,
    Hole as Hole,
)
from tests.support.peers.holes_of_pyro4 import PYRO4_HOLES
from tests.support.peers.scenario import SCENARIOS as SCENARIOS, SERIALIZERS

HOLES = (
    Hole(
        "a Pyro5 client cannot marshal a call whose keyword arguments are None, as those of "
        "attribute access and batches are",
        CALLS_WITHOUT_KEYWORDS,
        frozenset({"marshal"}),
        client="pyro5",
    ),
    Hole(
        "Pyro5 keeps the tags of a PYROMETA uri in a list when it arrives in one",
        frozenset({"uris_as_arguments"}),
        frozenset({"json", "msgpack"}),
        client="pyro5",
    ),
    Hole(
        "marshal knows no classes: registered objects do not become proxies",
        frozenset(
            {
                "registered_object_as_a_result",
                "callback_by_object",
                "objects_as_arguments_everywhere",
                "objects_as_results_everywhere",
                "objects_in_a_batch",
            }
        ),
        frozenset({"marshal"}),
    ),
    Hole(
        "marshal knows no classes: a whole argument or result is converted, nothing inside it",
        frozenset({"references_inside_containers"}),
        frozenset({"marshal"}),
    ),
    Hole(
        "marshal knows no classes, and Pyro5 converts no error among the results of a batch",
        frozenset({"batch_with_an_error"}),
        frozenset({"marshal"}),
        server="pyro5",
    ),
    Hole(
        "Pyro5 opens a json blob at the wrong place: it finds the name of the arguments",
        BLOBS_THAT_ARE_OPENED,
        frozenset({"json"}),
        server="pyro5",
    ),
    Hole(
        "a Pyro5 daemon answers nothing when a method wants to end the program, and hangs up",
        frozenset({"exceptions_that_end_programs"}),
        frozenset(SERIALIZERS),
        server="pyro5",
    ),
    Hole(
        "a Pyro5 daemon puts its own traceback in the place of that of the daemon behind it",
        frozenset({"exception_that_passed_through_another_server"}),
        frozenset(SERIALIZERS),
        server="pyro5",
    ),
    Hole(
        "a Pyro5 client cannot make this exception from the dictionary that serpent makes of bytes",
        frozenset({"exceptions_with_rules_of_their_own"}),
        frozenset({"serpent"}),
        client="pyro5",
    ),
)


NAME_HOLES = (
    Hole(
        "marshal knows no classes: a whole result is converted, but not a uri beside its tags",
        frozenset({"metadata_of_a_name", "metadata_changes"}),
        frozenset({"marshal"}),
    ),
    Hole(
        "a Pyro5 name server keeps frozen sets for names without tags, which these cannot carry",
        frozenset({"metadata_in_lists"}),
        frozenset({"json", "msgpack"}),
        server="pyro5",
    ),
)
"""The same for the table of `scenarios_names`; the server is the name server."""


def find_hole(name: str, serializer: str, client: str, server: str) -> Hole | None:
    """Return why a cell is empty, or None when it is not."""
    holes = (*HOLES, *NAME_HOLES)
    if "pyro4" in (client, server):
        holes = (*holes, *PYRO4_HOLES)
    return next((hole for hole in holes if hole.covers(name, serializer, client, server)), None)


CALLS_ITS_OWN_DAEMON = {
    "blob_over_two_hops",
    "blob_with_an_object_that_is_opened_at_the_end",
    "callback_that_calls_the_caller_again",
    "context_of_a_oneway_call",
    "correlation_id_of_nested_calls",
    "correlation_id_that_the_daemon_makes_up",
    "exception_caused_by_another_server",
    "exception_that_passed_through_another_server",
    "large_blob_over_two_hops",
    "proxy_as_an_argument",
    "uri_as_a_result",
}
"""Scenarios in which a method calls an object of its own daemon, or waits for one that does."""

WAITS_FOR_ANOTHER_CLIENT = {"late_answers_reach_nobody"}
"""Scenarios in which a method returns when another client makes a call."""

NEEDS_THREADS = CALLS_ITS_OWN_DAEMON | WAITS_FOR_ANOTHER_CLIENT
"""What a server with one thread cannot do."""

ONE_THREAD_DOES = {name: one for name, one in SCENARIOS.items() if name not in NEEDS_THREADS}
"""The rest of the table."""
