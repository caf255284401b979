"""The settings in force, as people and as programs read them."""

from __future__ import annotations

import pytest

from pyrolike.commands import config as command
from pyrolike.configure import config
from tests.support.commands import run_here
from tests.support.daemon import changed_settings

Capture = pytest.CaptureFixture[str]


def test_without_options_it_is_the_dump(capsys: Capture) -> None:
    assert run_here(command.main, [], capsys).out == config.dump() + "\n"


def test_only_what_was_asked_for_is_shown(capsys: Capture) -> None:
    outcome = run_here(command.main, ["NS_PORT", "PYRO_NS_HOST"], capsys)
    assert outcome.out == "NS_PORT = 9090\nNS_HOST = localhost\n"


def test_only_what_has_changed_is_shown(capsys: Capture) -> None:
    with changed_settings(NS_PORT=1234, SSL_SERVERKEYPASSWD="hush"):
        outcome = run_here(command.main, ["--changed"], capsys)
        data = run_here(command.main, ["--changed", "--json"], capsys).data
    assert outcome.out == "NS_PORT = 1234\nSSL_SERVERKEYPASSWD = *****\n"
    assert data == {"NS_PORT": 1234, "SSL_SERVERKEYPASSWD": "*****"}


def test_settings_explain_themselves(capsys: Capture) -> None:
    lines = run_here(command.main, ["--explain", "NS_PORT"], capsys).out.splitlines()
    assert lines[0] == "NS_PORT = 9090"
    assert lines[1].startswith("    TCP port of the name server; a port number")


def test_all_of_them_are_json(capsys: Capture) -> None:
    data = run_here(command.main, ["--json"], capsys).data
    assert data.keys() == config.as_dict().keys()
    assert data["SERIALIZERS_ACCEPTED"] == ["json", "marshal", "msgpack", "serpent"]


@pytest.mark.parametrize(("name", "hint"), [("NS_PRT", "; did you mean NS_PORT?"), ("X", "")])
def test_an_unknown_name_is_one_line(name: str, hint: str, capsys: Capture) -> None:
    outcome = run_here(command.main, [name], capsys)
    assert (outcome.status, outcome.complaint) == (1, f"there is no setting {name}{hint}")
