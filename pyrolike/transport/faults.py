"""The sentences for what goes wrong with sockets: what happened, and what a person can do about it.

`OSError` becomes one of Pyro's errors on this floor and nowhere else. Each function here makes an
exception from the system's one and leaves it to the caller to raise it, ``from`` the original.
"""

import builtins
import errno
import os
import socket
import sys

from pyrolike import errors

from .address import read_number
from .secured import is_ssl_error

_NO_UNIX = "this system has no Unix sockets"
_TOO_MANY_FILES = "this process has too many files and connections open"

_UNIX_PATH_BYTES = 107 if sys.platform == "linux" else 103
_PATH_TOO_LONG = (
    f"the path is too long for a Unix socket: at most {_UNIX_PATH_BYTES} bytes are possible here"
)

_CONNECTING = {
    errno.ECONNREFUSED: "nobody is listening there (connection refused); is the server running, "
    "and on more than its own localhost?",
    errno.ECONNRESET: "the connection was closed at once (connection reset)",
    errno.ENETUNREACH: "there is no way into that network from here (network unreachable)",
    errno.EHOSTUNREACH: "there is no way to that host from here (host unreachable); is it running?",
    errno.EADDRNOTAVAIL: "this machine has no address or port left from which to reach it",
    errno.EAFNOSUPPORT: "this system does not know this kind of address",
    errno.EACCES: "permission denied; does a firewall forbid it?",
    errno.EPERM: "permission denied; does a firewall forbid it?",
    errno.EMFILE: _TOO_MANY_FILES + "; release the proxies that are not used any more",
}

_CONNECTING_HERE = _CONNECTING | {
    errno.ECONNREFUSED: "nobody is listening there (connection refused); is the server running, "
    "and on this machine?",
}
"""For addresses that mean another machine on each: a uri with them is of no use elsewhere."""

_CONNECTING_UNIX = _CONNECTING | {
    errno.ENOENT: "there is no such socket file; is the server running?",
    errno.ECONNREFUSED: "the file is there, but nobody is listening (connection refused); "
    "is the server running?",
    errno.EACCES: "permission denied; the rights of the socket file or its folder forbid it",
    errno.EPERM: "permission denied; the rights of the socket file or its folder forbid it",
    errno.EAGAIN: "the server is too busy to accept another connection",
    errno.EAFNOSUPPORT: _NO_UNIX,
}

_LISTENING = {
    errno.EADDRINUSE: "the port is in use, by another program or by another copy of this one; "
    "end that, or take another port (0 takes any free one)",
    errno.EADDRNOTAVAIL: "this machine has no such address; an empty host listens on all it has, "
    "and nathost is then what uris say",
    errno.EACCES: "permission denied; ports below 1024 need special rights",
    errno.EAFNOSUPPORT: "this system does not know this kind of address",
    errno.EMFILE: _TOO_MANY_FILES,
}

_LISTENING_UNIX = {
    errno.EADDRINUSE: "a server is running there",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.EACCES: "permission denied; the rights of the folder forbid to make the file",
    errno.EPERM: "permission denied; the rights of the folder forbid to make the file",
    errno.EROFS: "the file system cannot be written",
    errno.EAFNOSUPPORT: _NO_UNIX,
    errno.EMFILE: _TOO_MANY_FILES,
}


def connect_fault(
    fault: OSError | ValueError, location: str, timeout: float | None = None
) -> errors.CommunicationError:
    """Return Pyro's error for a connection that did not come about.

    Args:
        fault: What happened: an error of the socket or the resolver; a `ValueError` for an address
            that cannot be one.
        location: Where to, as in a URI.
        timeout: The time that was allowed, in seconds.

    Returns:
        A `TimeoutError` if the time was over, else a plain `CommunicationError`.
    """
    if isinstance(fault, builtins.TimeoutError):
        within = f" within {timeout:.3g} seconds" if timeout else ""
        return errors.TimeoutError(
            f"cannot connect to {location}: no answer{within} (timeout); "
            "is the host running, and does no firewall stand in between?"
        )
    reason = _reason(fault, _connecting(location))
    return errors.CommunicationError(f"cannot connect to {location}: {reason}")


def listen_fault(fault: OSError | UnicodeError, location: str) -> OSError:
    """Return an exception of the same type and errno as *fault*, with a text that helps.

    Args:
        fault: What the resolver, `bind` or `listen` raised.
        location: Where, as in a URI.
    """
    is_unix = location.startswith("./u:")
    reason = _reason(fault, _LISTENING_UNIX if is_unix else _LISTENING)
    text = f"cannot listen on {location}: {reason}"
    if isinstance(fault, UnicodeError):
        return socket.gaierror(socket.EAI_NONAME, text)
    # Python itself, and not the system, finds that a path is too long, and gives no errno.
    return type(fault)(fault.errno or errno.ENAMETOOLONG, text)


def transfer_fault(fault: OSError, doing: str) -> errors.CommunicationError:
    """Return Pyro's error for a connected socket that failed.

    Args:
        fault: What the socket raised.
        doing: What was going on: "receiving" or "sending".

    Returns:
        A `TimeoutError` if the socket's timeout passed, else a `ConnectionClosedError`.
    """
    if fault.errno == errno.ETIMEDOUT and os.name != "nt":
        return errors.ConnectionClosedError(
            f"{doing}: connection lost: the other side does not answer any more; its machine or "
            "the network is down"
        )
    # A timeout that the system watches itself (SO_RCVTIMEO) ends as "would block"; on Windows as
    # the error above.
    if isinstance(fault, (builtins.TimeoutError, BlockingIOError)):
        return errors.TimeoutError(f"{doing}: timeout")
    if is_ssl_error(fault):
        from .tls_faults import explain_to_client  # which loads ssl

        return errors.ConnectionClosedError(f"{doing}: {explain_to_client(fault)}")
    return errors.ConnectionClosedError(f"{doing}: connection lost: {fault}")


def _connecting(location: str) -> dict[int, str]:
    if location.startswith("./u:"):
        return _CONNECTING_UNIX
    host = location.rpartition(":")[0].strip("[]")
    return _CONNECTING_HERE if host == "localhost" or _means_this_machine(host) else _CONNECTING


def _means_this_machine(host: str) -> bool:
    number = read_number(host)
    return number is not None and (number.is_loopback or number.is_unspecified)


def _reason(fault: OSError | ValueError, known: dict[int, str]) -> str:
    if isinstance(fault, socket.gaierror):
        return (
            f"the host name is not known, or not as the kind of address wanted ({fault.strerror})"
        )
    if isinstance(fault, UnicodeError):
        return "this cannot be the name of a host"
    if isinstance(fault, ValueError):
        return str(fault)
    if fault.errno is None and "too long" in str(fault):
        return _PATH_TOO_LONG
    code = fault.errno or 0
    return known.get(code) or (os.strerror(code) if code else str(fault))
