"""The everyday names, as Pyro5's users know them: ``from pyrolike.api import Daemon, Proxy``.

A server whose objects have names (``python -m pyrolike.naming`` starts the name server)::

    from pyrolike.api import expose, serve

    @expose
    class Greeter:
        def greet(self, name):
            return f"Hello, {name}!"

    serve({Greeter: "example.greeter"})

A client that knows the name::

    from pyrolike.api import Proxy

    with Proxy("PYRONAME:example.greeter") as greeter:
        print(greeter.greet("Ada"))

What is for what:

* to offer objects: `expose`, `oneway`, `callback` and `behavior` mark classes and methods; `serve`
  does the rest in one call, `Daemon` step by step; `current_context` says who is calling;
* to call them: `Proxy`, and `BatchProxy` for many calls at once; a `URI` is an address;
* to find them: `locate_ns` gives a proxy of the name server, `resolve` what a name stands for;
  `start_ns` and `start_ns_loop` run a name server in this program, `type_meta` makes tags of types;
* to send more than plain values: `register_class_to_dict` and `register_dict_to_class`;
  `SerializedBlob` passes data on unopened, `SerializerBase` is for serializers of your own;
* to change how all of it works: `config`.

The names are those of the package itself, and load on first use as there: a client does not load
what only servers need.
"""

from typing import TYPE_CHECKING

from pyrolike import _NAMES, __version__ as __version__
from pyrolike._lazy import lazy_attributes

if TYPE_CHECKING:
    from pyrolike import (
        register_class_to_dict as register_class_to_dict,
        register_dict_to_class as register_dict_to_class,
        unregister_class_to_dict as unregister_class_to_dict,
        unregister_dict_to_class as unregister_dict_to_class,
    )
    from pyrolike.callcontext import current_context
    from pyrolike.client import BatchProxy, Proxy
    from pyrolike.configure import config
    from pyrolike.naming import locate_ns, resolve, start_ns, start_ns_loop, type_meta
    from pyrolike.objects import behavior, callback, expose, oneway
    from pyrolike.serializers import SerializedBlob, SerializerBase
    from pyrolike.server import Daemon, DaemonObject, serve
    from pyrolike.uri import URI

__all__ = [
    "URI",
    "BatchProxy",
    "Daemon",
    "DaemonObject",
    "Proxy",
    "SerializedBlob",
    "SerializerBase",
    "behavior",
    "callback",
    "config",
    "current_context",
    "expose",
    "locate_ns",
    "oneway",
    "register_class_to_dict",
    "register_dict_to_class",
    "resolve",
    "serve",
    "start_ns",
    "start_ns_loop",
    "type_meta",
    "unregister_class_to_dict",
    "unregister_dict_to_class",
]

if not TYPE_CHECKING:  # pragma: no branch
    names = {name: _NAMES[name] for name in __all__}
    __getattr__, __dir__ = lazy_attributes(__name__, names, base="pyrolike")
    del names
