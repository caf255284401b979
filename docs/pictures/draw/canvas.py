"""A small canvas that gives SVG: boxes, lines, words, in colours that follow light and dark.

Every picture stands on a card of its own colour, because a page may be dark while the reader's
system is light: what is written can then be read on any page. Fonts are generic and differ from
machine to machine; whoever places words leaves them room for a wide one, see `width_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

SMALL = 11
"""Size in pixels of all words but titles; legible when the picture is shown 700 pixels wide."""

COLOURS = {
    # name: (light, dark)
    "card": ("#ffffff", "#15181c"),
    "edge": ("#d0d7de", "#3a424b"),
    "ink": ("#24292f", "#e2e6ea"),
    "faint": ("#57606a", "#9aa4af"),
    "line": ("#6e7781", "#8b949e"),
    "plain": ("#f3f5f7", "#20252b"),
    "blue": ("#0b62c4", "#6cb0ff"),
    "blue-tint": ("#e6f0fb", "#16283d"),
    "orange": ("#b3500a", "#ffa05c"),
    "orange-tint": ("#fdefe3", "#3a2614"),
    "green": ("#1a7f37", "#63c98a"),
    "green-tint": ("#e5f5ea", "#15301f"),
}

RULES = (
    f"text{{font:{SMALL}px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}}"
    ".title{font-size:14px;font-weight:600}.strong{font-weight:600}.faint{fill:var(--faint)}"
    ".code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    ".path{fill:none;stroke:var(--line);stroke-width:1.4}.dashed{stroke-dasharray:5 4}"
    ".halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}"
)


def width_of(words: str, *, code: bool = False, size: float = SMALL) -> float:
    """Return how many pixels *words* take at most, in the widest font that is likely."""
    return len(words) * size * (0.61 if code else 0.58)


def wrap(names: Iterable[str], width: float, gap: float) -> list[list[tuple[float, str]]]:
    """Set *names* in lines of at most *width*; each with its distance from the left."""
    lines: list[list[tuple[float, str]]] = [[]]
    x = 0.0
    for name in names:
        size = width_of(name, code=True)
        if lines[-1] and x + size > width:
            lines.append([])
            x = 0.0
        lines[-1].append((x, name))
        x += size + gap
    return lines


class Canvas:
    """A picture in the making.

    Args:
        title: What it shows, for those who cannot see it.
        width: In pixels, as it is meant to be shown.
    """

    def __init__(self, title: str, width: float) -> None:
        self.title = title
        self.width = width
        self._parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "plain",
        stroke: str = "edge", radius: float = 5,
    ) -> None:  # fmt: skip
        """Draw a rectangle; *fill* and *stroke* are names of colours."""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'rx="{_n(radius)}" style="fill:var(--{fill});stroke:var(--{stroke})"/>'
        )

    def words(
        self, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start",
        colour: str = "",
    ) -> None:  # fmt: skip
        """Write *words* on the base line *y*; *kind* has classes of `RULES`.

        With "halo" they can be read on top of lines.
        """
        style = f' style="fill:var(--{colour})"' if colour else ""
        side = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" class="{kind}"{side}{style}>{escape(words)}</text>'
        )

    def line(
        self, points: Sequence[tuple[float, float]], *, dashed: bool = False, colour: str = "line"
    ) -> None:
        """Draw a line through *points*."""
        self._path(points, dashed, colour)

    def arrow(
        self, points: Sequence[tuple[float, float]], *, dashed: bool = False, colour: str = "line"
    ) -> None:
        """Draw a line through *points*, with a head at the last; the last part is straight."""
        (x0, y0), (x, y) = points[-2:]
        dx, dy = _sign(x - x0), _sign(y - y0)
        if dx and dy:
            raise ValueError("the last part of an arrow goes along one of the axes")
        self._path([*points[:-1], (x - 5 * dx, y - 5 * dy)], dashed, colour)
        wings = [(x - 8 * dx - 4 * dy * side, y - 8 * dy - 4 * dx * side) for side in (1, -1)]
        corners = " ".join(f"{_n(a)},{_n(b)}" for a, b in [(x, y), *wings])
        self._parts.append(f'<polygon points="{corners}" style="fill:var(--{colour})"/>')

    def _path(self, points: Sequence[tuple[float, float]], dashed: bool, colour: str) -> None:
        way = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        kind = "path dashed" if dashed else "path"
        self._parts.append(f'<path class="{kind}" d="M{way}" style="stroke:var(--{colour})"/>')

    def render(self, height: float) -> str:
        """Return the picture as SVG, *height* pixels high."""
        size = f"{_n(self.width)} {_n(height)}"
        card = (
            f'<rect x="0.5" y="0.5" width="{_n(self.width - 1)}" height="{_n(height - 1)}" rx="8" '
            'style="fill:var(--card);stroke:var(--edge)"/>'
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
                f'width="{_n(self.width)}" height="{_n(height)}" role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{style()}</style>",
                card,
                *self._parts,
                "</svg>",
                "",
            ]
        )


def style() -> str:
    """Return the style sheet of all pictures."""
    light, dark = (
        "".join(f"--{name}:{both[i]};" for name, both in COLOURS.items()) for i in (0, 1)
    )
    return f"\nsvg{{{light}}}\n@media(prefers-color-scheme:dark){{svg{{{dark}}}}}\n{RULES}\n"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
