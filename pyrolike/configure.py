"""Settings: what there is, what it means, when it is read.

The class body of :class:`Configuration` is the one table of all settings. Each row has a type, a
default, a meaning, and the moment when pyrolike looks at it. That moment is part of the promise: a
program may change a setting at any time and wants to know which objects still notice.

Where values come from, later ones win: the default, the environment variable ``PYRO_<NAME>``,
assignment by the program. Every value is checked when it is set, so that a mistake shows where it
was made and not in a server an hour later.

Hot paths do not read settings one by one. They keep what they need, and with it the
:class:`Validity` of the moment, which says whether that is still good.

``python -m pyrolike.configure`` prints the settings in force.

Source: names, meanings and defaults are those of Pyro5 and Pyro4; the last group is ours.
"""

import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pyrolike._forking import call_after_fork
from pyrolike._kinds import (
    ADDRESSES,
    BOOL,
    COUNT,
    DEFAULT_MESSAGE_SIZE,
    HOSTS,
    IP_VERSION,
    MESSAGE_SIZE,
    NAMES,
    OPTIONAL_TEXT,
    PICKLING,
    PORT,
    POSITIVE,
    PROTOCOLS,
    SECONDS,
    SERVER_TYPE,
    TEXT,
    TRACEBACKS,
    Kind,
    check_addresses,
)
from pyrolike.constants import PICKLE_PROTOCOL, PROTOCOL_VERSION, PYRO4_PROTOCOL_VERSION

PREFIX = "PYRO_"
"""How the environment variable of a setting begins."""

ELSEWHERE = frozenset({"HMAC_KEY", "HTTPGATEWAY_KEY"})
"""Variables that begin so, and are no settings: programs around the library read them."""

AT_IMPORT = "when pyrolike is imported"
AT_PROXY = "when a proxy is made"
AT_CONNECT = "when a client connects"
AT_DAEMON = "when a daemon is made"
AT_ACCEPT = "when a daemon accepts a connection"
AT_SERVICE = "when the name server is made"
AT_LOOKUP = "at each look-up"
AT_CALL = "at each call"
AT_USE = "at each use"
AT_SOCKET = "when a socket is made"
AT_TLS = "when a TLS context is made"
AT_TIMES = "every few seconds"
AT_CLOSE = "when a daemon closes"
AT_SIGNAL = "when a signal arrives"

log = logging.getLogger("pyrolike.configure")

# Guards the pair "values changed, validity over" of every Configuration. Without it two threads
# could end the same validity, and the one that stood between them would never be over.
_lock = threading.Lock()


class Item:
    """One row of the table: ``Configuration.NS_PORT`` is the row, ``config.NS_PORT`` the value.

    Attributes:
        name: Name of the setting.
        kind: What values it accepts.
        default: Its value if nobody says anything.
        meaning: What it does, in a few words.
        read: When pyrolike looks at it.
    """

    def __init__(self, kind: Kind, default: object, meaning: str, read: str) -> None:
        self.name = ""
        self.kind = kind
        self.default = default
        self.meaning = meaning
        self.read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<setting {self.name}: {self.meaning}; {self.kind.expected}; read {self.read}>"

    def check(self, value: object) -> Any:
        """Return a value in its stored form; containers are copied.

        Raises:
            ValueError: The value is not acceptable; the message says what would be.
        """
        try:
            return self.kind.check(value)
        except (ValueError, TypeError):
            raise self._refusal(self.name, value) from None

    def parse(self, text: str) -> Any:
        """Return the value that an environment variable stands for.

        Raises:
            ValueError: The text is not acceptable.
        """
        try:
            return self.kind.check(self.kind.parse(text))
        except (ValueError, TypeError):
            raise self._refusal(f"environment variable {PREFIX}{self.name}", text) from None

    def _refusal(self, name: str, value: object) -> ValueError:
        shown = _mask(self.name, value)
        return ValueError(f"{name} must be {self.kind.expected}, not {shown!r}")


def _item(kind: Kind, default: object, meaning: str, read: str) -> Any:
    """Declare a row. Typed ``Any``, so that the annotation beside it is the type of the values."""
    return Item(kind, default, meaning, read)


class Validity:
    """Says whether what was taken from a configuration is still what it says.

    Attributes:
        is_over: Something was assigned since.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


class Configuration:
    """All settings of pyrolike, as attributes to read and to assign.

    There is one for the process, :data:`config`. It may be used from any thread. Each setting is
    also read from the environment, as ``PYRO_COMMTIMEOUT`` and so on, when the settings are first
    looked at; an assignment counts more. ``type(config).COMMTIMEOUT`` tells what a setting means,
    which values it may have, and when it is read; ``print(config.dump())`` shows all that are in
    force, and ``pyrolike config NAME`` explains one at the command line.

    Raises:
        AttributeError: There is no such setting; the text has the one that is spelt alike.
        ValueError: A setting cannot have this value; the text says which it can.

    Attributes:
        validity: Of what is taken from here now: it is over with the next assignment or reset, and
            then there is another one. (Adding to a set or a list in place is no assignment.)
    """

    validity: Validity

    AUTOPROXY: bool = _item(BOOL, True, "send registered objects as proxies", AT_CALL)
    BROADCAST_ADDRS: list[str] = _item(
        ADDRESSES,
        ["<broadcast>", "0.0.0.0"],
        "where to ask for a name server by UDP; none is never",
        AT_LOOKUP,
    )
    COMMTIMEOUT: float = _item(
        SECONDS, 0.0, "seconds to connect, send or receive; 0 waits", f"{AT_PROXY}, {AT_ACCEPT}"
    )
    COMPRESSION: bool = _item(BOOL, False, "compress payloads", AT_CALL)
    DETAILED_TRACEBACK: bool = _item(
        BOOL, False, "show local variables in tracebacks", "when an exception is sent or formatted"
    )
    DILL_PROTOCOL_VERSION: int = _item(PICKLING, -1, "dill's protocol; -1 is its highest", AT_USE)
    FLAME_ENABLED: bool = _item(BOOL, False, "allow Pyro.Flame", "when Flame is started")
    HOST: str = _item(TEXT, "localhost", "host to listen on", AT_DAEMON)
    ITER_STREAMING: bool = _item(BOOL, True, "send iterators item by item", AT_CALL)
    ITER_STREAM_LIFETIME: float = _item(
        SECONDS, 0.0, "longest life of an item stream in seconds; 0 is unlimited", AT_TIMES
    )
    ITER_STREAM_LINGER: float = _item(
        SECONDS, 30.0, "seconds an item stream survives its connection", AT_TIMES
    )
    JSON_MODULE: str = _item(TEXT, "json", "module of the json serializer", AT_USE)
    LOGFILE: str = _item(TEXT, "pyrolike.log", "log file, or {stderr}", AT_IMPORT)
    LOGLEVEL: str | None = _item(OPTIONAL_TEXT, None, "level of logging; None is silent", AT_IMPORT)
    LOGWIRE: bool = _item(BOOL, False, "log every message at debug level", AT_CALL)
    MAX_MESSAGE_SIZE: int = _item(
        MESSAGE_SIZE, DEFAULT_MESSAGE_SIZE, "largest message in bytes, either way", AT_CALL
    )
    MAX_RETRIES: int = _item(COUNT, 0, "times a failed call is repeated", AT_PROXY)
    METADATA: bool = _item(BOOL, True, "check names on the client (Pyro4)", AT_CONNECT)
    NATHOST: str | None = _item(OPTIONAL_TEXT, None, "host to publish", AT_DAEMON)
    NATPORT: int = _item(PORT, 0, "port to publish; 0 is the real one", AT_DAEMON)
    NS_AUTOCLEAN: float = _item(
        SECONDS, 0.0, "seconds between looks for dead entries; 0 never looks", AT_SERVICE
    )
    NS_BCHOST: str | None = _item(OPTIONAL_TEXT, None, "host of the broadcast server", AT_SERVICE)
    NS_BCPORT: int = _item(PORT, 9091, "UDP port of broadcasts", f"{AT_SERVICE}, {AT_LOOKUP}")
    NS_HOST: str = _item(
        HOSTS, "localhost", "host of the name server, or several separated by commas", AT_LOOKUP
    )
    NS_LOOKUP_DELAY: float = _item(
        SECONDS, 0.0, "longest wait in seconds for a name, or a name server, to appear", AT_LOOKUP
    )
    NS_PORT: int = _item(
        PORT, 9090, "TCP port of the name server", f"{AT_SERVICE}, {AT_LOOKUP}, in each uri"
    )
    ONEWAY_THREADED: bool = _item(BOOL, True, "run oneway calls in a thread of their own", AT_CALL)
    PICKLE_PROTOCOL_VERSION: int = _item(PICKLING, PICKLE_PROTOCOL, "pickle's protocol", AT_USE)
    POLLTIMEOUT: float = _item(
        SECONDS, 2.0, "seconds between looks at loopCondition and housekeeping", AT_DAEMON
    )
    PREFER_IP_VERSION: int = _item(IP_VERSION, 0, "4, 6, or 0 as the system likes", AT_SOCKET)
    REQUIRE_EXPOSE: bool = _item(BOOL, True, "only exposed members are remote", AT_CALL)
    SERIALIZER: str = _item(TEXT, "serpent", "serializer of proxies", f"{AT_PROXY}, {AT_CALL}")
    SERIALIZERS_ACCEPTED: set[str] = _item(
        NAMES, {"serpent", "json", "marshal", "msgpack"}, "what a daemon understands", AT_DAEMON
    )
    SERPENT_BYTES_REPR: bool = _item(BOOL, False, "serpent writes bytes as literals", AT_USE)
    SERVERTYPE: str = _item(SERVER_TYPE, "thread", "how a daemon runs its calls", AT_DAEMON)
    SOCK_NODELAY: bool = _item(BOOL, False, "set TCP_NODELAY", AT_SOCKET)
    SOCK_REUSE: bool = _item(BOOL, True, "set SO_REUSEADDR when listening", AT_SOCKET)
    SSL: bool = _item(BOOL, False, "use TLS", AT_SOCKET)
    SSL_CACERTS: str = _item(TEXT, "", "file or directory of authorities", AT_TLS)
    SSL_CLIENTCERT: str = _item(TEXT, "", "file of the client's certificate", AT_TLS)
    SSL_CLIENTKEY: str = _item(TEXT, "", "file of its key", AT_TLS)
    SSL_CLIENTKEYPASSWD: str = _item(TEXT, "", "password of that key", AT_TLS)
    SSL_REQUIRECLIENTCERT: bool = _item(BOOL, False, "clients must have a certificate", AT_TLS)
    SSL_SERVERCERT: str = _item(TEXT, "", "file of the server's certificate", AT_TLS)
    SSL_SERVERKEY: str = _item(TEXT, "", "file of its key", AT_TLS)
    SSL_SERVERKEYPASSWD: str = _item(TEXT, "", "password of that key", AT_TLS)
    THREADPOOL_SIZE: int = _item(POSITIVE, 80, "most calls that run at once", AT_DAEMON)
    THREADPOOL_SIZE_MIN: int = _item(COUNT, 4, "threads kept ready", AT_DAEMON)
    USE_MSG_WAITALL: bool = _item(
        BOOL, sys.platform != "win32", "let the system collect long messages", AT_SOCKET
    )

    # Ours; no other Pyro knows these.
    CONNECT_TIMEOUT: float = _item(
        SECONDS, 20.0, "seconds to connect and shake hands if COMMTIMEOUT is 0", AT_CONNECT
    )
    CONNECTIONS_PER_CLIENT: int = _item(
        COUNT, 5000, "connections from one address; 0 is no limit", AT_DAEMON
    )
    HANDSHAKE_LIMIT: int = _item(
        COUNT,
        2000,
        "new connections that may be without a handshake at once, then the oldest are closed; "
        "0 is no limit",
        AT_DAEMON,
    )
    HANDSHAKE_TIMEOUT: float = _item(
        SECONDS, 10.0, "seconds a new connection may take to say hello", AT_ACCEPT
    )
    INERT_PROXIES: bool = _item(
        BOOL, False, "proxies that a peer sends connect only after _pyroBind", AT_CONNECT
    )
    ITER_STREAM_LIMIT: int = _item(
        POSITIVE, 1000, "item streams that one client may have open", AT_CALL
    )
    ITER_STREAM_WINDOW: int = _item(
        POSITIVE, 1, "items that a client fetches per round trip", "when a stream is opened"
    )
    KEEPALIVE_SECONDS: float = _item(
        SECONDS,
        60.0,
        "seconds of silence until a TCP peer is asked if it lives; 0 as the system does",
        f"{AT_CONNECT}, {AT_DAEMON}",
    )
    PICKLE_WITHOUT_AUTHENTICATION: bool = _item(
        BOOL, False, "accept pickle, dill, cloudpickle from everybody on the network", AT_DAEMON
    )
    PROTOCOLS_ACCEPTED: set[int] = _item(
        PROTOCOLS,
        {PROTOCOL_VERSION, PYRO4_PROTOCOL_VERSION},
        "wire protocols that a daemon speaks: Pyro5's, 502, and Pyro4's, 48",
        AT_DAEMON,
    )
    REMOTE_TRACEBACKS: bool | str = _item(
        TRACEBACKS, "known", "send tracebacks: to known and local clients, to all or none", AT_CALL
    )
    SHUTDOWN_GRACE: float = _item(
        SECONDS, 5.0, "seconds that running calls have when their daemon closes", AT_CLOSE
    )
    SIGNAL_GRACE: float = _item(
        SECONDS, 0.5, "the same, counted from the signal that ends a daemon's loop", AT_SIGNAL
    )
    THREADPOOL_LINGER: float = _item(
        SECONDS, 0.02, "seconds a thread stays with a silent connection", AT_ACCEPT
    )
    THREADPOOL_NESTED: int = _item(
        COUNT, 1000, "further threads while calls wait for calls of their own", AT_DAEMON
    )
    THREADPOOL_QUEUE_SIZE: int = _item(COUNT, 10_000, "calls that may wait for a thread", AT_DAEMON)
    THREADPOOL_QUEUE_WAIT: float = _item(
        SECONDS, 1.0, "seconds such a call may wait, then it is refused", AT_DAEMON
    )

    def __init__(self) -> None:
        self.__dict__["validity"] = Validity()
        self.reset()

    # Hidden from type checkers, which would accept any name and any value because of these two.
    if not TYPE_CHECKING:  # pragma: no branch

        def __setattr__(self, name: str, value: object) -> None:
            self._store({name: _get_item(name).check(value)})

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(_unknown_text(name))

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"setting {name} cannot be deleted; assign it, or call reset()")

    def __repr__(self) -> str:
        changed = [name for name, item in ITEMS.items() if getattr(self, name) != item.default]
        return f"<{type(self).__name__}; not at default: {', '.join(changed) or 'none'}>"

    def reset(self, use_environment: bool = True, *, useenvironment: bool | None = None) -> None:
        """Set everything back to its default, then to what the environment says.

        Args:
            use_environment: ``False`` leaves the environment out, if it is not to be trusted.
            useenvironment: The same as Pyro4 spells it; wins if given.

        Raises:
            ValueError: An environment variable has a bad value. Nothing is changed then.
        """
        values = {name: item.check(item.default) for name, item in ITEMS.items()}
        if use_environment if useenvironment is None else useenvironment:
            values |= _read_environment(os.environ)
        self._store(values)

    def copy(self) -> Self:
        """Return an independent configuration with the same values."""
        twin = type(self).__new__(type(self))
        twin.__dict__["validity"] = Validity()
        twin._store(self.as_dict())
        return twin

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name; changing the result changes nothing here."""
        return {name: item.check(getattr(self, name)) for name, item in ITEMS.items()}

    def asDict(self) -> dict[str, Any]:
        """Return all values by name, as Pyro4 spells it."""
        return self.as_dict()

    @staticmethod
    def parseAddressesString(text: str) -> list[str]:
        """Return the addresses in a text with commas; ``''`` written out is the empty address."""
        return check_addresses(text)

    def dump(self) -> str:
        """Return versions and settings as lines of text, with passwords masked."""
        settings = [f"{name} = {shown_value(name, getattr(self, name))}" for name in sorted(ITEMS)]
        return "\n".join(_describe_surroundings() + settings)

    def _store(self, values: Mapping[str, Any]) -> None:
        with _lock:
            self.__dict__.update(values)
            self._end_validity()

    def _end_validity(self) -> None:
        """Tell whoever has taken something from here that it may have changed."""
        before = self.validity
        self.__dict__["validity"] = Validity()
        before.is_over = True


ITEMS: dict[str, Item] = {
    name: value for name, value in vars(Configuration).items() if isinstance(value, Item)
}
"""The table by name."""


def _get_item(name: str) -> Item:
    try:
        return ITEMS[name]
    except KeyError:
        raise AttributeError(_unknown_text(name)) from None


def _unknown_text(name: str) -> str:
    import difflib  # for the one who needs it: it takes a while to load

    close = difflib.get_close_matches(name.upper(), ITEMS, n=1)
    return f"there is no setting {name}" + (f"; did you mean {close[0]}?" if close else "")


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the environment sets."""
    given = {
        name.removeprefix(PREFIX): text for name, text in environ.items() if name.startswith(PREFIX)
    }
    unknown = [
        f"{PREFIX}{name} ({_unknown_text(name)})"
        for name in sorted(given.keys() - ITEMS.keys() - ELSEWHERE)
    ]
    if unknown:
        # No error, as in Pyro5: the variables of another Pyro may stand beside ours.
        log.warning("ignoring environment variables: %s", ", ".join(unknown))
    return {name: ITEMS[name].parse(text) for name, text in given.items() if name in ITEMS}


def _mask(name: str, value: object) -> object:
    return "*****" if name.endswith("PASSWD") and value else value


def shown_value(name: str, value: object) -> object:
    """Return what is printed for a value: no passwords, and sets always in the same order."""
    if isinstance(value, set):
        return "{" + ", ".join(map(repr, sorted(value))) + "}"
    return _mask(name, value)


def _describe_surroundings() -> list[str]:
    # Through sys.modules, because importing the package from inside would be an import upwards.
    import platform  # for those who ask

    version = sys.modules["pyrolike"].__version__
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        f"pyrolike version: {version}",
        f"Loaded from: {os.path.dirname(__file__)}",
        f"Python version: {python} ({platform.system()}, {os.name})",
        f"Protocol version: {PROTOCOL_VERSION}",
        "Currently active global configuration settings:",
    ]


config = Configuration()
"""The settings of this process."""

global_config = config
"""The same object, as Pyro5 names it."""


def _start_anew() -> None:
    """Have a forked child not wait for a lock that nobody holds there, and keep nothing stale."""
    global _lock
    _lock = threading.Lock()
    config._end_validity()  # another thread may just have changed the values


call_after_fork(_start_anew)


def dump() -> None:
    """Print the versions and settings in force."""
    print(config.dump())


if __name__ == "__main__":
    dump()
