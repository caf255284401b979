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
