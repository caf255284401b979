import pickle
from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import PickleSerializer
from pyrolike.serializers.classes import register_type_replacement
from pyrolike.uri import URI
from tests.support import things


@pytest.fixture
def codec() -> PickleSerializer:
    return PickleSerializer()


def test_anything_python_can_pickle_arrives(codec: PickleSerializer) -> None:
    value = {1: things.Point(1, 2), "u": URI("PYRO:a@h:1"), "s": {things.Colour.RED}}
    assert codec.loads(codec.dumps(value)) == value


def test_a_call_is_a_pickled_tuple(codec: PickleSerializer) -> None:
    data = codec.dumpsCall("o", "m", (1,), {"k": 2})
    assert pickle.loads(data) == ("o", "m", (1,), {"k": 2})
    assert codec.loadsCall(data) == ("o", "m", (1,), {"k": 2})


def test_registered_objects_are_replaced_wherever_they_are(codec: PickleSerializer) -> None:
    uri = URI("PYRO:a@h:1")
    register_type_replacement(things.Special, lambda obj: uri)
    sent = [things.Special(), {"a": things.Special()}, things.Point(1, 2)]
    assert codec.loads(codec.dumps(sent)) == [uri, {"a": uri}, things.Point(1, 2)]


def test_a_replacement_may_be_the_object_itself(codec: PickleSerializer) -> None:
    register_type_replacement(things.Special, lambda obj: obj)
    assert codec.loads(codec.dumps(things.Special(a=1))).a == 1


def test_what_cannot_be_pickled_is_named(codec: PickleSerializer) -> None:
    with pytest.raises(SerializeError, match="cannot serialize generator at the value"):
        codec.dumps(i for i in ())
    with pytest.raises(TypeError, match=r"at args\[0\]\[1\]"):
        codec.dumpsCall("o", "m", ([1, lambda: None],), {})


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\x80\x05."])
def test_damaged_data_is_a_serialize_error(codec: PickleSerializer, data: bytes) -> None:
    with pytest.raises(SerializeError, match="invalid pickle data"):
        codec.loads(data)


@pytest.mark.parametrize("value", [3, (1, 2, 3), None])
def test_what_is_no_call_is_a_serialize_error(codec: PickleSerializer, value: Any) -> None:
    with pytest.raises(SerializeError, match="not a call"):
        codec.loadsCall(pickle.dumps(value))
