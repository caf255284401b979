import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pyrolike.errors import MessageTooLargeError, SerializeError
from pyrolike.serializers import (
    JsonSerializer,
    SerializerBase,
    SerpentSerializer,
    base,
    classes,
    get_serializer,
)
from pyrolike.serializers.base import Buffer, Call
from pyrolike.serializers.classes import find_dict_converter
from pyrolike.uri import URI
from tests.support import things


class ReprSerializer(SerializerBase):
    """The least a user has to write."""

    name = "repr"
    serializer_id = 250

    def dumps(self, data: Any) -> bytes:
        return repr(data).encode()

    def loads(self, data: Buffer) -> Any:
        return bytes(data).decode()

    def dumpsCall(
        self, obj: str, method: str, vargs: Sequence[Any], kwargs: Mapping[str, Any] | None
    ) -> bytes:
        return self.dumps((obj, method, vargs, kwargs))

    def loadsCall(self, data: Buffer) -> Call:
        return "", "", (), {}


def test_the_base_cannot_be_used_itself() -> None:
    with pytest.raises(TypeError):
        SerializerBase()  # type: ignore[abstract]  # that is the point


def test_a_serializer_of_a_users_own_inherits_the_rest() -> None:
    serializer = ReprSerializer()
    assert serializer.loads(serializer.dumps(3)) == "3"
    assert serializer.tags == "Pyro5"
    uri = {"__class__": "Pyro5.core.URI", "state": ["PYRO", "a", None, "h", 1]}
    assert serializer.recreate_classes([uri]) == [URI("PYRO:a@h:1")]


def test_converters_to_dicts_are_registered_for_all_serializers() -> None:
    SerializerBase.register_class_to_dict(things.Plain, lambda obj: {"__class__": "p"})
    assert ReprSerializer.class_to_dict(things.Plain()) == {"__class__": "p"}
    JsonSerializer.unregister_class_to_dict(things.Plain)
    assert SerializerBase.class_to_dict(things.Plain())["__class__"] != "p"


def test_a_converter_can_be_kept_from_serpent() -> None:
    SerializerBase.register_class_to_dict(things.Plain, str, serpent_too=False)
    assert things.Plain in classes._not_for_serpent


def test_converters_to_classes_are_registered_for_all_serializers() -> None:
    SerializerBase.register_dict_to_class("a.B", lambda name, data: name)
    assert JsonSerializer.dict_to_class({"__class__": "a.B"}) == "a.B"
    ReprSerializer.unregister_dict_to_class("a.B")
    assert find_dict_converter("a.B") is None


def test_replacements_are_registered_for_all_serializers() -> None:
    JsonSerializer.register_type_replacement(things.Plain, lambda obj: 3)
    assert classes.replace(things.Plain()) == 3


def test_serializers_are_equal_if_their_public_settings_are() -> None:
    assert JsonSerializer() == JsonSerializer()
    assert hash(JsonSerializer()) == hash(JsonSerializer())
    assert JsonSerializer() != JsonSerializer(tags="Pyro4")
    assert JsonSerializer() != SerpentSerializer()
    assert SerpentSerializer() != SerpentSerializer(bytes_repr=True)
    assert JsonSerializer() != 3


def test_a_serializer_is_shown_by_its_class() -> None:
    assert repr(JsonSerializer()) == "<pyrolike.serializers.json_codec.JsonSerializer>"


def test_pyro4s_programs_encode_values_and_calls_with_or_without_compression() -> None:
    codec = get_serializer("serpent")
    long, short = ["x" * 500], ["x"]
    assert codec.serializeData(short, compress=True) == (codec.dumps(short), False)
    assert codec.serializeData(long) == (codec.dumps(long), False)
    data, is_compressed = codec.serializeData(long, compress=True)
    assert is_compressed
    assert len(data) < 100
    assert codec.deserializeData(data, compressed=True) == long
    assert codec.deserializeData(codec.dumps(short)) == short
    call = ("o", "m", tuple(long), {})
    data, is_compressed = codec.serializeCall(*call, compress=True)
    assert is_compressed
    assert codec.deserializeCall(data, compressed=True) == call
    assert codec.deserializeCall(codec.serializeCall(*call)[0]) == call


def test_what_cannot_be_compressed_is_left_as_it_is() -> None:
    noise = random.Random(1).randbytes(300)
    assert get_serializer("marshal").serializeData(noise, compress=True)[1] is False


def test_compressed_data_that_is_damaged_or_opens_to_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = get_serializer("serpent")
    data, _ = codec.serializeData(["x" * 500], compress=True)
    for damaged in (b"rubbish", data[:-3]):
        with pytest.raises(SerializeError, match="compressed"):
            codec.deserializeData(damaged, compressed=True)
    monkeypatch.setattr(base, "LARGEST", 400)
    with pytest.raises(MessageTooLargeError, match="more than 400 bytes"):
        codec.deserializeData(data, compressed=True)


@pytest.mark.parametrize("name", ["serpent", "json", "marshal", "msgpack", "pickle"])
def test_damaged_data_and_data_of_another_shape_are_told_apart(name: str) -> None:
    codec = get_serializer(name)
    with pytest.raises(SerializeError, match=r"the data is not a call: .* one list of 2$"):
        codec.loadsCall(codec.dumps([1, 2]))
    with pytest.raises(SerializeError, match=r"found was one int$"):
        codec.loadsCall(codec.dumps(5))
    whole = codec.dumpsCall("object", "method", ("a text",), {})
    with pytest.raises(SerializeError, match=f"invalid {name} data"):
        codec.loadsCall(whole[:-2])
