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

from .contestants import PEERS, Contestant
from .work import BESIDE, RAW, USUAL, WORKS, Floor, Limit, Stage, Work, label


@dataclass(frozen=True, slots=True)
class Row:
    """All windows of one work with one serializer.

    Attributes:
        work: What was done.
        serializer: How it was written.
        windows: What each contestant reached by name, oldest first, equally many for all: units
            per second or, if the work is a cost, so much of its unit.
    """

    work: Work
    serializer: str
    windows: dict[str, list[float]]

    def figure(self, name: str) -> float | None:
        """Return the median of the windows; None if *name* did not take part."""
        values = self.windows.get(name)
        return median(values) if values else None

    def ratio(self, name: str, other: str) -> float | None:
        """Return the median over the rounds of how many times as good *name* was as *other*."""
        if self.work.is_cost:
            name, other = other, name
        pairs = zip(self.windows.get(name, []), self.windows.get(other, []), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs]
        return median(ratios) if ratios else None

    def unsteadiness(self) -> float:
        """Return how far apart the raw echo's windows were, as a share of their median."""
        rates = self.windows.get(RAW)
        return (max(rates) - min(rates)) / median(rates) if rates else 0.0

    @property
    def floors(self) -> tuple[Floor | Limit, ...]:
        """What has to be reached."""
        return self.work.floors.get(self.serializer, ())


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how long.

    Attributes:
        rounds: Windows per contestant and row.
        seconds: Length of a window.
        only: Measure the rows whose ``work/serializer`` contains one of these words; empty for all.
        works: What there is to choose from.
    """

    rounds: int
    seconds: float
    only: tuple[str, ...] = ()
    works: tuple[Work, ...] = WORKS

    def rows(self) -> list[tuple[Work, str]]:
        """Return the selected pairs of work and serializer, in the order of the table."""
        pairs = [(work, serializer) for work in self.works for serializer in work.serializers]
        return [pair for pair in pairs if self._selects(label(*pair))]

    def _selects(self, name: str) -> bool:
        return not self.only or any(word in name for word in self.only)


def measure(plan: Plan, names: Sequence[str]) -> Iterator[Row]:
    """Measure the rows of *plan* one by one; *names* are those who may take part."""
    with ExitStack() as stack:
        cast = _Cast(stack)
        for work, serializer in plan.rows():
            yield _measure_row(plan, cast, work, serializer, participants(work, serializer, names))


def participants(work: Work, serializer: str, names: Sequence[str]) -> list[str]:
    """Return which of *names* take part in a row."""
    absent = set(PEERS) if serializer not in work.peers else set()
    absent |= set() if work.beside else {BESIDE}
    absent |= set() if work.raw_bytes else {RAW}
    return [name for name in names if name not in absent]


def turns(count: int, rounds: int) -> list[list[int]]:
    """Return the order of *count* contestants for each round; the first one changes every time."""
    return [[(first + place) % count for place in range(count)] for first in range(rounds)]


class _Cast:
    """The contestants: those of the usual stage stay for all rows, others for one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._staying: dict[str, Contestant] = {}

    def call(self, name: str, stage: Stage, guests: ExitStack) -> Contestant:
        if stage != USUAL or name in PEERS:
            guest = Contestant(name, stage)
            guests.callback(guest.close)
            return guest
        if name not in self._staying:
            self._staying[name] = Contestant(name)
            self._stack.callback(self._staying[name].close)
        return self._staying[name]


def _measure_row(plan: Plan, cast: _Cast, work: Work, serializer: str, names: Sequence[str]) -> Row:
    windows: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        contestants = []
        for name in () if work.stage.is_fresh else names:
            contestant = cast.call(name, work.stage, stack)
            done = work.beside if name == BESIDE else work.name
            stack.enter_context(contestant.working(done, serializer))
            contestants.append(contestant)
        for order in turns(len(names), plan.rounds):
            for place in order:
                name = names[place]
                if work.stage.is_fresh:
                    value = _measure_fresh(name, work, serializer, plan.seconds)
                else:
                    # The raw echo is steady; half the time gives as good a figure.
                    share = 0.5 if name == RAW else 1.0
                    value = contestants[place].measure(plan.seconds * share)
                windows[name].append(value)
    return Row(work, serializer, windows)


def _measure_fresh(name: str, work: Work, serializer: str, seconds: float) -> float:
    """Measure one window with processes of its own."""
    with ExitStack() as stack:
        contestant = Contestant(name, work.stage)
        stack.callback(contestant.close)
        stack.enter_context(contestant.working(work.name, serializer))
        # One run only: the next one would find what the first has left.
        return contestant.measure(min(seconds, 0.001))
