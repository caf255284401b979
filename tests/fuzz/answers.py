"""Answers to a client's broadcast, which anybody in the network may send."""

from __future__ import annotations

import ipaddress
import socket

from pyrolike.client.searching import is_loopback, read_answer
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.uri import URI
from tests.fuzz.target import Target

SENDERS = ("192.0.2.7", "127.0.0.1", "fe80::1", "::1")


def check(data: bytes) -> None:
    for sender in SENDERS:
        uri = read_answer(data, sender)
        if uri is None:
            continue
        assert (uri.protocol, uri.object) == ("PYRO", NAMESERVER_NAME)
        assert uri.host
        assert not uri.sockname
        assert uri.port
        assert 0 < uri.port < 65536
        assert is_loopback(sender) or not is_loopback(uri.host)
        assert not _is_on_this_machine(uri.host) or is_loopback(sender)
        assert str(uri).isprintable()
        again = URI(str(uri))
        assert (again.host, again.port) == (uri.host, uri.port)


def _is_on_this_machine(host: str) -> bool:
    """Say whether a number means this machine, in whatever way it is written."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower() == "localhost" or _is_local_in_short(host)
    # Not by `read_number`: what is to be seen must not be looked at with the same eyes.
    mapped = getattr(address, "ipv4_mapped", None)
    return (
        address.is_loopback or address.is_unspecified or (mapped is not None and mapped.is_loopback)
    )


def _is_local_in_short(host: str) -> bool:
    """Ask the system, which for a number asks nobody else."""
    try:
        found = socket.getaddrinfo(host, 1, socket.AF_INET, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError, ValueError):
        return False
    return any(str(each[4][0]).startswith("127.") or each[4][0] == "0.0.0.0" for each in found)


TARGET = Target(
    "An answer is the uri of a name server on a host, or none; no stranger can send a client to an"
    " address of the client's own machine, nor to a Unix socket.",
    check,
    [
        b"", b"PYRO:Pyro.NameServer@192.0.2.1:9090", b"PYRO:Pyro.NameServer@0.0.0.0:9090",
        b"PYRO:Pyro.NameServer@[::1]:9090", b"PYRO:Pyro.NameServer@[fe80::2]:9090",
        b"PYRO:Pyro.NameServer@./u:/tmp/x", b"PYRONAME:Pyro.NameServer", b"PYRO:other@192.0.2.1:9",
        b"PYRO:Pyro.NameServer@localhost:9090", b"PYRO:Pyro.NameServer@ns.example.org:9090",
        b"PYRO:Pyro.NameServer@127.1.2.3:9090", b"PYRO:Pyro.NameServer@[::]:9090",
    ],
    tokens=[
        b"PYRO:Pyro.NameServer@", b"./u:", b"localhost", b"[::1]", b"0.0.0.0", b":9090",
        b"::ffff:127.0.0.1",
        b":99999", b":-1", b"\n", b"\xb2", b"LOCALHOST", b"127.1", b"0:0:0:0:0:0:0:1", b"@",
    ],
    largest=1000,
    dials=True,  # the check itself asks the resolver about numbers
)  # fmt: skip
