"""A stock Pyro4 under the names of Pyro5's ``api`` and ``errors`` modules.

Only names are translated: what they do is Pyro4's own. It is imported in peers that run with Pyro4.
"""

from __future__ import annotations

import sys
from typing import Any

import Pyro4.core
import Pyro4.errors
import Pyro4.util
from Pyro4 import (
    URI as URI,
    Daemon as Daemon,
    Proxy as Proxy,
    behavior as behavior,
    callback as callback,
    config as config,
    current_context as current_context,
    expose as expose,
    oneway as oneway,
    resolve as resolve,
)
from Pyro4.core import SerializedBlob as SerializedBlob
from Pyro4.errors import (
    NamingError as NamingError,
    PyroError as PyroError,
    SerializeError as SerializeError,
    TimeoutError as TimeoutError,
)

BatchProxy = Pyro4.batch
locate_ns = Pyro4.locateNS
register_class_to_dict = Pyro4.util.SerializerBase.register_class_to_dict
register_dict_to_class = Pyro4.util.SerializerBase.register_dict_to_class
excepthook = Pyro4.util.excepthook
get_pyro_traceback = Pyro4.util.getPyroTraceback


def __getattr__(name: str) -> Any:
    return getattr(sys.modules["Pyro4.errors"], name)
