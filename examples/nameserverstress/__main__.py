"""Runs a name server and who stresses it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.client("stress.py")
