"""Makes an authority and the certificates that it signs, with the command ``openssl``.

They are good for a day and for this machine only. Where more depends on it, the authority's key is
kept where no server or client can read it.
"""

import subprocess
import sys
from pathlib import Path

SETTINGS = """\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
subjectAltName = DNS:localhost
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
[client]
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
"""
NEW_KEY = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"


def make_certificates(folder: Path, clients: list[str]) -> None:
    """Make ``authority.pem``, ``server.pem`` and a file for each client, keys included."""
    settings = folder / "openssl.cnf"
    settings.write_text(SETTINGS, "utf-8")
    config = "-config", str(settings)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def issue(file: str, name: str, section: str) -> None:
        openssl("req", *config, *NEW_KEY, "-subj", f"/CN={name}", "-keyout", "key", "-out", "csr")
        openssl(
            *("x509", "-req", "-in", "csr", "-out", "cert", "-days", "1"),
            *("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"),
            *("-extfile", str(settings), "-extensions", section),
        )
        (folder / file).write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())

    openssl(
        *("req", "-x509", *config, "-extensions", "authority", *NEW_KEY, "-days", "1"),
        *("-subj", "/CN=Example authority", "-keyout", "authority.key", "-out", "authority.pem"),
    )
    issue("server.pem", "The observatory", "server")
    for name in clients:
        issue(f"{name}.pem", name, "client")


if __name__ == "__main__":
    make_certificates(Path(sys.argv[1]), ["Caroline", "Edmond"])
