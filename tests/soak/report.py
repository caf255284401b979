"""The words of a run: what it is going to do, and what came out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SHOWN = 20
"""Mistakes that are shown; the number of the others follows."""

LINES = (
    ("calls", "calls"),
    ("calls by name", "calls by name, each on a connection of its own"),
    ("repeated calls", "calls that may be repeated"),
    ("batches", "batches of 5 calls"),
    ("streams", "streams of 60 items read to their end"),
    ("reconnects", "  lost connections of streams"),
    ("streams lost", "  streams lost with their server"),
    ("one-way calls", "one-way calls, each made once and in order"),
    ("callbacks", "callbacks"),
    ("large messages", "large messages"),
    ("rude visits", "visits of clients that misbehave"),
    ("lost", "rounds that failed because the server was killed"),
    ("acknowledged", "calls acknowledged and found in the log"),
)


def heading(options: Any) -> str:
    """Say what will happen."""
    tls = " with TLS" if options.tls else ""
    return (
        f"Soak test: a {options.server_type} server{tls}, {options.clients} clients, "
        f"{options.minutes:g} minutes; the server is killed every {options.every:g} s or so."
    )


def summary(findings: Any) -> str:
    """Say what has happened."""
    return "\n".join(_lines(findings))


def _lines(findings: Any) -> Iterator[str]:
    yield ""
    yield f"{findings.kills:>10,}  times the server was killed and started again"
    for key, words in LINES:
        yield f"{findings.tally[key]:>10,}  {words}"
    yield f"{findings.longest:>9.2f}s  the longest call"
    yield ""
    for name, growth in findings.growth.items():
        if growth.samples:
            first, last = growth.middle(1), growth.middle(3)
            yield (
                f"Client {name}: descriptors {first.descriptors} -> {last.descriptors}, threads "
                f"{first.threads} -> {last.threads}, memory {first.memory / 2**20:.1f} -> "
                f"{last.memory / 2**20:.1f} MiB."
            )
    if findings.server:
        busy, idle = findings.server
        yield (
            f"Last server: {busy.descriptors} descriptors under load, {idle.descriptors} "
            f"when its clients had gone."
        )
    yield ""
    mistakes = findings.mistakes
    if not mistakes:
        yield "All is well: nothing lost, nothing wrong, nobody hung, nothing grew."
        return
    yield f"{len(mistakes)} things are not right:"
    for mistake in mistakes[:SHOWN]:
        yield f"- {mistake}"
    if len(mistakes) > SHOWN:
        yield f"... and {len(mistakes) - SHOWN} more"
