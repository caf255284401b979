from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import CloudpickleSerializer, DillSerializer, PickleSerializer
from pyrolike.serializers.classes import register_type_replacement
from pyrolike.uri import URI
from tests.support import things

pytest.importorskip("dill")
pytest.importorskip("cloudpickle")


@pytest.fixture(params=[DillSerializer, CloudpickleSerializer])
def codec(request: pytest.FixtureRequest) -> PickleSerializer:
    made: PickleSerializer = request.param()
    return made


def test_functions_and_local_classes_are_taken_along(codec: PickleSerializer) -> None:
    class Local:
        number = 7

    double, made = codec.loads(codec.dumps([lambda number: 2 * number, Local()]))
    assert (double(21), made.number) == (42, 7)


def test_plain_values_and_calls_are_carried(codec: PickleSerializer) -> None:
    value = {1: things.Point(1, 2), "u": URI("PYRO:a@h:1"), "s": {1}}
    assert codec.loads(codec.dumps(value)) == value
    assert codec.loadsCall(codec.dumpsCall("o", "m", (1,), {"k": 2})) == ("o", "m", (1,), {"k": 2})


def test_registered_objects_are_replaced_and_functions_beside_them_still_go(
    codec: PickleSerializer,
) -> None:
    uri = URI("PYRO:a@h:1")
    register_type_replacement(things.Special, lambda obj: uri)
    one, function = codec.loads(codec.dumps([things.Special(), lambda: 3]))
    assert (one, function()) == (uri, 3)


def test_names_for_a_pyro4_peer_are_its_own(codec: PickleSerializer) -> None:
    other = type(codec)(tags="Pyro4")
    data = other.dumps([URI("PYRO:a@h:1"), lambda: 1])
    assert b"pyrolike.uri" not in data
    assert other.loads(data)[0] == URI("PYRO:a@h:1")


def test_the_protocol_can_be_chosen(codec: PickleSerializer) -> None:
    assert type(codec)(protocol=2).dumps([1]).startswith(b"\x80\x02")
    assert codec.dumps([1])[1] >= 4


@pytest.mark.parametrize("value", [b"", b"rubbish"])
def test_damaged_data_is_a_serialize_error(codec: PickleSerializer, value: bytes) -> None:
    with pytest.raises(SerializeError, match=f"invalid {codec.name} data"):
        codec.loads(value)


def test_what_cannot_be_sent_is_named(codec: PickleSerializer) -> None:
    sent: Any = (number for number in ())
    with pytest.raises(SerializeError, match="cannot serialize generator at the value"):
        codec.dumps(sent)
