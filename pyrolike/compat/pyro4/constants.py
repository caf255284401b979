"""The module ``Pyro4.constants``."""

from pyrolike.constants import DAEMON_NAME, FLAME_NAME, NAMESERVER_NAME

VERSION = "4.82"
"""The version whose behaviour is ours under this name."""

PROTOCOL_VERSION = 48
"""The wire protocol that Pyro4's own peers speak."""

__all__ = ["DAEMON_NAME", "FLAME_NAME", "NAMESERVER_NAME", "PROTOCOL_VERSION", "VERSION"]
