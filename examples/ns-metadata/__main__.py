"""Runs the name server, the printers, and who looks for one."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("server.py")
    show.client("client.py")
