"""Runs a name server, two markets and a viewer, and shows what they say."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("server.py", "northern", "ACME", "EXAM", title="northern")
    show.server("server.py", "southern", "ZORK", title="southern")
    show.client("client.py", "ACME", "ZORK", title="viewer")
