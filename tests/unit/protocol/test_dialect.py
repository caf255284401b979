"""What every dialect has to bring along."""

from __future__ import annotations

import pytest

from pyrolike.protocol import V48, V502, Dialect
from pyrolike.protocol.dialect import RECOGNISABLE_SIZE, TAG
from pyrolike.protocol.reader import DIALECTS


def test_a_dialect_that_leaves_something_out_cannot_be_made() -> None:
    class Unfinished(Dialect):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()  # type: ignore[abstract]  # that is the mistake


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))
def test_six_bytes_tell_every_dialect(dialect: Dialect) -> None:
    head = dialect.write_head(6, 1, 0, 0, b"")
    assert len(head) == dialect.header_size
    assert head[:RECOGNISABLE_SIZE] == TAG + dialect.version.to_bytes(2, "big")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))
def test_what_a_dialect_writes_it_reads(dialect: Dialect) -> None:
    annotations = {"ABCD": b"value"}
    head = dialect.write_head(4, 1, 0, 7, bytes(99), annotations)
    message, annotations_size, data_size = dialect.read_header(head)
    assert (message.type, message.serializer_id, message.seq, data_size) == (4, 1, 7, 99)
    assert annotations_size == len(head) - dialect.header_size
    dialect.add_annotations(message, memoryview(head)[dialect.header_size :])
    assert message.annotations == annotations


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))
def test_serializers_are_the_same_above_every_dialect(dialect: Dialect) -> None:
    for name, number in V502.serializer_numbers.items():
        head = dialect.write_head(4, number, 0, 0, b"")
        assert dialect.read_header(head)[0].serializer_id == number
        assert dialect.number_on_wire(number) == dialect.serializer_numbers[name]
        assert dialect.serializer_names[dialect.serializer_numbers[name]] == name


def test_two_dialects_are_spoken() -> None:
    assert DIALECTS == {502: V502, 48: V48}
    assert (V502.tags, V48.tags) == ("Pyro5", "Pyro4")


def test_what_is_said_first_is_said_in_pyro5s() -> None:
    assert next(iter(DIALECTS.values())) is V502
