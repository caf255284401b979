"""What all our command line programs do alike: options, errors, the end, and JSON.

`make_parser` describes a program, `run` does its work: whatever goes wrong is one line on standard
error and an exit status, and only ``-v`` shows a traceback. There are no colours.

What is printed may come from strangers: the names in a name server are anybody's. `printable` takes
the control characters out, so that nobody can write into the terminal of who looks at them.
"""

import argparse
import contextlib
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from pyrolike._logging import printable
from pyrolike.errors import PyroError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""

NO_READER = 141
"""Exit status when who reads our output has gone, as ``head`` does; likewise."""

KEY_VARIABLE = "PYRO_HMAC_KEY"
"""Environment variable for the key that signs messages, as Pyro4's tools have it."""

STATUS_HELP = """\
exit status:
  0  it is done
  1  it did not work; a line on standard error says why
  2  the command line is wrong
  130  after Ctrl-C;  141  if nobody reads the output any more
"""


SERVER_STATUS_HELP = """\
exit status:
  0  it was ended by Ctrl-C or SIGTERM
  1  it cannot start; a line on standard error says why
  2  the command line is wrong
"""
"""The same for a program that serves until it is told to end."""


class CommandError(Exception):
    """What the person at the terminal has to be told: the text is the line that is printed."""


# -- the command line -----------------------------------------------------------------------------


def make_parser(
    prog: str, description: str, examples: Sequence[str], notes: str = "", status: str = STATUS_HELP
) -> argparse.ArgumentParser:
    """Return a parser whose help ends with examples and the meanings of the exit status.

    Args:
        prog: Name of the program, as a person has called it.
        description: What it does.
        examples: Lines that can be typed, without the name of the program.
        notes: Lines to stand before the examples.
        status: What to say of the exit status.
    """
    shown = "\n".join(f"  {prog} {example}".rstrip() for example in examples)
    return argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"{notes}\nexamples:\n{shown}\n\n{status}".lstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_verbose_option(parser: argparse.ArgumentParser) -> None:
    """Let ``-v`` show where an error comes from."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the traceback of an error"
    )


def add_json_option(parser: argparse.ArgumentParser, what: str = "print JSON") -> None:
    """Let ``--json`` ask for what a program reads."""
    parser.add_argument("--json", action="store_true", help=what)


def add_name_server_options(parser: argparse.ArgumentParser) -> None:
    """Let ``-n``, ``-p`` and ``-u`` say which name server is meant; see `where`."""
    parser.add_argument("-n", "--host", default="", help="host of the name server; default: search")
    parser.add_argument("-p", "--port", type=port, help="its port")
    parser.add_argument("-u", "--unixsocket", metavar="NAME", help="its Unix socket, instead")


def add_key_option(parser: argparse.ArgumentParser) -> None:
    """Let ``-k`` give the key with which Pyro4's messages are signed; see `take_key`."""
    parser.add_argument(
        "-k",
        "--key",
        help="key with which all messages are signed, in Pyro4's protocol; better set the variable "
        f"{KEY_VARIABLE}, which others on this machine cannot see",
    )


def take_key(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str | None:
    """Return the key that the option of `add_key_option` or the environment gives, or None.

    Ends the process with status 2 if both do: one of them would not be what the person thinks.
    """
    given: str | None = options.key
    in_environment = os.environ.get(KEY_VARIABLE)
    if given is not None and in_environment:
        parser.error(f"the key is given twice: by -k and by {KEY_VARIABLE}")
    if given == "":
        parser.error("the key is empty")
    return given or in_environment or None


def where(options: argparse.Namespace) -> str:
    """Return the host for `locate_ns` that the options of `add_name_server_options` mean."""
    return f"./u:{options.unixsocket}" if options.unixsocket else str(options.host)


def port(text: str) -> int:
    """Read a port number, for argparse."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds, for argparse."""
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 <= number < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"a number of seconds, 0 or more, is needed, not {text!r}")


def count(text: str) -> int:
    """Read a number of things, one at least, for argparse."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:12]) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"a whole number, 1 or more, is needed, not {text!r}")
    return int(text)


# -- work and its end -----------------------------------------------------------------------------


def run(work: Callable[[], int | None], *, verbose: bool = False) -> int:
    """Do the work of a program and return its exit status.

    Args:
        work: What it returns is the status; None is 0.
        verbose: Show the traceback of an error as well.
    """
    _accept_all_characters()
    try:
        status = work()
        if sys.stdout is not None:
            sys.stdout.flush()
        return status or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return NO_READER
    except Exception as error:
        # What is none of these is a mistake of ours, unless it was raised at the other end.
        is_expected = isinstance(error, (OSError, ValueError, PyroError, CommandError))
        if not is_expected and not is_remote(error):
            raise
        complain(sentence(error))
        if verbose:
            traceback.print_exception(error)
        return 1


def complain(text: str) -> None:
    """Tell on standard error that something did not work, in one line."""
    if sys.stderr is not None:  # else print would take the other output, in which results are
        print(f"Error: {printable(' '.join(text.split()))}", file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """Return what an error says, without the number that OSError puts in front."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    if isinstance(error, OSError) and error.filename:
        text = f"{text}: {error.filename}"
    is_ours = isinstance(error, (OSError, PyroError, CommandError))
    if is_ours or (isinstance(error, ValueError) and not is_remote(error)):
        return text or type(error).__name__
    return named(error)


def named(error: BaseException) -> str:
    """Return the name of an error's class, and what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def is_remote(error: BaseException) -> bool:
    """Say whether an exception was raised at the other end."""
    return hasattr(error, "_pyroTraceback")


def _accept_all_characters() -> None:
    """Have the two outputs write what their encoding lacks with backslashes, not fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send what is still to be written to nowhere, or Python complains of it at the very end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


# -- output ---------------------------------------------------------------------------------------


def show(text: str, file: TextIO | None = None) -> None:
    """Print a line at once, without control characters."""
    print(printable(text), file=file, flush=True)


def show_json(value: Any) -> None:
    """Print a value in one line of JSON, at once."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    # Any other encoding may lack characters; escaped they are JSON everywhere.
    text = json.dumps(value, ensure_ascii=not encoding.startswith("utf"), allow_nan=False)
    print(text, flush=True)
