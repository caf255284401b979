"""Draws the pictures of the performance page from the figures on it.

So a picture never shows anything else than the tables beside it; a test draws them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.pictures.draw import FOLDER
from docs.pictures.draw.canvas import Canvas

from . import growth, page, plots
from .report import ABSENT, PEER_COLUMNS
from .work import OURS, PEER, RAW, WORKS

WIDTH, BAR, GAP = 700, 18, 7
NAME_END, BAR_START, BAR_END = 186, 196, 586

COLOURS = {OURS: "blue", PEER: "orange"}
"""Of the bars; all others are grey."""

TITLES = {"managers": "multiprocessing.managers"}

CALL_FILE = "small-calls.svg"


@dataclass(frozen=True, slots=True)
class Bar:
    """One library, with one serializer or its own.

    Attributes:
        library: Its name.
        serializer: Or nothing, for a library that has no choice.
        shown: Its share of the rate of the raw echo, measured in the same rounds.
        rate: Calls per second, as the page has it.
    """

    library: str
    serializer: str
    shown: str
    rate: str

    @property
    def share(self) -> float:
        """The share as a number."""
        return _number(self.shown)

    @property
    def title(self) -> str:
        """What stands before the bar."""
        return ", ".join(filter(None, (TITLES.get(self.library, self.library), self.serializer)))


def draw_all(document: Path = page.PAGE, calls: Path = FOLDER, plots_in: Path = page.PLOTS) -> None:
    """Draw what the figures on the page allow; the plots of growth and the small calls."""
    for path, picture in pictures(document, calls, plots_in):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, "utf-8")


def pictures(
    document: Path = page.PAGE, calls: Path = FOLDER, plots_in: Path = page.PLOTS
) -> Iterator[tuple[Path, str]]:
    """Give each picture with the path of its file."""
    if bars := read_bars(document):
        yield calls / CALL_FILE, draw_bars(bars)
    for axis in growth.AXES:
        for header, rows in page.tables("growth", document):
            if header[0] == axis.title:
                series: dict[str, dict[str, float]] = {name: {} for name in header[1:]}
                for size, *figures in rows:
                    for name, figure in zip(header[1:], figures, strict=True):
                        if figure != ABSENT:
                            series[name][size] = _number(figure)
                yield plots_in / f"{axis.name}.svg", plots.draw(axis.title, series)


def read_bars(document: Path = page.PAGE) -> list[Bar]:
    """Return what the page says about the small call, the quickest first."""
    bars = []
    call = next(work for work in WORKS if work.name == "call")
    for header, rows in page.tables("works", document):
        for row in rows:
            cells = dict(zip(header, row, strict=True))
            if header[0] == PEER_COLUMNS[0][0]:
                bars.append(Bar(row[0], "", cells[f"/ {RAW}"], cells["calls/s"]))
            elif row[0] == call.title:
                for name in (OURS, PEER):
                    share, rate = cells[f"{name} / {RAW}"], cells[name]
                    bars.append(Bar(name, cells["serializer"], share, rate))
    present = [bar for bar in bars if bar.shown != ABSENT]
    return sorted(present, key=lambda bar: (-bar.share, bar.title))


def draw_bars(bars: list[Bar]) -> str:
    """Return the picture of the small calls."""
    canvas = Canvas("Small calls, beside a bare socket", WIDTH)
    canvas.words(24, 30, "Small calls, beside a bare socket", "title")
    canvas.words(
        24, 47, "add(3, 4), client and server on one core. 100 % is as many bytes over a socket, "
        "and nothing else.", "faint",
    )  # fmt: skip
    top = 66.0
    bottom = top + len(bars) * (BAR + GAP) + GAP
    length = BAR_END - BAR_START
    for quarter in range(5):
        x = BAR_START + length * quarter / 4
        canvas.line([(x, top), (x, bottom)], colour="edge", dashed=quarter not in (0, 4))
        canvas.words(x, bottom + 16, f"{25 * quarter} %", "faint", anchor="middle")
    for index, bar in enumerate(bars):
        y = top + GAP + index * (BAR + GAP)
        colour = COLOURS.get(bar.library, "")
        fill, stroke = (f"{colour}-tint", colour) if colour else ("plain", "line")
        size = length * bar.share
        weight = "strong" if bar.library == OURS else ""
        canvas.words(NAME_END, y + 13, bar.title, weight, anchor="end")
        canvas.box(BAR_START, y, size, BAR, fill=fill, stroke=stroke, radius=2)
        share = f"{bar.share * 100:.3g} %"
        canvas.words(BAR_START + size + 7, y + 13, share, "halo strong", colour=colour)
        canvas.words(WIDTH - 24, y + 13, f"{bar.rate} calls/s", "faint", anchor="end")
    return canvas.render(bottom + 32)


def _number(figure: str) -> float:
    return float(figure.replace(",", ""))
