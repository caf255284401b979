"""The wire: bytes to messages and back, without sockets, threads, clocks or settings.

`MessageReader` takes bytes cut anywhere and gives messages or a typed error; a `Dialect` owns all
numbers in which versions of the protocol differ. What Pyro5 calls its protocol module is here too
(`SendingMessage`, `ReceivingMessage`, `recv_stub`, MSG_*, FLAGS_*).
"""

from typing import TYPE_CHECKING

from pyrolike._lazy import lazy_attributes
from pyrolike.constants import PROTOCOL_VERSION

from .annotations import BLOB_INFO, STAYS_OPEN, STREAM_ID, STREAM_WINDOW
from .compression import compress, inflate, squeeze
from .dialect import Dialect
from .message import Flag, Message, MessageType, UnexpectedTypeError
from .reader import DIALECTS, MessageReader, recognise
from .v48 import V48, Pyro4Dialect, SignatureError, key_bytes
from .v502 import V502
from .wiredump import describe

if TYPE_CHECKING:
    from .classic import (
        FLAGS_BATCH,
        FLAGS_COMPRESSED,
        FLAGS_CORR_ID,
        FLAGS_EXCEPTION,
        FLAGS_ITEMSTREAMRESULT,
        FLAGS_KEEPSERIALIZED,
        FLAGS_ONEWAY,
        MSG_CONNECT,
        MSG_CONNECTFAIL,
        MSG_CONNECTOK,
        MSG_INVOKE,
        MSG_PING,
        MSG_RESULT,
        ReceivingMessage,
        SendingMessage,
        log_wiredata,
        recv_stub,
    )

__all__ = [
    "BLOB_INFO",
    "DIALECTS",
    "FLAGS_BATCH",
    "FLAGS_COMPRESSED",
    "FLAGS_CORR_ID",
    "FLAGS_EXCEPTION",
    "FLAGS_ITEMSTREAMRESULT",
    "FLAGS_KEEPSERIALIZED",
    "FLAGS_ONEWAY",
    "MSG_CONNECT",
    "MSG_CONNECTFAIL",
    "MSG_CONNECTOK",
    "MSG_INVOKE",
    "MSG_PING",
    "MSG_RESULT",
    "PROTOCOL_VERSION",
    "STAYS_OPEN",
    "STREAM_ID",
    "STREAM_WINDOW",
    "V48",
    "V502",
    "Dialect",
    "Flag",
    "Message",
    "MessageReader",
    "MessageType",
    "Pyro4Dialect",
    "ReceivingMessage",
    "SendingMessage",
    "SignatureError",
    "UnexpectedTypeError",
    "compress",
    "describe",
    "inflate",
    "key_bytes",
    "log_wiredata",
    "recognise",
    "recv_stub",
    "squeeze",
]

if not TYPE_CHECKING:  # pragma: no branch
    # What is not here by now are Pyro5's own words for all this: for programs that use them.
    _NAMES = {name: "classic" for name in __all__ if name not in globals()}
    __getattr__, __dir__ = lazy_attributes(__name__, _NAMES)
