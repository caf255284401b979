import pickle
from types import SimpleNamespace

import pytest

from pyrolike.errors import SerializeError
from pyrolike.protocol import Message, MessageType
from pyrolike.serializers import SerializedBlob, load_marshal, serializers

SAFE = ["serpent", "json", "marshal", "msgpack"]


def received(name: str) -> Message:
    serializer = serializers[name]
    payload = serializer.dumpsCall("obj", "method", [1, "two"], {})
    return Message(MessageType.INVOKE, serializer.serializer_id, 0, 1, payload)


def test_a_new_blob_has_its_arguments_at_hand() -> None:
    blob = SerializedBlob("info", [1, 2])
    assert (blob.info, blob.data, blob.message, blob.serializer_id) == ("info", [1, 2], None, None)
    assert blob.deserialized() == [1, 2]
    assert repr(blob) == "<SerializedBlob 'info' with data>"


@pytest.mark.parametrize("name", SAFE)
def test_a_received_blob_is_opened_with_the_serializer_it_was_made_with(name: str) -> None:
    # Pyro returns a key of the message instead of the arguments with json (conflicts, defect 26).
    message = received(name)
    blob = SerializedBlob("info", message, is_blob=True)
    assert blob.serializer_id == serializers[name].serializer_id
    assert (blob.data, blob.message) == (None, message)
    assert blob.deserialized() == [1, "two"]
    assert repr(blob) == "<SerializedBlob 'info' with a message>"


def test_a_blob_of_an_unknown_serializer_cannot_be_opened() -> None:
    message = SimpleNamespace(payload=b"", serializer_id=99)
    blob = SerializedBlob("info", message, is_blob=True)
    with pytest.raises(SerializeError, match="number 99"):
        blob.deserialized()


@pytest.mark.parametrize("wrong", [b"bytes", None, SimpleNamespace(payload=b"")])
def test_a_received_blob_is_made_of_a_message(wrong: object) -> None:
    with pytest.raises(TypeError, match="protocol message"):
        SerializedBlob("info", wrong, is_blob=True)


@pytest.mark.parametrize("name", SAFE)
def test_a_blob_among_other_arguments_is_refused(name: str) -> None:
    blob = SerializedBlob("info", [1])
    with pytest.raises(SerializeError, match="must be the only argument of a call") as caught:
        serializers[name].dumpsCall("obj", "method", (1, blob), {})
    assert caught.value.where == "args[1]"


def test_a_blob_is_not_pickled() -> None:
    with pytest.raises(SerializeError, match="only argument"):
        pickle.dumps(SerializedBlob("info", [1]))


def test_the_address_of_a_blob_needs_a_plain_info() -> None:
    packed = SerializedBlob({"a": [1]}, [1]).pack_address("obj", "method")
    assert load_marshal(packed) == ({"a": [1]}, "obj", "method")
    with pytest.raises(SerializeError, match=r"info of a SerializedBlob must be plain.*object"):
        SerializedBlob(object(), [1]).pack_address("obj", "method")
