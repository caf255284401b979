"""What is left to the serpent library, and that it is loaded for nothing else."""

import subprocess
import sys

import pytest

UNNEEDED = """
import sys
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
codec = get_serializer("serpent")
for value in (1.5, ["a", b"b"], {"a": {1, 2}}, (None, URI("PYRO:a@h:1"), ValueError("no"))):
    codec.loads(codec.dumps(value))
assert "serpent" not in sys.modules
assert codec.dumps(__import__("datetime").date(2026, 1, 2)).endswith(b"'2026-01-02'")
assert "serpent" in sys.modules
"""

ALONE = """
{first}
import pyrolike
from pyrolike.serializers import get_serializer
from pyrolike.uri import URI
get_serializer("serpent").dumps({value})
import serpent
print(serpent.dumps(URI("PYRO:obj@host:1234")).decode())
"""


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout


def test_plain_values_objects_of_ours_and_exceptions_do_without_it() -> None:
    run(UNNEEDED)


@pytest.mark.parametrize(
    ("first", "value"),
    [("import serpent", "1"), ("from collections import deque", "deque([1])")],
)
def test_the_library_alone_writes_our_objects_as_well(first: str, value: str) -> None:
    # From the moment on that it is loaded and our serializer has been used.
    text = run(ALONE.format(first=first, value=value))
    assert "'__class__':'Pyro5.core.URI'" in text
