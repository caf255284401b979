"""The server types under the names that Pyro has for their classes.

One module for several of Pyro's: ``Pyro5.svr_threads``, ``Pyro4.socketserver.threadpoolserver`` and
so on. They are what ``daemon.transportServer`` is; daemons make them.
"""

from pyrolike.server.existing import ExistingConnectionServer as SocketServer_ExistingConnection
from pyrolike.server.multiplex import MultiplexServer as SocketServer_Multiplex
from pyrolike.server.threadpool import ThreadPoolServer as SocketServer_Threadpool

__all__ = [
    "SocketServer_ExistingConnection",
    "SocketServer_Multiplex",
    "SocketServer_Threadpool",
]
