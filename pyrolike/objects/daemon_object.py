"""The object that every daemon offers under the id ``Pyro.Daemon``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pyrolike.callcontext import current_context

from .exposure import expose, oneway

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .streams import StreamTable
    from .table import ObjectTable


class Serving(Protocol):
    """What the daemon object needs to know of the daemon's inner side."""

    @property
    def table(self) -> ObjectTable:
        """The registered objects."""

    @property
    def streams(self) -> StreamTable:
        """The open item streams."""

    @property
    def require_expose(self) -> bool:
        """Whether only exposed members are remote."""

    @property
    def server_type(self) -> str:
        """How the daemon runs its calls."""


class ServingDaemon(Protocol):
    """What the daemon object needs of its daemon."""

    @property
    def locationStr(self) -> str:
        """Where it listens."""

    @property
    def natLocationStr(self) -> str | None:
        """What is published instead, or None."""

    @property
    def _pyroService(self) -> Serving:
        """Its inner side."""


@expose
class DaemonObject:
    """What a daemon tells its clients about itself and its objects.

    A subclass can be given to the daemon as *interface*, to offer more.

    Args:
        daemon: The daemon it speaks for.

    Source: the API page of the reference, A5.4.
    """

    def __init__(self, daemon: ServingDaemon) -> None:
        self.daemon = daemon

    def ping(self) -> None:
        """Do nothing; that it can be called is the answer."""

    def registered(self) -> list[str]:
        """Return the ids of all registered objects, this one first."""
        return list(self.daemon._pyroService.table.entries)

    def info(self) -> str:
        """Return a description of the daemon as text."""
        daemon = self.daemon
        return (
            f"{type(daemon).__qualname__} bound on {daemon.locationStr}, "
            f"NAT {daemon.natLocationStr}, {len(daemon._pyroService.table.entries)} objects "
            f"registered. Servertype: {daemon._pyroService.server_type}"
        )

    def get_metadata(self, objectId: str, as_lists: bool = False) -> Mapping[str, Collection[str]]:
        """Return what an object exposes: sets of names, under "methods", "oneway" and "attrs".

        Args:
            objectId: The object's id.
            as_lists: Return lists instead, as Pyro4's clients like it.

        Raises:
            DaemonError: The id is unknown.
        """
        service = self.daemon._pyroService
        meta = service.table.get(objectId).get_members(service.require_expose).as_metadata()
        return {kind: sorted(names) for kind, names in meta.items()} if as_lists else meta

    def get_next_stream_item(
        self, streamId: str, position: int | None = None, token: str | None = None
    ) -> Any:
        """Return the next item of an item stream.

        Args:
            streamId: The stream.
            position: Of the item wanted, counted from 0, from clients that count: who did not get
                the answer asks for the same one again. Stock daemons do not know this argument;
                ours says with the stream that it does.
            token: What our daemon told with the stream. Who knows it can go on over another
                connection while the first is open still.

        Raises:
            PyroError: There is no such stream, or no more.
            StopIteration: There are no more items.
        """
        streams = self.daemon._pyroService.streams
        return streams.get_items(streamId, current_context.client, position, token=token)[0]

    def get_stream_items(
        self, streamId: str, position: int, count: int, token: str | None = None
    ) -> list[Any]:
        """Return several items of an item stream, from *position* on: at least one.

        Arguments and errors are those of `get_next_stream_item`; *count* is how many items are
        wanted, and there may be fewer. Stock daemons do not have this method.
        """
        streams = self.daemon._pyroService.streams
        return streams.get_items(streamId, current_context.client, position, count, token)

    @oneway
    def close_stream(self, streamId: str) -> None:
        """End an item stream before its end; unknown ids are ignored."""
        self.daemon._pyroService.streams.close(streamId)
