"""The command ``pyrolike``, and the older commands that are rows of its table.

Nothing is imported before it is known what is wanted, so that help comes at once, and so that a
setting in the environment that cannot be read is an error like any other, and no traceback.
"""

import argparse
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from pyrolike import __version__


@dataclass(frozen=True, slots=True)
class Row:
    """A subcommand.

    Attributes:
        summary: What it does, in a few words.
        module: Where its function ``main`` is.
        own_name: The command it has for itself, if any.
    """

    summary: str
    module: str
    own_name: str | None = None


TABLE = {
    "ns": Row("run a name server", "pyrolike.naming.cli", "pyrolike-ns"),
    "nsc": Row("look into a name server, and change it", "pyrolike.nsc", "pyrolike-nsc"),
    "serve": Row("offer a class, an object or a function of a module", "pyrolike.commands.serve"),
    "call": Row("call a remote method; JSON in, JSON out", "pyrolike.commands.call"),
    "ls": Row("list names, or what an object exposes", "pyrolike.commands.ls"),
    "ping": Row("see how long the way to an object is", "pyrolike.commands.ping"),
    "bench": Row("measure how many calls a server answers", "pyrolike.commands.bench"),
    "doctor": Row("look for what is wrong here", "pyrolike.commands.doctor"),
    "config": Row("print the settings in force", "pyrolike.commands.config"),
    "echoserver": Row(
        "run a server to try clients with", "pyrolike.utils.echoserver", "pyrolike-echoserver"
    ),
    "httpgateway": Row(
        "make objects reachable by HTTP", "pyrolike.utils.httpgateway.cli", "pyrolike-httpgateway"
    ),
}


def main(args: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status.

    Args:
        args: The words of the command line; None means those of this process.
    """
    words = list(sys.argv[1:] if args is None else args)
    parser = _make_parser()
    parser.parse_args(words[:1])  # all others are the subcommand's
    if not words:
        parser.print_help(sys.stderr)
        return 2
    name, *rest = words
    if name not in TABLE:
        close = difflib.get_close_matches(name, TABLE, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        parser.error(f"there is no command {name!r}{hint} ({parser.prog} --help lists them)")
    return run_row(name, f"{parser.prog} {name}", rest)


def run_row(name: str, prog: str, args: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status.

    Args:
        name: Its name in the table.
        prog: How it was called, for its help.
        args: Its words of the command line; None means those of this process.
    """
    words = sys.argv[1:] if args is None else args
    try:
        try:
            run = import_module(TABLE[name].module).main
        except ValueError as error:  # the environment has a setting that makes no sense
            print(f"Error: {error}", file=sys.stderr)
            return 1
        status: int = run(words, prog=prog)
        return status
    except KeyboardInterrupt:  # while modules load, or words are read
        return 130


ns = partial(run_row, "ns", "pyrolike-ns")
nsc = partial(run_row, "nsc", "pyrolike-nsc")
echoserver = partial(run_row, "echoserver", "pyrolike-echoserver")
httpgateway = partial(run_row, "httpgateway", "pyrolike-httpgateway")
check_config = partial(run_row, "config", "pyrolike-check-config")


def _make_parser() -> argparse.ArgumentParser:
    width = max(map(len, TABLE))
    summaries = "\n".join(
        f"  {name:<{width}}  {row.summary}" + (f" ({row.own_name})" if row.own_name else "")
        for name, row in TABLE.items()
    )
    parser = argparse.ArgumentParser(
        prog="pyrolike",
        usage="pyrolike [-h] [-V] command ...",
        description="Remote objects, from the command line.",
        epilog=f"commands:\n{summaries}\n\n"
        "`pyrolike COMMAND --help` tells more, with examples and the exit status.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"pyrolike {__version__}")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    return parser
