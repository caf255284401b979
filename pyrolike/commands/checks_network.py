"""Checks of `pyrolike doctor` that look at the network: addresses, ports, and name servers.

Each tries what a program would do, on this machine and with these settings, and nothing takes
longer than a few seconds. What a firewall between two machines does cannot be seen from here.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from time import monotonic

from pyrolike._kinds import split_hosts
from pyrolike._terminal import sentence
from pyrolike.client import Proxy
from pyrolike.client.searching import find_name_server, read_answer
from pyrolike.configure import config
from pyrolike.constants import DAEMON_NAME, NAMESERVER_NAME, NAMESERVER_QUESTION
from pyrolike.errors import NamingError, PyroError
from pyrolike.server import Daemon
from pyrolike.transport import ask_around, location_str
from pyrolike.uri import URI

from .findings import Finding, Findings

PATIENCE = 3.0
BROADCAST_SECONDS = 0.7
"""As long as Pyro's clients wait for an answer."""

MOST_NAMES = 10_000
"""Of a larger name server the entries are not looked at."""

_START = "Start one with `pyrolike ns`, or set NS_HOST and NS_PORT to where it is."

Address = IPv4Address | IPv6Address


def find_address(host: str) -> Address | None:
    """Return what a host name means here; None if nothing."""
    with contextlib.suppress(OSError, ValueError):
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
        return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])
    return None


def is_public() -> bool:
    """Say whether a daemon that is given no address can be reached from other machines."""
    address = find_address(config.HOST) if config.HOST else None
    return address is None or not address.is_loopback


def check_binding() -> Findings:
    """Make a daemon as a program does that says no address, and see where it is."""
    try:
        daemon = Daemon()
    except (OSError, ValueError, PyroError) as error:
        is_place = isinstance(error, OSError) and not config.SSL
        yield Finding(
            "error",
            "binding",
            f"A daemon cannot be made: {sentence(error)}.",
            "Set HOST to a name or an address of this machine."
            if is_place
            else "Correct the settings that this is about.",
        )
        return
    with daemon:
        bound = ipaddress.ip_address(str(daemon.sock.getsockname()[0]).partition("%")[0])
        advertised = URI(daemon.uriFor("x"))
        failure = _try_call(daemon)
    yield Finding("ok", "binding", f"HOST is {config.HOST!r}: a daemon listens on {bound}.")
    if failure is None:
        yield Finding("ok", "binding", "A call to such a daemon is answered.")
    else:
        yield Finding(
            "error",
            "binding",
            f"A call to a daemon fails, though both have these settings: {failure}.",
            "Correct what it says; the settings for TLS and for serializers are its usual reasons.",
        )
    yield from _check_advertised(bound, str(advertised.host))


def _try_call(daemon: Daemon) -> str | None:
    """Call a daemon of this process; return what went wrong, or None."""
    thread = threading.Thread(target=daemon.requestLoop, name="doctor-daemon", daemon=True)
    thread.start()
    try:
        with Proxy(daemon.uriFor(DAEMON_NAME, nat=False)) as proxy:
            proxy._pyroTimeout = PATIENCE
            proxy.ping()
    except PyroError as error:
        return sentence(error)
    finally:
        daemon.shutdown(0)
        thread.join(PATIENCE)
    return None


def _check_advertised(bound: Address, host: str) -> Findings:
    """Tell what uris say, and who gets to the daemon with them."""
    if config.NATHOST:
        yield from _check_nat(bound)
    elif find_address(host) is None:
        yield Finding(
            "warning",
            "address",
            f"Uris say {host}, and no such name is known here.",
            "Set HOST to a name or address that clients know, or NATHOST to what they shall see.",
        )
    elif bound.is_unspecified:
        yield Finding(
            "warning",
            "address",
            f"Uris say {host}, which on any other machine means that machine: clients elsewhere "
            "connect to themselves.",
            "Set HOST to the address that clients use, or NATHOST to what uris shall say.",
        )
    elif bound.is_loopback:
        yield Finding(
            "note",
            "address",
            f"Uris say {host}: only programs on this machine reach such a daemon.",
            "Set HOST to an address of this machine if others shall reach it.",
        )
        yield from _check_own_name(host)
    else:
        yield Finding(
            "ok",
            "address",
            f"Uris say {host}, which is {bound} here: machines that reach this address reach the "
            "daemon, unless a firewall is between them.",
        )


def _check_nat(bound: Address) -> Findings:
    address = find_address(str(config.NATHOST))
    if address is None or address.is_loopback or address.is_unspecified:
        meaning = "an unknown name here" if address is None else f"{address} here"
        yield Finding(
            "warning",
            "address",
            f"Uris say NATHOST, {config.NATHOST}, which is {meaning}: clients elsewhere will "
            "hardly find the daemon with it.",
            "Set NATHOST to the name or address by which they reach this machine.",
        )
    else:
        yield Finding("note", "address", f"Uris say {config.NATHOST}, which is {address}.")
    if bound.is_loopback:
        yield Finding(
            "note",
            "address",
            "NATHOST is set, but daemons listen on this machine's loopback only.",
            "That works if something here forwards to them, such as a tunnel; else set HOST too.",
        )


def _check_own_name(host: str) -> Findings:
    """Tell what becomes of the machine's own name, which Debian gives a loopback address."""
    name = socket.gethostname()
    address = find_address(name)
    if address is None or not address.is_loopback:
        return
    is_meant = host.lower() == name.lower()
    yield Finding(
        "warning" if is_meant else "note",
        "address",
        f"This machine's name, {name}, means {address} here, though elsewhere it may mean "
        "another address: a daemon that is bound to the name is not reachable from there.",
        "Set HOST to the address itself, or correct /etc/hosts.",
    )


def check_name_server() -> Findings:
    """Look for the name server as a program does, and at what it says."""
    places = list(_places())
    for host, _ in places:
        if find_address(host) is None:
            yield Finding("error", "name server", f"NS_HOST says {host}, an unknown name.", _START)
    try:
        line = find_name_server()
    except NamingError as error:
        yield from _check_ports(places, error)
        return
    line.deadline = monotonic() + PATIENCE
    where = line.uri.location
    with contextlib.closing(line):
        try:
            number = int(line.ask("count"))
            entries = dict(line.ask("list")) if number <= MOST_NAMES else {}
        except Exception as error:  # noqa: BLE001  it is somebody else's, and may answer anything
            text = f"What seems to be a name server, at {where}, does not answer as one"
            yield Finding("error", "name server", f"{text}: {sentence(error)}.", _START)
            return
    text = f"The name server at {where} answers, and has {number} names."
    yield Finding("ok", "name server", text)
    yield from _check_entries(entries, str(line.uri.host))


def _places() -> Iterator[tuple[str, int]]:
    """Yield host and port of each place in NS_HOST: "host", "host:port" or "[v6]:port"."""
    for host, port in split_hosts(config.NS_HOST):
        if not URI.isUnixsockLocation(host):
            yield host.strip("[]"), port or config.NS_PORT


def _check_ports(places: Sequence[tuple[str, int]], error: NamingError) -> Findings:
    """Say whether nobody is there, or somebody else is."""
    taken = [place for place in places if _is_taken(*place)]
    for host, port in taken:
        yield Finding(
            "error",
            "name server",
            f"Port {port} of {host} is in use, and not by a name server that wants us: "
            f"{sentence(error)}.",
            "If it is another program, end it, or set NS_PORT to another port for server and "
            "clients.",
        )
    if not taken:
        where = ", ".join(location_str(*place) for place in places) or "the place in NS_HOST"
        yield Finding("warning", "name server", f"There is no name server at {where}.", _START)


def _is_taken(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _check_entries(entries: Mapping[str, str], server_host: str) -> Findings:
    """Look for what nobody can use, or not from machines other than the name server's own.

    Args:
        entries: Name -> uri text, as the name server says.
        server_host: Where that is.
    """
    hosts = {name: _host_of(uri) for name, uri in entries.items() if name != NAMESERVER_NAME}
    broken = sorted(name for name, host in hosts.items() if host is None)
    if broken:
        yield Finding(
            "warning",
            "name server",
            f"What {_some(broken)} {_are(broken)} registered for is no uri.",
            "Register the object anew, or remove the name: pyrolike nsc remove NAME",
        )
    everywhere = sorted(name for name, host in hosts.items() if host in ("0.0.0.0", "::"))
    if everywhere:
        yield Finding(
            "warning",
            "name server",
            f"{_some(everywhere)} {_are(everywhere)} registered at 0.0.0.0, which means every "
            "client's own machine.",
            "Start these servers with an address as HOST, or with NATHOST.",
        )
    local = sorted(name for name, host in hosts.items() if host and _is_local(host))
    server = find_address(server_host)
    if local and server is not None and not server.is_loopback:
        yield Finding(
            "warning",
            "name server",
            f"{_some(local)} {_are(local)} registered at localhost, which means every client's "
            "own machine.",
            "Start these servers with the address of their machine as HOST.",
        )


def _host_of(uri: object) -> str | None:
    """Return the host that a uri says, which may be empty; None if it is no uri."""
    try:
        return URI(str(uri)).host or ""
    except PyroError:
        return None


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def check_broadcasts() -> Findings:
    """Ask by broadcast who is a name server, and tell who answers."""
    answers = _ask_everybody()
    if len(answers) > 1:
        yield Finding(
            "warning",
            "broadcast",
            f"{len(answers)} name servers answer broadcasts: {', '.join(sorted(answers))}. "
            "Clients that search take any of them.",
            "End those that are not wanted, start them with --nobc, or set NS_HOST.",
        )
    elif answers:
        yield Finding("ok", "broadcast", f"A name server answers broadcasts: {answers.pop()}.")
    else:
        yield Finding(
            "note",
            "broadcast",
            f"No name server answers broadcasts on UDP port {config.NS_BCPORT}; one that listens "
            "on localhost never does.",
        )


def _ask_everybody() -> set[str]:
    """Return the uris that come as answers."""
    answers = ask_around(
        NAMESERVER_QUESTION, config.BROADCAST_ADDRS, config.NS_BCPORT, seconds=BROADCAST_SECONDS
    )
    return {str(uri) for answer in answers if (uri := read_answer(*answer)) is not None}
