"""Prints what was measured: a Markdown table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .contestants import API_MODULES, RAW
from .measuring import Row

LIBRARIES = tuple(API_MODULES)
OURS, PEER = LIBRARIES

COLUMNS = (
    ("work", -24), ("serializer", -10), ("unit", -13), (RAW, 9), (OURS, 9), (PEER, 9),
    (f"{OURS} / {RAW}", 14), (f"{PEER} / {RAW}", 11), (f"{OURS} / {PEER}", 16),
)  # fmt: skip
"""Heading and width of each column; a negative width means aligned to the left."""

ABSENT = "-"
STEADY = 0.25
"""Raw windows further apart than this mean that the machine had other things to do."""


def heading() -> str:
    """Return the two lines that open the table."""
    rule = "|".join("-" * (abs(width) + 1) + (":" if width > 0 else "-") for _, width in COLUMNS)
    return f"{_line(title for title, _ in COLUMNS)}\n|{rule}|"


def table_line(row: Row) -> str:
    """Return one line of the table."""
    rates = [_number(row.rate(name)) for name in (RAW, *LIBRARIES)]
    to_raw = [_ratio(row.ratio(name, RAW)) for name in LIBRARIES]
    to_peer = _ratio(row.ratio(OURS, PEER))
    cells = (row.work.title, row.serializer, f"{row.work.unit}/s", *rates, *to_raw, to_peer)
    return _line(cells)


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain values, every window included."""
    return [
        {
            "work": row.work.name,
            "serializer": row.serializer,
            "unit": row.work.unit,
            "rates": {name: row.rate(name) for name in row.windows},
            "ratios_to_raw": {name: row.ratio(name, RAW) for name in row.windows},
            "ratio_to_peer": row.ratio(OURS, PEER),
            "windows": {
                name: [[window.units, window.seconds] for window in windows]
                for name, windows in row.windows.items()
            },
        }
        for row in rows
    ]


def remark(rows: Iterable[Row]) -> str:
    """Return a sentence about how steady the machine was, seen by the raw echo."""
    worst = max(row.unsteadiness() for row in rows)
    advice = "" if worst < STEADY else ": other programs were running, measure again without them"
    return f"The windows of the raw echo were at most {worst:.0%} apart{advice}."


def _line(cells: Iterable[str]) -> str:
    padded = (
        cell.rjust(width) if width > 0 else cell.ljust(-width)
        for cell, (_, width) in zip(cells, COLUMNS, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _number(value: float | None) -> str:
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    if value is None:
        return ABSENT
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
