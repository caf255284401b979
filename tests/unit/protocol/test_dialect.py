"""What every dialect has to bring along."""

from __future__ import annotations

import pytest

from pyrolike.protocol import V502, Dialect
from pyrolike.protocol.dialect import RECOGNISABLE_SIZE, TAG
from pyrolike.protocol.reader import DIALECTS


def test_a_dialect_that_leaves_something_out_cannot_be_made() -> None:
    class Unfinished(Dialect):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()  # type: ignore[abstract]  # that is the mistake


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))
def test_six_bytes_tell_every_dialect(dialect: Dialect) -> None:
    head = dialect.write_head(6, 1, 0, 0, 0)
    assert len(head) == dialect.header_size
    assert head[:RECOGNISABLE_SIZE] == TAG + dialect.version.to_bytes(2, "big")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))
def test_what_a_dialect_writes_it_reads(dialect: Dialect) -> None:
    annotations = {"ABCD": b"value"}
    head = dialect.write_head(4, 1, 0, 7, 99, annotations)
    message, annotations_size, data_size = dialect.read_header(head)
    assert (message.type, message.serializer_id, message.seq, data_size) == (4, 1, 7, 99)
    assert annotations_size == len(head) - dialect.header_size
    assert dialect.read_annotations(memoryview(head)[dialect.header_size :]) == annotations


def test_502_is_a_dialect_we_speak() -> None:
    assert DIALECTS[502] is V502
    assert V502.tags == "Pyro5"
