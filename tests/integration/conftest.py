"""What several files want: each of their tests with a daemon of each server type."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemon import changed_settings
from tests.support.servertypes import LISTENING


@pytest.fixture(scope="module", params=LISTENING)
def server_type(request: pytest.FixtureRequest) -> Iterator[str]:
    """Make the daemons of a module's tests all of one type, then of the other."""
    kind: str = request.param
    with changed_settings(SERVERTYPE=kind):
        yield kind
