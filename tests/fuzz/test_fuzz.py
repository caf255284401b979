"""Every fuzzer for a moment: real messages, damaged in a few places, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("resource", reason="only Unix can limit the memory of a process")

from hypothesis import given, settings, strategies as st

from tests.fuzz.isolated import Isolated
from tests.fuzz.target import NAMES, Target, load_target

pytestmark = pytest.mark.slow

EXAMPLES = 150
MOST_CHANGES = 6

Change = tuple[int, int, bytes]
"""At a place, so many bytes give way to others. Places count from the start, and go round."""


@pytest.fixture(params=NAMES)
def fuzzer(request: pytest.FixtureRequest) -> Iterator[tuple[Target, Isolated]]:
    with Isolated(request.param) as isolated:
        yield load_target(request.param), isolated


def changed(data: bytes, changes: list[Change]) -> bytes:
    for place, gone, piece in changes:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + gone :]
    return data


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return what is tried: of the corpus, with some changes; and anything."""
    pieces = st.binary(max_size=8)
    if target.tokens:
        pieces |= st.sampled_from(list(target.tokens))
    changes = st.tuples(st.integers(0, 5000), st.sampled_from([0, 1, 1, 4, 40]), pieces)
    corpus = st.sampled_from(list(target.corpus))
    damaged = st.builds(changed, corpus, st.lists(changes, min_size=1, max_size=MOST_CHANGES))
    return damaged | st.binary(max_size=200)


def test_the_invariant_holds(fuzzer: tuple[Target, Isolated]) -> None:
    target, isolated = fuzzer

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None)
    @given(inputs(target))
    def holds(data: bytes) -> None:
        isolated.check(data)

    holds()
