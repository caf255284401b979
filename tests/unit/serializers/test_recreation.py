import math
from typing import Any

import pytest

from pyrolike.errors import NamingError, RemoteError, SecurityError, SerializeError
from pyrolike.serializers.classes import register_dict_to_class
from pyrolike.serializers.exceptions import ExceptionWrapper
from pyrolike.serializers.recreation import (
    LARGE,
    LONG_DATA,
    TOO_DEEP,
    dict_to_class,
    find_part,
    is_flat,
    located,
    long_names_class,
    may_have_objects,
    recreate,
)
from pyrolike.uri import URI

A_URI = {"__class__": "Pyro5.core.URI", "state": ("PYRO", "a", None, "h", 1)}
AN_ERROR = {"__class__": "builtins.ValueError", "__exception__": True, "args": ("x",)}


# -- one class dict


@pytest.mark.parametrize("name", ["Pyro5.core.URI", "Pyro4.core.URI", b"Pyro5.core.URI"])
def test_a_class_is_named_by_text_or_by_bytes(name: object) -> None:
    assert dict_to_class({**A_URI, "__class__": name}) == URI("PYRO:a@h:1")


@pytest.mark.parametrize("name", ["a.B", "a__b", "Pyro5.core.URI"])
def test_a_users_converter_is_asked_first_for_any_name(name: str) -> None:
    register_dict_to_class(name, lambda name, data: (name, data))
    data = {"__class__": name, "state": 3}
    assert dict_to_class(data) == (name, data)


@pytest.mark.parametrize("name", ["__main__.X", "a__b", "a.__b", "__"])
def test_two_underscores_in_a_class_name_are_refused(name: str) -> None:
    with pytest.raises(SecurityError, match="two underscores"):
        dict_to_class({"__class__": name, "__exception__": True, "args": ()})


@pytest.mark.parametrize("name", ["mypkg.Thing", "ValueError", "", "builtins.eval"])
def test_an_unknown_class_is_named_in_the_error(name: str) -> None:
    with pytest.raises(SerializeError, match="register_dict_to_class") as caught:
        dict_to_class({"__class__": name})
    assert caught.value.class_name == name
    assert f"unknown class {name};" in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"__class__": 3}, {"__class__": ["a" * 1000]}])
def test_a_class_must_have_a_name(data: dict[str, Any]) -> None:
    with pytest.raises(SerializeError, match="expected its name as text") as caught:
        dict_to_class(data)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "data",
    [
        {"__class__": "Pyro5.core.URI"},
        {"__class__": "Pyro5.core.URI", "state": 3},
        {"__class__": "Pyro5.core.URI", "state": ()},
        {"__class__": "Pyro5.errors.PyroError"},
        {"__class__": "builtins.ValueError", "__exception__": True},
        {"__class__": "builtins.ValueError", "__exception__": True, "args": 3},
        {"__class__": "builtins.ValueError", "__exception__": True, "args": (), "attributes": 3},
        {"__class__": "Pyro5.core._ExceptionWrapper"},
        {"__class__": "Pyro5.core._ExceptionWrapper", "exception": 3},
        {"__class__": "Pyro5.core._ExceptionWrapper", "exception": A_URI},
        {"__class__": "Pyro5.core._ExceptionWrapper", "exception": {}},
        {"__class__": "float"},
        {"__class__": "float", "value": "x"},
        {"__class__": "complex", "real": 1},
        {"__class__": "complex", "real": {}, "imag": 1},
    ],
)
def test_a_malformed_class_dict_is_a_serialize_error(data: dict[str, Any]) -> None:
    with pytest.raises(SerializeError):
        dict_to_class(data)


def test_a_peer_cannot_bloat_our_messages() -> None:
    with pytest.raises(SerializeError) as caught:
        dict_to_class({"__class__": "x" * 100_000})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("family", ["Pyro5.core", "Pyro4.futures"])
def test_a_wrapped_exception_is_made_again(family: str) -> None:
    wrapper = dict_to_class({"__class__": f"{family}._ExceptionWrapper", "exception": AN_ERROR})
    assert isinstance(wrapper, ExceptionWrapper)
    assert repr(wrapper.exception) == "ValueError('x')"


def test_an_exception_that_was_made_already_is_wrapped_as_it_is() -> None:
    error = NamingError()
    data = {"__class__": "Pyro5.core._ExceptionWrapper", "exception": error}
    assert dict_to_class(data).exception is error


def test_serpents_nan_is_a_float() -> None:
    assert math.isnan(dict_to_class({"__class__": "float", "value": "nan"}))


def test_serpents_complex_nan_can_be_read() -> None:
    # Pyro cannot read what it writes here (conflicts, defect 25).
    nan = {"__class__": "float", "value": "nan"}
    number = dict_to_class({"__class__": "complex", "real": nan, "imag": 2.0})
    assert math.isnan(number.real)
    assert number.imag == 2.0


def test_an_exception_group_is_made_of_exceptions() -> None:
    name = "builtins.ExceptionGroup"
    data = {"__class__": name, "__exception__": True, "args": ["some", [AN_ERROR, AN_ERROR]]}
    group = dict_to_class(data)
    assert isinstance(group, ExceptionGroup)
    assert [repr(error) for error in group.exceptions] == ["ValueError('x')"] * 2


def test_a_group_that_would_end_the_program_is_a_remote_error() -> None:
    name = "builtins.BaseExceptionGroup"
    data = {"__class__": name, "__exception__": True, "args": ["some", [AN_ERROR]]}
    assert isinstance(dict_to_class(data), RemoteError)


@pytest.mark.parametrize("name", ["mypkg.OwnError", "__main__.OwnError"])
def test_an_exception_that_cannot_be_made_leaves_its_traceback(name: str) -> None:
    lines = ["Traceback:\n", "mypkg.OwnError: the text\n"]
    data = {
        "__class__": name,
        "__exception__": True,
        "args": (),
        "attributes": {"_pyroTraceback": lines},
    }
    for literal in (data, [1, {"k": data}]):
        with pytest.raises((SerializeError, SecurityError)) as caught:
            recreate(literal)
        assert getattr(caught.value, "_pyroTraceback", None) == lines
        assert "OwnError: the text" in "".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "attributes", [None, 3, {}, {"_pyroTraceback": None}, {"_pyroTraceback": 3}, {b"a": 1}]
)
def test_an_exception_without_a_traceback_leaves_none(attributes: object) -> None:
    data = {"__class__": "a.B", "__exception__": True, "args": (), "attributes": attributes}
    with pytest.raises(SerializeError, match=r"unknown class a\.B") as caught:
        dict_to_class(data)
    assert not hasattr(caught.value, "_pyroTraceback")


# -- whole data


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (3, 3),
        (A_URI, URI("PYRO:a@h:1")),
        ([1, [A_URI], (A_URI, 2)], [1, [URI("PYRO:a@h:1")], (URI("PYRO:a@h:1"), 2)]),
        ({"a": {"b": A_URI}, 1: {2}}, {"a": {"b": URI("PYRO:a@h:1")}, 1: {2}}),
    ],
)
def test_containers_are_walked(literal: object, expected: object) -> None:
    before = repr(literal)
    assert recreate(literal) == expected
    assert repr(literal) == before


def test_a_converter_gets_nested_class_dicts_as_they_are() -> None:
    register_dict_to_class("a.B", lambda name, data: data["inner"])
    assert recreate([{"__class__": "a.B", "inner": A_URI}]) == [A_URI]


def test_arguments_of_exceptions_are_left_as_they_are() -> None:
    assert recreate({**AN_ERROR, "args": [A_URI]}).args == (A_URI,)


UNKNOWN = {"__class__": "mypkg.Thing"}


@pytest.mark.parametrize(
    ("literal", "where"),
    [
        (UNKNOWN, "args"),
        ([UNKNOWN], "args[0]"),
        ([1, {"x": UNKNOWN}], "args[1]['x']"),
        ([AN_ERROR, ([], UNKNOWN)], "args[1][1]"),
        ([{"x" * 100: UNKNOWN}], "args[0]['" + "x" * 39 + "]"),
    ],
)
def test_an_unknown_class_is_reported_with_its_place(literal: object, where: str) -> None:
    with pytest.raises(SerializeError) as caught:
        recreate(literal, "args")
    assert str(caught.value).startswith(f"unknown class mypkg.Thing at {where}; register")
    assert (caught.value.where, caught.value.class_name) == (where, "mypkg.Thing")


def test_the_place_is_that_of_the_dict_that_failed_not_of_one_like_it() -> None:
    malformed = {"__class__": "builtins.ValueError", "__exception__": True}
    with pytest.raises(SerializeError) as caught:
        recreate([AN_ERROR, malformed], "args")
    assert caught.value.where == "args[1]"


def test_a_refused_class_is_reported_with_its_place() -> None:
    with pytest.raises(SecurityError, match=r"__main__\.X at the value\[1\]; its name"):
        recreate([1, {"__class__": "__main__.X"}])


def test_a_users_error_comes_as_it_is() -> None:
    error = KeyError("mine")

    def fail(name: str, data: dict[str, Any]) -> object:
        raise error

    register_dict_to_class("a.B", fail)
    with pytest.raises(KeyError) as caught:
        recreate([{"__class__": "a.B"}])
    assert caught.value is error


def nested(depth: int) -> object:
    value: object = {"__class__": "Pyro5.core.URI"}
    for _ in range(depth):
        value = [value]
    return value


def test_data_that_is_too_deep_is_a_serialize_error() -> None:
    with pytest.raises(SerializeError, match=TOO_DEEP):
        recreate(nested(5000))


def test_an_error_that_knows_its_place_keeps_it() -> None:
    error = SerializeError("x", where="here")
    assert located(error, "there") is error
    assert located(error, None) is error


def test_data_that_contains_itself_can_be_searched() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert find_part(loop, lambda part: part is None, "x") is None
    assert find_part(None, lambda part: False, "x") is None
    assert find_part([loop, {"k": ()}], lambda part: part == (), "x") == "x[1]['k']"


# -- whether there may be any in data


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [0, 100, LONG_DATA])
def test_the_name_is_found_in_data_of_every_size_and_form(form: Any, size: int) -> None:
    for found in (b"__class__", b"x__class__", b"__class__x", b"___class___"):
        assert long_names_class(form(found + size * b"_"))
        assert long_names_class(form(size * b"_" + found))
    assert not long_names_class(form(b"__class_" + size * b"-"))


def test_large_data_without_containers_is_not_searched() -> None:
    data = LARGE * b"__class__"
    assert not may_have_objects(data, (b"", "", 1))
    assert may_have_objects(data, (b"", []))
    assert not may_have_objects(bytes(LARGE), ([],))


@pytest.mark.parametrize(
    ("value", "is_surely_flat"),
    [
        (None, True), (b"x", True), ([], True), ([1, ["a", {"b": None}]], True), ([[[1]]], True),
        ([[[[]]]], False), ({"__class__": 1}, False), ([{"a": {"__class__": 1}}], False),
        (list(range(17)), False), ([{"a": list(range(17))}], False),
    ],
)  # fmt: skip
def test_a_few_values_are_seen_to_be_flat(value: Any, is_surely_flat: bool) -> None:
    assert is_flat(value, 3) is is_surely_flat
