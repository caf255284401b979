import socket

import pytest

from pyrolike.transport import classic, pyro4_names, sockets


def test_addresses_are_texts() -> None:
    assert pyro4_names.getIpAddress("127.0.0.1") == "127.0.0.1"
    assert pyro4_names.getIpAddress("localhost", ipVersion=4) == "127.0.0.1"
    assert pyro4_names.getInterfaceAddress("127.0.0.1") == "127.0.0.1"
    assert pyro4_names.getInterfaceAddress("localhost") in ("127.0.0.1", "::1")


@pytest.mark.parametrize(("address", "version"), [("127.0.0.1", 4), ("::1", 6)])
def test_versions_are_numbers(address: str, version: int) -> None:
    assert pyro4_names.getIpVersion(address) == version


def test_an_unknown_name_is_the_systems_error() -> None:
    with pytest.raises(OSError, match=r"."):
        pyro4_names.getIpAddress("nobody.invalid")


def test_what_differs_in_nothing_but_its_name_is_the_same_function() -> None:
    assert pyro4_names.createSocket is classic.create_socket
    assert pyro4_names.createBroadcastSocket is classic.create_bc_socket
    assert pyro4_names.receiveData is sockets.receive_data
    with pyro4_names.createSocket(timeout=3) as sock:
        assert pyro4_names.bindOnUnusedPort(sock) > 0
        assert (sock.gettimeout(), sock.type) == (3, socket.SOCK_STREAM)
