"""The HTTP gateway: remote objects for whoever speaks HTTP and JSON, and a page to look at them.

``python -m pyrolike.utils.httpgateway`` or ``pyrolike-httpgateway`` runs it. A WSGI server of your
own takes `pyro_app`; its attributes are the options, see `Gateway`. A process that needs two
gateways makes a second `Gateway`. `GatewayServer` is the server that the command uses.
"""

from .cli import main
from .gateway import Gateway, pyro_app
from .server import GatewayServer

__all__ = ["Gateway", "GatewayServer", "main", "pyro_app"]
