"""The command line of the name server: ``python -m pyrolike.naming`` or ``pyrolike-ns``.

The options are those of Pyro's ``pyro5-ns``.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from pyrolike.errors import PyroError

from .daemon import start_ns_loop

log = logging.getLogger("pyrolike.naming")


def main(args: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C.

    Args:
        args: The words of the command line; None means those of this process.

    Returns:
        The exit status: 0 after Ctrl-C, 1 if the name server cannot start. A wrong command line
        ends the process with status 2, as `argparse` does it.
    """
    options = _parser().parse_args(args)
    try:
        start_ns_loop(**vars(options))
    except (OSError, ValueError, PyroError) as error:
        # A port in use, a host or a storage that is not there: a person can do something about it.
        log.debug("cannot run the name server", exc_info=True)
        print(f"Error: {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # before anything was started
    return 0


def _parser() -> argparse.ArgumentParser:
    """Describe the options; each one's name is the argument of `start_ns_loop` it becomes."""
    parser = argparse.ArgumentParser(
        prog="pyrolike-ns",
        description="Run a name server: objects register under a name, clients find them by it.",
    )
    add = parser.add_argument
    add("-n", "--host", help="host name or address to listen on")
    add("-p", "--port", type=_port, help="port to listen on, 0 for any free one")
    add("-u", "--unixsocket", metavar="NAME", help="Unix socket to listen on instead")
    add(
        "-s",
        "--storage",
        default="memory",
        help="where to keep the names: 'memory' (default) or 'sql:FILENAME'",
    )
    add(
        "-x",
        "--nobc",
        dest="enableBroadcast",
        action="store_false",
        help="do not answer clients that look for a name server by broadcast",
    )
    add("--bchost", metavar="HOST", help="address on which broadcasts arrive; default all")
    add("--bcport", metavar="PORT", type=_port, help="their UDP port; default 9091")
    add("--nathost", help="host name to publish, if clients reach us by another one")
    add("--natport", type=_port, help="port to publish, 0 for the real one")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _sentence(error: Exception) -> str:
    """Return what an error says, without the number that OSError puts in front."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
