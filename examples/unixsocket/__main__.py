"""Runs the lamp and its client, with a socket in a folder of their own."""

import socket
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

if not hasattr(socket, "AF_UNIX"):
    print("skipped: Python has no Unix sockets on this system")
    sys.exit()

with tempfile.TemporaryDirectory() as folder, Show(__file__) as show:
    path = str(Path(folder) / "lamp.sock")
    show.server("server.py", path)
    show.client("client.py", path)
