"""Scenarios with a name server: the visit's location is where the name server listens.

They are in a table of their own, because the place they visit is another program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.peers.library import api, errors
from tests.support.peers.scenario import Scenario, Visit, error_of, kind_of

NAME_SCENARIOS: dict[str, Scenario] = {}
"""Every scenario with a name server, by name."""

ADDRESS = "PYRO:thing@example.org:4444"
CLASS_TAGS = {"class:Pyro5.nameserver.NameServer", "class:Pyro4.naming.NameServer"}
"""A name server's own entry has one of them, or both."""


def name_scenario(*, finds: Any, **finds_in: Any) -> Callable[[Callable[[Visit], Any]], Scenario]:
    """Turn a function into a `Scenario` of this table; see `scenario.scenario`."""

    def enter(run: Callable[[Visit], Any]) -> Scenario:
        NAME_SCENARIOS[run.__name__] = Scenario(run.__name__, run, finds, finds_in)
        return NAME_SCENARIOS[run.__name__]

    return enter


@contextmanager
def name_server(visit: Visit) -> Iterator[Any]:
    """Give a proxy for the name server, and remove the names of the tests afterwards."""
    with visit.proxy("Pyro.NameServer") as names:
        try:
            yield names
        finally:
            names.remove(prefix="test.")


def class_tag(visit: Visit) -> str:
    """Return a tag of the name server's own entry."""
    with Visit(visit.location, "serpent").proxy("Pyro.NameServer") as names:
        _, tags = names.lookup("Pyro.NameServer", return_metadata=True)
    return min(CLASS_TAGS & set(tags))


def place(visit: Visit) -> tuple[str, int]:
    host, _, port = visit.location.rpartition(":")
    return host, int(port)


# -- names


@name_scenario(finds=[None, "URI", ADDRESS, 1, "NamingError", True])
def register_look_up_remove(visit: Visit) -> Any:
    with name_server(visit) as names:
        registered = names.register("test.one", ADDRESS)
        uri = names.lookup("test.one")
        removed = names.remove("test.one")
        error = error_of(names.lookup, "test.one")
        return [
            registered,
            kind_of(uri),
            str(uri),
            removed,
            kind_of(error),
            "test.one" in str(error),
        ]


@name_scenario(finds=[ADDRESS, "NamingError", "PYRO:other@example.org:1"])
def register_again(visit: Visit) -> Any:
    with name_server(visit) as names:
        names.register("test.one", api.URI(ADDRESS))
        first = str(names.lookup("test.one"))
        error = error_of(names.register, "test.one", "PYRO:other@example.org:1", safe=True)
        names.register("test.one", "PYRO:other@example.org:1")
        return [first, kind_of(error), str(names.lookup("test.one"))]


@name_scenario(
    finds=[
        {"test.a.1": ADDRESS, "test.a.2": ADDRESS},
        {"test.a.1": ADDRESS, "test.b.1": ADDRESS},
        True,
        {},
    ]
)
def lists(visit: Visit) -> Any:
    with name_server(visit) as names:
        for name in ("test.a.1", "test.a.2", "test.b.1"):
            names.register(name, ADDRESS)
        everything = names.list()
        return [
            names.list(prefix="test.a"),
            names.list(regex=r"test\..\.1"),
            {"Pyro.NameServer", "test.a.1", "test.a.2", "test.b.1"} <= set(everything),
            names.list(prefix="test.nothing"),
        ]


@name_scenario(finds=[2, 2, 0, 0, 0, None])
def counts_and_removals(visit: Visit) -> Any:
    with name_server(visit) as names:
        before = names.count()
        for name in ("test.a.1", "test.a.2"):
            names.register(name, ADDRESS)
        found = [names.count() - before]
        found.append(names.remove(regex=r"test\.a"))
        found.append(names.remove("test.unknown"))
        found.append(names.remove("Pyro.NameServer"))
        return [*found, names.count() - before, names.ping()]


@name_scenario(finds=["NamingError", "ValueError", "PyroError", "TypeError"])
def wrong_requests(visit: Visit) -> Any:
    with name_server(visit) as names:
        return [
            kind_of(error_of(names.list, regex="(")),
            kind_of(error_of(names.list, prefix="a", regex="b")),
            kind_of(error_of(names.register, "test.one", "no uri")),
            kind_of(error_of(names.register, "test.one", ADDRESS, metadata="a text")),
        ]


# -- metadata


@name_scenario(finds=[ADDRESS, ["blue", "big"]])
def metadata_of_a_name(visit: Visit) -> Any:
    with name_server(visit) as names:
        names.register("test.one", ADDRESS, metadata=["big", "blue"])
        uri, tags = names.lookup("test.one", return_metadata=True)
        return [str(uri), sorted(tags, reverse=True)]


@name_scenario(finds=[{"test.one": [ADDRESS, ["big", "blue"]], "test.two": [ADDRESS, []]}, True])
def metadata_in_lists(visit: Visit) -> Any:
    with name_server(visit) as names:
        names.register("test.one", ADDRESS, metadata={"big", "blue"})
        names.register("test.two", ADDRESS)
        listed = names.list(prefix="test.", return_metadata=True)
        everything = names.list(return_metadata=True)
        plain = {name: [uri, sorted(tags)] for name, (uri, tags) in listed.items()}
        return [plain, bool(CLASS_TAGS & set(everything["Pyro.NameServer"][1]))]


@name_scenario(
    finds=[
        ["test.one", "test.two"],
        ["test.one"],
        ["test.one", "test.three", "test.two"],
        {},
        [ADDRESS, ["big", "red"]],
    ]
)
def yellow_pages(visit: Visit) -> Any:
    with name_server(visit) as names:
        for name, tags in {"one": "big blue", "two": "big red", "three": "blue"}.items():
            names.register(f"test.{name}", ADDRESS, metadata=tags.split())
        uri, tags = names.yplookup(meta_all=["red"])["test.two"]
        return [
            sorted(names.yplookup(meta_all=["big"], return_metadata=False)),
            sorted(names.yplookup(meta_all=["big", "blue"])),
            sorted(names.yplookup(meta_any=["red", "blue"])),
            names.yplookup(meta_all=["no such tag"]),
            [uri, sorted(tags)],
        ]


@name_scenario(finds=[["green"], []])
def metadata_changes(visit: Visit) -> Any:
    with name_server(visit) as names:
        names.register("test.one", ADDRESS, metadata=["big"])
        names.set_metadata("test.one", ["green"])
        found = [sorted(names.lookup("test.one", return_metadata=True)[1])]
        names.set_metadata("test.one", [])
        return [*found, sorted(names.lookup("test.one", return_metadata=True)[1])]


# -- locating and resolving


@name_scenario(finds=["Proxy", True, "PYRO"])
def locating(visit: Visit) -> Any:
    with api.locate_ns(*place(visit)) as names:
        return [kind_of(names), names._pyroConnection is not None, names._pyroUri.protocol]


@name_scenario(finds=[ADDRESS, "NamingError"])
def resolving(visit: Visit) -> Any:
    with name_server(visit) as names:
        names.register("test.one", ADDRESS)
        uri = api.resolve(f"PYRONAME:test.one@{visit.location}")
        error = error_of(api.resolve, f"PYRONAME:test.unknown@{visit.location}")
        return [str(uri), kind_of(error)]


@name_scenario(finds=[None, True, "PYRONAME", "PYRO"])
def calling_by_name(visit: Visit) -> Any:
    with api.Proxy(f"PYRONAME:Pyro.NameServer@{visit.location}") as names:
        names._pyroSerializer = visit.serializer
        found = [names.ping(), names.count() >= 1, names._pyroUri.protocol]
        names._pyroRelease()
        names._pyroBind()
        return [*found, names._pyroUri.protocol]


@name_scenario(finds=[None, "NamingError"])
def calling_by_tag(visit: Visit) -> Any:
    with api.Proxy(f"PYROMETA:{class_tag(visit)}@{visit.location}") as names:
        names._pyroSerializer = visit.serializer
        found = names.ping()
    error = error_of(api.Proxy(f"PYROMETA:no.such.tag@{visit.location}")._pyroBind)
    return [found, kind_of(error)]


@name_scenario(finds=[7, "NamingError", True])
def calling_what_somebody_else_registered(visit: Visit) -> Any:
    """The test has registered a server's object under this name."""
    with api.Proxy(f"PYRONAME:server.calc@{visit.location}") as calc:
        calc._pyroSerializer = visit.serializer
        result = calc.add(3, 4)
    error = error_of(api.Proxy(f"PYRONAME:server.unknown@{visit.location}")._pyroBind)
    return [result, kind_of(error), isinstance(error, errors.NamingError)]
