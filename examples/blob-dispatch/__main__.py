"""Runs the post office, two takers and a sender."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("office.py")
    for town in "Delft", "Turin":
        taker = show.program("taker.py", uri, town, title=f"{town} taker")
        taker.show_until("taking")
    show.client("sender.py", uri)
