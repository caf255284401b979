"""The cells that stay empty where a stock Pyro4 is the client, the server, or both."""

from __future__ import annotations

from tests.support.peers.hole import BLOBS_THAT_ARE_OPENED, CALLS_WITHOUT_KEYWORDS, Hole
from tests.support.peers.scenario import PYRO4_SERIALIZERS

EVERY = frozenset(PYRO4_SERIALIZERS)
MARSHAL = frozenset({"marshal"})
JSON = frozenset({"json"})
PICKLES = frozenset({"pickle", "dill", "cloudpickle"})

PYRO4_HOLES = (
    Hole(
        "a Pyro4 client cannot marshal a call whose keyword arguments are None, as those of "
        "attribute access and batches are",
        CALLS_WITHOUT_KEYWORDS | {"objects_in_a_batch"},
        MARSHAL,
        client="pyro4",
    ),
    Hole(
        "a Pyro4 proxy has no operators: no len, indexes, iteration",
        frozenset(
            {
                "container_changes",
                "containers",
                "containers_that_lack_something",
                "iteration_and_membership",
                "members_of_every_kind",
                "reversed_containers",
                "slices",
                "unusual_indexes",
            }
        ),
        EVERY,
        client="pyro4",
    ),
    Hole(
        "a Pyro4 proxy does not tell its own address",
        frozenset({"context_of_a_call"}),
        EVERY,
        client="pyro4",
    ),
    Hole(
        "Pyro4's serializers have other numbers, and its daemon tells those",
        frozenset({"context_of_a_call"}),
        EVERY - {"serpent"},
        server="pyro4",
    ),
    Hole(
        "Pyro4 has no setting SERPENT_BYTES_REPR",
        frozenset({"bytes_as_literals_of_the_client"}),
        EVERY,
        client="pyro4",
    ),
    Hole(
        "protocol 48 has no room for 70,000 bytes of annotations",
        frozenset({"large_annotations"}),
        EVERY,
    ),
    Hole(
        "Pyro4 keeps the tags of a PYROMETA uri in a list when it arrives in one",
        frozenset({"uris_as_arguments"}),
        frozenset({"json", "msgpack"}),
        client="pyro4",
    ),
    Hole(
        "a Pyro4 client cannot make this exception from the dictionary that serpent makes of bytes",
        frozenset({"exceptions_with_rules_of_their_own"}),
        frozenset({"serpent"}),
        client="pyro4",
    ),
    Hole(
        "Pyro4 sends objects of unknown classes as plain dictionaries",
        frozenset(
            {
                "argument_of_an_unknown_class",
                "blob_that_is_not_the_only_argument",
                "blob_where_it_does_not_belong",
            }
        ),
        EVERY - {"serpent"},
        client="pyro4",
    ),
    Hole(
        "Pyro4 sends objects of unknown classes as plain dictionaries",
        frozenset({"blob_where_it_does_not_belong", "result_of_an_unknown_class"}),
        EVERY - {"serpent"},
        server="pyro4",
    ),
    Hole(
        "pickle carries objects of any class that both sides can import",
        frozenset(
            {
                "argument_of_an_unknown_class",
                "exception_without_a_converter",
                "exceptions_of_unknown_classes",
                "result_of_an_unknown_class",
            }
        ),
        PICKLES,
    ),
    Hole(
        "a Pyro4 daemon does not stream the values of attributes",
        frozenset({"attribute_that_streams"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "a Pyro4 daemon shows the correlation id among the annotations",
        frozenset({"annotations_of_one_call_after_the_other"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "a Pyro4 client shows the correlation id of a Pyro4 daemon among the annotations",
        frozenset({"annotations_both_ways", "annotations_do_not_stay"}),
        EVERY,
        client="pyro4",
        server="pyro4",
    ),
    Hole(
        "in a Pyro4 daemon the thread of a oneway call has no context",
        frozenset({"callback_from_a_oneway_call", "context_of_a_oneway_call"}),
        EVERY,
        server="pyro4",
        is_tried=False,
    ),
    Hole(
        "a Pyro4 daemon holds all its objects",
        frozenset({"weakly_registered_object"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "a Pyro4 daemon answers nothing when a method wants to end the program, and hangs up",
        frozenset({"exceptions_that_end_programs"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "a Pyro4 daemon puts its own traceback in the place of that of the daemon behind it",
        frozenset({"exception_that_passed_through_another_server"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "Pyro4 opens a json blob at the wrong place: it finds the name of the arguments",
        BLOBS_THAT_ARE_OPENED,
        JSON,
        server="pyro4",
    ),
    Hole(
        "marshal knows no classes, and Pyro4 converts no error among the results of a batch",
        frozenset({"batch_with_an_error"}),
        MARSHAL,
        server="pyro4",
    ),
    Hole(
        "a Pyro4 name server has no yellow pages",
        frozenset({"yellow_pages"}),
        EVERY,
        server="pyro4",
    ),
    Hole(
        "dill sends even this exception, and nobody can make it again",
        frozenset({"exception_that_cannot_be_serialized"}),
        frozenset({"dill"}),
    ),
)
