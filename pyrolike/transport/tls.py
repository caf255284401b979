"""TLS contexts: whose certificates hold, and whom to trust.

They are made from values, once for the same values and unchanged files, and then shared. Nothing
here reads the settings; what a context is used on is in `tls_wrapping`.

Source: servers.md 6.1.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

Stamp: TypeAlias = "tuple[tuple[int, int], ...]"
"""When the files of a context were changed, and their sizes."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What one side shows, and whom it trusts.

    Attributes:
        is_server: Which side.
        cert: File of this side's certificate, or empty.
        key: File of its key; empty if that is in the same file.
        password: Of the key, or empty.
        cacerts: File or directory of authorities to trust, or empty. A client trusts those of the
            system beside them.
        requires_cert: For servers: clients must show a certificate.
        checks_host: For clients: the certificate must be for the host they connect to.
    """

    is_server: bool
    cert: str = ""
    key: str = ""
    password: str = field(default="", repr=False)
    cacerts: str = ""
    requires_cert: bool = False
    checks_host: bool = True


def make_tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context for *settings*: the same one as long as the files stay as they are.

    Raises:
        ValueError: A server has no certificate.
        OSError: A file is missing, or not what it should be; the text says which and why.
    """
    if settings.is_server and not settings.cert:
        raise ValueError("TLS needs a server certificate: set config.SSL_SERVERCERT to its file")
    return _make(settings, _take_stamp(settings))


def get_ssl_context(
    servercert: str = "",
    serverkey: str = "",
    clientcert: str = "",
    clientkey: str = "",
    cacerts: str = "",
    keypassword: str = "",
) -> ssl.SSLContext:
    """Return a TLS context: a server's if *servercert* is given, else a client's.

    A server's context asks for no client certificate; to demand one, set its ``verify_mode``. Each
    call makes a new context, which the caller may change.

    Args:
        servercert: File of the server's certificate.
        serverkey: File of its key; empty if that is in the same file.
        clientcert: File of the client's certificate.
        clientkey: File of its key; empty if that is in the same file.
        cacerts: File or directory of authorities to trust.
        keypassword: Of the key.

    Raises:
        ValueError: Both certificates are given.
        OSError: A file is missing, or not what it should be.
    """
    if servercert and clientcert:
        raise ValueError("a TLS context is for a server or for a client: give one certificate only")
    settings = TlsSettings(
        is_server=bool(servercert),
        cert=servercert or clientcert,
        key=serverkey if servercert else clientkey,
        password=keypassword,
        cacerts=cacerts,
    )
    _take_stamp(settings)
    return _make.__wrapped__(settings, ())


def _take_stamp(settings: TlsSettings) -> Stamp:
    """Return what tells whether the files have changed since a context was made.

    Raises:
        OSError: One is missing; the text says which.
    """
    side = "server" if settings.is_server else "client"
    stamps = []
    for what, path in (
        (f"{side} cert file", settings.cert),
        (f"{side} key file", settings.key),
        ("CA certs", settings.cacerts),
    ):
        if path:
            try:
                status = os.stat(path)
            except FileNotFoundError as fault:
                raise FileNotFoundError(fault.errno, f"{what} not found", path) from None
            except OSError as fault:
                text = f"{what} cannot be read: {fault.strerror}"
                raise type(fault)(fault.errno, text, path) from None
            stamps.append((status.st_mtime_ns, status.st_size))
    return tuple(stamps)


@lru_cache(maxsize=32)
def _make(settings: TlsSettings, stamp: Stamp) -> ssl.SSLContext:
    if settings.is_server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED if settings.requires_cert else ssl.CERT_NONE
        # Nobody resumes a session here, and tickets would be the first that a client has to read.
        context.num_tickets = 0
    else:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.check_hostname = settings.checks_host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    if settings.cert:
        _load_cert(context, settings)
    if settings.cacerts:
        _load_authorities(context, settings.cacerts)
    return context


def get_certified_names(certificate: Any) -> tuple[str, ...]:
    """Return the names in a certificate: hosts, mail addresses and uris, then its common names.

    Args:
        certificate: As `ssl.SSLSocket.getpeercert` gives it: what was not verified is empty or
            None, and gives no names.
    """
    if not certificate:
        return ()
    names = [str(name) for _, name in certificate.get("subjectAltName", ())]
    for parts in certificate.get("subject", ()):
        names += [str(value) for key, value in parts if key == "commonName"]
    return tuple(dict.fromkeys(names))


def _load_cert(context: ssl.SSLContext, settings: TlsSettings) -> None:
    password = settings.password
    try:
        # A function, so that OpenSSL never asks for a password at the terminal.
        context.load_cert_chain(settings.cert, settings.key or None, lambda: password)
    except ssl.SSLError as fault:
        key = settings.key or settings.cert
        if fault.reason == "KEY_VALUES_MISMATCH":
            text = f"the key in {key} does not belong to the certificate in {settings.cert}"
        else:
            perhaps = "is wrong" if password else "is needed and not given"
            text = (
                f"{settings.cert} and {key} do not hold a certificate and its key in PEM format, "
                f"or the password of the key {perhaps}"
            )
        raise ssl.SSLError(fault.errno, text) from fault


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as fault:
        text = f"{path} holds no certificates in PEM format ({fault.reason})"
        raise ssl.SSLError(fault.errno, text) from fault
