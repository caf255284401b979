"""The name server as an ordinary object: Pyro's rules, without a network."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.constants import NAMESERVER_NAME
from pyrolike.errors import NamingError, PyroError
from pyrolike.naming import NameServer, server
from pyrolike.naming.regex import Pattern
from pyrolike.naming.server import OWN_TAGS
from pyrolike.naming.storage import MemoryStorage, base
from pyrolike.objects.members import get_members
from pyrolike.protocol import MessageReader
from pyrolike.uri import URI
from tests.support import wire, wire48

OWN_URI = "PYRO:Pyro.NameServer@localhost:9090"


@pytest.fixture(params=["memory", "sql"])
def ns(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NameServer]:
    kind = request.param if request.param == "memory" else f"sql:{tmp_path / 'names.db'}"
    made = NameServer(kind)
    with closing(made.storage):
        yield made


@pytest.fixture
def filled(ns: NameServer) -> NameServer:
    ns.register(NAMESERVER_NAME, OWN_URI, metadata=["class:ns"])
    ns.register("printer.laser", "PYRO:a@h:1", metadata=["printer", "laser"])
    ns.register("printer.ink", "PYRO:b@h:2", metadata=["printer", "colour"])
    ns.register("scanner", "PYRO:c@h:3")
    return ns


class TestRegistering:
    def test_a_registered_name_can_be_looked_up(self, ns: NameServer) -> None:
        ns.register("x", "PYRO:a@h:1")
        assert ns.lookup("x") == URI("PYRO:a@h:1")
        assert ns.count() == 1

    def test_a_uri_object_will_do(self, ns: NameServer) -> None:
        ns.register("x", URI("PYRO:a@h:1"))
        assert ns.list() == {"x": "PYRO:a@h:1"}

    @pytest.mark.parametrize("uri", ["PYRONAME:other", "PYROMETA:a,b", "PYRO:a@./u:/run/x y"])
    def test_any_kind_of_uri_will_do(self, ns: NameServer, uri: str) -> None:
        ns.register("x", uri)
        assert ns.lookup("x") == URI(uri)

    def test_text_is_kept_as_it_was_given(self, ns: NameServer) -> None:
        ns.register("x", "pyro:a@h:1")
        assert ns.list() == {"x": "pyro:a@h:1"}

    def test_registering_again_forgets_the_old_tags(self, ns: NameServer) -> None:
        ns.register("x", "PYRO:a@h:1", metadata=["old"])
        ns.register("x", "PYRO:b@h:1")
        assert ns.lookup("x", return_metadata=True) == (URI("PYRO:b@h:1"), set())

    def test_safe_refuses_an_existing_name(self, ns: NameServer) -> None:
        ns.register("x", "PYRO:a@h:1", safe=True)
        with pytest.raises(NamingError, match=r"^name already registered: x$"):
            ns.register("x", "PYRO:b@h:1", safe=True)
        assert ns.lookup("x") == URI("PYRO:a@h:1")

    def test_of_many_safe_registrations_at_once_one_wins(self, ns: NameServer) -> None:
        start, outcomes = threading.Barrier(8), []

        def register(number: int) -> None:
            start.wait()
            try:
                ns.register("x", f"PYRO:a@h:{number}", safe=True)
                outcomes.append(True)
            except NamingError:
                outcomes.append(False)

        threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * 7 + [True]

    @pytest.mark.parametrize("name", [5, None, b"x", ["x"]])
    def test_the_name_must_be_text(self, ns: NameServer, name: Any) -> None:
        with pytest.raises(TypeError, match="name must be a str"):
            ns.register(name, "PYRO:a@h:1")

    @pytest.mark.parametrize("uri", [5, None, ("PYRO", "a", None, "h", 1)])
    def test_the_uri_must_be_one(self, ns: NameServer, uri: Any) -> None:
        with pytest.raises(TypeError, match="only URIs or strings can be registered"):
            ns.register("x", uri)

    @pytest.mark.parametrize("uri", ["", "somewhere", "PYRO:a", "http://h/"])
    def test_text_that_is_no_uri_is_refused(self, ns: NameServer, uri: str) -> None:
        with pytest.raises(PyroError):
            ns.register("x", uri)
        assert ns.count() == 0

    @pytest.mark.parametrize("metadata", ["tag", 5, [1, 2], [None], b"tag"])
    def test_tags_must_be_a_collection_of_text(self, ns: NameServer, metadata: Any) -> None:
        with pytest.raises(TypeError):
            ns.register("x", "PYRO:a@h:1", metadata=metadata)
        assert ns.count() == 0

    @pytest.mark.parametrize("name", ["", "x" * 1001, "two\nlines", "half \ud800"])
    def test_rubbish_is_refused(self, ns: NameServer, name: str) -> None:
        with pytest.raises(NamingError, match=r"name (is empty|has)"):
            ns.register(name, "PYRO:a@h:1")
        assert ns.count() == 0


class TestItsOwnName:
    def test_nobody_can_direct_it_elsewhere(self, filled: NameServer) -> None:
        with pytest.raises(NamingError, match=f"{OWN_URI}; it stays so"):
            filled.register(NAMESERVER_NAME, "PYRO:Pyro.NameServer@evil:9090")
        assert filled.lookup(NAMESERVER_NAME) == URI(OWN_URI)

    def test_the_same_uri_is_no_offence(self, filled: NameServer) -> None:
        filled.register(NAMESERVER_NAME, OWN_URI.replace("PYRO:", "pyro:"))
        assert filled.lookup(NAMESERVER_NAME) == URI(OWN_URI)

    def test_it_cannot_be_removed_in_any_way(self, filled: NameServer) -> None:
        assert filled.remove(NAMESERVER_NAME) == 0
        assert filled.remove(prefix="Pyro") == 0
        assert filled.remove(regex="Pyro.*") == 0
        assert filled.lookup(NAMESERVER_NAME) == URI(OWN_URI)

    @pytest.mark.parametrize("tags", [None, [], ["other"], [min(OWN_TAGS)]])
    def test_it_keeps_the_tags_by_which_it_is_found(
        self, filled: NameServer, tags: list[str] | None
    ) -> None:
        filled.storage[NAMESERVER_NAME] = OWN_URI, OWN_TAGS | {"more"}
        expected = OWN_TAGS.union(tags or ())
        for change in (
            lambda: filled.set_metadata(NAMESERVER_NAME, tags),
            lambda: filled.register(NAMESERVER_NAME, OWN_URI, metadata=tags),
        ):
            change()
            assert filled.lookup(NAMESERVER_NAME, return_metadata=True) == (URI(OWN_URI), expected)
            assert NAMESERVER_NAME in filled.yplookup(meta_all=[max(OWN_TAGS)])

    def test_other_tags_of_it_and_the_same_tags_of_others_may_go(self, filled: NameServer) -> None:
        filled.set_metadata(NAMESERVER_NAME, None)
        assert filled.lookup(NAMESERVER_NAME, return_metadata=True)[1] == set()
        filled.register("scanner", "PYRO:c@h:3", metadata=OWN_TAGS)
        filled.set_metadata("scanner", None)
        assert filled.lookup("scanner", return_metadata=True)[1] == set()


class TestLookingUp:
    def test_an_unknown_name_is_a_naming_error(self, filled: NameServer) -> None:
        with pytest.raises(NamingError, match=r"^unknown name: nobody$") as caught:
            filled.lookup("nobody")
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize("name", ["", "x" * 5000, "two\nlines", "half \ud800"])
    def test_rubbish_is_an_unknown_name(self, filled: NameServer, name: str) -> None:
        with pytest.raises(NamingError, match="unknown name: ") as caught:
            filled.lookup(name)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 200

    def test_the_tags_come_as_a_set_of_the_callers_own(self, filled: NameServer) -> None:
        uri, tags = filled.lookup("printer.laser", return_metadata=True)  # type: ignore[misc]  # a union
        assert (uri, tags) == (URI("PYRO:a@h:1"), {"printer", "laser"})
        assert type(tags) is set

    @pytest.mark.parametrize("name", [5, None, ["x"]])
    def test_a_name_that_is_no_text_is_a_type_error(self, ns: NameServer, name: Any) -> None:
        with pytest.raises(TypeError, match="name must be a str"):
            ns.lookup(name)


class TestSettingTags:
    def test_new_tags_replace_the_old_ones(self, filled: NameServer) -> None:
        filled.set_metadata("printer.laser", ["fast"])
        assert filled.lookup("printer.laser", True) == (URI("PYRO:a@h:1"), {"fast"})

    @pytest.mark.parametrize("nothing", [None, [], set()])
    def test_nothing_takes_them_away(self, filled: NameServer, nothing: Any) -> None:
        filled.set_metadata("printer.laser", nothing)
        assert filled.lookup("printer.laser", True) == (URI("PYRO:a@h:1"), set())

    def test_an_unknown_name_is_a_naming_error(self, ns: NameServer) -> None:
        with pytest.raises(NamingError, match="unknown name: x"):
            ns.set_metadata("x", ["tag"])
        assert ns.count() == 0

    def test_a_lone_text_is_a_type_error(self, filled: NameServer) -> None:
        with pytest.raises(TypeError, match="should not be a str"):
            filled.set_metadata("scanner", "tag")


class TestListing:
    def test_without_a_filter_it_gives_everything(self, filled: NameServer) -> None:
        assert filled.list() == {
            NAMESERVER_NAME: OWN_URI,
            "printer.laser": "PYRO:a@h:1",
            "printer.ink": "PYRO:b@h:2",
            "scanner": "PYRO:c@h:3",
        }

    def test_the_tags_are_plain_sets_even_when_there_are_none(self, filled: NameServer) -> None:
        listing = filled.list(return_metadata=True)
        assert listing["scanner"] == ("PYRO:c@h:3", set())
        assert listing["printer.ink"] == ("PYRO:b@h:2", {"printer", "colour"})
        assert {type(tags) for _, tags in listing.values()} == {set}

    def test_it_filters_by_prefix_regex_or_tags(self, filled: NameServer) -> None:
        assert set(filled.list(prefix="printer.")) == {"printer.laser", "printer.ink"}
        assert set(filled.list(regex=".*(ink|anner)")) == {"printer.ink", "scanner"}
        assert set(filled.list(metadata_all=["printer", "laser"])) == {"printer.laser"}
        assert set(filled.list(metadata_any=["laser", "colour"])) == {
            "printer.laser",
            "printer.ink",
        }

    def test_the_third_argument_in_order_is_whether_to_return_tags(
        self, filled: NameServer
    ) -> None:
        assert filled.list("scan", None, True) == {"scanner": ("PYRO:c@h:3", set())}

    def test_empty_filters_count_as_not_given(self, filled: NameServer) -> None:
        assert len(filled.list(prefix="", regex="", metadata_all=[], metadata_any=())) == 4

    @pytest.mark.parametrize(
        "filters",
        [
            {"prefix": "a", "regex": "b"},
            {"regex": "b", "metadata_all": ["c"]},
            {"metadata_all": ["c"], "metadata_any": ["d"]},
        ],
    )
    def test_two_filters_are_one_too_many(self, ns: NameServer, filters: Any) -> None:
        with pytest.raises(ValueError, match="only filter on one thing"):
            ns.list(**filters)

    def test_a_bad_regex_is_a_naming_error(self, ns: NameServer) -> None:
        with pytest.raises(NamingError, match="invalid regex"):
            ns.list(regex="(")

    @pytest.mark.parametrize("filters", [{"prefix": 5}, {"regex": 5}, {"metadata_all": "x"}])
    def test_a_filter_of_the_wrong_type_is_a_type_error(self, ns: NameServer, filters: Any) -> None:
        with pytest.raises(TypeError):
            ns.list(**filters)


class TestYellowPages:
    def test_it_finds_by_all_tags_or_by_any(self, filled: NameServer) -> None:
        assert filled.yplookup(["printer", "laser"]) == {
            "printer.laser": ("PYRO:a@h:1", {"printer", "laser"})
        }
        assert set(filled.yplookup(meta_any=["laser", "colour"])) == {
            "printer.laser",
            "printer.ink",
        }

    def test_it_can_leave_the_tags_out(self, filled: NameServer) -> None:
        assert filled.yplookup(["laser"], return_metadata=False) == {"printer.laser": "PYRO:a@h:1"}

    def test_without_tags_it_finds_nothing(self, filled: NameServer) -> None:
        assert filled.yplookup() == {}
        assert filled.yplookup([], ()) == {}

    def test_a_tag_that_nothing_can_have_is_merely_not_found(self, filled: NameServer) -> None:
        assert filled.yplookup(["laser", ""]) == filled.list(metadata_all=["\n"]) == {}
        assert set(filled.yplookup(meta_any=["laser", "", "x" * 5000])) == {"printer.laser"}

    def test_both_filters_are_one_too_many(self, ns: NameServer) -> None:
        with pytest.raises(ValueError, match="meta_all or meta_any"):
            ns.yplookup(["a"], ["b"])

    @pytest.mark.parametrize("argument", ["meta_all", "meta_any"])
    def test_a_lone_text_is_a_type_error(self, ns: NameServer, argument: str) -> None:
        with pytest.raises(TypeError, match=f"{argument} should not be a str"):
            ns.yplookup(**{argument: "tag"})


class TestRemoving:
    def test_it_counts_what_it_removed(self, filled: NameServer) -> None:
        assert filled.remove("scanner") == 1
        assert filled.remove("scanner") == 0
        assert filled.remove(prefix="printer.") == 2
        assert filled.count() == 1

    def test_it_removes_by_regex(self, filled: NameServer) -> None:
        assert filled.remove(regex=".*ink$") == 1
        assert "printer.ink" not in filled.list()

    def test_the_first_argument_given_counts(self, filled: NameServer) -> None:
        assert filled.remove("scanner", prefix="printer.", regex=".*") == 1
        assert filled.remove("", prefix="printer.l", regex=".*") == 1
        assert filled.count() == 2

    def test_with_nothing_given_nothing_happens(self, filled: NameServer) -> None:
        assert filled.remove() == 0
        assert filled.count() == 4

    def test_many_are_removed_piece_by_piece(
        self, ns: NameServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "_PIECE", 2)
        for number in range(5):
            ns.register(f"x{number}", "PYRO:a@h:1")
        assert ns.remove(prefix="x") == 5
        assert ns.count() == 0

    def test_others_may_register_while_a_regex_searches(self, filled: NameServer) -> None:
        class Registering(Pattern):
            def matches(self, name: str) -> bool:
                filled.register("meanwhile", "PYRO:m@h:1")  # would wait for ever, if it had to
                return super().matches(name)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(base, "Pattern", Registering)
            assert filled.remove(regex=".*er$") == 2
        assert set(filled.list()) == {NAMESERVER_NAME, "printer.ink", "meanwhile"}

    def test_a_storage_of_pyro_that_does_not_count_is_believed(self) -> None:
        class Silent(MemoryStorage):
            def remove_items(self, items: Iterable[str]) -> Any:
                super().remove_items(items)

        ns = NameServer(Silent())
        ns.register("x", "PYRO:a@h:1")
        assert ns.remove("x") == 1

    def test_an_odd_name_is_a_type_error(self, filled: NameServer) -> None:
        with pytest.raises(TypeError, match="name must be a str"):
            filled.remove(5)  # type: ignore[arg-type]  # the wrong type is the point


def test_ping_answers_nothing(ns: NameServer) -> None:
    assert ns.ping() is None  # type: ignore[func-returns-value]  # that is the claim


def test_it_takes_a_storage_that_is_already_open() -> None:
    storage = MemoryStorage()
    assert NameServer(storage).storage is storage


def test_what_it_exposes_is_pyros_list_of_methods() -> None:
    members = get_members(NameServer)
    assert members.methods == {
        "count", "list", "lookup", "ping", "register", "remove", "set_metadata", "yplookup",
    }  # fmt: skip
    assert not members.attrs
    assert not members.oneway


def test_its_repr_names_its_storage() -> None:
    assert repr(NameServer()) == "<NameServer on <MemoryStorage with 0 registrations>>"


class TestForPyro4:
    """Callers that speak protocol 48, for which Pyro4's rules hold."""

    @pytest.fixture(autouse=True)
    def pyro4_caller(self) -> Iterator[None]:
        before, state = get_state(), ContextState()
        state.reader = MessageReader(1000)
        state.reader.feed(wire48.message(wire.PING))
        set_state(state)
        yield
        set_state(before)

    def test_the_tags_come_in_lists(self, filled: NameServer) -> None:
        tags = ["laser", "printer"]
        assert filled.lookup("printer.laser", return_metadata=True) == (URI("PYRO:a@h:1"), tags)
        listed = filled.list("printer.l", return_metadata=True)
        assert listed == {"printer.laser": ("PYRO:a@h:1", tags)}
        assert filled.yplookup(["laser"]) == listed
        assert filled.list("scanner", return_metadata=True) == {"scanner": ("PYRO:c@h:3", [])}

    def test_arguments_come_in_pyro4s_order(self, filled: NameServer) -> None:
        everything = filled.list()
        for arguments, expected in (
            ((None, None, ["printer", "laser"]), ["printer.laser"]),
            ((None, None, None, ["laser", "colour"]), ["printer.ink", "printer.laser"]),
            ((None, None, [], []), sorted(everything)),
            (("printer.i", None, None), ["printer.ink"]),
            ((None, None, {"laser"}, None, False), ["printer.laser"]),
        ):
            assert sorted(filled.list(*arguments)) == expected  # type: ignore[arg-type]
        listed: Any = filled.list("scan", None, None, None, True)  # type: ignore[arg-type]
        assert listed == {"scanner": ("PYRO:c@h:3", [])}

    def test_ours_is_understood_as_well(self, filled: NameServer) -> None:
        assert filled.list("scan", None, True) == {"scanner": ("PYRO:c@h:3", [])}
        assert filled.list(metadata_any=["colour"]) == {"printer.ink": "PYRO:b@h:2"}

    def test_two_filters_are_one_too_many(self, filled: NameServer) -> None:
        with pytest.raises(ValueError, match="one thing at a time"):
            filled.list("a", None, ["x"])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="metadata_all should not be a str"):
            filled.list(None, None, "text")  # type: ignore[arg-type]
