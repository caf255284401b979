from pyrolike.api import Daemon
from pyrolike.compat import server_types


def test_they_are_what_daemons_have() -> None:
    with Daemon(host="127.0.0.1") as daemon:
        assert isinstance(daemon.transportServer, server_types.SocketServer_Threadpool)
        assert not isinstance(daemon.transportServer, server_types.SocketServer_Multiplex)
