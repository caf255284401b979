"""The picture of a message: the bytes of its header in both protocols, and what follows."""

from __future__ import annotations

from .canvas import Canvas, width_of

WIDTH = 700
LEFT, BYTE, BOX, ROW, PER_LINE = 30, 40, 34, 42, 16

Fields = tuple[tuple[str, int], ...]

HEADERS: dict[str, Fields] = {
    "502": (
        ("PYRO", 4), ("version", 2), ("type", 1), ("by", 1), ("flags", 2), ("sequence", 2),
        ("payload size", 4), ("annotations size", 4), ("correlation id", 16), ("0", 2),
        ("magic", 2),
    ),
    "48": (
        ("PYRO", 4), ("version", 2), ("type", 2), ("flags", 2), ("sequence", 2),
        ("payload size", 4), ("serializer", 2), ("annotations", 2), ("0", 2), ("checksum", 2),
    ),
}  # fmt: skip
"""Protocol to the fields of its header and their sizes in bytes, in their order."""


def draw() -> str:
    """Return the picture: sixteen bytes in a line."""
    canvas = Canvas("A message: its header in both protocols, annotations, payload", WIDTH)
    y = 32.0
    for protocol, fields in HEADERS.items():
        size = sum(width for _, width in fields)
        canvas.words(LEFT, y, f"Protocol {protocol}: {size} bytes of header", "title")
        y = _draw_header(canvas, fields, y + 12) + 38
    canvas.words(LEFT, y - 16, "by: the number of the serializer, one byte in 502", "faint")
    return canvas.render(y)


def _draw_header(canvas: Canvas, fields: Fields, y: float) -> float:
    """Draw a header, and what follows in the rest of its last line; return where that ends."""
    offset = 0
    for name, size in fields:
        left = size
        while left:  # a field may go on in the next line
            line, column = divmod(offset, PER_LINE)
            here = min(left, PER_LINE - column)
            words = name if left == size else f"... {name}"
            _draw_box(canvas, LEFT + column * BYTE, y + line * ROW, here * BYTE, words, "blue")
            offset += here
            left -= here
    line, column = divmod(offset, PER_LINE)
    x = LEFT + column * BYTE
    right = LEFT + PER_LINE * BYTE
    _draw_box(canvas, x, y + line * ROW, right - x, "annotations, payload ...", "line")
    return y + line * ROW + BOX


def _draw_box(canvas: Canvas, x: float, y: float, width: float, words: str, colour: str) -> None:
    if width_of(words) > width:
        raise ValueError(f"{words!r} has no room in a box of {width} pixels")
    fill = "plain" if colour == "line" else f"{colour}-tint"
    canvas.box(x, y, width, BOX, fill=fill, stroke=colour, radius=2)
    canvas.words(x + width / 2, y + BOX / 2 + 4, words, anchor="middle")
