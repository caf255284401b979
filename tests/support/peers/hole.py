"""What says that some cells of the interop table are empty, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hole:
    """Cells that are empty, and why.

    Attributes:
        reason: What the stock library does there.
        scenarios: Names of the scenarios.
        serializers: In which serializers.
        client: Empty when the client is this library; None when that does not matter.
        server: The same for the server.
        is_tried: Whether the cells are run; those in which a peer waits for ever are not.
    """

    reason: str
    scenarios: frozenset[str]
    serializers: frozenset[str]
    client: str | None = None
    server: str | None = None
    is_tried: bool = True

    def covers(self, name: str, serializer: str, client: str, server: str) -> bool:
        """Say whether this hole is the reason that a cell is empty."""
        return (
            name in self.scenarios
            and serializer in self.serializers
            and self.client in (None, client)
            and self.server in (None, server)
        )


CALLS_WITHOUT_KEYWORDS = frozenset(
    {
        "attributes",
        "attribute_errors",
        "attribute_that_streams",
        "batch",
        "batch_with_an_error",
        "batch_with_an_unknown_method",
        "exceptions_of_attributes",
        "instances_in_batches",
        "oneway_batch",
        "properties_of_every_kind",
    }
)
"""Scenarios with calls whose keyword arguments are None, as a stock client has them."""

BLOBS_THAT_ARE_OPENED = frozenset(
    {
        "serialized_blobs",
        "blob_opened_at_once",
        "blob_over_two_hops",
        "large_blob_over_two_hops",
        "blob_with_an_object_that_is_opened_at_the_end",
        "blob_in_a_oneway_call",
    }
)
"""Scenarios in which a blob reaches whom it was meant for."""
