"""Runs a server of each type, and the guests that sit down at both."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uris = [show.server("server.py", kind, title=kind) for kind in ("thread", "multiplex")]
    show.client("client.py", *uris)
