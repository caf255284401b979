"""Runs the dispatcher, two workers and the client."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("dispatcher.py")
    for title in "worker 1", "worker 2":
        show.program("worker.py", title=title).show_until("at work")
    show.client("client.py")
