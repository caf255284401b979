import ipaddress
import socket

import pytest

from pyrolike.configure import config
from pyrolike.transport import address
from pyrolike.transport.address import get_interface, get_ip_address, location_str, resolve_tcp

LOOPBACK = ipaddress.ip_address("127.0.0.1")


@pytest.fixture
def resolver(monkeypatch):
    """A resolver that knows one host, which has an address of each kind, and this machine."""
    known = {
        "both.example": ["::1", "127.0.0.1"],
        "old.example": ["127.0.0.1"],
        "this-machine": ["127.0.0.1"],
    }
    families = {4: socket.AF_INET, 6: socket.AF_INET6}

    def getaddrinfo(host, port, family=0, kind=0, protocol=0):
        found = [ipaddress.ip_address(text) for text in known.get(host, [])]
        wanted = [ip for ip in found if family in (0, families[ip.version])]
        if not wanted:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(families[ip.version], kind, protocol, "", (str(ip), port)) for ip in wanted]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "gethostname", lambda: "this-machine")


@pytest.fixture
def no_network(monkeypatch):
    def get_interface(ip_address):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(address, "get_interface", get_interface)


def test_an_ipv4_address_is_not_looked_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert resolve_tcp("127.0.0.1", 80, 6) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert resolve_tcp(LOOPBACK, 80) == [(socket.AF_INET, ("127.0.0.1", 80))]


@pytest.mark.parametrize("version", [None, 0, 4, 6])
@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "::1", "fe80::1"])
def test_an_address_is_returned_as_it_is(text, version):
    assert get_ip_address(text, version=version) == ipaddress.ip_address(text)


def test_an_address_object_is_returned_as_it_is():
    assert get_ip_address(LOOPBACK) == LOOPBACK


def test_a_name_is_resolved():
    assert get_ip_address("localhost", version=4) == LOOPBACK


@pytest.mark.parametrize(("version", "found"), [(0, "::1"), (4, "127.0.0.1"), (6, "::1")])
@pytest.mark.usefixtures("resolver")
def test_the_version_chooses_among_the_addresses_of_a_name(version, found):
    assert str(get_ip_address("both.example", version=version)) == found


@pytest.mark.usefixtures("resolver")
def test_without_a_version_the_setting_decides(monkeypatch):
    monkeypatch.setattr(config, "PREFER_IP_VERSION", 4)
    assert get_ip_address("both.example") == LOOPBACK


@pytest.mark.parametrize("hostname", ["", None])
@pytest.mark.usefixtures("resolver")
def test_no_name_is_this_machine(hostname):
    assert get_ip_address(hostname) == LOOPBACK


@pytest.mark.usefixtures("resolver")
def test_a_name_without_address_of_the_version_is_an_os_error():
    with pytest.raises(OSError, match="not known"):
        get_ip_address("old.example", version=6)


@pytest.mark.usefixtures("resolver")
def test_an_unknown_name_is_an_os_error():
    with pytest.raises(OSError, match="not known"):
        get_ip_address("unknown.example")


def test_an_unknown_version_is_refused():
    with pytest.raises(ValueError, match="4, 6 or 0 for either, not 5"):
        get_ip_address("localhost", version=5)


@pytest.mark.usefixtures("no_network")
def test_the_loopback_address_stays_if_there_is_no_network():
    assert get_ip_address("127.0.0.1", workaround127=True) == LOOPBACK


def test_the_loopback_address_is_replaced_by_that_of_the_interface_outside(monkeypatch):
    outside = ipaddress.ip_interface("192.0.2.7")
    monkeypatch.setattr(address, "get_interface", lambda ip_address: outside)
    assert get_ip_address("127.0.0.1", workaround127=True) == outside.ip
    assert get_ip_address("10.1.2.3", workaround127=True) == ipaddress.ip_address("10.1.2.3")


@pytest.mark.parametrize("target", ["127.0.0.1", LOOPBACK])
def test_the_interface_to_the_loopback_address_is_itself(target):
    assert get_interface(target).ip == LOOPBACK


def test_the_interface_works_for_ipv6():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    assert str(get_interface("::1").ip) == "::1"


def test_the_interface_wants_an_address():
    with pytest.raises(ValueError, match="localhost"):
        get_interface("localhost")


@pytest.mark.usefixtures("resolver")
def test_all_addresses_of_a_name_are_returned_in_order():
    assert resolve_tcp("both.example", 80) == [
        (socket.AF_INET6, ("::1", 80)),
        (socket.AF_INET, ("127.0.0.1", 80)),
    ]
    assert resolve_tcp("both.example", 80, 4) == [(socket.AF_INET, ("127.0.0.1", 80))]


def test_an_address_keeps_its_family_whatever_is_preferred():
    assert resolve_tcp("127.0.0.1", 80, 6) == [(socket.AF_INET, ("127.0.0.1", 80))]


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_an_impossible_port_is_refused(port):
    with pytest.raises(ValueError, match=f"between 0 and 65535, not {port}"):
        resolve_tcp("localhost", port)


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1", "fe80::1"),
        ("localhost", None),
        ("10.1.2.3.4", None),
        ("1\0", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_a_number_is_read_as_the_system_reads_it(host, number):
    found = address.read_number(host)
    assert (found and str(found)) == number


def test_a_location_has_ipv6_addresses_in_brackets():
    assert location_str("localhost", 80) == "localhost:80"
    assert location_str("::1", 80) == "[::1]:80"


@pytest.mark.parametrize("port", ["5000", None, 1.5])
def test_a_port_that_is_no_number_is_told(port):
    with pytest.raises(TypeError, match=f"a port is a whole number, not {port!r}"):
        resolve_tcp("localhost", port)
