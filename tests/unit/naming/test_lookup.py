"""Asking patiently, and the tags of a class. Finding a name server is tested with a real one."""

import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from pyrolike import errors
from pyrolike.configure import config
from pyrolike.naming import NameServer, lookup as lookup_module
from pyrolike.naming.lookup import locate_ns, lookup, type_meta, yplookup
from pyrolike.uri import URI


class Impatient:
    """A name server that counts how often it is asked, and knows nothing."""

    def __init__(self) -> None:
        self.asked = 0

    def lookup(self, name: str, return_metadata: bool = False) -> URI:
        self.asked += 1
        raise errors.NamingError(f"unknown name: {name}")

    def yplookup(self, *args: object, **kwargs: object) -> dict[str, str]:
        self.asked += 1
        return {}


@pytest.fixture
def ns() -> NameServer:
    made = NameServer()
    made.register("x", "PYRO:a@h:1", metadata=["tag"])
    return made


def test_lookup_asks_the_name_server(ns: NameServer) -> None:
    assert lookup(ns, "x") == URI("PYRO:a@h:1")
    assert lookup(ns, "x", return_metadata=True) == (URI("PYRO:a@h:1"), {"tag"})


def test_yplookup_asks_the_name_server(ns: NameServer) -> None:
    assert yplookup(ns, ["tag"]) == {"x": ("PYRO:a@h:1", {"tag"})}
    assert yplookup(ns, meta_any=["tag"], return_metadata=False) == {"x": "PYRO:a@h:1"}


def test_by_default_both_ask_once() -> None:
    ns = Impatient()
    with pytest.raises(errors.NamingError):
        lookup(ns, "x")
    assert yplookup(ns, ["tag"]) == {}
    assert ns.asked == 2


@pytest.mark.parametrize("ask", [lookup, yplookup])
@pytest.mark.parametrize("by_setting", [False, True])
def test_a_delay_is_given_in_the_call_or_in_the_settings(
    ask: Callable[..., object], by_setting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ns, delays = Impatient(), []

    def look_twice(look_up: Callable[[], object], delay: float) -> object:
        delays.append(delay)
        with pytest.raises(errors.NamingError):
            look_up()
        return look_up()

    monkeypatch.setattr(lookup_module, "patiently", look_twice)
    monkeypatch.setattr(config, "NS_LOOKUP_DELAY", 7.0 if by_setting else 0.0)
    with suppress(errors.NamingError):
        ask(ns, "tag", delay_time=0.0 if by_setting else 5.0)
    assert delays == [7.0 if by_setting else 5.0]
    assert ns.asked == 2


class Base:
    pass


class Printer(Base, dict[str, int]):
    pass


def test_the_tags_of_a_class_name_its_bases_without_builtins() -> None:
    here = __name__
    assert type_meta(Base) == {f"class:{here}.Base"}
    assert type_meta(Printer) == {f"class:{here}.Printer", f"class:{here}.Base"}
    assert type_meta(dict) == set()


def test_an_object_has_the_tags_of_its_class_with_the_same_prefix() -> None:
    assert type_meta(Printer(), prefix="is:") == type_meta(Printer, prefix="is:")
    assert type_meta(Base(), "is:") == {f"is:{__name__}.Base"}


def test_a_name_server_that_goes_away_right_after_it_was_found_is_a_naming_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_again:
        gone = URI(f"PYRO:Pyro.NameServer@127.0.0.1:{closed_again.getsockname()[1]}")
    monkeypatch.setattr(lookup_module, "locate_uri", lambda *_, hmac_key: gone)
    with pytest.raises(errors.NamingError, match="has just gone"):
        locate_ns()
