"""Draws the plots of the documentation: lines on two logarithmic axes, as SVG.

Both axes count orders of magnitude, so that a flat line means "does not matter" and a falling one
"costs in proportion". The colours follow the reader's choice of light or dark, on a card of their
own for pages that do not; a library has a colour, and a serializer a kind of line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

WIDTH, HEIGHT = 660, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 34, 46

STYLE = """
.card { fill: #fff; stroke: #d0d7de }
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 }
.grid { stroke: #ddd } .frame { stroke: #888 }
.pyrolike { stroke: #0b62c4 } .Pyro5 { stroke: #c2570c } .raw { stroke: #777 }
path { fill: none; stroke-width: 2 } .msgpack { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
  .card { fill: #15181c; stroke: #3a424b }
  text { fill: #ddd } .grid { stroke: #444 } .frame { stroke: #888 }
  .pyrolike { stroke: #6cb0ff } .Pyro5 { stroke: #ffa05c } .raw { stroke: #aaa }
}
"""

Series = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Orders of magnitude on a stretch of the picture.

    Attributes:
        low: Exponent at the beginning.
        high: Exponent at the end; more than *low*.
        start: Where the stretch begins, in pixels.
        end: Where it ends; less than *start* for an axis that goes up.
    """

    low: int
    high: int
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where *value* is, in pixels."""
        share = (log10(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale:
        """Return the scale of whole powers of ten that holds all *values*."""
        exponents = [log10(value) for value in values]
        low, high = floor(min(exponents)), ceil(max(exponents))
        return cls(low, max(high, low + 1), start, end)


def write(path: Path, title: str, series: Series) -> None:
    """Draw *series*, each a figure by size, into the file *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(title, series), "utf-8")


def draw(title: str, series: Series) -> str:
    """Return the picture as SVG.

    Args:
        title: What grows, in words.
        series: For each line its calls per second by size; sizes as text, with commas.
    """
    points = {
        name: {int(size.replace(",", "")): rate for size, rate in line.items()}
        for name, line in series.items()
    }
    across = Scale.around((size for line in points.values() for size in line), LEFT, WIDTH - RIGHT)
    upward = Scale.around(
        (rate for line in points.values() for rate in line.values()), HEIGHT - BOTTOM, TOP
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>Calls per second by {title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        *_grid(across, upward),
        f'<text class="title" x="{LEFT}" y="20">calls per second</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{title}</text>",
    ]
    heights = _label_heights({name: upward.place(_last(line)) for name, line in points.items()})
    for name, line in points.items():
        parts += _line(name, line, across, upward, heights[name])
    return "\n".join([*parts, "</svg>", ""])


def _grid(across: Scale, upward: Scale) -> Iterator[str]:
    for exponent in range(across.low, across.high + 1):
        x = across.place(10**exponent)
        yield f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{x}" y="{HEIGHT - 28}" text-anchor="middle">{_number(exponent)}</text>'
    for exponent in range(upward.low, upward.high + 1):
        y = upward.place(10.0**exponent)
        yield f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_number(exponent)}</text>'
    yield f'<path class="frame" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'


def _line(
    name: str, line: Mapping[int, float], across: Scale, upward: Scale, height: float
) -> Iterator[str]:
    places = " ".join(f"{across.place(size)},{upward.place(rate)}" for size, rate in line.items())
    kinds = name.replace(",", "")
    yield f'<path class="{kinds}" d="M{places}"/>'
    yield f'<path class="{kinds}" d="M{WIDTH - RIGHT + 8} {height}h22"/>'
    yield f'<text x="{WIDTH - RIGHT + 36}" y="{height + 4}">{name}</text>'


def _label_heights(wanted: Mapping[str, float]) -> dict[str, float]:
    """Return where the names of the lines go: near their ends, and never on one another."""
    heights: dict[str, float] = {}
    lowest = 0.0
    for name, height in sorted(wanted.items(), key=lambda item: item[1]):
        lowest = max(height, lowest + 16)
        heights[name] = lowest
    excess = max(0.0, lowest - (HEIGHT - BOTTOM))
    return {name: round(height - excess, 1) for name, height in heights.items()}


def _number(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:g}"


def _last(line: Mapping[int, float]) -> float:
    return line[max(line)]
