"""Runs the club, and four who would like to come in."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("server.py")
    for name, password in ("Ada", "engine"), ("Grace", "moth"), ("Grace", "bug"), ("Eve", ""):
        show.client("client.py", uri, name, password, title=name)
