"""What strangers may ask of the name server: any method with any arguments."""

from __future__ import annotations

import math
from typing import Any

from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import PyroError
from pyrolike.naming.server import OWN_TAGS, NameServer
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
from tests.fuzz.choices import TEXTS, Choices
from tests.fuzz.target import Target

OWN = "PYRO:Pyro.NameServer@localhost:9090"
URIS: list[Any] = [
    "PYRO:obj@localhost:1", "PYRONAME:x", "PYROMETA:a,b", "PYRO:obj@[::1]:9", "PYRO:o@./u:s",
    "PYRO:",
    OWN, "PYRO:obj@h:99999999", "PYRO:" + "x" * 5000 + "@h:1", "http://x",
    URI("PYRO:obj@localhost:1"),
    "PYRO:o@h:\u0661", "PYRO:a@b@c:1", "PYRO:\n@h:1",
]  # fmt: skip
REGEXES = [
    "a.*",
    "(a+)+$",
    "[",
    "x{99999}",
    "(?P<n>a)(?P=n)",
    ".*" * 20,
    "(?i)A",
    "\\Z",
    "((((a))))",
]
METHODS = ("register", "lookup", "set_metadata", "remove", "list", "yplookup", "count", "ping")
KEYWORDS = (
    "name", "uri", "safe", "metadata", "prefix", "regex", "return_metadata", "metadata_all",
    "metadata_any", "meta_all", "meta_any",
)  # fmt: skip
TOLD = (PyroError, TypeError, ValueError)
"""What callers may be told."""

_codec = get_serializer("serpent")


def check(data: bytes) -> None:
    choices = Choices(data)
    server = NameServer()
    server.register(NAMESERVER_NAME, OWN, metadata=OWN_TAGS)
    while not choices.is_used_up:
        method = getattr(server, choices.pick(METHODS))
        try:
            result = method(*_positional(choices), **_keywords(choices))
        except TOLD as fault:
            assert len(str(fault)) < 12_000, type(fault)
        else:
            _codec.loads(_codec.dumps(result))
    uri, tags = server.lookup(NAMESERVER_NAME, return_metadata=True)
    assert str(uri) == OWN
    assert tags >= OWN_TAGS
    everything = server.list(return_metadata=True)
    assert len(everything) == server.count()
    sent = _codec.loads(_codec.dumps(everything))
    assert {name: (uri, set(tags)) for name, (uri, tags) in sent.items()} == everything
    for name, (uri, tags) in everything.items():
        assert name.isprintable() or not name.isascii()
        assert str(server.lookup(name)) == str(URI(uri))
        assert all(isinstance(tag, str) for tag in tags)


def _positional(choices: Choices) -> list[Any]:
    return [_argument(choices) for _ in range(choices.byte() % 4)]


def _keywords(choices: Choices) -> dict[str, Any]:
    return {choices.pick(KEYWORDS): _argument(choices) for _ in range(choices.byte() % 3)}


def _argument(choices: Choices) -> Any:
    kind = choices.byte() % 8
    if kind < 2:
        return choices.pick(TEXTS)
    if kind < 4:
        return choices.pick(URIS)
    if kind == 4:
        return choices.pick(REGEXES)
    if kind == 5:
        return {f"tag{choices.byte() % 5}", choices.pick(TEXTS)}
    value = choices.value()
    return 0 if isinstance(value, float) and math.isnan(value) else value


TARGET = Target(
    "Every method answers or refuses with an ordinary error; the name server's own entry and its"
    " tags stay, and what was registered can be listed, sent and looked up.",
    check,
    [b"", *(bytes((n * k) % 256 for k in range(40)) for n in range(1, 60))],
    largest=400,
    seconds=3.0,
)
