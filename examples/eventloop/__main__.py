"""Runs the server and the client, each in a process of its own, and shows what they say."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    place = show.server("server.py").rpartition("@")[2]
    show.client("client.py", place)
    show.finish("server")
