"""A gateway that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gateways import Place, running_gateway


@pytest.fixture(scope="module")
def shared() -> Iterator[Place]:
    with running_gateway() as place:
        yield place
