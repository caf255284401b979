"""Runs a server and a client that are written for Pyro5, with pyrolike."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    with_pyrolike = "-m", "pyrolike.compat"
    server = show.start("server", *with_pyrolike, str(show.folder / "server.py"))
    uri = server.show_until("ready").split()[-1]
    show.start("client", *with_pyrolike, str(show.folder / "client.py"), uri)
    show.finish("client")
