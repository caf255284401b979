"""Runs the one program of this example, and shows what it says."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.client("program.py")
