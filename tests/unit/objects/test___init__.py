"""The front of the object floor: what it names, and that it loads no more than is asked for."""

import subprocess
import sys

import pyrolike.objects


def test_every_name_is_there() -> None:
    for name in pyrolike.objects.__all__:
        assert getattr(pyrolike.objects, name).__name__ == name


def test_who_only_calls_loads_nothing_of_dispatching() -> None:
    code = "import sys; from pyrolike.client import Proxy; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pyrolike.objects.members" in loaded
    assert {"pyrolike.objects.dispatch", "pyrolike.objects.streams"}.isdisjoint(loaded)
