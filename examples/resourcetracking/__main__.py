"""Runs the server, a client that crashes, and one that says goodbye."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    server = show.program("server.py")
    uri = server.show_until("ready").split()[-1]
    for client, ending in {"Ada": "crash", "Grace": "goodbye"}.items():
        show.program("client.py", uri, client, title=client).show_until("holds")
        if ending == "crash":
            show.kill(client)
        else:
            show.stop(client)
        server.show_until("is free")
