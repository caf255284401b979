"""Draws the pictures of the page about the wire: messages, and the states of three things.

A state is a box, a transition an arrow with its reason beside it; both are placed by hand, because
four boxes are sooner placed than a layout is explained. The colours follow the reader's choice of
light or dark. ``python -m docs._site.drawings`` writes the files; a test compares them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "reference"

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.name { font-weight: 600; text-anchor: middle }
.part { text-anchor: middle }
.note { fill: #666; font-size: 12px }
rect { fill: #eef4fb; stroke: #0b62c4; stroke-width: 1.5 }
.end rect { fill: #f3f3f3; stroke: #888 }
.arrow { fill: none; stroke: #666; stroke-width: 1.5 }
.tip, .start { fill: #666 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .note { fill: #aaa }
  rect { fill: #16283c; stroke: #6cb0ff } .end rect { fill: #2a2a2a; stroke: #888 }
  .arrow { stroke: #aaa } .tip, .start { fill: #aaa }
}
"""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class State:
    """A box with a name, and perhaps a line that explains it.

    Attributes:
        name: In the box, first line.
        x: Of its left side.
        y: Of its upper side.
        note: In the box, second line.
        is_end: Nothing leads out of it.
    """

    name: str
    x: float
    y: float
    note: str = ""
    is_end: bool = False
    width: float = 170
    height: float = 54

    def draw(self) -> Iterator[str]:
        """Return the box as SVG."""
        middle = self.x + self.width / 2
        yield f'<g class="{"end" if self.is_end else "state"}">'
        yield (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" '
            f'height="{self.height:g}" rx="8"/></g>'
        )
        drop = 23 if self.note else 32
        yield f'<text class="name" x="{middle:g}" y="{self.y + drop:g}">{escape(self.name)}</text>'
        if self.note:
            yield (
                f'<text class="note part" x="{middle:g}" y="{self.y + 42:g}">'
                f"{escape(self.note)}</text>"
            )


@dataclass(frozen=True, slots=True)
class Arrow:
    """A transition.

    Attributes:
        path: Its corners, from the one state to the other.
        label: Lines of text.
        at: Where the first line begins.
        anchor: Whether that is the text's "start", "middle" or "end".
    """

    path: Sequence[Point]
    label: Sequence[str] = ()
    at: Point = (0, 0)
    anchor: str = "start"

    def draw(self) -> Iterator[str]:
        """Return the arrow as SVG."""
        corners = "L".join(f"{x:g} {y:g}" for x, y in self.path)
        yield f'<path class="arrow" d="M{corners}" marker-end="url(#tip)"/>'
        for number, line in enumerate(self.label):
            x, y = self.at[0], self.at[1] + 16 * number
            yield (
                f'<text class="note" x="{x:g}" y="{y:g}" text-anchor="{self.anchor}">'
                f"{escape(line)}</text>"
            )


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of states.

    Attributes:
        title: What a reader hears who cannot see it.
        size: Width and height.
        start: Where the point is from which the first arrow goes, or None.
    """

    title: str
    size: tuple[int, int]
    states: Sequence[State]
    arrows: Sequence[Arrow]
    start: Point | None = None
    more: Sequence[str] = field(default=())

    def draw(self) -> str:
        """Return the whole SVG."""
        width, height = self.size
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(self.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
            'markerHeight="8" orient="auto"><path class="tip" d="M0 0L10 5L0 10z"/>'
            "</marker></defs>",
        ]
        if self.start is not None:
            lines.append(f'<circle class="start" cx="{self.start[0]}" cy="{self.start[1]}" r="6"/>')
        for item in (*self.arrows, *self.states):
            lines.extend(item.draw())
        return "\n".join([*lines, *self.more, "</svg>", ""])


CLIENT = Drawing(
    "States of a client's connection",
    (760, 300),
    [
        State("unconnected", 40, 50, "no socket"),
        State("connecting", 500, 50, "CONNECT is sent"),
        State("open", 500, 230, "calls in flight"),
        State("broken", 40, 230, "calls have failed"),
    ],
    [
        Arrow([(12, 77), (40, 77)]),
        Arrow([(210, 65), (500, 65)], ["first use, or _pyroBind()"], (355, 56), "middle"),
        Arrow(
            [(500, 90), (210, 90)],
            ["CONNECTFAIL, refused, no time left:", "the use fails"],
            (355, 108),
            "middle",
        ),
        Arrow([(585, 104), (585, 230)], ["CONNECTOK"], (595, 172)),
        Arrow([(535, 230), (180, 104)], ["_pyroRelease()"], (385, 165)),
        Arrow(
            [(500, 257), (210, 257)],
            ["connection lost, an answer", "that is no answer"],
            (355, 277),
            "middle",
        ),
        Arrow([(100, 230), (100, 104)], ["with the", "next use"], (92, 165), "end"),
        Arrow([(625, 230), (625, 204), (692, 204), (692, 257), (670, 257)]),
    ],
    (12, 77),
    ['<text class="note" x="640" y="196">INVOKE, RESULT</text>'],
)

SESSION = Drawing(
    "States of a server's session",
    (760, 300),
    [
        State("new", 40, 50, "reads CONNECT only"),
        State("open", 500, 50, "reads INVOKE and PING"),
        State("finished", 270, 230, "answers go out, then close", is_end=True, width=190),
    ],
    [
        Arrow([(12, 77), (40, 77)]),
        Arrow(
            [(210, 77), (500, 77)], ["a CONNECT that is accepted: CONNECTOK"], (355, 68), "middle"
        ),
        Arrow(
            [(125, 104), (300, 230)],
            ["refused, or not understood:", "CONNECTFAIL", "no CONNECT in time: nothing"],
            (225, 135),
        ),
        Arrow(
            [(585, 104), (430, 230)],
            [
                "the client is gone",
                "bytes that are no message",
                "a serializer that is not accepted",
            ],
            (535, 160),
        ),
        Arrow([(625, 50), (625, 24), (692, 24), (692, 77), (670, 77)]),
    ],
    (12, 77),
    ['<text class="note" x="598" y="16">RESULT, PING</text>'],
)

STREAM = Drawing(
    "States of an item stream",
    (760, 300),
    [
        State("owned", 40, 50, "by a connection"),
        State("lingering", 500, 50, "ITER_STREAM_LINGER seconds", width=200),
        State("ended", 270, 230, "the iterator is closed", is_end=True),
    ],
    [
        Arrow([(12, 77), (40, 77)]),
        Arrow([(210, 65), (500, 65)], ["its connection ends"], (355, 56), "middle"),
        Arrow(
            [(500, 90), (210, 90)], ["an item is asked for over another one"], (355, 108), "middle"
        ),
        Arrow(
            [(125, 104), (310, 230)],
            ["no more items, an exception,", "close_stream,", "ITER_STREAM_LIFETIME is over"],
            (240, 135),
        ),
        Arrow(
            [(585, 104), (410, 230)],
            ["nobody came in time,", "close_stream,", "ITER_STREAM_LIFETIME is over"],
            (535, 165),
        ),
        Arrow([(60, 50), (60, 24), (130, 24), (130, 50)]),
    ],
    (12, 77),
    ['<text class="note" x="142" y="28">an item is fetched</text>'],
)


# -- messages -------------------------------------------------------------------------------------

HEADERS = {
    "502": (
        ("PYRO", 4),
        ("version", 2),
        ("type", 1),
        ("ser.", 1),
        ("flags", 2),
        ("seq", 2),
        ("payload size", 4),
        ("annot. size", 4),
        ("correlation id", 16),
        ("0", 2),
        ("magic", 2),
    ),
    "48": (
        ("PYRO", 4),
        ("version", 2),
        ("type", 2),
        ("flags", 2),
        ("seq", 2),
        ("payload size", 4),
        ("ser.", 2),
        ("annot.", 2),
        ("0", 2),
        ("check", 2),
    ),
}
"""Protocol to the fields of its header and their sizes in bytes, in their order."""

BYTE, ROW, PER_LINE = 40, 44, 16


def draw_messages() -> str:
    """Return a picture of both headers, sixteen bytes in a line, and of what follows."""
    parts: list[str] = []
    y = 24.0
    for protocol, fields in HEADERS.items():
        total = sum(size for _, size in fields)
        parts.append(f'<text x="30" y="{y:g}">protocol {protocol}: {total} bytes of header</text>')
        y += 10
        parts.extend(_draw_fields(fields, y))
        last = (total - 1) // PER_LINE
        rest = 30 + (total - last * PER_LINE) * BYTE
        parts.extend(_box(rest, y + last * ROW, 670 - rest, "annotations, payload ..."))
        y += (last + 1) * ROW + 34
    size = (700, int(y) - 14)
    title = "A message: its header in both protocols, then annotations and payload"
    return Drawing(title, size, (), (), None, parts).draw()


def _draw_fields(fields: Sequence[tuple[str, int]], y: float) -> Iterator[str]:
    offset = 0
    for name, size in fields:
        left = size
        while left:  # a field may go on in the next line
            line, column = divmod(offset, PER_LINE)
            here = min(left, PER_LINE - column)
            label = name if left == size else f"... {name}"
            yield from _box(30 + column * BYTE, y + line * ROW, here * BYTE, label, offset)
            offset += here
            left -= here


def _box(x: float, y: float, width: float, name: str, offset: int | None = None) -> Iterator[str]:
    kind = "end" if offset is None else "state"
    yield f'<g class="{kind}"><rect x="{x:g}" y="{y:g}" width="{width:g}" height="34"/></g>'
    size = "11px" if len(name) * 7 > width else "13px"
    yield (
        f'<text class="part" x="{x + width / 2:g}" y="{y + 22:g}" '
        f'style="font-size: {size}">{escape(name)}</text>'
    )


def make_drawings() -> dict[Path, str]:
    """Return the files and what is in them."""
    return {
        FOLDER / "message.svg": draw_messages(),
        FOLDER / "client.svg": CLIENT.draw(),
        FOLDER / "session.svg": SESSION.draw(),
        FOLDER / "stream.svg": STREAM.draw(),
    }


if __name__ == "__main__":
    for path, text in make_drawings().items():
        path.write_text(text, "utf-8")
