"""Runs the server, kills it under the client's hands, and starts it again."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("server.py", title="first")
    client = show.program("client.py")
    client.show_until("calling on")
    show.kill("first")
    client.show_until("lost")
    show.server("server.py", title="second")
    show.finish("client")
