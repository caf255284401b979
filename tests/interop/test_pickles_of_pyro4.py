"""Pickles that a stock Pyro4 has made, and pickles of ours read where there is no pyrolike."""

from __future__ import annotations

import ast
import base64
from typing import Any

import pytest

from pyrolike.api import URI, Proxy
from pyrolike.errors import MessageTooLargeError, NamingError, ProtocolError
from pyrolike.serializers import ExceptionWrapper, get_serializer
from tests.support.processes import Program

pytestmark = pytest.mark.interop

PROXY = "PYRO:calc@somewhere:1"

WRITER = """
import base64, pickle, Pyro4.core, Pyro4.errors, Pyro4.futures, sys
proxy = Pyro4.Proxy("PYRO:calc@somewhere:1")
proxy._pyroHmacKey, proxy._pyroHandshake, proxy._pyroMethods = "key", {"word": 1}, {"add"}
error = Pyro4.errors.NamingError("lost")
error._pyroTraceback = ["over there"]
values = [Pyro4.URI("PYROMETA:a,b@h:1"), proxy, error, Pyro4.futures._ExceptionWrapper(error)]
print("FOUND", base64.b64encode(pickle.dumps(values, int(sys.argv[1]))).decode(), flush=True)
"""

READER = """
import base64, pickle, sys
sys.modules["pyrolike"] = None
uri, proxy, error, large, wrapper, cls = pickle.loads(base64.b64decode(sys.argv[1]))
import Pyro4, Pyro4.errors, Pyro4.futures
assert type(uri) is type(proxy._pyroUri) is Pyro4.URI, (uri, proxy._pyroUri)
assert type(proxy) is cls is Pyro4.Proxy
assert type(large) is Pyro4.errors.MessageTooLargeError
assert type(wrapper) is Pyro4.futures._ExceptionWrapper
assert Pyro4.Proxy("PYRO:x@h:1")._pyroTimeout == proxy._pyroTimeout
print("FOUND", [
    str(uri), str(proxy._pyroUri), proxy._pyroMethods, proxy._pyroOneway, proxy._pyroHandshake,
    proxy._pyroSerializer, proxy._pyroHmacKey, type(error).__name__, error.args, vars(error),
    repr(wrapper.exception),
], flush=True)
"""


def found_by(text: str, argument: str) -> str:
    with Program(["-c", text + "sys.stdin.read()\n", argument], ready=r"^FOUND (.*)$") as program:
        assert program.ready_match is not None
        return program.ready_match[1]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_pyro4_has_pickled_are_our_objects(protocol: int) -> None:
    data = base64.b64decode(found_by(WRITER, str(protocol)))
    uri, proxy, error, wrapper = get_serializer("pickle", tags="Pyro4").loads(data)
    assert uri == URI("PYROMETA:a,b@h:1")
    assert (type(proxy), proxy) == (Proxy, Proxy(PROXY))
    assert (proxy._pyroHmacKey, proxy._pyroHandshake) == (b"key", {"word": 1})
    assert proxy._pyroMethods == {"add"}
    assert (type(error), error.args, error._pyroTraceback) == (
        NamingError,
        ("lost",),
        ["over there"],
    )
    assert type(wrapper) is ExceptionWrapper
    assert type(wrapper.exception) is NamingError


def test_what_we_pickle_for_pyro4_can_be_read_without_us() -> None:
    proxy = Proxy(PROXY)
    proxy._pyroMethods, proxy._pyroOneway = {"add"}, {"add"}
    proxy._pyroHandshake, proxy._pyroSerializer, proxy._pyroHmacKey = 5, "json", "secret"
    error = ProtocolError("of ours")
    error.hint = [1]  # type: ignore[attr-defined]  # an attribute of the program's
    values: list[Any] = [URI("PYROMETA:a@h:1"), proxy, error]
    values += [MessageTooLargeError("big"), ExceptionWrapper(ValueError(3)), Proxy]
    data = get_serializer("pickle", tags="Pyro4").dumps(values)
    assert b"pyrolike" not in data
    assert b"secret" not in data
    found = ast.literal_eval(found_by(READER, base64.b64encode(data).decode()))
    assert found == [
        "PYROMETA:a@h:1",
        PROXY,
        {"add"},
        {"add"},
        5,
        "json",
        None,
        "ProtocolError",
        ("of ours",),
        {"hint": [1]},
        "ValueError(3)",
    ]
