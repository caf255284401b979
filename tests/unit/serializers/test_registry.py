from typing import Any

import pytest

from pyrolike.errors import SerializeError
from pyrolike.serializers import (
    PickleSerializer,
    SerializerBase,
    SerpentSerializer,
    get_serializer,
    get_serializer_by_id,
    registry,
    serializers,
    serializers_by_id,
)
from pyrolike.serializers.recreation import dict_to_class
from pyrolike.uri import URI

NUMBERS = {
    "serpent": 1,
    "marshal": 2,
    "json": 3,
    "msgpack": 4,
    "pickle": 200,
    "dill": 201,
    "cloudpickle": 202,
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items())
def test_every_serializer_is_found_by_its_name_and_by_its_number(name: str, number: int) -> None:
    serializer = get_serializer(name)
    assert (serializer.name, serializer.serializer_id) == (name, number)
    assert get_serializer_by_id(number) is serializers_by_id[number] is serializer
    assert get_serializer(name) is serializer


def test_who_looks_at_all_of_them_sees_serializers() -> None:
    assert all(isinstance(serializer, SerializerBase) for serializer in serializers.values())
    assert {number: one.name for number, one in serializers_by_id.items()} == {
        number: name for name, number in NUMBERS.items()
    }
    assert {**serializers}.keys() == dict(serializers).keys() == NUMBERS.keys()
    assert dict(serializers)["json"] is serializers["json"]


def test_serpent_writes_bytes_in_two_ways() -> None:
    plain, with_repr = get_serializer("serpent"), get_serializer("serpent", bytes_repr=True)
    assert plain.dumps(b"a").endswith(b"{'data': 'YQ==', 'encoding': 'base64'}")
    assert with_repr.dumps(b"a").endswith(b"b'a'")
    assert get_serializer("serpent", bytes_repr=True) is with_repr


def test_the_way_of_writing_bytes_means_nothing_to_others() -> None:
    assert get_serializer("json", bytes_repr=True) is get_serializer("json")


def test_a_users_serpent_serializer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(SerpentSerializer):
        pass

    own = Own()
    monkeypatch.setitem(serializers, "serpent", own)
    assert get_serializer("serpent", bytes_repr=True) is own


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SerializeError, match="'yaml'; known are serpent, marshal, json, pickle"):
        get_serializer("yaml")


def test_an_unknown_number_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SerializeError, match=r"number 42; known are 1 \(serpent\)"):
        get_serializer_by_id(42)


def test_msgpack_is_there_only_if_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(registry.find_names()) == set(serializers)
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    assert registry.find_names() == ["serpent", "marshal", "json", "pickle"]


@pytest.mark.parametrize("name", ["msgpack", "dill", "cloudpickle"])
def test_without_its_package_a_serializer_says_how_to_get_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(serializers, name)
    with pytest.raises(SerializeError, match=rf"pip install {name}\b"):
        get_serializer(name)


def test_each_of_the_pickling_ones_has_its_setting_for_the_protocol() -> None:
    options = {"pickle_protocol": 2, "dill_protocol": 3}
    expected = {"pickle": 2, "cloudpickle": 2, "dill": 3}
    for name, protocol in expected.items():
        found = get_serializer(name, **options)
        assert isinstance(found, PickleSerializer)
        assert (found.name, found.protocol) == (name, protocol)
        assert get_serializer(name, **options) is found is not get_serializer(name)
    assert get_serializer("json", **options) is get_serializer("json")


def test_a_users_pickle_serializer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(PickleSerializer):
        pass

    own = Own()
    monkeypatch.setitem(serializers, "pickle", own)
    assert get_serializer("pickle", pickle_protocol=2) is own


@pytest.mark.parametrize("family", ["Pyro5", "Pyro4"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_peer_may_send_a_serializer(family: str, name: str) -> None:
    cls = type(serializers[name])
    made = dict_to_class({"__class__": f"{family}.util.{cls.__name__}"})
    assert isinstance(made, SerializerBase)
    assert made == serializers[name]


def test_pickle_writes_the_newest_protocol_unless_told_otherwise() -> None:
    assert PickleSerializer(protocol=0).dumps("a").startswith(b"V")
    assert PickleSerializer().protocol >= 5


@pytest.mark.parametrize("name", serializers)
def test_for_pyro4_peers_every_serializer_writes_their_names(name: str) -> None:
    theirs = get_serializer(name, tags="Pyro4")
    assert theirs is get_serializer(name, tags="Pyro4")
    assert (type(theirs), theirs.tags) == (type(get_serializer(name)), "Pyro4")
    assert get_serializer(name, tags="Pyro5") is get_serializer(name)
    uri = URI("PYRO:a@h:1")
    assert b"Pyro4.core" in theirs.dumps(uri)
    assert theirs.loads(theirs.dumps(uri)) == uri


def test_settings_hold_for_pyro4_peers_too() -> None:
    assert get_serializer("serpent", bytes_repr=True, tags="Pyro4").dumps(b"a").endswith(b"b'a'")
    theirs: Any = get_serializer("json", json_module="some_other", tags="Pyro4")
    assert theirs.module == "some_other"


def test_a_program_may_replace_a_serializer_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(SerpentSerializer):
        pass

    before = get_serializer("serpent", tags="Pyro4")
    monkeypatch.setitem(serializers, "serpent", Own())
    assert type(get_serializer("serpent", tags="Pyro4")) is Own
    monkeypatch.undo()
    assert get_serializer("serpent", tags="Pyro4") is before


def test_a_serializer_with_ideas_of_its_own_serves_all_peers_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Own(SerpentSerializer):
        def __init__(self, wanted: int) -> None:
            super().__init__()

    own = Own(1)
    monkeypatch.setitem(serializers, "serpent", own)
    assert get_serializer("serpent", tags="Pyro4") is own
