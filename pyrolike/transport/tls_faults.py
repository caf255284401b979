"""The sentences for what goes wrong with TLS: what happened, and what a person can do about it."""

from __future__ import annotations

import ssl

_HOSTNAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED = 10
_NOT_YET_VALID = 9

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""What OpenSSL finds when the first bytes are no TLS at all."""

_TOO_OLD = (
    "the two sides have no version of TLS in common; TLS 1.2 is the oldest one that is spoken here"
)

_SEEN_BY_CLIENT = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server demands a client certificate, and got none: "
    "set config.SSL_CLIENTCERT",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust this client's certificate: its authority "
    "must be among the server's SSL_CACERTS",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses this client's certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server refuses this client's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "this client's certificate has expired",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refuses: it demands a client certificate "
    "(config.SSL_CLIENTCERT), or the two sides have no cipher in common",
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
}

_SEEN_BY_SERVER = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client has shown no certificate, and "
    "SSL_REQUIRECLIENTCERT demands one",
    "TLSV1_ALERT_UNKNOWN_CA": "the client does not trust this daemon's certificate; its "
    "SSL_CACERTS must name the authority",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the client refuses this daemon's certificate, perhaps because "
    "it is for another host name",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the client refuses this daemon's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "for the client this daemon's certificate has expired",
    "NO_SHARED_CIPHER": "the two sides have no cipher in common",
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
}


def explain_to_client(fault: OSError, host: str | None = None, names: str = "") -> str:
    """Say what has gone wrong, as far as a client can know.

    Args:
        fault: What the socket raised.
        host: The host that the certificate should be for, or None if that does not matter.
        names: Whom the server's certificate is for, if that is known.
    """
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _explain_verification(fault, host, names)
    if not isinstance(fault, ssl.SSLError):
        return f"connection lost: {fault}"
    if isinstance(fault, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "the other side closed the connection"
    if fault.reason in _NO_TLS:
        return "the server does not speak TLS there (set config.SSL on both sides, or on none)"
    return _SEEN_BY_CLIENT.get(fault.reason or "") or str(fault)


def explain_to_server(fault: OSError) -> str:
    """Say why the handshake of a client has failed, as far as a server can know."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the client's certificate is not accepted: {fault.verify_message}"
    reason = fault.reason if isinstance(fault, ssl.SSLError) else None
    if reason in _NO_TLS:
        return "the client does not speak TLS"
    return _SEEN_BY_SERVER.get(reason or "") or str(fault)


def _explain_verification(fault: ssl.SSLCertVerificationError, host: str | None, names: str) -> str:
    code = fault.verify_code
    if code in _HOSTNAME_MISMATCH:
        shown = f"it is for {names}" if names else f"it is for others ({fault.verify_message})"
        return (
            f"the server's certificate is not for the host name {host!r}: {shown}; "
            "connect to a name that is in the certificate"
        )
    if code == _EXPIRED:
        return "the server's certificate has expired"
    if code == _NOT_YET_VALID:
        return "the server's certificate is not valid yet; are the clocks of both machines right?"
    return (
        f"the server's certificate is not trusted: {fault.verify_message}; "
        "config.SSL_CACERTS must name the file of its authority, or the certificate itself"
    )
