"""What a daemon is doing just now: `DaemonStats`, the answer of ``daemon.stats()``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DaemonStats:
    """A daemon at one moment. The numbers are read one after the other, while it goes on serving.

    Attributes:
        server_type: "thread", "multiplex", or "existing connection".
        uptime: Seconds since it was made.
        connections: Clients that are connected, those included that are still shaking hands.
        busy_threads: Threads that serve somebody. Where one thread runs all requests, that one
            counts while it runs one; the others are those of one-way calls.
        waiting_threads: Threads whose call waits for a call that it has made itself.
        idle_threads: Threads that wait for something to do.
        queued_requests: Requests that have arrived and wait for a thread, or for their turn.
        queued_oneways: One-way calls that wait for the earlier ones of their client.
        owned_streams: Item streams of clients that are connected.
        lingering_streams: Item streams that wait for their client to come back.
        calls: Requests made so far, one-way calls included; a batch is one.
        errors: Those of them that failed. One-way calls count too, whose error nobody is told; and
            a batch, if one of its calls fails, which is the last one made then.
    """

    server_type: str
    uptime: float
    connections: int
    busy_threads: int
    waiting_threads: int
    idle_threads: int
    queued_requests: int
    queued_oneways: int
    owned_streams: int
    lingering_streams: int
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class ThreadCount:
    """What the threads of a server do, and how many requests wait for them."""

    busy: int = 0
    waiting: int = 0
    idle: int = 0
    queued: int = 0
