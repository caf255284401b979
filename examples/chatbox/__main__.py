"""Runs the room, a guest who listens, and two who talk."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("room.py")
    ada = show.program("chat.py", "Ada", title="Ada")
    ada.show_until("here are")
    show.client("chat.py", "Grace", "Good evening!", "There was a moth in it.", title="Grace")
    show.client("chat.py", "Emmy", "Symmetry, I say.", title="Emmy")
    ada.show_until("Emmy leaves")
