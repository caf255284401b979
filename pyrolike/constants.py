"""Names and numbers of the outside world.

What stands here is fixed by Pyro and shared with every peer; nothing here may change because we
would like it better. Numbers that differ between wire dialects live with their dialect, not here.
"""

import sys

# Through sys.modules, because importing the package from inside would be an import upwards.
VERSION: str = sys.modules["pyrolike"].__version__
"""The version of pyrolike. Pyro4 has its own in a constant of this name."""

DAEMON_NAME = "Pyro.Daemon"
"""Object id under which every daemon offers itself."""

NAMESERVER_NAME = "Pyro.NameServer"
"""Object id, and registered name, of every name server."""

HELLO = "hello"
"""What a proxy says in its handshake, and a daemon answers, if nobody has told them otherwise."""

NAMESERVER_QUESTION = b"GET_NSURI"
"""The whole UDP datagram of who looks for a name server; the answer is its uri as text."""

FLAME_NAME = "Pyro.Flame"
"""Object id of Pyro4's remote console, which pyrolike does not have."""

PROTOCOL_VERSION = 502
"""The wire protocol we speak unless told otherwise: Pyro5's."""

PICKLE_PROTOCOL = 5
"""Python's newest pickle protocol. It stands here because pickle takes a while to load."""

PYRO4_PROTOCOL_VERSION = 48
"""The wire protocol of Pyro4, which we speak with those who do."""
