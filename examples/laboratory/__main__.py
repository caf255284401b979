"""Runs a laboratory: an instrument, a logger, and a monitor that does an experiment."""

import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with tempfile.TemporaryDirectory() as folder, Show(__file__) as show:
    show.name_server()
    show.server("oven.py")
    logger = show.program("logger.py", str(Path(folder) / "experiment.csv"))
    logger.show_until("waiting")
    show.client("monitor.py", "180", "61")
    show.finish("logger")
