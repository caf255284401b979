import copyreg
import pickle
import pkgutil
import tracemalloc
from typing import Any

import pytest

from pyrolike.commands import main
from pyrolike.errors import NamingError, SerializeError
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


PLAIN = [
    {"handshake": "hello", "object": "x"},
    [1, -5, 1 << 100, 1.5, True, None, b"bytes", "text", (), (1, 2, 3, 4), [], {}],
    {1: [2, {3: (4,)}]},
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_can_be_read_without_trust(codec: PickleSerializer, protocol: int) -> None:
    for value in PLAIN:
        if protocol > 2 or b"bytes" not in value:  # which older ones make by a function
            assert codec.loads_plain(pickle.dumps(value, protocol)) == value


class Running:
    """Runs what it is told, where it is read."""

    ran: list[str] = []  # noqa: RUF012

    def __init__(self, function: Any, *args: Any) -> None:
        self.told = function, args

    def __reduce__(self) -> Any:
        return self.told


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_of_a_stranger_is_run(codec: PickleSerializer, protocol: int) -> None:
    for bad in (
        Running(Running.ran.append, "ran"),
        Running(eval, "Running.ran.append('ran')"),
        Running(getattr, "text", "upper"),
        things.Point(1, 2),
        things.Colour.RED,
        URI("PYRO:a@h:1"),
        len,
        dict,
    ):
        with pytest.raises(SerializeError, match="plain values only"):
            codec.loads_plain(pickle.dumps({"handshake": bad}, protocol))
    assert Running.ran == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"cos\nsystem\n(S'true'\ntR.",
        b"(ios\nsystem\n.",
        b"(S'abc'\no.",
        b"(S'abc'\n)o.",
        b"\x82\x01.",  # an extension, by its number
        b"Psomething\n.",
        b"\x80\x02]}U\x01aK\x01sb.",
        b"\x80\x02]N}U\x06appendK\x01s\x86b.",
        b"\x80\x02U\x01a)\x81.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80\x05\x97.",
    ],
)
def test_what_is_no_plain_pickle_is_refused(codec: PickleSerializer, data: bytes) -> None:
    with pytest.raises(SerializeError, match="plain values only"):
        codec.loads_plain(data)


def test_extensions_are_not_known_even_if_the_program_knows_them(codec: PickleSerializer) -> None:
    copyreg.add_extension("builtins", "eval", 240)
    try:
        data = pickle.dumps(eval, 2)
        assert pickle.loads(data) is eval  # it is in the cache now
        with pytest.raises(SerializeError, match="extension"):
            codec.loads_plain(data)
    finally:
        copyreg.remove_extension("builtins", "eval", 240)
        copyreg.clear_extension_cache()


def test_a_few_bytes_do_not_reserve_much_memory(codec: PickleSerializer) -> None:
    data = b"\x80\x02Nr\xff\xff\xff\x7f."  # remember something at a very high number
    tracemalloc.start()
    try:
        assert codec.loads_plain(data) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


# -- what pickles may name


class CarefulSerializer(PickleSerializer):
    """Reads what it knows."""

    def permits(self, module: str, name: str) -> bool:
        return f"{module}.{name}" == "tests.support.things.Point"


class Named:
    """Pickled as what it is told to name."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("tags", ["Pyro5", "Pyro4"])
def test_a_serializer_of_your_own_reads_what_it_permits(tags: str) -> None:
    codec = CarefulSerializer().with_tags(tags)
    assert isinstance(codec, CarefulSerializer)
    value = [things.Point(1, 2), URI("PYRO:a@h:1"), NamingError("unknown"), {"a": (1,)}]
    found = codec.loads(codec.dumps(value))
    assert found[:2] == value[:2]
    assert isinstance(found[2], NamingError)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize(
    "value",
    [
        things.Colour.RED,
        print,
        Named(print, "called"),
        Named(pkgutil.resolve_name, "builtins:print"),
        Named(pkgutil.resolve_name, "builtins.print"),
        Named(pkgutil.resolve_name, "tests.support.things:Point.__init__.__globals__"),
        Named(main.main),
    ],
    ids=["member", "function", "call", "resolved", "without a colon", "far away", "command line"],
)
def test_and_refuses_everything_else(
    value: Any, protocol: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = pickle.dumps(value, protocol)
    with pytest.raises(SerializeError, match=r"not permitted|invalid pickle data"):
        CarefulSerializer().loads(data)
    assert capsys.readouterr().out == ""
