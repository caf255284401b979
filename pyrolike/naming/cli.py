"""The command line of the name server: ``python -m pyrolike.naming`` or ``pyrolike-ns``.

The options are those of Pyro's ``pyro5-ns``.
"""

import argparse
import contextlib
from collections.abc import Sequence

from pyrolike._terminal import SERVER_STATUS_HELP, add_key_option, make_parser, port, run, take_key

from .daemon import start_ns_loop


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike-ns") -> int:
    """Serve until Ctrl-C.

    Args:
        args: The words of the command line; None means those of this process.
        prog: Name of the program in its help.

    Returns:
        The exit status: 0 after Ctrl-C, 1 if the name server cannot start. A wrong command line
        ends the process with status 2, as `argparse` does it.
    """
    parser = _make_parser(prog)
    given = parser.parse_args(args)
    options = vars(given) | {"hmac_key": take_key(parser, given)}
    verbose: bool = options.pop("verbose")
    del options["key"]

    def serve() -> None:
        with contextlib.suppress(KeyboardInterrupt):  # before anything was started
            start_ns_loop(**options)

    # A port in use, a host or a storage that is not there: a person can do something about it.
    return run(serve, verbose=verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    """Describe the options; each one's name is the argument of `start_ns_loop` it becomes."""
    parser = make_parser(
        prog,
        "Run a name server: objects register under a name, clients find them by it.",
        ["", "--host 192.168.1.5 --storage sql:names.db", "--port 0 --nobc"],
        status=SERVER_STATUS_HELP,
    )
    add = parser.add_argument
    add("-n", "--host", help="host name or address to listen on")
    add("-p", "--port", type=port, help="port to listen on, 0 for any free one")
    add("-u", "--unixsocket", metavar="NAME", help="Unix socket to listen on instead")
    add(
        "-s",
        "--storage",
        default="memory",
        help="where to keep the names: 'memory' (default), 'sql:FILENAME' or 'dbm:FILENAME'",
    )
    add(
        "-x",
        "--nobc",
        dest="enableBroadcast",
        action="store_false",
        help="do not answer clients that look for a name server by broadcast",
    )
    add("--bchost", metavar="HOST", help="address on which broadcasts arrive; default all")
    add("--bcport", metavar="PORT", type=port, help="their UDP port; default 9091")
    add("--nathost", help="host name to publish, if clients reach us by another one")
    add("--natport", type=port, help="port to publish, 0 for the real one")
    add_key_option(parser)
    add("-v", "--verbose", action="store_true", help="show the traceback of an error")
    return parser
