"""Remote objects for Python: call methods of objects that live in another process.

A server offers an object, and prints where it is::

    from pyrolike.api import Daemon, expose

    @expose
    class Greeter:
        def greet(self, name):
            return f"Hello, {name}!"

    daemon = Daemon()
    print(daemon.register(Greeter), flush=True)
    daemon.requestLoop()

Another program, here or on another machine, calls it there::

    from pyrolike.api import Proxy

    greeter = Proxy(input("Where is the greeter? "))
    print(greeter.greet("Ada"))

Where to go on:

* `pyrolike.api` has the everyday names, ``help(pyrolike.api)`` says which is for what;
* ``help(pyrolike.Proxy)`` and ``help(pyrolike.Daemon)``: what clients and servers can do;
* `pyrolike.errors`: what can be raised; ``help(pyrolike.config)``: the settings;
* ``pyrolike --help``, or ``python -m pyrolike --help``: objects and names from the command line.

The everyday names are here, too, as ``pyrolike.Proxy`` and so on, and the modules. All of them load
on first use: importing pyrolike is cheap and changes nothing in the process, unless
``PYRO_LOGLEVEL`` asks for a log.
"""

# Each name stands here twice, for type checkers and for Python. A test compares the two lists.

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes
from pyrolike._logging import configure_logging

__version__ = "0.1.0"
__author__ = "The pyrolike developers"

if TYPE_CHECKING:
    from pyrolike import (
        api as api,
        authentication as authentication,
        callcontext as callcontext,
        client as client,
        commands as commands,
        compat as compat,
        configure as configure,
        constants as constants,
        core as core,
        errors as errors,
        futures as futures,
        message as message,
        nameserver as nameserver,
        naming as naming,
        nsc as nsc,
        objects as objects,
        protocol as protocol,
        serializers as serializers,
        server as server,
        socketutil as socketutil,
        tracebacks as tracebacks,
        transport as transport,
        uri as uri,
        util as util,
        utils as utils,
    )
    from pyrolike.callcontext import current_context as current_context
    from pyrolike.client import (
        BatchProxy as BatchProxy,
        Proxy as Proxy,
        asyncproxy as asyncproxy,
        batch as batch,
    )
    from pyrolike.configure import config as config
    from pyrolike.futures import Future as Future
    from pyrolike.naming import (
        locate_ns as locate_ns,
        locateNS as locateNS,
        resolve as resolve,
        start_ns as start_ns,
        start_ns_loop as start_ns_loop,
        type_meta as type_meta,
    )
    from pyrolike.objects import (
        behavior as behavior,
        callback as callback,
        expose as expose,
        oneway as oneway,
    )
    from pyrolike.serializers import (
        SerializedBlob as SerializedBlob,
        SerializerBase as SerializerBase,
    )
    from pyrolike.server import Daemon as Daemon, DaemonObject as DaemonObject, serve as serve
    from pyrolike.uri import URI as URI

    register_class_to_dict = SerializerBase.register_class_to_dict
    register_dict_to_class = SerializerBase.register_dict_to_class
    unregister_class_to_dict = SerializerBase.unregister_class_to_dict
    unregister_dict_to_class = SerializerBase.unregister_dict_to_class

_MODULES = (
    "api",
    "authentication",
    "callcontext",
    "client",
    "commands",
    "compat",
    "configure",
    "constants",
    "core",
    "errors",
    "futures",
    "message",
    "nameserver",
    "naming",
    "nsc",
    "objects",
    "protocol",
    "serializers",
    "server",
    "socketutil",
    "tracebacks",
    "transport",
    "uri",
    "utils",
    "util",
)

_NAMES = {
    "BatchProxy": "client",
    "Daemon": "server",
    "DaemonObject": "server",
    "Future": "futures",
    "Proxy": "client",
    "SerializedBlob": "serializers",
    "SerializerBase": "serializers",
    "URI": "uri",
    "asyncproxy": "client",
    "batch": "client",
    "behavior": "objects",
    "callback": "objects",
    "config": "configure",
    "current_context": "callcontext",
    "expose": "objects",
    "locateNS": "naming",
    "locate_ns": "naming",
    "oneway": "objects",
    "register_class_to_dict": "serializers:SerializerBase.register_class_to_dict",
    "register_dict_to_class": "serializers:SerializerBase.register_dict_to_class",
    "resolve": "naming",
    "serve": "server",
    "start_ns": "naming",
    "start_ns_loop": "naming",
    "type_meta": "naming",
    "unregister_class_to_dict": "serializers:SerializerBase.unregister_class_to_dict",
    "unregister_dict_to_class": "serializers:SerializerBase.unregister_dict_to_class",
}

__all__ = sorted(_NAMES)

# Hidden from type checkers, which would believe that any name at all is here.
if not TYPE_CHECKING:  # pragma: no branch
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES, _MODULES)

configure_logging()
