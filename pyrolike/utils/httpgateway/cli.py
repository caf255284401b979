"""The command line of the gateway: ``python -m pyrolike.utils.httpgateway``.

The options are those of Pyro's ``pyro5-httpgateway``, and a few for what is safer
here.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
import re
import signal
import socket
from typing import TYPE_CHECKING, NoReturn

from pyrolike._terminal import (
    SERVER_STATUS_HELP,
    add_verbose_option,
    make_parser,
    port,
    run,
    seconds,
    show,
)
from pyrolike.configure import config
from pyrolike.server.signals import handling

from .gateway import Gateway, pyro_app
from .names import NoNameServerError
from .server import GatewayServer

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_VARIABLE = "PYRO_HTTPGATEWAY_KEY"


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike-httpgateway") -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        args: The words of the command line; None means those of this process.
        prog: Name of the program in its help.

    Returns:
        The exit status: 0 after Ctrl-C or SIGTERM, 1 if the gateway cannot start. A wrong command
        line ends the process with status 2, as `argparse` does it.
    """
    parser = _make_parser(prog)
    options = parser.parse_args(args)
    key = options.gatewaykey
    if key and KEY_VARIABLE in os.environ:
        parser.error(f"the gateway key is given twice: by -g and by {KEY_VARIABLE}")
    app = _set_up(options, key or os.environ.get(KEY_VARIABLE))
    return run(lambda: _serve(app, options.host, options.port), verbose=options.verbose)


def _serve(app: Gateway, host: str, port: int) -> None:
    ending = handling(signal.SIGTERM, signal.SIG_DFL, _interrupt)  # as Ctrl-C does
    with contextlib.suppress(KeyboardInterrupt), ending:
        server = GatewayServer(app, host, port)
        try:
            _allow_own_names(app, host)
            _introduce(app, server)
            server.on_tick = app.pool.prune
            server.serve_forever()
        finally:
            server.server_close()
            app.close()
    show("HTTP gateway shut down.")


def _set_up(options: argparse.Namespace, key: str | None) -> Gateway:
    app = pyro_app
    app.ns_regex = options.expose
    app.gateway_key = key.encode() if key else None
    app.comm_timeout = options.timeout
    app.cors = options.cors
    app.allowed_hosts = list(options.allow_host)
    app.get_calls = not options.no_get_calls
    app.show_tracebacks = options.tracebacks
    return app


def _allow_own_names(app: Gateway, host: str) -> None:
    """Go by the name that was listened on; on all interfaces, by that of this machine."""
    own = [host] if host and not _address(host) else []
    if not host or (_address(host) or ipaddress.ip_address("::2")).is_unspecified:
        own.append(socket.gethostname())
    app.allowed_hosts = [*app.allowed_hosts, *own]


def _introduce(app: Gateway, server: GatewayServer) -> None:
    if app.ns_regex:
        show(f"Exposing objects with names matching:  {app.ns_regex}")
    else:
        show("Warning: exposing all objects (no expose regex set)")
    address = _address(server.host)
    if app.gateway_key is None and not (address and address.is_loopback):
        show("Warning: whoever reaches this port can call the objects (no gateway key set)")
    try:
        show(f"Connected to name server at:  {app.names.connect()._pyroUri}")
    except NoNameServerError:
        show("Not yet connected to a name server.")
    show(f"Pyro HTTP gateway running on {server.url}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _interrupt(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    raise KeyboardInterrupt


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Offer remote objects to HTTP clients, and a web page to look at them.",
        ["", "--port 0 --expose 'http\\.|printer'", "--host 0.0.0.0 --timeout 10 --no-get-calls"],
        status=SERVER_STATUS_HELP,
    )
    add = parser.add_argument
    add("-H", "--host", default="localhost", help="host name or address to listen on (%(default)s)")
    add("-p", "--port", type=port, default=8080, help="port, 0 for any free one (%(default)s)")
    add(
        "-e",
        "--expose",
        metavar="REGEX",
        type=_regex,
        default=r"http\.",
        help="names that can be reached: what this matches at their start; empty for all. "
        "Default: http\\.",
    )
    add(
        "-g",
        "--gatewaykey",
        metavar="KEY",
        type=_key,
        help="key that every request must carry, in the header X-Pyro-Gateway-Key or the parameter "
        f"$key. Better set the variable {KEY_VARIABLE}, which others on this machine cannot see",
    )
    add(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=config.COMMTIMEOUT,
        help="seconds that a call may take, 0 to wait for ever (%(default)s)",
    )
    add(
        "-c",
        "--cors",
        metavar="ORIGIN",
        type=_header_text,
        default="",
        help="web site whose pages may call, such as https://example.org; * for all. Default: none",
    )
    add(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="host name by which clients may call this gateway; may be repeated; * for any. "
        "localhost, the name to listen on, and addresses in digits always work",
    )
    add(
        "--no-get-calls",
        action="store_true",
        help="methods can be called by POST only; GET reads attributes",
    )
    add(
        "--tracebacks",
        action="store_true",
        help="let clients see the tracebacks of remote exceptions",
    )
    add_verbose_option(parser)
    return parser


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as fault:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {fault}") from None
    return text


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the key is empty")
    return text


def _header_text(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("an origin looks like https://example.org")
    return text
