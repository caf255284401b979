import json
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers.classes import register_class_to_dict
from pyrolike.serializers.failures import (
    MAX_PARTS,
    UnserializableError,
    explain,
    name_arguments,
)
from tests.support import things


def attempt(value: object) -> None:
    """Encode as a serializer would that converts objects to their attributes."""
    json.dumps(value, default=convert)


def convert(obj: Any) -> object:
    if isinstance(obj, (things.Plain, things.Stateful)):
        return vars(obj)
    raise TypeError("no way")


def failure(value: object, where: str = "args[0]") -> UnserializableError:
    return explain([("args[9]", 1), (where, value)], attempt, ValueError("whole"))


@pytest.mark.parametrize(
    ("value", "where", "name"),
    [
        (3j, "args[0]", "complex"),
        ([1, 3j], "args[0][1]", "complex"),
        ({"a": (1, [3j])}, "args[0]['a'][1][0]", "complex"),
        ({"a": things.Plain(mode=3j)}, "args[0]['a'].mode", "complex"),
        ([things.Opaque()], "args[0][0]", "tests.support.things.Opaque"),
        ([{(1, 2): 3}], "args[0][0]", "dict"),
        ([frozenset([3j])], "args[0][0] (a member)", "complex"),
        ({3j: 1}, "args[0] (the key 3j)", "complex"),
        ([ValueError(3j)], "args[0][0].args[0]", "complex"),
        ({"k" * 50: 3j}, "args[0]['" + "k" * 39 + "]", "complex"),
    ],
)
def test_the_innermost_value_that_cannot_be_sent_is_named(
    value: object, where: str, name: str
) -> None:
    error = failure(value)
    assert (error.where, error.class_name) == (where, name)
    assert str(error).startswith(f"cannot serialize {name} at {where}: ")


def test_an_object_that_is_not_sent_as_a_dict_has_no_attributes_to_search() -> None:
    register_class_to_dict(things.Opaque, lambda obj: [3j])
    error = failure([things.Opaque()])
    assert (error.where, error.class_name) == ("args[0][0]", "tests.support.things.Opaque")


def test_the_reason_is_the_encoders() -> None:
    assert str(failure(3j)) == "cannot serialize complex at args[0]: no way"


def test_for_a_users_class_there_is_advice() -> None:
    assert "no way; register a converter with register_class_to_dict" in str(
        failure(things.Opaque())
    )


class Drawer:
    def open(self) -> None:
        """Stand for any method."""


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ((item for item in [1]), "; send its items in a list"),
        (iter([1]), "; send its items in a list"),
        (attempt, "; to be called back, register an object"),
        (Drawer().open, "; to be called back, register an object"),
        (3j, "no way"),
    ],
    ids=["generator", "iterator", "function", "method", "value"],
)
def test_for_what_people_often_try_there_is_advice(value: object, advice: str) -> None:
    text = str(failure(value))
    assert f"no way{advice}" in text or text.endswith(advice)


def test_an_async_method_is_told_to_be_none() -> None:
    async def work() -> None:
        """Do nothing, and not even that."""

    coroutine = work()
    try:
        assert str(failure(coroutine)).endswith(
            "no way; an async method cannot be remote: run what it does in an ordinary one"
        )
    finally:
        coroutine.close()


def test_serpents_advice_is_not_given_for_iterators() -> None:
    def fail(value: object) -> None:
        raise TypeError("don't know how. Give it vars() or so")

    error = explain([("args[0]", iter([1]))], fail, ValueError())
    assert str(error).endswith("args[0]: don't know how; send its items in a list")


def test_advice_of_the_encoders_own_is_enough() -> None:
    def stubborn(value: object) -> None:
        raise ValueError("no; use something else")

    error = explain([("args[0]", things.Opaque())], stubborn, ValueError())
    assert str(error).endswith("no; use something else")


def test_what_contains_itself_is_said_to() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert str(failure([loop])) == "cannot serialize list at args[0][0][1]: it contains itself"


def test_what_is_nested_too_deeply_is_named_at_its_top() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    error = failure(deep)
    assert str(error) == "cannot serialize list at args[0]: it is nested too deeply"


def test_a_depth_only_the_encoder_knows_is_reported_as_such() -> None:
    def refuse(value: object) -> None:
        raise RecursionError

    error = explain([("x", 1)], refuse, ValueError())
    assert "nested too deeply, or contains itself" in str(error)


def test_an_error_without_text_is_named_by_its_class() -> None:
    def refuse(value: object) -> None:
        raise KeyError

    assert str(explain([("x", 1)], refuse, ValueError())).endswith(": KeyError")


def test_a_search_ends_in_a_huge_list() -> None:
    calls = 0

    def count(value: object) -> None:
        nonlocal calls
        calls += 1
        attempt(value)

    error = explain([("args[0]", [0] * (MAX_PARTS + 5) + [3j])], count, ValueError())
    assert (error.where, error.class_name) == ("args[0]", "list")
    assert calls <= MAX_PARTS + 2


def test_if_every_part_can_be_sent_alone_the_whole_is_to_blame() -> None:
    error = explain([("args[0]", 1)], attempt, OverflowError("too much"))
    assert str(error) == "cannot serialize the message: too much"
    assert error.where is None


def test_inner_values_may_follow_other_rules() -> None:
    def only_numbers(value: object) -> None:
        if not isinstance(value, int):
            raise TypeError("no number")

    error = explain([("args[0]", ["text", 3j])], attempt, ValueError(), only_numbers)
    assert error.where == "args[0][0]"


def test_a_converter_that_fails_is_the_reason() -> None:
    class Failing:
        def __getstate__(self) -> object:
            raise LookupError("lost")

    def send(value: object) -> None:
        value.__getstate__()

    assert str(explain([("x", Failing())], send, ValueError())).split(": ")[1].startswith("lost")


def test_the_error_is_caught_by_old_except_clauses() -> None:
    for cls in (SerializeError, TypeError, ValueError):
        with pytest.raises(cls):
            raise failure(3j)


def test_arguments_are_named() -> None:
    assert name_arguments([1, 2], {"k": 3}) == [("args[0]", 1), ("args[1]", 2), ("kwargs['k']", 3)]
    assert name_arguments([], None) == []
