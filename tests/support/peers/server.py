"""A server in a process of its own: ``python -m tests.support.peers.server [SETTING=value ...]``.

Serves everything in `objects` and `references`, on a port the system chooses, until its input
ends. Prints ``READY`` and its location once it can be called. Settings are Pyro's configuration
items; values are Python literals.
"""

from __future__ import annotations

import ast
import sys
import threading
from typing import Any

from tests.support.peers import chains, exposures, objects, references, troubles
from tests.support.peers.library import api, errors


class PeerDaemon(api.Daemon):  # type: ignore[misc]  # either library's daemon, known when it runs
    """A daemon that answers handshakes and annotates replies, so that clients can see it did."""

    def validateHandshake(self, conn: Any, data: Any) -> Any:
        if data == "forbidden":
            raise ValueError("this word is forbidden here")
        if isinstance(data, dict) and "refuse" in data:
            raise getattr(errors, data["refuse"])(*data["args"])
        if isinstance(data, dict) and "attend" in data:
            chains.attendance.come(conn, data["attend"])
        return data if data == "hello" else {"heard": data}

    def clientDisconnect(self, conn: Any) -> None:
        chains.attendance.leave(conn)

    def annotations(self) -> dict[str, bytes]:
        return {"DAEM": b"from the daemon"}


def peer_objects() -> dict[str, object]:
    """Return what a peer serves, by object id."""
    return {
        "calc": objects.Calculator(),
        "secretive": objects.Secretive(),
        "stubborn": objects.Stubborn(),
        "shelf": objects.Shelf(),
        "row": objects.Row(),
        "factory": references.Factory(),
        "witness": references.Witness(),
        "session": references.SessionNumbered,
        "single": references.SingleNumbered,
        "percall": references.PercallNumbered,
        "created": references.CreatedNumbered,
        "miscreated": references.Miscreated,
        "base": exposures.Base(),
        "derived": exposures.Derived(),
        "whole": exposures.Whole(),
        "mixed": exposures.Mixed(),
        "relay": chains.Relay(),
        "dispatcher": chains.Dispatcher("second.dispatcher"),
        "second.dispatcher": chains.Dispatcher("opener"),
        "opener": chains.Opener(),
        "attendance": chains.attendance,
        "trouble": troubles.Trouble(),
        "unborn": troubles.Unborn,
        "amount": troubles.Amount(40),
        "ring": troubles.Ring(),
    }


def apply_settings(arguments: list[str]) -> None:
    """Change the library's settings as the command line says."""
    for argument in arguments:
        item, _, text = argument.partition("=")
        setattr(api.config, item, ast.literal_eval(text))


def shut_down_at_end_of_input(daemon: Any) -> None:
    """Stop the daemon when whoever started us lets go."""
    sys.stdin.read()
    daemon.shutdown()


def main(arguments: list[str]) -> None:
    """Serve until the input ends."""
    apply_settings(arguments)
    objects.register_converters()
    with PeerDaemon(host="localhost", port=0) as daemon:
        for object_id, thing in peer_objects().items():
            daemon.register(thing, object_id)
        threading.Thread(target=shut_down_at_end_of_input, args=(daemon,), daemon=True).start()
        print("READY", daemon.locationStr, flush=True)
        daemon.requestLoop()


if __name__ == "__main__":
    main(sys.argv[1:])
