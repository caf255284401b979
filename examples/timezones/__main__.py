"""Runs the clock, and a client in another time zone."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    show.client("client.py", uri)
