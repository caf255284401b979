"""The client: shares a picture out among all renderers there are, and writes it to a file."""

import argparse
import math
import queue
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from png import Colour, write_png

from pyrolike.api import Proxy, locate_ns

CENTRE, WIDTH_OF_VIEW = -0.75 + 0j, 3.2
DEEPEST = 100
SHADES = " .:-=+*#%@"


class Canvas:
    """Lines of depths, as they come in."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines: list[list[int]] = [[] for _ in range(height)]
        self.todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        for y in range(height):
            self.todo.put(y)

    def let_render(self, uri: str) -> None:
        """Have one renderer do line after line, until there are none left."""
        step = WIDTH_OF_VIEW / self.width
        corner = CENTRE - complex(self.width, self.height) * step / 2
        with Proxy(uri) as renderer:
            # marshal knows complex numbers, and is the quickest for plain data.
            renderer._pyroSerializer = "marshal"
            while True:
                try:
                    y = self.todo.get_nowait()
                except queue.Empty:
                    return
                start = corner + complex(0, y * step)
                self.lines[y] = renderer.line(start, step, self.width, DEEPEST)
                self._show_progress()

    def _show_progress(self) -> None:
        if sys.stdout.isatty():
            done = sum(map(bool, self.lines))
            bar = "#" * (done * 50 // self.height)
            print(f"\r[{bar:50}] {done * 100 // self.height:3} %", end="", flush=True)


def colour(depth: int) -> Colour:
    """Return black inside; outside it is night, and lighter the nearer."""
    if depth == DEEPEST:
        return 0, 0, 0
    height = math.log(1 + depth) / math.log(DEEPEST)
    red, green, blue = (round(255 * height**slowness) for slowness in (2.2, 1.3, 0.6))
    return red, green, blue


def as_text(lines: list[list[int]]) -> str:
    """Return a coarse picture made of letters, each of which stands for 4 by 8 pixels."""
    scale = (len(SHADES) - 1) / math.log(1 + DEEPEST)
    shades = [SHADES[round(scale * math.log(1 + depth))] for depth in range(DEEPEST + 1)]
    return "\n".join("".join(shades[depth] for depth in line[2::4]) for line in lines[3::8])


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description="Draw the Mandelbrot set with all renderers.")
    parser.add_argument("path", type=Path, nargs="?", default=Path("mandelbrot.png"))
    parser.add_argument("--width", type=int, default=240, help="in pixels")
    options = parser.parse_args()
    canvas = Canvas(options.width, options.width * 5 // 8)
    with locate_ns() as name_server:
        uris = [uri for uri, _tags in name_server.yplookup(meta_all={"mandelbrot"}).values()]
    if not uris:
        parser.error("there is no renderer")
    # Each renderer has a thread here, which mostly waits for it.
    with ThreadPoolExecutor(len(uris)) as threads:
        list(threads.map(canvas.let_render, uris))
    write_png(options.path, [[colour(depth) for depth in line] for line in canvas.lines])
    if sys.stdout.isatty():
        print()
    print(as_text(canvas.lines))
    checksum = zlib.crc32(bytes(depth for line in canvas.lines for depth in line))
    print(f"{options.path.name}: {canvas.width} x {canvas.height} pixels, checksum {checksum:08x}")


if __name__ == "__main__":
    main()
