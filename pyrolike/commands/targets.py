"""What people write for a remote object, and the way to it."""

import argparse
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from pyrolike._terminal import CommandError, is_remote, seconds
from pyrolike.authentication import SharedKey
from pyrolike.client import Proxy
from pyrolike.constants import DAEMON_NAME
from pyrolike.errors import PyroError, TimeoutError
from pyrolike.uri import PROTOCOLS, UNIX_PREFIX, URI

TARGET_HELP = """\
An object is written as a PYRO:, PYRONAME: or PYROMETA: uri; as its name in the name server; or, for
the object of a daemon itself, as host:port or ./u:path.
"""

_LOCATION = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:@/\[\]\s]+):[0-9]+")


def target(text: str) -> URI:
    """Return the uri of the object that is meant, for argparse."""
    try:
        if text.partition(":")[0].upper() in PROTOCOLS:
            return URI(text)
        if text.startswith(UNIX_PREFIX) or _LOCATION.fullmatch(text):
            return URI(f"PYRO:{DAEMON_NAME}@{text}")
        return URI(f"PYRONAME:{text}")
    except PyroError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_timeout_option(parser: argparse.ArgumentParser, default: float | None) -> None:
    """Let ``--timeout`` say how long an answer may take; None is the setting COMMTIMEOUT."""
    said = "the setting COMMTIMEOUT" if default is None else f"{default:g}"
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=default,
        metavar="SECONDS",
        help=f"how long an answer may take, 0 for ever; default {said}",
    )


def add_login_option(parser: argparse.ArgumentParser) -> None:
    """Let ``--login`` give the key that the object's daemon asks for."""
    parser.add_argument(
        "--login",
        type=login,
        metavar="USER:FILE",
        help="whose shared key to show to the daemon, and the file with the key",
    )


def login(text: str) -> SharedKey:
    """Return the key that is meant, for argparse; without a user it is nobody's in particular."""
    user, colon, file = text.partition(":")
    if not colon:
        user, file = "", text
    try:
        return SharedKey(Path(file).read_text("utf-8").strip(), user)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"no key can be had from {file!r}: {error}") from None


def connect(
    uri: URI,
    timeout: float | None = None,
    serializer: str | None = None,
    login: SharedKey | None = None,
) -> Proxy:
    """Return a connected proxy, which knows what the object exposes.

    Args:
        uri: Of the object. A name is looked up; the proxy has the uri that it stands for.
        timeout: Seconds for this and for each call; None leaves it to the settings.
        serializer: For the calls; None leaves it to the settings.
        login: The key to show; None shows none.

    Raises:
        PyroError: The object cannot be found or reached, or the serializer is unknown.
        CommandError: It does not answer in time.
    """
    proxy = Proxy(uri)
    if timeout is not None:
        proxy._pyroTimeout = timeout
    if serializer is not None:
        proxy._pyroSerializer = serializer
    if login is not None:
        proxy._pyroHandshake = login
    with saying_who_is_late(uri):
        proxy._pyroBind()
    return proxy


@contextlib.contextmanager
def saying_who_is_late(uri: URI) -> Iterator[None]:
    """Let an error because of a timeout say who has not answered, and what one can do."""
    try:
        yield
    except TimeoutError as error:
        if is_remote(error):
            raise
        raise CommandError(
            f"{uri} has not answered in time ({error}); --timeout gives it more"
        ) from error
