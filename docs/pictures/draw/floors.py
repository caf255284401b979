"""The picture of the architecture: its floors, from the map, and what stands on what.

The map is the one in ``docs/explanation/architecture.md``, which a test compares with the package.
Arrows are the imports between floors, found in the code; what follows from other arrows is left
out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from .canvas import Canvas, wrap

ROOT = Path(__file__).resolve().parents[3]
MAP = ROOT / "docs" / "explanation" / "architecture.md"
PACKAGE = "pyrolike"

WIDTH = 760
NAME_X, ROOM_X, ROOM_END, LANE = 52, 172, 690, 16
LINE, PAD = 16, 8

TINTS = ("plain", "plain", "green", "green", "blue", "orange")
"""Of the lowest floors, up to the server; those above are programs on top of them, and plain."""

USERS = (
    ("your program", "from pyrolike.api import …", 8),
    ("your terminal", "pyrolike call, ls, ns …", 9),
    ("a program for Pyro", "import Pyro5.api", 10),
)
"""Who comes from above: who it is, what is typed, and the floor where it enters."""


@dataclass
class Floor:
    """A floor of the map.

    Attributes:
        number: Counted from the bottom.
        name: Its name.
        meaning: What the map says of it.
        modules: Paths of its modules inside the package.
    """

    number: int
    name: str
    meaning: str
    modules: list[str] = field(default_factory=list)

    def rooms(self) -> Iterator[tuple[str, list[str]]]:
        """Give the packages, each with its modules; modules of no package come under ""."""
        for folder, paths in groupby(self.modules, lambda path: path.rpartition("/")[0]):
            yield folder, [Path(path).stem for path in paths]


def read_map() -> list[Floor]:
    """Return the floors of the map, the lowest first."""
    floors: list[Floor] = []
    for line in MAP.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"floor (\d+): ([^;]+)(?:; (.+))?", line):
            floors.append(Floor(int(match[1]), match[2], match[3] or ""))
        elif match := re.match(r"  (\S+\.py)\b", line):
            floors[-1].modules.append(match[1])
    return floors


def find_stairs(floors: list[Floor]) -> list[tuple[int, int]]:
    """Return the imports between floors, as (upper, lower), without those that others imply.

    Raises:
        ValueError: One goes upwards.
    """
    places = {
        f"{PACKAGE}.{path.removesuffix('.py').replace('/', '.')}": floor.number
        for floor in floors
        for path in floor.modules
    }
    for name, number in list(places.items()):
        while (name := name.rpartition(".")[0]) != PACKAGE:
            places.setdefault(name, number)
    direct: dict[int, set[int]] = {floor.number: set() for floor in floors}
    for floor in floors:
        for path in floor.modules:
            if path != "__init__.py":  # the front names everything, lazily
                for lower in _floors_under(path, places) - {floor.number}:
                    if lower > floor.number:
                        raise ValueError(f"{path} imports from floor {lower}, above its own")
                    direct[floor.number].add(lower)
    reached: dict[int, set[int]] = {}
    for number in sorted(direct):
        reached[number] = direct[number].union(*(reached[lower] for lower in direct[number]))
    return [
        (upper, lower)
        for upper, lowers in direct.items()
        for lower in lowers
        if not any(lower in reached[other] for other in lowers)
    ]


def _floors_under(path: str, places: dict[str, int]) -> set[int]:
    parts = (PACKAGE, *path.removesuffix(".py").split("/"))
    found = set()
    for node in ast.walk(ast.parse((ROOT / PACKAGE / path).read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            front = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            base = ".".join(filter(None, (front, node.module)))
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in places:
                name = name.rpartition(".")[0]
            if name:
                found.add(places[name])
    return found


def draw() -> str:
    """Return the picture."""
    floors = read_map()
    canvas = Canvas("The floors of pyrolike, and what stands on what", WIDTH)
    canvas.words(24, 30, "What stands on what", "title")
    canvas.words(24, 47, "An upper floor imports from lower ones, never the other way.", "faint")
    y = 128.0
    bands: dict[int, tuple[float, float]] = {}
    for floor in reversed(floors):
        height = _draw_floor(canvas, floor, y)
        bands[floor.number] = y, height
        y += height + 14
    _draw_users(canvas, bands)
    _draw_stairs(canvas, find_stairs(floors), bands)
    return canvas.render(y + 4)


def _draw_floor(canvas: Canvas, floor: Floor, y: float) -> float:
    """Draw *floor* from *y* downwards, and return how high it is."""
    rooms = [(folder, wrap(names, ROOM_END - ROOM_X - 118, 12)) for folder, names in floor.rooms()]
    meaning = _break_words(floor.meaning, 18)
    height = max(
        sum(len(lines) for _, lines in rooms) * LINE + 6 * (len(rooms) - 1), 16 + 13 * len(meaning)
    )
    height += 2 * PAD
    tint = TINTS[floor.number] if floor.number < len(TINTS) else "plain"
    is_tinted = tint != "plain"
    fill, stroke = (f"{tint}-tint", tint) if is_tinted else ("plain", "edge")
    canvas.box(NAME_X - 12, y, ROOM_END - NAME_X + 12, height, fill=fill, stroke=stroke)
    canvas.words(NAME_X, y + PAD + 11, f"{floor.number}  {floor.name}", "strong")
    for index, line in enumerate(meaning):
        canvas.words(NAME_X, y + PAD + 26 + 13 * index, line, "faint")
    line_y = y + PAD + 11
    for folder, lines in rooms:
        if folder:
            canvas.words(ROOM_X, line_y, f"{_short(folder)}/", "code strong", colour="ink")
        x = ROOM_X + (106 if folder else 0)
        for line in lines:
            for place, name in line:
                canvas.words(x + place, line_y, name, "code")
            line_y += LINE
        line_y += 6
    return height


def _short(folder: str) -> str:
    return folder.rpartition("/")[2] if folder.startswith(("utils/", "naming/")) else folder


def _break_words(text: str, length: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def _draw_users(canvas: Canvas, bands: dict[int, tuple[float, float]]) -> None:
    """Draw who comes from above, and where they enter: on lanes at the left."""
    width, gap = 200, 20
    for index, (who, typed, number) in enumerate(USERS):
        x = NAME_X - 12 + index * (width + gap)
        canvas.box(x, 62, width, 42, fill="card", stroke="line")
        canvas.words(x + 10, 79, who, "strong")
        canvas.words(x + 10, 95, typed, "code faint")
        top, height = bands[number]
        if number == max(bands):
            canvas.arrow([(x + width / 2, 104), (x + width / 2, top)])
            continue
        lane = 16 + 11 * index
        turn = 116 - 5 * index
        start = x + 20
        middle = top + height / 2
        canvas.arrow(
            [(start, 104), (start, turn), (lane, turn), (lane, middle), (NAME_X - 12, middle)]
        )


def _draw_stairs(
    canvas: Canvas, stairs: list[tuple[int, int]], bands: dict[int, tuple[float, float]]
) -> None:
    """Draw who stands on whom: at the right, none over another, the longest outside."""
    lanes: list[list[tuple[float, float]]] = []
    for upper, lower in sorted(stairs, key=lambda stair: (stair[0] - stair[1], stair[0])):
        top, height = bands[upper]
        end, _ = bands[lower]
        start_y, end_y = top + height - 12, end + (12 if upper - lower == 1 else 24)
        lane = next(
            (lane for lane in lanes if all(end_y < y or start_y > end for y, end in lane)), None
        )
        if lane is None:
            lanes.append(lane := [])
        lane.append((start_y, end_y))
        x = ROOM_END + LANE * (lanes.index(lane) + 1)
        canvas.arrow([(ROOM_END, start_y), (x, start_y), (x, end_y), (ROOM_END, end_y)])
