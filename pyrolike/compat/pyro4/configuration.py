"""The module ``Pyro4.configuration``: the settings in Pyro4's shape.

There is one set of settings in a process, `pyrolike.configure.config`. What is read or set here is
read or set there; two items look different, as Pyro4 has them.
"""

from __future__ import annotations

from typing import Any

from pyrolike.compat.settings import reset
from pyrolike.configure import ITEMS, config as ours

NAMES = (
    "AUTOPROXY",
    "BROADCAST_ADDRS",
    "COMMTIMEOUT",
    "COMPRESSION",
    "DETAILED_TRACEBACK",
    "DILL_PROTOCOL_VERSION",
    "FLAME_ENABLED",
    "HOST",
    "ITER_STREAMING",
    "ITER_STREAM_LIFETIME",
    "ITER_STREAM_LINGER",
    "JSON_MODULE",
    "LOGWIRE",
    "MAX_MESSAGE_SIZE",
    "MAX_RETRIES",
    "METADATA",
    "NATHOST",
    "NATPORT",
    "NS_AUTOCLEAN",
    "NS_BCHOST",
    "NS_BCPORT",
    "NS_HOST",
    "NS_PORT",
    "ONEWAY_THREADED",
    "PICKLE_PROTOCOL_VERSION",
    "POLLTIMEOUT",
    "PREFER_IP_VERSION",
    "REQUIRE_EXPOSE",
    "SERIALIZER",
    "SERIALIZERS_ACCEPTED",
    "SERVERTYPE",
    "SOCK_NODELAY",
    "SOCK_REUSE",
    "SSL",
    "SSL_CACERTS",
    "SSL_CLIENTCERT",
    "SSL_CLIENTKEY",
    "SSL_CLIENTKEYPASSWD",
    "SSL_REQUIRECLIENTCERT",
    "SSL_SERVERCERT",
    "SSL_SERVERKEY",
    "SSL_SERVERKEYPASSWD",
    "THREADPOOL_SIZE",
    "THREADPOOL_SIZE_MIN",
    "USE_MSG_WAITALL",
)
"""The settings that Pyro4 has."""


class Configuration:
    """Pyro4's view of the settings; all instances show the same ones.

    ``BROADCAST_ADDRS`` is a text, and ``MAX_MESSAGE_SIZE`` is 0 where nobody has set it (which
    means a gigabyte here, not that there is no limit). All of our settings can be reached, and
    those that Pyro4 has are listed.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        value = getattr(ours, name)
        if name == "BROADCAST_ADDRS":
            return ", ".join(address or "''" for address in value)
        if name == "MAX_MESSAGE_SIZE" and value == ITEMS[name].default:
            return 0
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(ours, name, value)

    def reset(self, useenvironment: bool = True, *, use_environment: bool | None = None) -> None:
        """Set everything back to its default, then to what the environment says.

        Args:
            useenvironment: ``False`` leaves the environment out.
            use_environment: The same as Pyro5 spells it; wins if given.
        """
        reset(useenvironment if use_environment is None else use_environment)

    def asDict(self) -> dict[str, Any]:
        """Return Pyro4's settings by name."""
        return {name: getattr(self, name) for name in NAMES}

    def as_dict(self) -> dict[str, Any]:
        """Return Pyro4's settings by name, as Pyro5 spells it."""
        return self.asDict()

    @staticmethod
    def parseAddressesString(addresses: str) -> list[str]:
        """Return the addresses in a text with commas; ``''`` written out is the empty address."""
        return ours.parseAddressesString(addresses)

    def dump(self) -> str:
        """Return versions and settings as lines of text, with passwords masked."""
        return ours.dump()

    def __repr__(self) -> str:
        return f"<Pyro4's view of {ours!r}>"


config = Configuration()
"""Pyro4's settings of this process."""


def main() -> None:
    """Print the versions and settings in force."""
    print(config.dump())


__all__ = ["Configuration", "config", "main"]
