"""What the books say in the end, and whether processes have grown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

SPARE_DESCRIPTORS = 4
"""Those of threads and selectors that come and go."""

SPARE_THREADS = 4
SPARE_MEMORY = 8 * 1024 * 1024
ENOUGH_SAMPLES = 30
"""With fewer samples nothing is said about growth: a process still warms up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process had at some moment."""

    descriptors: int
    threads: int
    memory: int


def take_sample(pid: int) -> Sample | None:
    """Look at a process; None if it is gone, or the system does not show such things."""
    folder = Path(f"/proc/{pid}")
    try:
        descriptors = sum(1 for _ in (folder / "fd").iterdir())
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text("ascii").splitlines()
        )
        return Sample(descriptors, int(status["Threads"]), 1024 * int(status["VmRSS"].split()[0]))
    except (OSError, KeyError):
        return None


@dataclass(slots=True)
class Growth:
    """The samples of one process, oldest first."""

    samples: list[Sample] = field(default_factory=list)

    def watch(self, pid: int) -> None:
        sample = take_sample(pid)
        if sample is not None:
            self.samples.append(sample)

    def complaints(self) -> list[str]:
        """Say what has grown from the second quarter to the last one."""
        if len(self.samples) < ENOUGH_SAMPLES:
            return []
        before, after = self.middle(1), self.middle(3)
        return [
            f"{what} grew from {old:,} to {new:,}"
            for what, old, new, spare in (
                ("descriptors", before.descriptors, after.descriptors, SPARE_DESCRIPTORS),
                ("threads", before.threads, after.threads, SPARE_THREADS),
                ("memory", before.memory, after.memory, SPARE_MEMORY),
            )
            if new > old + spare
        ]

    def middle(self, quarter: int) -> Sample:
        """Return the medians of a quarter, counted from 0."""
        size = len(self.samples)
        part = self.samples[size * quarter // 4 : size * (quarter + 1) // 4] or self.samples
        return Sample(
            int(median(sample.descriptors for sample in part)),
            int(median(sample.threads for sample in part)),
            int(median(sample.memory for sample in part)),
        )


def compare(log: Iterable[str], acknowledged: Iterable[str]) -> list[str]:
    """Compare what was written with what was acknowledged, and say what is wrong.

    All that was acknowledged must be there. Nothing may be there twice, but for calls that a proxy
    was allowed to repeat (their keys end in an exclamation mark). Notes come in their order.
    """
    written = Counter(log)
    mistakes = [
        f"acknowledged, and not in the log: {line}" for line in set(acknowledged) - written.keys()
    ]
    mistakes += [
        f"made {count} times: {line}"
        for line, count in written.items()
        if count > 1 and not line.endswith("!")
    ]
    return mistakes + _disorder([line for line in written if line.startswith("note ")])


def _disorder(notes: Sequence[str]) -> list[str]:
    last: dict[str, int] = {}
    mistakes = []
    for note in notes:
        _, writer, text = note.split()
        number = int(text)
        if number < last.get(writer, -1):
            mistakes.append(f"too late in the log: {note}")
        last[writer] = number
    return mistakes
