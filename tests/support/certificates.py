"""An authority and its certificates, made for a test run: files as the SSL_ settings name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

PASSWORD = "rosebud"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files with certificates and keys, each in one unless it is said otherwise.

    Attributes:
        authority: Of all the others but the stranger.
        server: For localhost and 127.0.0.1.
        client: Of a client.
        expired: As `server`, but of long ago.
        elsewhere: For other hosts: example.org and 192.0.2.1.
        stranger: For localhost, of an authority nobody knows.
        locked_cert: As `server`, without its key.
        locked_key: That key; `PASSWORD` opens it.
    """

    authority: str
    server: str
    client: str
    expired: str
    elsewhere: str
    stranger: str
    locked_cert: str
    locked_key: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of a program that serves with TLS and trusts its own authority."""
        return {"SSL": True, "SSL_SERVERCERT": self.server, "SSL_CACERTS": self.authority}

    @property
    def mutual(self) -> Mapping[str, Any]:
        """The same, where clients must show a certificate, and do."""
        return {**self.settings, "SSL_REQUIRECLIENTCERT": True, "SSL_CLIENTCERT": self.client}


def make_certificates(folder: Path) -> Certificates:
    """Make all of them in *folder*."""

    def write(name: str, *blobs: trustme.Blob) -> str:
        path = folder / f"{name}.pem"
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)

    def issue(name: str, authority: trustme.CA, *identities: str, **options: Any) -> str:
        made = authority.issue_cert(*identities, **options)
        return write(name, made.private_key_and_cert_chain_pem)

    authority = trustme.CA()
    long_ago = {"not_before": datetime(2001, 1, 1, tzinfo=UTC)}
    here = "localhost", "127.0.0.1"
    locked = authority.issue_cert(*here)
    key = load_pem_private_key(locked.private_key_pem.bytes(), None)
    locked_key = folder / "locked_key.pem"
    locked_key.write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
        )
    )
    return Certificates(
        authority=write("authority", authority.cert_pem),
        server=issue("server", authority, *here),
        client=issue("client", authority, "ada@example.org"),
        expired=issue(
            "expired", authority, *here, not_after=datetime(2002, 1, 1, tzinfo=UTC), **long_ago
        ),
        elsewhere=issue("elsewhere", authority, "example.org", "192.0.2.1"),
        stranger=issue("stranger", trustme.CA(), *here),
        locked_cert=write("locked_cert", *locked.cert_chain_pems),
        locked_key=str(locked_key),
    )
