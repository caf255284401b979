"""Runs two renderers, and has them draw a picture together: into the path that is given, if any."""

import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with tempfile.TemporaryDirectory() as folder, Show(__file__) as show:
    picture = sys.argv[1:] or [str(Path(folder) / "mandelbrot.png")]
    show.name_server()
    for number in "1", "2":
        show.server("renderer.py", number, title=f"renderer {number}")
    show.client("draw.py", *picture)
