"""Which of our modules stands for which of Pyro's: data, no code.

A module that is here under the name of a package is one for its users: its parts are reached
through it. What can be started with ``-m`` is in a table of its own, with the function that does
it.
"""

PYRO5 = {
    "Pyro5": "pyrolike.compat.pyro5",
    "Pyro5.api": "pyrolike.api",
    "Pyro5.callcontext": "pyrolike.callcontext",
    "Pyro5.client": "pyrolike.client",
    "Pyro5.compatibility": "pyrolike.compat.pyro5.compatibility",
    "Pyro5.configure": "pyrolike.configure",
    "Pyro5.core": "pyrolike.core",
    "Pyro5.errors": "pyrolike.errors",
    "Pyro5.message": "pyrolike.message",
    "Pyro5.nameserver": "pyrolike.nameserver",
    "Pyro5.nsc": "pyrolike.nsc",
    "Pyro5.protocol": "pyrolike.protocol",
    "Pyro5.serializers": "pyrolike.serializers",
    "Pyro5.server": "pyrolike.server",
    "Pyro5.socketutil": "pyrolike.socketutil",
    "Pyro5.svr_existingconn": "pyrolike.compat.server_types",
    "Pyro5.svr_multiplex": "pyrolike.compat.server_types",
    "Pyro5.svr_threads": "pyrolike.compat.server_types",
    "Pyro5.utils": "pyrolike.utils",
    "Pyro5.utils.echoserver": "pyrolike.utils.echoserver",
    "Pyro5.utils.httpgateway": "pyrolike.utils.httpgateway",
}

PYRO4 = {
    "Pyro4": "pyrolike.compat.pyro4",
    "Pyro4.configuration": "pyrolike.compat.pyro4.configuration",
    "Pyro4.constants": "pyrolike.compat.pyro4.constants",
    "Pyro4.core": "pyrolike.compat.pyro4.core",
    "Pyro4.errors": "pyrolike.errors",
    "Pyro4.futures": "pyrolike.futures",
    "Pyro4.message": "pyrolike.compat.pyro4.message",
    "Pyro4.naming": "pyrolike.compat.pyro4.naming",
    "Pyro4.naming_storage": "pyrolike.naming.storage",
    "Pyro4.nsc": "pyrolike.nsc",
    "Pyro4.socketserver": "pyrolike.compat.server_types",
    "Pyro4.socketserver.existingconnectionserver": "pyrolike.compat.server_types",
    "Pyro4.socketserver.multiplexserver": "pyrolike.compat.server_types",
    "Pyro4.socketserver.threadpoolserver": "pyrolike.compat.server_types",
    "Pyro4.socketutil": "pyrolike.socketutil",
    "Pyro4.test": "pyrolike.utils",
    "Pyro4.test.echoserver": "pyrolike.utils.echoserver",
    "Pyro4.util": "pyrolike.util",
    "Pyro4.utils": "pyrolike.utils",
    "Pyro4.utils.httpgateway": "pyrolike.utils.httpgateway",
}

TABLES = {"Pyro4": PYRO4, "Pyro5": PYRO5}

STARTED = {
    "Pyro4.configuration": "pyrolike.compat.pyro4.configuration:main",
    "Pyro4.naming": "pyrolike.naming.cli:main",
    "Pyro4.nsc": "pyrolike.nsc:main",
    "Pyro4.test.echoserver": "pyrolike.utils.echoserver:main",
    "Pyro4.utils.httpgateway": "pyrolike.utils.httpgateway:main",
    "Pyro5.configure": "pyrolike.configure:dump",
    "Pyro5.nameserver": "pyrolike.naming.cli:main",
    "Pyro5.nsc": "pyrolike.nsc:main",
    "Pyro5.utils.echoserver": "pyrolike.utils.echoserver:main",
    "Pyro5.utils.httpgateway": "pyrolike.utils.httpgateway:main",
}
"""What ``-m`` starts."""
