"""Runs the arena, three robots and a spectator: in a terminal it is a game to watch."""

import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    uri = show.server("arena.py")
    for name, mind in ("Greta", "greedy"), ("Tilda", "tidy"), ("Bob", "broken"):
        show.program("robot.py", uri, name, mind, title=name).show_until("in the arena")
    if sys.stdout.isatty():  # the spectator wants the terminal itself
        subprocess.run([sys.executable, str(show.folder / "watch.py"), uri], check=True)
    else:
        show.client("watch.py", uri)
