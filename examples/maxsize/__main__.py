"""Runs the archive, and who sends it too much."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    show.client("client.py", uri)
