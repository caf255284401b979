"""The soak test runs for a moment, finds nothing wrong, and would find what is."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.soak.audit import ENOUGH_SAMPLES, Growth, Sample, compare
from tests.support.processes import ROOT, pinned_environment


def run_soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.soak", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=pinned_environment(),
        check=False,
    )


@pytest.mark.slow
def test_a_few_seconds_of_it_lose_nothing() -> None:
    result = run_soak("--minutes", "0.06", "--every", "1", "--clients", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "All is well" in result.stdout


@pytest.mark.skipif(find_spec("trustme") is not None, reason="trustme is installed")
def test_without_certificates_there_is_no_tls() -> None:
    result = run_soak("--tls")
    assert result.returncode == 1
    assert "trustme" in result.stderr


def test_an_acknowledged_call_that_is_not_in_the_log_is_found() -> None:
    assert compare(["call a"], ["call a", "call b"]) == ["acknowledged, and not in the log: call b"]


def test_a_call_that_was_made_twice_is_found_unless_it_may_be_repeated() -> None:
    assert compare(["call a", "call a", "call b!", "call b!"], []) == ["made 2 times: call a"]


def test_a_note_that_comes_too_late_is_found() -> None:
    assert compare(["note a 1", "note b 0", "note a 0"], []) == ["too late in the log: note a 0"]


def test_growth_is_found_when_there_are_samples_enough() -> None:
    growth = Growth([Sample(10 + number, 5, 1000) for number in range(ENOUGH_SAMPLES)])
    assert growth.complaints() == ["descriptors grew from 20 to 35"]
    growth.samples.pop()
    assert growth.complaints() == []
