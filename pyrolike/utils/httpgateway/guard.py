"""Who may ask: three questions that come before any call.

A gateway on somebody's own machine can be reached by every web page that this person looks at, and
the page's author cannot. So a browser's requests are looked at closely:

* **By which name are we called?** A foreign site can have its own name lead to 127.0.0.1 (DNS
  rebinding); the browser then takes us for a part of that site. The Host header tells. Addresses
  written as numbers are fine: nobody can make them mean something else.
* **Where does the call come from?** Browsers say so, in Sec-Fetch-Site, or Origin, or Referer. What
  another site has caused is refused, unless CORS lets that site in. Programs send none of these.
* **Do you know the key?** If there is one.

None of them replaces another: a key stops strangers, and the first two stop those who use the
browser of somebody who is none.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .requests import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ANY = "*"
"""Among the names of hosts: every name; as the CORS origin: every site."""

OWN_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: our own page, or a person who typed the address.

Not "same-site": to a browser, all ports of a machine are one site.
"""

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def check_host(environ: Mapping[str, Any], allowed: Collection[str]) -> None:
    """See that the client means us: by number, as localhost, or by a name that is *allowed*.

    Args:
        environ: The WSGI environment.
        allowed: Names of hosts, in any case.

    Raises:
        Refusal: It means somebody else, or says nothing that a client would.
    """
    host = str(environ.get("HTTP_HOST") or "")
    if ANY in allowed or (not host and environ.get("SERVER_PROTOCOL") == "HTTP/1.0"):
        return  # before HTTP/1.1 nobody had to say, and no browser is so old
    match = _HOST.fullmatch(host)
    if match is None or not _is_ours(match["name"].lower().rstrip("."), allowed):
        raise Refusal(
            403,
            "403 Forbidden - this gateway does not go by the host name of the request; "
            "start it with --allow-host NAME if it should (pyro_app.allowed_hosts)",
        )


def _is_ours(name: str, allowed: Collection[str]) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name in {each.lower().rstrip(".") for each in allowed}
    return True


def check_site(environ: Mapping[str, Any], cors: str) -> None:
    """Refuse what a foreign web page has caused.

    Args:
        environ: The WSGI environment.
        cors: The origin that is let in; ``*`` for all; empty for none.

    Raises:
        Refusal: So it is.
    """
    origin = environ.get("HTTP_ORIGIN")
    if cors == ANY or (cors and origin == cors):
        return
    site = environ.get("HTTP_SEC_FETCH_SITE")
    # Older browsers, and all of them where the gateway is neither on this machine nor behind TLS,
    # say nothing of the site.
    source = origin or environ.get("HTTP_REFERER")
    if site is not None:
        is_ours = str(site).lower() in OWN_SITE
    else:
        is_ours = source is None or _is_same_place(str(source), environ)
    if not is_ours:
        raise Refusal(
            403,
            "403 Forbidden - calls from other web sites are not allowed; "
            "start the gateway with --cors ORIGIN to let one in (pyro_app.cors)",
        )


def _is_same_place(source: str, environ: Mapping[str, Any]) -> bool:
    try:
        place = urlsplit(source).netloc
    except ValueError:
        return False
    return bool(place) and place.lower() == str(environ.get("HTTP_HOST") or "").lower()


def check_key(
    wanted: bytes | str | None, environ: Mapping[str, Any], parameter: str | None
) -> None:
    """See that the client knows the gateway key, if there is one.

    Args:
        wanted: The key; None if everybody may call.
        environ: The WSGI environment, for the header.
        parameter: What came as ``$key``.

    Raises:
        Refusal: It does not.
    """
    if wanted is None:
        return
    if isinstance(wanted, str):
        wanted = wanted.encode()
    header = environ.get("HTTP_X_PYRO_GATEWAY_KEY")
    if header is not None:
        given = str(header).encode("latin-1", "replace")
    else:
        given = (parameter or "").encode("utf-8", "replace")
    # In constant time: the time of an answer must not tell how much of a guess is right.
    if not hmac.compare_digest(given, wanted):
        raise Refusal(403, "403 Forbidden - incorrect gateway api key")
