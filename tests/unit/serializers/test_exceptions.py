import sqlite3
import struct
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.errors import RemoteError, SerializeError
from pyrolike.serializers.exceptions import (
    PYRO_ERRORS,
    ExceptionWrapper,
    all_exceptions,
    create_exception,
    exception_to_dict,
    find_exception_class,
    make_catchable,
    wrapper_from_dict,
)
from pyrolike.serializers.failures import UnserializableError
from pyrolike.tracebacks import remote_note
from tests.support.things import OwnError

MARKED = {"__exception__": True}


# -- the wrapper of batches


def test_a_wrapped_exception_is_raised_with_its_attributes() -> None:
    # Pyro raises a copy without them (conflicts, defect 29).
    wrapped = ValueError("x")
    wrapped.extra = 1  # type: ignore[attr-defined]  # any attribute, as a peer may send
    with pytest.raises(ValueError, match="x") as caught:
        ExceptionWrapper(wrapped).raiseIt()
    assert caught.value is wrapped
    assert "ValueError" in repr(ExceptionWrapper(wrapped))


def test_only_exceptions_are_wrapped() -> None:
    assert wrapper_from_dict(wrapped := ValueError()).exception is wrapped
    with pytest.raises(SerializeError, match="reports a dict"):
        wrapper_from_dict({})


# -- exceptions to dicts


def test_an_exception_is_sent_as_class_arguments_and_attributes() -> None:
    error = KeyError("k", 1)
    error.extra = [2]  # type: ignore[attr-defined]  # any attribute
    assert list(exception_to_dict(error, "Pyro5").items()) == [
        ("__class__", "builtins.KeyError"),
        ("__exception__", True),
        ("args", ("k", 1)),
        ("attributes", {"extra": [2]}),
    ]


def test_what_belongs_to_a_connection_stays_behind() -> None:
    closed = errors.ConnectionClosedError("gone", partial_data=b"half")
    refused = errors.MessageTooLargeError("large", announced=5, limit=3)
    refused.pyroMsg = object()
    assert exception_to_dict(closed, "Pyro5")["attributes"] == {}
    assert exception_to_dict(refused, "Pyro5")["attributes"] == {"announced": 5, "limit": 3}
    own = OwnError()
    own.partialData = 1  # type: ignore[attr-defined]  # any attribute, with a name of Pyro's
    assert exception_to_dict(own, "Pyro5")["attributes"] == {"partialData": 1}


def test_the_programs_notes_travel_and_ours_do_not() -> None:
    error = KeyError("k")
    error.add_note("a note")
    error.add_note(remote_note(["remote line"]))
    assert exception_to_dict(error, "Pyro5")["attributes"] == {"__notes__": ["a note"]}
    vars(error)["__notes__"] = 5
    assert exception_to_dict(error, "Pyro5")["attributes"] == {}


def test_a_peer_cannot_make_notes_that_look_like_ours() -> None:
    notes = ["a note", 5, remote_note(["forged"]), *["more"] * 200]
    data = {"args": [], "attributes": {"__notes__": notes}}
    made = create_exception(ValueError, "builtins.ValueError", data)
    assert made.__notes__[:3] == ["a note", "5", "more"]
    assert len(made.__notes__) == 99
    data = {"args": [], "attributes": {"__notes__": "text"}}
    assert not hasattr(create_exception(ValueError, "builtins.ValueError", data), "__notes__")


@pytest.mark.parametrize("tags", ["Pyro5", "Pyro4"])
@pytest.mark.parametrize("name", PYRO_ERRORS)
def test_pyros_errors_go_by_their_name_in_the_peers_family(tags: str, name: str) -> None:
    sent = exception_to_dict(PYRO_ERRORS[name](), tags)
    assert sent["__class__"] == f"{tags}.errors.{name}"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (RemoteError("x"), "Pyro5.errors.PyroError"),
        (UnserializableError("x"), "Pyro5.errors.SerializeError"),
        (OwnError("x"), "tests.support.things.OwnError"),
        (struct.error("x"), "struct.error"),
    ],
)
def test_our_own_refinements_go_out_as_what_every_peer_has(error: Exception, name: str) -> None:
    assert exception_to_dict(error, "Pyro5")["__class__"] == name


def test_an_exception_of_ours_outside_of_pyros_tree_goes_by_its_own_name() -> None:
    cls = type("Odd", (Exception,), {"__module__": "pyrolike.somewhere"})
    assert exception_to_dict(cls(), "Pyro5")["__class__"] == "pyrolike.somewhere.Odd"


# -- names to exception classes


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("Pyro5.errors.NamingError", errors.NamingError),
        ("Pyro4.errors.NamingError", errors.NamingError),
        ("Pyro5.errors.TimeoutError", errors.TimeoutError),
        ("struct.error", struct.error),
    ],
)
def test_these_names_need_no_mark(name: str, cls: type) -> None:
    assert find_exception_class(name, {}) is cls


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("ValueError", ValueError),
        ("NamingError", errors.NamingError),
        ("TimeoutError", errors.TimeoutError),
        ("builtins.TimeoutError", TimeoutError),
        ("builtins.SystemExit", SystemExit),
        ("exceptions.IOError", OSError),
        ("sqlite3.OperationalError", sqlite3.OperationalError),
    ],
)
def test_these_names_must_be_marked_as_exceptions(name: str, cls: type) -> None:
    assert find_exception_class(name, MARKED) is cls
    assert find_exception_class(name, {}) is None
    assert find_exception_class(name, {"__exception__": False}) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "builtins.eval",
        "builtins.object",
        "builtins.",
        "eval",
        "RemoteError",
        "Pyro5.errors.RemoteError",
        "Pyro5.errors.sys",
        "Pyro5.errors.",
        "pyrolike.errors.PyroError",
        "os.error",
        "sqlite3.connect",
        "sqlite3.NoSuchError",
        "struct.Struct",
        "json.decoder.JSONDecodeError",
    ],
)
def test_nothing_else_is_an_exception_class(name: str) -> None:
    assert find_exception_class(name, MARKED) is None


def test_all_exceptions_knows_pythons_and_pyros() -> None:
    assert all_exceptions["ZeroDivisionError"] is ZeroDivisionError
    assert all_exceptions["TimeoutError"] is errors.TimeoutError
    assert "RemoteError" not in all_exceptions


# -- dicts to exceptions


def create(cls: type[BaseException], **data: Any) -> BaseException:
    return create_exception(cls, f"builtins.{cls.__name__}", data)


def test_an_exception_is_made_from_arguments_and_attributes() -> None:
    error = create(KeyError, args=["k", 1], attributes={"extra": 2, "_pyroTraceback": ["a"]})
    assert (type(error), error.args) == (KeyError, ("k", 1))
    assert vars(error) == {"extra": 2, "_pyroTraceback": ["a"]}


@pytest.mark.parametrize("attributes", [{}, None])
def test_attributes_may_be_missing(attributes: object) -> None:
    assert create(KeyError, args=(), attributes=attributes).args == ()
    assert create(KeyError, args=()).args == ()


@pytest.mark.parametrize(
    "name", ["__class__", "__dict__", "__notes__", "args", "with_traceback", "add_note", 3, None]
)
def test_a_peer_cannot_reach_more_than_data(name: object) -> None:
    error = create(KeyError, args=("k",), attributes={name: "replaced", "fine": 1})
    assert vars(error) == {"fine": 1}
    assert (type(error), error.args) == (KeyError, ("k",))
    assert callable(error.with_traceback)


@pytest.mark.parametrize(
    "cls", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, BaseExceptionGroup]
)
def test_what_would_end_the_program_comes_as_a_remote_error(cls: type[BaseException]) -> None:
    error = create(cls, args=("bye", 1), attributes={"extra": 1})
    assert isinstance(error, RemoteError)
    assert error.class_name == f"builtins.{cls.__name__}"
    assert f"{cls.__name__}('bye', 1)" in str(error)
    assert vars(error)["extra"] == 1


def test_the_end_of_an_iteration_is_what_it_is() -> None:
    assert type(create(StopIteration, args=())) is StopIteration


class Leaving(BaseException):
    """What a converter of the program's, or a pickle, makes."""


@pytest.mark.parametrize("cls", [GeneratorExit, SystemExit, Leaving])
def test_what_a_converter_has_made_is_caught_like_any_error(cls: type[BaseException]) -> None:
    made = cls("bye")
    made.why = 1  # type: ignore[attr-defined]
    with pytest.raises(RemoteError, match=rf"{cls.__name__}\('bye'\) was raised") as caught:
        ExceptionWrapper(made).raiseIt()
    assert caught.value.class_name == f"{cls.__module__}.{cls.__name__}"
    assert vars(caught.value)["why"] == 1


def test_an_ordinary_exception_is_caught_as_itself() -> None:
    error = ValueError(1)
    assert make_catchable(error) is error


def test_bytes_that_serpent_wrote_as_a_dict_are_opened_where_they_are_needed() -> None:
    encoded = {"data": "/w==", "encoding": "base64"}
    error = create(UnicodeDecodeError, args=("utf-8", encoded, 0, 1, "invalid"))
    assert error.args == ("utf-8", b"\xff", 0, 1, "invalid")


def test_bytes_that_serpent_wrote_as_a_dict_are_left_alone_elsewhere() -> None:
    encoded = {"data": "/w==", "encoding": "base64"}
    assert create(ValueError, args=(encoded,)).args == (encoded,)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"args": None},
        {"args": "text"},
        {"args": {"a": 1}},
        {"args": (), "attributes": [1]},
        {"args": (), "attributes": 3},
        {"args": (), "attributes": {"characters_written": "x"}},
    ],
)
def test_a_malformed_dict_is_an_ordinary_error(data: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        create_exception(BlockingIOError, "builtins.BlockingIOError", data)


def test_wrong_arguments_are_an_ordinary_error() -> None:
    with pytest.raises(TypeError):
        create(UnicodeDecodeError, args=(1,))
