"""What holds for every test of the server: no thread is left when it is over."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.serving import settle


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert settle(before) == []
