"""TLS contexts from values and files."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path

import pytest

from pyrolike.transport import TlsSettings, get_ssl_context, make_tls_context
from pyrolike.transport.tls import get_certified_names
from tests.support.certificates import PASSWORD, Certificates, make_certificates


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_a_server_asks_for_a_certificate_only_if_told_to(files: Certificates) -> None:
    for demands, mode in ((False, ssl.CERT_NONE), (True, ssl.CERT_REQUIRED)):
        context = make_tls_context(TlsSettings(True, files.server, requires_cert=demands))
        assert context.verify_mode == mode
        assert not context.check_hostname


def test_a_client_checks_certificate_and_host_unless_there_is_none(files: Certificates) -> None:
    for checks in (True, False):
        settings = TlsSettings(False, cacerts=files.authority, checks_host=checks)
        context = make_tls_context(settings)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname is checks


@pytest.mark.parametrize("is_server", [True, False])
def test_old_versions_and_renegotiation_are_off(is_server: bool, files: Certificates) -> None:
    context = make_tls_context(TlsSettings(is_server, files.server))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_context_is_shared_until_a_file_changes(files: Certificates, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    shutil.copy(files.server, cert)
    settings = TlsSettings(True, str(cert))
    context = make_tls_context(settings)
    assert make_tls_context(TlsSettings(True, str(cert))) is context
    assert make_tls_context(TlsSettings(False, str(cert))) is not context
    os.utime(cert, (1, 1))
    assert make_tls_context(settings) is not context


def test_authorities_may_be_a_directory(tmp_path: Path) -> None:
    make_tls_context(TlsSettings(False, cacerts=str(tmp_path)))  # what is in there is read later


def test_a_server_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match=r"config\.SSL_SERVERCERT"):
        make_tls_context(TlsSettings(True))


def test_the_password_is_not_shown() -> None:
    assert PASSWORD not in repr(TlsSettings(True, password=PASSWORD))


def test_what_is_not_what_it_should_be_is_named(files: Certificates) -> None:
    for settings, complaint in (
        (TlsSettings(True, files.server, files.client), "does not belong to the certificate"),
        (TlsSettings(True, files.authority), "do not hold a certificate and its key"),
        (TlsSettings(True, __file__), "do not hold a certificate and its key"),
        (TlsSettings(False, cacerts=files.locked_key), "holds no certificates"),
        (TlsSettings(True, files.locked_cert, files.locked_key), "password"),
        (TlsSettings(True, files.locked_cert, files.locked_key, "sled"), "password"),
    ):
        with pytest.raises(ssl.SSLError, match=complaint):
            make_tls_context(settings)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_looked_at_is_named(files: Certificates, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o000)
    with pytest.raises(PermissionError, match="server cert file cannot be read"):
        make_tls_context(TlsSettings(True, str(folder / "cert.pem")))


# -- Pyro's function


def test_get_ssl_context_is_for_one_side(files: Certificates) -> None:
    server = get_ssl_context(servercert=files.server, cacerts=files.authority)
    assert (server.verify_mode, server.check_hostname) == (ssl.CERT_NONE, False)
    client = get_ssl_context(clientcert=files.client, cacerts=files.authority)
    assert (client.verify_mode, client.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert get_ssl_context(servercert=files.server) is not get_ssl_context(servercert=files.server)
    assert get_ssl_context().check_hostname
    get_ssl_context(servercert=files.locked_cert, serverkey=files.locked_key, keypassword=PASSWORD)
    with pytest.raises(ValueError, match="one certificate only"):
        get_ssl_context(servercert=files.server, clientcert=files.client)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("servercert", "server cert file not found"),
        ("clientcert", "client cert file not found"),
        ("cacerts", "CA certs not found"),
    ],
)
def test_get_ssl_context_says_what_is_missing(name: str, complaint: str) -> None:
    with pytest.raises(OSError, match=complaint):
        get_ssl_context(**{name: "/nowhere/at/all"})


def test_get_ssl_context_says_whose_key_is_missing(files: Certificates) -> None:
    with pytest.raises(OSError, match="server key file not found"):
        get_ssl_context(servercert=files.server, serverkey="/nowhere")
    with pytest.raises(OSError, match="client key file not found"):
        get_ssl_context(clientcert=files.client, clientkey="/nowhere")


def test_the_names_in_a_certificate_come_once_and_only_if_it_was_verified() -> None:
    certificate = {
        "subject": (
            (("organizationName", "Acme"),),
            (("commonName", "Ada"), ("commonName", "a.b")),
        ),
        "subjectAltName": (("DNS", "a.b"), ("email", "ada@example.org")),
    }
    assert get_certified_names(certificate) == ("a.b", "ada@example.org", "Ada")
    for nothing in None, {}, {"subject": ()}:
        assert get_certified_names(nothing) == ()
