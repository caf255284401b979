"""Takes turns: every contestant gets a short window, round after round, and the middle counts.

A machine is never equally fast for long. Short windows that alternate between the contestants let a
slow moment hit all of them, and the median over the rounds forgets it. Ratios are formed inside
each round, before the median is taken, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from .contestants import RAW, Contestant, Window
from .work import WORKS, Work


@dataclass(frozen=True, slots=True)
class Row:
    """All windows of one work with one serializer.

    Attributes:
        work: What was done.
        serializer: How it was written.
        windows: The windows of each contestant by name, oldest first, equally many for all.
    """

    work: Work
    serializer: str
    windows: dict[str, list[Window]]

    def rate(self, name: str) -> float | None:
        """Return the median of units per second; None if *name* did not take part."""
        rates = self._rates(name)
        return median(rates) if rates else None

    def ratio(self, name: str, other: str) -> float | None:
        """Return the median over the rounds of how many times as fast *name* was as *other*."""
        pairs = zip(self._rates(name), self._rates(other), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs]
        return median(ratios) if ratios else None

    def unsteadiness(self) -> float:
        """Return how far apart the raw echo's windows were, as a share of their median."""
        rates = self._rates(RAW)
        return (max(rates) - min(rates)) / median(rates)

    def _rates(self, name: str) -> list[float]:
        return [window.rate for window in self.windows.get(name, [])]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how long.

    Attributes:
        rounds: Windows per contestant and row.
        seconds: Length of a window.
        only: Measure the rows whose ``work/serializer`` contains one of these words; empty for all.
    """

    rounds: int
    seconds: float
    only: tuple[str, ...] = ()

    def rows(self) -> list[tuple[Work, str]]:
        """Return the selected pairs of work and serializer, in the order of the table."""
        pairs = [(work, serializer) for work in WORKS for serializer in work.serializers]
        return [pair for pair in pairs if self._selects(f"{pair[0].name}/{pair[1]}")]

    def _selects(self, name: str) -> bool:
        return not self.only or any(word in name for word in self.only)


def measure(plan: Plan, names: Sequence[str]) -> Iterator[Row]:
    """Measure the rows of *plan* one by one; *names* are the contestants, `RAW` among them."""
    with ExitStack() as stack:
        contestants = [Contestant(name) for name in names]
        for contestant in contestants:
            stack.callback(contestant.close)
        for work, serializer in plan.rows():
            yield _measure_row(plan, contestants, work, serializer)


def turns(count: int, rounds: int) -> list[list[int]]:
    """Return the order of *count* contestants for each round; the first one changes every time."""
    return [[(first + place) % count for place in range(count)] for first in range(rounds)]


def _measure_row(plan: Plan, contestants: Sequence[Contestant], work: Work, serializer: str) -> Row:
    windows: dict[str, list[Window]] = {contestant.name: [] for contestant in contestants}
    with ExitStack() as stack:
        for contestant in contestants:
            stack.enter_context(contestant.working(work.name, serializer))
        for order in turns(len(contestants), plan.rounds):
            for place in order:
                # The raw echo is steady; half the time gives as good a figure.
                share = 0.5 if contestants[place].name == RAW else 1.0
                window = contestants[place].measure(plan.seconds * share)
                windows[contestants[place].name].append(window)
    return Row(work, serializer, windows)
