"""A server to try clients with.

It is ``pyrolike-echoserver``, or ``python -m pyrolike.utils.echoserver``. Its object answers,
fails, is slow and streams, so that one can see how a client takes it. Options, members and printed
lines are Pyro's. Source: nameserver.md section 8.4.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal, overload

from pyrolike._logging import printable
from pyrolike._terminal import SERVER_STATUS_HELP, make_parser, port, run
from pyrolike.client.locating import locate_uri
from pyrolike.configure import config
from pyrolike.naming import start_ns
from pyrolike.objects import expose, oneway
from pyrolike.server import Daemon
from pyrolike.server.signals import until_terminated
from pyrolike.uri import URI

from .registration import registered

NAME = "test.echoserver"
"""The object's id, and its name in a name server."""

SLOW_SECONDS = 5.0

Started = tuple[Daemon, "EchoServer", URI]


@expose
class EchoServer:
    """The remote object; each method is a case that clients must be able to deal with."""

    def __init__(self) -> None:
        self._verbose = False
        self._must_shutdown = False

    def echo(self, message: Any) -> Any:
        """Return the message."""
        self._tell(f"echo: {message!r}")
        return message

    @oneway
    def oneway_echo(self, message: Any) -> Any:
        """Take the message, and answer nothing."""
        self._tell(f"oneway_echo: {message!r}")
        return "no client ever sees this"

    def error(self) -> None:
        """Raise an error."""
        self._tell("error: raising an exception")
        raise ValueError("this error is what error() of the echo server is for")

    def error_with_text(self) -> None:
        """Raise an error that has a text of its own."""
        self._tell("error_with_text: raising an exception")
        raise ValueError("the message of the error")

    def slow(self) -> str:
        """Return after five seconds."""
        return self._be_slow("slow")

    @oneway
    def oneway_slow(self) -> str:
        """Take five seconds without making the client wait."""
        return self._be_slow("oneway_slow")

    def generator(self) -> Iterator[str]:
        """Return a stream of three items."""
        yield from ("one", "two", "three")

    def nan(self) -> float:
        """Return what is not a number."""
        return float("nan")

    def inf(self) -> float:
        """Return infinity."""
        return float("inf")

    def shutdown(self) -> None:
        """End the program."""
        self._tell("shutdown: the server is going to end")
        self._must_shutdown = True

    @property
    def verbose(self) -> bool:
        """Whether a line is printed for each call."""
        return self._verbose

    @verbose.setter
    def verbose(self, on: bool) -> None:
        self._verbose = bool(on)

    def __dunder__(self) -> str:
        """Return a text; such names can be exposed."""
        return "a method with a name like this may be called"

    # Two that no client can reach, however it tries. The second name is mangled by Python.

    def _private(self) -> str:
        return "nobody should see this"

    def __private(self) -> str:
        return "nor this"

    def _be_slow(self, name: str) -> str:
        self._tell(f"{name}: waiting")
        time.sleep(SLOW_SECONDS)
        self._tell(f"{name}: done")
        return "the answer, at last"

    def _tell(self, text: str) -> None:
        if self._verbose:
            print(f"{time.asctime()} - {printable(text)}", flush=True)


class EchoDaemon(Daemon):
    """A daemon that also ends what was started for it.

    Attributes:
        companions: What is closed after the daemon, the last one first.
    """

    def __init__(self, host: str | None, port: int, unixsocket: str | None) -> None:
        self.companions = contextlib.ExitStack()
        super().__init__(host, port, unixsocket)

    def close(self, grace: float | None = None) -> None:
        """Stop serving, and end the name server if there is one in this program."""
        super().close(grace)
        self.companions.close()


@overload
def main(
    args: Sequence[str] | None = ...,
    returnWithoutLooping: Literal[False] = ...,
    *,
    prog: str = ...,
) -> int: ...


@overload
def main(
    args: Sequence[str] | None, returnWithoutLooping: Literal[True], *, prog: str = ...
) -> Started: ...


def main(
    args: Sequence[str] | None = None,
    returnWithoutLooping: bool = False,
    *,
    prog: str = "pyrolike-echoserver",
) -> int | Started:
    """Run an echo server until it is told to end: by Ctrl-C, SIGTERM, or its `shutdown` method.

    Args:
        args: The words of the command line; None means those of this process.
        returnWithoutLooping: Only start it; what goes wrong is raised then.
        prog: Name of the program in its help.

    Returns:
        The exit status. Without the loop: the daemon, whose request loop is the caller's to run and
        which is the caller's to close; the object, and its uri.
    """
    options = _make_parser(prog).parse_args(args)
    options.quiet = options.quiet and not options.verbose
    if returnWithoutLooping:
        return _start(options)
    return run(partial(_serve, options), verbose=options.verbose)


def _serve(options: argparse.Namespace) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # before the loop, which takes it for its end
        daemon, echo, _ = _start(options)
        with daemon, until_terminated(daemon, lambda: not echo._must_shutdown) as condition:
            _say(options, "echoserver running.")
            daemon.requestLoop(condition)


def _start(options: argparse.Namespace) -> Started:
    _say(options, "Starting Pyro's built-in test echo server.")
    with contextlib.ExitStack() as undo:
        with _multiplexing():
            daemon = EchoDaemon(options.host, options.port, options.unixsocket)
            undo.callback(daemon.close)
            name_server = _start_name_server(daemon, options) if options.nameserver else None
        echo = EchoServer()
        echo._verbose = options.verbose
        uri = daemon.register(echo, NAME)
        if options.naming or options.nameserver:
            _enter(daemon, uri, name_server, options)
        elif options.verbose:
            _say(options, "not using a name server.")
        _say(options, f"object name: {NAME}", f"echo uri: {uri}")
        undo.pop_all()
    return daemon, echo, uri


@contextlib.contextmanager
def _multiplexing() -> Iterator[None]:
    """Have daemons made with the server type that Pyro's echo server always has."""
    before, config.SERVERTYPE = config.SERVERTYPE, "multiplex"
    try:
        yield
    finally:
        config.SERVERTYPE = before


def _start_name_server(daemon: EchoDaemon, options: argparse.Namespace) -> URI:
    """Run a name server in a thread, for as long as *daemon* is open."""
    uri, names, broadcaster = start_ns(host=options.host)
    daemon.companions.callback(names.shutdown)
    if broadcaster is not None:
        broadcaster.runInThread()
        daemon.companions.callback(broadcaster.close)
    threading.Thread(target=names.requestLoop, name="echo-names", daemon=True).start()
    if options.verbose:
        where = f"broadcast server running at {broadcaster.locationStr}" if broadcaster else None
        _say(options, f"using name server at {uri}", where or "not using a broadcast server")
    return uri


def _enter(
    daemon: EchoDaemon, uri: URI, name_server: URI | None, options: argparse.Namespace
) -> None:
    """Register the object with our own name server, or else with the one that is found."""
    if name_server is None:
        name_server = locate_uri()
        if options.verbose:
            _say(options, f"using name server at {name_server}")
    daemon.companions.enter_context(registered(name_server, NAME, uri))


def _say(options: argparse.Namespace, *lines: str) -> None:
    if not options.quiet:
        for line in lines:
            print(line, flush=True)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Run a server to try clients with; its object is called test.echoserver.",
        ["", "--port 9999 --verbose", "--nameserver"],
        "The object has the methods echo, oneway_echo, error, error_with_text, slow, oneway_slow,\n"
        "generator, nan, inf and shutdown, and the attribute verbose.\n",
        SERVER_STATUS_HELP,
    )
    add = parser.add_argument
    add("-H", "--host", default="localhost", help="address to listen on; default localhost")
    add("-p", "--port", type=port, default=0, help="port to listen on; default any free one")
    add("-u", "--unixsocket", metavar="NAME", help="Unix socket to listen on instead")
    add("-n", "--naming", action="store_true", help="register with a name server")
    add("-N", "--nameserver", action="store_true", help="run a name server too, and register there")
    add("-v", "--verbose", action="store_true", help="print a line for each call")
    add("-q", "--quiet", action="store_true", help="print nothing; --verbose is stronger")
    return parser


if __name__ == "__main__":
    sys.exit(main())
