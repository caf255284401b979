"""What every serializer promises, whatever its format."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pyrolike.errors import NamingError, RemoteError, SecurityError, SerializeError
from pyrolike.serializers import ExceptionWrapper, SerializerBase, serializers
from pyrolike.uri import URI
from tests.support import things

SAFE = ["serpent", "json", "marshal", "msgpack"]
BUFFERS = [bytes, bytearray, memoryview]


@pytest.fixture(params=SAFE)
def safe(request: pytest.FixtureRequest) -> SerializerBase:
    """A serializer that creates nothing but known classes."""
    return serializers[request.param]


@pytest.fixture(params=[*SAFE, "pickle"])
def serializer(request: pytest.FixtureRequest) -> SerializerBase:
    """Any serializer."""
    return serializers[request.param]


@pytest.fixture
def converters() -> Iterator[None]:
    """A user's class that is known in both directions."""
    name = "user.Point"
    SerializerBase.register_class_to_dict(
        things.Point, lambda point: {"__class__": name, "at": [point.x, point.y]}
    )
    SerializerBase.register_dict_to_class(name, lambda name, data: things.Point(*data["at"]))
    yield
    SerializerBase.unregister_class_to_dict(things.Point)
    SerializerBase.unregister_dict_to_class(name)


def send(serializer: SerializerBase, value: object) -> Any:
    return serializer.loads(serializer.dumps(value))


COMMON = [
    None,
    True,
    False,
    0,
    -5,
    2**80,
    1.5,
    "",
    'it\'s "é€😀"\n\0',
    [],
    {},
    [[1, {"a": [None]}]],
]


@pytest.mark.parametrize("value", COMMON, ids=repr)
def test_what_all_formats_know_arrives_unchanged(serializer: SerializerBase, value: object) -> None:
    arrived = send(serializer, value)
    assert (arrived, type(arrived)) == (value, type(value))


@pytest.mark.parametrize("buffer", BUFFERS)
@pytest.mark.parametrize("kwargs", [{}, None, {"k": [1]}])
@pytest.mark.parametrize("vargs", [(), (3, 4), ("a", None, {"x": [1.5]}), [["m", [1], {}]]])
def test_a_call_arrives_from_any_buffer(
    serializer: SerializerBase, vargs: Sequence[Any], kwargs: Any, buffer: Any
) -> None:
    data = serializer.dumpsCall("an object", "a_method", vargs, kwargs)
    assert type(data) is bytes
    obj, method, arrived, named = serializer.loadsCall(buffer(data))
    assert (obj, method, list(arrived), named) == ("an object", "a_method", list(vargs), kwargs)
    assert serializer.loads(buffer(serializer.dumps([1]))) == [1]


def test_a_uri_arrives(serializer: SerializerBase) -> None:
    for text in ("PYRO:a@h:1", "PYRONAME:n", "PYROMETA:a,b@h", "PYRO:a@./u:/run/x"):
        assert send(serializer, URI(text)) == URI(text)


def test_an_exception_arrives_with_its_arguments_and_attributes(serializer: SerializerBase) -> None:
    for cls in (ZeroDivisionError, KeyError, NamingError, StopIteration):
        error: Any = cls("x", 1)
        error.extra = {"k": 1}
        error._pyroTraceback = ["line\n"]
        arrived = send(serializer, error)
        assert (type(arrived), arrived.args) == (cls, ("x", 1))
        assert (arrived.extra, arrived._pyroTraceback) == ({"k": 1}, ["line\n"])


def test_the_end_of_another_program_is_not_the_end_of_this_one(safe: SerializerBase) -> None:
    for error in (SystemExit(3), KeyboardInterrupt()):
        arrived = send(safe, error)
        assert isinstance(arrived, RemoteError)
        assert arrived.class_name == f"builtins.{type(error).__name__}"


def test_the_results_of_a_batch_arrive(serializer: SerializerBase) -> None:
    first, failed = send(serializer, [3, ExceptionWrapper(KeyError("k"))])
    assert first == 3
    assert isinstance(failed, ExceptionWrapper)
    with pytest.raises(KeyError, match="k"):
        failed.raiseIt()


@pytest.mark.usefixtures("converters")
def test_a_users_class_arrives_with_converters(safe: SerializerBase) -> None:
    assert send(safe, things.Point(1, 2)) == things.Point(1, 2)
    call = safe.loadsCall(
        safe.dumpsCall("o", "m", (1, things.Point(1, 2)), {"k": things.Point(3, 4)})
    )
    assert list(call[2]) == [1, things.Point(1, 2)]
    assert call[3] == {"k": things.Point(3, 4)}


def test_without_converters_the_receiver_says_which_class_and_where(safe: SerializerBase) -> None:
    data = safe.dumpsCall("o", "m", (1, things.Point(1, 2)), {})
    with pytest.raises(SerializeError) as caught:
        safe.loadsCall(data)
    assert str(caught.value) == (
        "unknown class tests.support.things.Point at args[1]; "
        "register a converter with register_dict_to_class in the program that receives it, or "
        "send plain values"
    )


def test_a_class_dict_with_underscores_is_refused(safe: SerializerBase) -> None:
    data = safe.dumpsCall("o", "m", (), {"k": {"__class__": "__main__.X"}})
    with pytest.raises(SecurityError, match=r"at kwargs\['k'\]"):
        safe.loadsCall(data)


def test_what_cannot_be_sent_is_named_with_its_place(serializer: SerializerBase) -> None:
    thing = (i for i in ())
    with pytest.raises(SerializeError) as caught:
        serializer.dumpsCall("o", "m", (1, {"cfg": [thing]}), {})
    assert str(caught.value).startswith("cannot serialize generator at args[1]['cfg'][0]: ")
    assert (caught.value.class_name, caught.value.where) == ("generator", "args[1]['cfg'][0]")
    for old in (TypeError, ValueError):
        with pytest.raises(old):
            serializer.dumps(thing)


def test_objects_are_never_changed_by_sending_them(serializer: SerializerBase) -> None:
    obj = things.Plain(a=[1], _pyroId="id", _pyroDaemon="a daemon")
    before = dict(vars(obj))
    serializer.dumps(obj)
    assert vars(obj) == before


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 50, b"(((", b"[[", b"{'"])
def test_rubbish_is_a_serialize_error(serializer: SerializerBase, data: bytes) -> None:
    with pytest.raises(SerializeError):
        serializer.loadsCall(data)


def test_threads_share_a_serializer(serializer: SerializerBase) -> None:
    start = threading.Barrier(8)
    wrong: list[object] = []

    def work(number: int) -> None:
        start.wait()
        value = [number, {"text": f"text {number}" * 50}, [URI(f"PYRO:o{number}@h:1").object] * 20]
        for _ in range(200):
            arrived = send(serializer, value)
            if arrived != value:
                wrong.append(arrived)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
