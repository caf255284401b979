import inspect
import socket

import pytest

from pyrolike import socketutil, transport

# Name and parameters as programs use them. Source: api.md A9, and Pyro5 5.17 seen from outside.
SIGNATURES = {
    "get_ip_address": "hostname, workaround127=False, version=None",
    "get_interface": "ip_address",
    "create_socket": "bind=None, connect=None, reuseaddr=False, keepalive=True, timeout=-1, "
    "noinherit=False, ipv6=False, nodelay=True, sslContext=None",
    "create_bc_socket": "bind=None, reuseaddr=False, timeout=-1, ipv6=False",
    "receive_data": "sock, size",
    "send_data": "sock, data",
    "set_reuseaddr": "sock",
    "set_nodelay": "sock",
    "set_keepalive": "sock",
    "set_noinherit": "sock",
    "SocketConnection": "sock, objectId=None, keep_open=False",
    "family_str": "sock",
    "bind_unused_port": "sock, host='localhost'",
    "interrupt_socket": "address",
}


def parameters(function):
    signature = inspect.signature(function)
    return ", ".join(
        name if p.default is p.empty else f"{name}={p.default!r}"
        for name, p in signature.parameters.items()
    )


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_functions_of_pyro_are_there_with_their_parameters(name):
    assert parameters(getattr(socketutil, name)) == SIGNATURES[name]


def test_ports_are_looked_for_over_tcp_and_ipv4_by_default():
    defaults = inspect.signature(socketutil.find_probably_unused_port).parameters
    assert [p.default for p in defaults.values()] == [socket.AF_INET, socket.SOCK_STREAM]


@pytest.mark.parametrize(
    "name",
    ["ERRNO_RETRIES", "ERRNO_BADF", "ERRNO_ENOTSOCK", "ERRNO_EADDRNOTAVAIL", "ERRNO_EADDRINUSE"],
)
def test_the_error_numbers_of_pyro_are_there(name):
    assert all(isinstance(number, int) for number in getattr(socketutil, name))


def test_the_door_lists_what_it_offers_and_has_nothing_of_its_own():
    assert sorted(socketutil.__all__) == sorted(set(socketutil.__all__))
    for name in set(socketutil.__all__) & set(transport.__all__):
        assert getattr(socketutil, name) is getattr(transport, name)


def test_a_program_can_do_without_the_rest_of_the_package():
    with socketutil.create_socket(bind=("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socketutil.SocketConnection(socketutil.create_socket(connect=address)) as ours:
            theirs, _ = listener.accept()
            with theirs:
                ours.send(b"hello")
                assert socketutil.receive_data(theirs, 5) == b"hello"
                assert socketutil.family_str(theirs) == "IPv4"
