"""The everyday names, as Pyro5's users know them: ``from pyrolike.api import Daemon, Proxy``.

Importing this module loads all of pyrolike. Who only wants a name or two takes them from the
package itself (``from pyrolike import Proxy``), which loads what they need.
"""

from pyrolike import __version__ as __version__
from pyrolike.callcontext import current_context
from pyrolike.client import BatchProxy, Proxy
from pyrolike.configure import config
from pyrolike.naming import locate_ns, resolve, start_ns, start_ns_loop, type_meta
from pyrolike.objects import behavior, callback, expose, oneway
from pyrolike.serializers import SerializedBlob, SerializerBase
from pyrolike.server import Daemon, DaemonObject, serve
from pyrolike.uri import URI

register_dict_to_class = SerializerBase.register_dict_to_class
register_class_to_dict = SerializerBase.register_class_to_dict
unregister_dict_to_class = SerializerBase.unregister_dict_to_class
unregister_class_to_dict = SerializerBase.unregister_class_to_dict

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
