"""Bytes in several places: the same bytes as if they were in one."""

from __future__ import annotations

from pyrolike._pieces import Pieces, drop, join, lay_out, take

PARTS = [b"first", b"", b"the second", b"third"]
WHOLE = b"".join(PARTS)


def test_pieces_have_the_length_and_the_bytes_of_all_together() -> None:
    pieces = Pieces(PARTS)
    assert len(pieces) == len(WHOLE)
    assert bytes(pieces) == WHOLE
    assert repr(pieces) == "<Pieces 20 bytes in 4 places>"


def test_what_is_in_one_piece_is_not_copied() -> None:
    whole = memoryview(WHOLE)
    assert join(whole) is whole
    assert join(Pieces(PARTS)) == WHOLE


def test_a_message_is_laid_out_in_its_order() -> None:
    assert lay_out(b"head", WHOLE) == [b"head", WHOLE]
    pieces = Pieces(PARTS)
    assert lay_out(b"head", pieces) == [b"headfirst", b"", b"the second", b"third"]
    assert bytes(pieces) == b"", "nobody holds them who does not send them"


def test_parts_are_cut_anywhere() -> None:
    for count in range(len(WHOLE) + 2):
        assert b"".join(take(PARTS, count)) == WHOLE[:count]
        assert b"".join(drop(PARTS, count)) == WHOLE[count:]
    assert drop([], 0) == take([], 1) == []
