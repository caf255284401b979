"""Prints what was measured: Markdown tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .contestants import PEERS
from .measuring import Row
from .work import BESIDE, OURS, PEER, RAW, Floor, Limit, label

LIBRARIES = (OURS, PEER)

COLUMNS = (
    ("work", -29), ("serializer", -10), ("unit", -13), (RAW, 9), (OURS, 9), (PEER, 9),
    (f"{OURS} / {RAW}", 14), (f"{PEER} / {RAW}", 11), (f"{OURS} / {PEER}", 16), ("floors", -51),
    ("verdict", -40),
)  # fmt: skip
"""Heading and width of each column; a negative width means aligned to the left."""

PEER_COLUMNS = (
    ("small call, by", -24), ("calls/s", 9), (f"/ {RAW}", 8), (f"{OURS} with marshal / it", 26),
    (f"{OURS} with msgpack / it", 26),
)  # fmt: skip

ABSENT = "-"
STEADY = 0.25
"""Raw windows further apart than this mean that the machine had other things to do."""

Columns = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a row keeps one of its floors.

    Attributes:
        floor: What had to be reached, in words.
        than: What it is about: whom it is compared with, or the unit of a limit.
        reached: The figure; None if whoever it is compared with did not take part.
        shortfall: How much is missing, as a share of what is wanted; not positive if it is kept.
    """

    floor: str
    than: str
    reached: float | None
    shortfall: float

    @property
    def is_kept(self) -> bool:
        """Whether the floor is kept, or could not be looked at."""
        return self.reached is None or self.shortfall <= 0

    @property
    def miss(self) -> str:
        """By how much the floor is missed, in words."""
        return f"{self.than} by {self.shortfall:.1%}"


def verdicts(row: Row) -> list[Verdict]:
    """Return what is to be said about each floor of a row."""
    return [_judge(row, floor) for floor in row.floors]


def heading(columns: Columns = COLUMNS) -> str:
    """Return the two lines that open a table."""
    rule = "|".join("-" * (abs(width) + 1) + (":" if width > 0 else "-") for _, width in columns)
    return f"{table_row((title for title, _ in columns), columns)}\n|{rule}|"


def table_row(cells: Iterable[str], columns: Columns) -> str:
    """Return one line of a table."""
    padded = (
        cell.rjust(width) if width > 0 else cell.ljust(-width)
        for cell, (_, width) in zip(cells, columns, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def table_line(row: Row) -> str:
    """Return one line of the table."""
    figures = [_number(row.figure(name)) for name in (RAW, *LIBRARIES)]
    to_raw = [_ratio(row.ratio(name, RAW)) for name in LIBRARIES]
    to_peer = _ratio(row.ratio(OURS, PEER))
    what = row.work.title, row.serializer, row.work.measure
    floors = ", ".join(verdict.floor for verdict in verdicts(row))
    return table_row((*what, *figures, *to_raw, to_peer, floors, _judgement(row)), COLUMNS)


def peer_table(rows: Sequence[Row]) -> str:
    """Return the table of the other libraries; nothing if none of them took part."""
    rows = [row for row in rows if any(name in row.windows for name in PEERS)]
    names = [name for name in PEERS if any(name in row.windows for row in rows)]
    lines = []
    for name in names:
        row = next(row for row in rows if name in row.windows)
        ratios = {row.serializer: row.ratio(OURS, name) for row in rows}
        cells = [_number(row.figure(name)), _ratio(row.ratio(name, RAW))]
        cells += [_ratio(ratios.get(serializer)) for serializer in ("marshal", "msgpack")]
        lines.append(table_row((name, *cells), PEER_COLUMNS))
    return "\n".join([heading(PEER_COLUMNS), *lines]) if lines else ""


def summary(rows: Sequence[Row]) -> str:
    """Return which floors are missed, a line for each, or that none is."""
    missed = [
        f"- {label(row.work, row.serializer)}: {verdict.floor} wanted,"
        f" {_ratio(verdict.reached)} reached, missed by {verdict.shortfall:.1%}"
        for row in rows
        for verdict in verdicts(row)
        if not verdict.is_kept
    ]
    looked_at = sum(one.reached is not None for row in rows for one in verdicts(row))
    if not missed:
        return f"All {looked_at} floors that were looked at are kept."
    return "\n".join([f"{len(missed)} of {looked_at} floors are missed:", *missed])


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain values, every window included."""
    return [
        {
            "work": row.work.name,
            "title": row.work.title,
            "serializer": row.serializer,
            "unit": row.work.measure,
            "is_cost": row.work.is_cost,
            "figures": {name: row.figure(name) for name in row.windows},
            "ratios_to_raw": {name: row.ratio(name, RAW) for name in row.windows},
            "ratio_to_peer": row.ratio(OURS, PEER),
            "ratios_to_others": {name: row.ratio(OURS, name) for name in row.windows},
            "floors": [
                {"floor": one.floor, "reached": one.reached, "is_kept": one.is_kept}
                for one in verdicts(row)
            ],
            "windows": row.windows,
        }
        for row in rows
    ]


def remark(rows: Iterable[Row]) -> str:
    """Return a sentence about how steady the machine was, seen by the raw echo."""
    worst = max((row.unsteadiness() for row in rows), default=0.0)
    advice = "" if worst < STEADY else ": other programs were running, measure again without them"
    return f"The windows of the raw echo were at most {worst:.0%} apart{advice}."


def growth_table(title: str, rows: Sequence[Row]) -> str:
    """Return the table of one axis: a line for each size, a column for each line of its plot."""
    series = series_of(rows)
    columns = ((title, 30), *((name, max(18, len(name))) for name in series))
    lines = [
        table_row((row_title, *(_number(line.get(row_title)) for line in series.values())), columns)
        for row_title in dict.fromkeys(row.work.title for row in rows)
    ]
    return "\n".join([heading(columns), *lines])


def series_of(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return the lines of a plot: calls per second by size, for each library and serializer."""
    series: dict[str, dict[str, float]] = {}
    for row in rows:
        for name in row.windows:
            figure = row.figure(name)
            if figure is not None and not (name == RAW and row.work.title in series.get(RAW, {})):
                line = name if name == RAW else f"{name}, {row.serializer}"
                series.setdefault(line, {})[row.work.title] = figure
    return series


def _judgement(row: Row) -> str:
    """Return what the table says about all floors of a row."""
    found = [verdict for verdict in verdicts(row) if verdict.reached is not None]
    missed = ", ".join(verdict.miss for verdict in found if not verdict.is_kept)
    if missed:
        return f"MISSED: {missed}"
    return "kept" if found else ABSENT


def _judge(row: Row, floor: Floor | Limit) -> Verdict:
    if isinstance(floor, Limit):
        figure = row.figure(OURS)
        unit = row.work.unit
        missing = figure / floor.most - 1 if figure else 0.0
        return Verdict(f"at most {floor.most:g} {unit}", unit, figure, missing)
    ratio = row.ratio(OURS, floor.than)
    than = "one thread" if floor.than == BESIDE else floor.than
    missing = 1 - ratio / floor.factor if ratio else 0.0
    return Verdict(f"{floor.factor:.2f} {than}", than, ratio, missing)


def _number(value: float | None) -> str:
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    if value is None:
        return ABSENT
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
