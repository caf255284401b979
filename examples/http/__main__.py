"""Runs a name server, a server, the gateway and a client, and shows what they say."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from _running import Show

with Show(__file__) as show:
    show.name_server()
    show.server("server.py")
    gateway = show.start("gateway", "-m", "pyrolike.utils.httpgateway", "-p", "0", aloud=False)
    address = gateway.show_until("running on", aloud=False).split()[-1]
    show.client("client.py", address)
