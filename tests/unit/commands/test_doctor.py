"""The doctor's report, for people and for programs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyrolike.commands import checks, checks_network, doctor
from pyrolike.commands.findings import Finding, Findings
from tests.support.commands import run_here
from tests.support.processes import pinned_environment

Capture = pytest.CaptureFixture[str]
FINE = Finding("ok", "names", "All is well.")
NOTE = Finding("note", "address", "It is so, and it may be so for as long as anybody likes " * 3)
WRONG = Finding("warning", "address", "It is wrong.", "Do something about it.")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds; nothing is looked at."""
    findings: list[Finding] = []

    def check(refused: dict[str, str], *, with_name_server: bool) -> Findings:
        yield from findings

    monkeypatch.setattr(doctor, "_check_all", check)
    return findings


def test_what_is_fine_is_not_shown_unless_asked_for(found: list[Finding], capsys: Capture) -> None:
    found.append(FINE)
    outcome = run_here(doctor.main, [], capsys)
    assert (outcome.status, outcome.out) == (0, "Nothing is wrong.\n")
    for option in ("--all", "-v"):
        assert "ok       names        All is well.\n" in run_here(doctor.main, [option], capsys).out


def test_what_is_wrong_comes_with_what_to_do_and_status_1(
    found: list[Finding], capsys: Capture
) -> None:
    found.extend([NOTE, WRONG])
    outcome = run_here(doctor.main, [], capsys)
    lines = outcome.out.splitlines()
    assert outcome.status == 1
    assert max(map(len, lines)) <= 100
    assert lines[-3:] == [
        "warning  address      It is wrong.",
        "                      -> Do something about it.",
        "1 thing is wrong.",
    ]
    found.append(WRONG)
    assert run_here(doctor.main, [], capsys).out.endswith("2 things are wrong.\n")


def test_everything_is_in_the_json(found: list[Finding], capsys: Capture) -> None:
    found.extend([FINE, WRONG])
    outcome = run_here(doctor.main, ["--json"], capsys)
    assert outcome.status == 1
    assert outcome.data == {"ok": False, "findings": [FINE.as_dict(), WRONG.as_dict()]}
    found.pop()
    assert run_here(doctor.main, ["--json"], capsys).data["ok"] is True


@pytest.mark.parametrize("with_name_server", [True, False])
def test_all_checks_are_made(monkeypatch: pytest.MonkeyPatch, with_name_server: bool) -> None:
    made = []

    def stand_in(name: str) -> object:
        def check(*args: object, **kwargs: object) -> list[Finding]:
            made.append(name)
            return []

        return check

    names = {
        (module, name)
        for module in (checks, checks_network)
        for name in vars(module)
        if name.startswith("check_")
    }
    for module, name in names:
        monkeypatch.setattr(module, name, stand_in(name))
    assert list(doctor._check_all({}, with_name_server=with_name_server)) == []
    left_out = set() if with_name_server else {"check_name_server", "check_broadcasts"}
    assert set(made) == {name for _, name in names} - left_out


def test_variables_that_cannot_be_read_are_findings_and_the_others_hold() -> None:
    program = (
        "import os\n"
        "from pyrolike.commands import doctor\n"
        "print(doctor._load_settings())\n"
        "from pyrolike.configure import config\n"
        "print(config.COMMTIMEOUT, config.NS_PORT, sorted(n for n in os.environ if 'PYRO_' in n))\n"
    )
    given = {"PYRO_NS_PORT": "x", "PYRO_COMMTIMEOUT": "2", "PYRO_FOO": "1", "PYRO_SSL": "maybe"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=pinned_environment(given),
        capture_output=True,
        text=True,
        check=True,
    )
    refused, values = done.stdout.splitlines()
    assert "'PYRO_NS_PORT': \"Environment variable PYRO_NS_PORT must be a port number" in refused
    assert "'PYRO_SSL': " in refused
    assert "FOO" not in refused
    assert values == "2.0 9090 ['PYRO_COMMTIMEOUT', 'PYRO_FOO']"


def test_variables_that_can_be_read_are_left_alone() -> None:
    before = dict(os.environ)
    assert doctor._load_settings() == {}
    assert os.environ == before
