"""What the doctor sees in this process: environment, settings, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pyrolike.commands import checks
from pyrolike.commands.findings import Finding
from tests.support.certificates import PASSWORD, Certificates, make_certificates
from tests.support.daemon import changed_settings


def wrong(findings: Iterable[Finding]) -> list[str]:
    """Return the texts of what is wrong; each has an advice."""
    found = [finding for finding in findings if finding.is_wrong]
    assert all(finding.advice for finding in found)
    return [finding.text for finding in found]


def texts(findings: Iterable[Finding]) -> str:
    return "\n".join(finding.text for finding in findings)


def test_variables_that_are_no_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRO_NS_PRT", "1")
    monkeypatch.setenv("PYRO_COLOUR", "1")
    monkeypatch.setenv("PYRO_NS_PORT", "1")
    monkeypatch.setenv("PYRO_HTTPGATEWAY_KEY", "1")  # the gateway's
    assert wrong(checks.check_environment({})) == [
        "The variable PYRO_COLOUR is no setting of pyrolike and is ignored.",
        "The variable PYRO_NS_PRT is no setting of pyrolike and is ignored (PYRO_NS_PORT is one).",
    ]


def test_a_variable_that_was_refused_is_an_error() -> None:
    assert wrong(checks.check_environment({"PYRO_NS_PORT": "It must be a port."})) == [
        "It must be a port."
    ]


def test_settings_at_their_default_are_fine() -> None:
    assert wrong(checks.check_settings()) == []
    assert "All settings have their defaults." in texts(checks.check_settings())


def test_settings_that_differ_are_told_without_passwords() -> None:
    with changed_settings(NS_PORT=1, SSL_SERVERKEYPASSWD="hush", COMMTIMEOUT=1.0):
        found = texts(checks.check_settings())
    assert "NS_PORT = 1, and not its default: TCP port of the name server." in found
    assert "hush" not in found
    assert "COMMTIMEOUT is 0" not in found


def test_a_small_limit_for_messages_is_wrong() -> None:
    with changed_settings(MAX_MESSAGE_SIZE=2500):
        assert wrong(checks.check_settings())[0].startswith("MAX_MESSAGE_SIZE is 2500 bytes")


def test_few_open_files_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "FEWEST_FILES", 10**12)
    assert wrong(checks.check_settings())[0].startswith("A program may have ")
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert wrong(checks.check_settings()) == []


def test_serializers_that_fit_are_fine() -> None:
    assert wrong(checks.check_serializers(is_public=True)) == []


def test_msgpack_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(checks.serializers, "msgpack")
    assert "msgpack, which is fast, is not installed." in texts(checks.check_serializers(False))


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"SERIALIZER": "nope"}, "SERIALIZER is 'nope', which is not there"),
        ({"SERIALIZERS_ACCEPTED": {"json"}}, "do not understand each other"),
        ({"SERIALIZERS_ACCEPTED": {"serpent", "pickle"}}, "can run any code"),
    ],
)
def test_serializers_that_do_not_fit_are_wrong(settings: dict[str, object], part: str) -> None:
    with changed_settings(**settings):
        (found,) = wrong(checks.check_serializers(is_public=True))
    assert part in found


def test_pickle_on_this_machine_only_is_worth_a_note() -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"serpent", "pickle"}):
        assert wrong(checks.check_serializers(is_public=False)) == []
        assert "Daemons accept pickle" in texts(checks.check_serializers(is_public=False))


def test_what_tells_strangers_too_much_is_wrong_only_where_they_come() -> None:
    wrong_ones = {"REQUIRE_EXPOSE": False, "DETAILED_TRACEBACK": True, "REMOTE_TRACEBACKS": True}
    with changed_settings(**wrong_ones):
        assert len(wrong(checks.check_exposure(is_public=True))) == 2
        assert list(checks.check_exposure(is_public=False)) == []


def test_without_tls_a_public_daemon_is_worth_a_note() -> None:
    assert "without TLS" in texts(checks.check_exposure(is_public=True))
    with changed_settings(SSL=True):
        assert list(checks.check_exposure(is_public=True)) == []


def test_files_for_tls_without_tls_are_wrong() -> None:
    assert list(checks.check_tls()) == []
    with changed_settings(SSL_CACERTS="ca.pem"):
        assert wrong(checks.check_tls()) == [
            "SSL_CACERTS name files, but SSL is off: nothing is encrypted."
        ]


def test_files_that_are_missing_are_wrong(tmp_path: Path) -> None:
    path = str(tmp_path / "no.pem")
    with changed_settings(SSL=True, SSL_SERVERCERT=path):
        assert wrong(checks.check_tls()) == [
            f"SSL_SERVERCERT is {path}, and there is no such file."
        ]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_files_that_fit_are_fine_but_for_who_may_read_them(files: Certificates) -> None:
    Path(files.locked_key).chmod(0o600)
    locked = {"SSL_SERVERKEY": files.locked_key, "SSL_SERVERKEYPASSWD": PASSWORD}
    with changed_settings(**files.settings | {"SSL_SERVERCERT": files.locked_cert} | locked):
        assert wrong(checks.check_tls()) == []
        Path(files.locked_key).chmod(0o640)
        (found,) = wrong(checks.check_tls())
    assert found.endswith("can be used by others than its owner (mode 640).")


def test_files_that_cannot_be_used_are_wrong(files: Certificates) -> None:
    Path(files.locked_key).chmod(0o600)
    settings = {"SSL": True, "SSL_SERVERCERT": files.locked_cert, "SSL_SERVERKEY": files.server}
    with changed_settings(**settings, SSL_CLIENTCERT=files.authority):
        server, client = (text for text in wrong(checks.check_tls()) if "cannot be used" in text)
    assert server.startswith("The files for a server cannot be used: ")
    assert client.startswith("The files for a client cannot be used: ")


def test_a_client_needs_no_certificate(files: Certificates) -> None:
    with changed_settings(SSL=True, SSL_CACERTS=files.authority):
        assert wrong(checks.check_tls()) == []
        assert "programs can be clients, but no servers" in texts(checks.check_tls())
