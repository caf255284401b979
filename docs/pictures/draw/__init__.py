"""The documentation's pictures, drawn from what they show; see ``__main__`` for how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from . import call, floors, message, states

FOLDER = Path(__file__).resolve().parents[1]
"""Where the pictures are."""

DRAWINGS: Mapping[str, Callable[[], str]] = {
    "architecture": floors.draw,
    "life-of-a-call": call.draw,
    "client-connection": partial(states.draw, states.CONNECTION),
    "server-session": partial(states.draw, states.SESSION),
    "item-stream": partial(states.draw, states.STREAM),
    "message": message.draw,
}
"""What draws each picture, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Write all drawings into *folder*."""
    for name, draw in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(draw(), "utf-8")
