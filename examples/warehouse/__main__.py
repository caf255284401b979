"""Runs the warehouse in one program, and then in several."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.client("local.py")
    show.name_server()
    show.server("server.py")
    show.client("client.py")
