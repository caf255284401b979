import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies

from pyrolike import uri as uri_module
from pyrolike._remembering import Remembered
from pyrolike.configure import config
from pyrolike.errors import PyroError
from pyrolike.uri import URI

Parts = tuple[str, str | set[str], str | None, str | None, int | None]


@pytest.fixture
def other_port() -> Iterator[None]:
    config.NS_PORT = 4444
    yield
    config.NS_PORT = 9090


def parts(uri: URI) -> Parts:
    return uri.protocol, uri.object, uri.sockname, uri.host, uri.port


GOOD: list[tuple[str, Parts, str]] = [
    ("PYRO:a@h:1", ("PYRO", "a", None, "h", 1), "PYRO:a@h:1"),
    ("pyro:a@h:1", ("PYRO", "a", None, "h", 1), "PYRO:a@h:1"),
    ("PYRO:a@h:1\n", ("PYRO", "a", None, "h", 1), "PYRO:a@h:1"),
    ("PYRO:a:b@h:1", ("PYRO", "a:b", None, "h", 1), "PYRO:a:b@h:1"),
    ("PYRO:a@b@h:1", ("PYRO", "a", None, "b@h", 1), "PYRO:a@b@h:1"),
    ("PYRO:@a@h:1", ("PYRO", "@a", None, "h", 1), "PYRO:@a@h:1"),
    ("PYRO:a@[::1]:4", ("PYRO", "a", None, "::1", 4), "PYRO:a@[::1]:4"),
    ("PYRO:a@[fe80::1%1]:4", ("PYRO", "a", None, "fe80::1%1", 4), "PYRO:a@[fe80::1%1]:4"),
    ("PYRO:a@[::1]:4zz", ("PYRO", "a", None, "::1", 4), "PYRO:a@[::1]:4"),
    ("PYRO:a@./u:/run/x y", ("PYRO", "a", "/run/x y", None, None), "PYRO:a@./u:/run/x y"),
    (
        "PYRO:x@<<connected-socket>>:0",
        ("PYRO", "x", None, "<<connected-socket>>", 0),
        "PYRO:x@<<connected-socket>>:0",
    ),
    ("PYRONAME:x", ("PYRONAME", "x", None, None, None), "PYRONAME:x"),
    ("PYRONAME:x@", ("PYRONAME", "x@", None, None, None), "PYRONAME:x@"),
    ("PYRONAME:x@h", ("PYRONAME", "x", None, "h", 9090), "PYRONAME:x@h:9090"),
    ("PYRONAME:x@h:", ("PYRONAME", "x", None, "h", 9090), "PYRONAME:x@h:9090"),
    ("PYRONAME:x@[::1]", ("PYRONAME", "x", None, "::1", 9090), "PYRONAME:x@[::1]:9090"),
    ("PYRONAME:x@:5", ("PYRONAME", "x", None, "", 5), "PYRONAME:x"),
    ("PYRONAME:x@./u:ns", ("PYRONAME", "x", "ns", None, None), "PYRONAME:x@./u:ns"),
    ("PYROMETA:b,a", ("PYROMETA", {"a", "b"}, None, None, None), "PYROMETA:a,b"),
    ("PYROMETA:a,b,b@h", ("PYROMETA", {"a", "b"}, None, "h", 9090), "PYROMETA:a,b@h:9090"),
    ("PYROMETA:a,,b", ("PYROMETA", {"", "a", "b"}, None, None, None), "PYROMETA:,a,b"),
]

BAD = [
    ("", "expected PYRO:object@host:port"),
    ("a", "expected PYRO:object@host:port"),
    ("PYRO", "must not be empty"),
    (" PYRO:a@h:1", "expected PYRO:object@host:port"),
    ("PYROLOC:a@h:1", "expected PYRO:object@host:port"),
    ("FOO:a@h:1", "expected PYRO:object@host:port"),
    ("PYRO:", "must not be empty"),
    ("PYRO:a b@h:1", "nor contain blanks"),
    ("PYROMETA:a, b", "nor contain blanks"),
    ("PYRO:a", "needs a location"),
    ("PYRO:a@", "needs a location"),
    ("PYRO:@h:1", "needs a location"),
    ("PYRO:a@h", "needs a port"),
    ("PYRO:a@[::1]", "needs a port"),
    ("PYRO:a@[::1]:x", "needs a port"),
    ("PYRO:a@h:x", "must be a number, not 'x'$"),
    ("PYRO:a@h:1:2", "must be a number, not '1:2'; an IPv6 address is written in brackets"),
    ("PYRO:a@::1:4", "an IPv6 address is written in brackets"),
    ("PYRO:a@[[::1]]:4", "one pair of brackets"),
    ("PYRO:a@[::1", "a numeric IPv6 address"),
    ("PYRO:a@[fe80::1%eth0]:4", "a numeric IPv6 address"),
    ("PYRO:a@./u:", "the path of a socket"),
    ("PYRO:a@./u:s:9", "without a ':'"),
    ("PYRO:a@h:1\n\n", "a single line"),
    ("PYRO:a@h\nx:1", "a single line"),
]


@pytest.mark.parametrize(("text", "expected", "printed"), GOOD)
def test_a_uri_is_parsed_and_printed_as_pyro_does(text: str, expected: Parts, printed: str) -> None:
    uri = URI(text)
    assert parts(uri) == expected
    assert str(uri) == uri.asString() == printed


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_bad_uri_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(PyroError, match=reason) as caught:
        URI(text)
    assert repr(text) in str(caught.value)


def test_an_endless_text_is_not_repeated_in_the_error() -> None:
    with pytest.raises(PyroError) as caught:
        URI("x" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("wrong", [None, 5, b"PYRO:a@h:1", ["PYRO:a@h:1"]])
def test_a_uri_is_made_of_text_or_a_uri(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"expected a str or a URI, got {type(wrong).__name__}"):
        URI(wrong)


@given(strategies.text(alphabet="aPYRO:@[]./u1,% \n", max_size=30))
def test_whatever_the_text_it_is_a_uri_or_a_pyro_error(tail: str) -> None:
    for protocol in ("PYRO:", "PYRONAME:", "PYROMETA:", ""):
        try:
            uri = URI(protocol + tail)
        except PyroError:
            continue
        assert uri == URI(uri)


@pytest.mark.usefixtures("other_port")
def test_the_default_port_is_the_setting_at_the_time_of_parsing() -> None:
    assert URI("PYRONAME:x@h").port == 4444
    assert URI("PYRONAME:x@[::1]").port == 4444
    assert URI("PYRONAME:x").port is None


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("PYRO:a@h:1", "h:1"),
        ("PYRO:a@[::1]:4", "[::1]:4"),
        ("PYRO:a@./u:sock", "./u:sock"),
        ("PYRONAME:x", None),
        ("PYRONAME:x@:5", None),
    ],
)
def test_the_location_is_what_stands_behind_the_object(text: str, location: str | None) -> None:
    assert URI(text).location == location


def test_unix_locations_are_recognised() -> None:
    assert URI.isUnixsockLocation("./u:sock")
    assert not URI.isUnixsockLocation("localhost:9090")


def test_attributes_can_be_changed() -> None:
    uri = URI("PYRO:a@h:1")
    uri.host, uri.port, uri.object = "other", 2, "b"
    assert str(uri) == "PYRO:b@other:2"


def test_the_repr_shows_the_uri() -> None:
    assert repr(URI("PYRO:a@h:1")).startswith("<pyrolike.uri.URI at 0x")
    assert repr(URI("PYRO:a@h:1")).endswith("; PYRO:a@h:1>")


@pytest.mark.parametrize("text", ["PYRO:a@h:1", "PYRONAME:x", "PYROMETA:a,b@h"])
def test_equal_uris_are_equal_and_have_the_same_hash(text: str) -> None:
    assert URI(text) == URI(text)
    assert hash(URI(text)) == hash(URI(text))
    assert len({URI(text), URI(text)}) == 1


def test_different_uris_and_other_things_are_not_equal() -> None:
    assert URI("PYRO:a@h:1") != URI("PYRO:a@h:2")
    assert URI("PYRO:a@h:1") != "PYRO:a@h:1"
    assert URI("PYROMETA:a,b") != URI("PYROMETA:a")


@pytest.mark.parametrize("text", ["PYRO:a@./u:s", "PYRONAME:x@h", "PYROMETA:a,b"])
def test_copies_are_equal_and_share_nothing(text: str) -> None:
    uri = URI(text)
    for twin in (
        URI(uri),
        copy.copy(uri),
        copy.deepcopy(uri),
        pickle.loads(pickle.dumps(uri)),
    ):
        assert twin == uri
        if isinstance(twin.object, set):
            twin.object.add("more")
            assert twin != uri


def restored(state: object) -> URI:
    uri = URI.__new__(URI)
    uri.__setstate__(state)
    return uri


def test_the_state_is_the_five_parts_in_order() -> None:
    assert URI("PYRO:a@h:1").__getstate__() == ("PYRO", "a", None, "h", 1)


def test_a_state_may_come_from_a_serializer_that_knows_only_lists() -> None:
    assert restored(["PYROMETA", ["a", "b"], None, None, None]) == URI("PYROMETA:a,b")


@pytest.mark.parametrize(
    "state",
    [
        None,
        (),
        ("PYRO", "a", None, "h"),
        ("FOO", "a", None, "h", 1),
        ("PYRO", ["a"], None, "h", 1),
        ("PYRO", "a", 5, None, None),
        ("PYRO", "a", None, 5, 1),
        ("PYRO", "a", None, "h", "1"),
        ("PYROMETA", [1], None, None, None),
        ("PYROMETA", None, None, None, None),
    ],
)
def test_a_state_that_is_none_of_a_uri_is_refused(state: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        restored(state)


def test_the_parts_of_short_texts_are_kept_for_the_next_uri(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of names are not, for their port is a setting; nor can strangers fill the memory."""
    monkeypatch.setattr(uri_module, "_parsed", Remembered(10))
    parsed: list[str] = []
    parse = uri_module._parse
    monkeypatch.setattr(uri_module, "_parse", lambda text: parsed.append(text) or parse(text))
    short, name = "PYRO:short@host:4444", "PYRONAME:name"
    long = f"PYRO:{'x' * uri_module.LONGEST_KEPT}@host:4444"
    for text in (short, long, name, short, long, name):
        first, second = URI(text), URI(text)
        assert first == second
        first.object = "changed"
        assert second == URI(text)
    assert parsed.count(short) == 1
    assert parsed.count(long) == parsed.count(name) == 6
