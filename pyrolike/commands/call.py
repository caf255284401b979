"""``pyrolike call``: call a remote method from a shell; JSON goes in, and JSON comes out."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyrolike._logging import printable
from pyrolike._terminal import (
    CommandError,
    add_verbose_option,
    complain,
    is_remote,
    make_parser,
    named,
    run,
    show_json,
)
from pyrolike.client import Proxy
from pyrolike.client.iterator import StreamResultIterator
from pyrolike.objects.calls import GET_ATTRIBUTE, SET_ATTRIBUTE
from pyrolike.tracebacks import is_remote_note

from .targets import (
    TARGET_HELP,
    add_login_option,
    add_timeout_option,
    connect,
    saying_who_is_late,
    target,
)
from .values import read_word, to_json

_NOTES = f"""\
{TARGET_HELP}
Arguments are JSON: 3, 2.5, true, null, [1, 2], {{"a": 1}}, "a text". A word that is no JSON is a
text, so quotes are seldom needed; write '"3"' for the text 3. Arguments that begin with a dash come
after -- at the end.

The result is one line of JSON; a stream is one line for each item, as they come. What JSON lacks:
tuples and sets are arrays, bytes are {{"data": ..., "encoding": "base64"}}, NaN and infinities are
texts, dates are ISO texts, remote objects are their uri, a dictionary with keys that JSON cannot
have is {{"__class__": "dict", "items": [[key, value], ...]}}, and anything else is
{{"__class__": ..., "repr": ...}}.
"""


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike call") -> int:
    """Make one call and return the exit status."""
    parser = _make_parser(prog)
    options = parser.parse_intermixed_args(args)
    try:
        _read_arguments(options)
    except ValueError as error:
        parser.error(printable(str(error)))
    return run(partial(_call, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Call a method of a remote object, or look at one of its attributes.",
        [
            "PYRO:calc@localhost:50002 add 3 4",
            "example.shop order pens 12 --kw express=true",
            "example.shop owner",
            "example.shop owner --set Ada",
            "localhost:50002 registered",
        ],
        _NOTES,
    )
    add = parser.add_argument
    add("target", type=target, metavar="uri", help="the object, see below")
    add("member", help="the method, or the attribute")
    add("arguments", nargs="*", default=[], metavar="argument", help="for the method")
    add(
        "-k",
        "--kw",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="an argument by name; can be given several times",
    )
    add("-t", "--text", action="store_true", help="arguments are texts, not JSON")
    add("--set", metavar="JSON", help="give the attribute this value")
    add("--serializer", help="serializer for the call; default the setting SERIALIZER")
    add_timeout_option(parser, None)
    add_login_option(parser)
    add("--traceback", action="store_true", help="show where the remote method raised its error")
    add_verbose_option(parser)
    return parser


def _read_arguments(options: argparse.Namespace) -> None:
    """Replace words by values.

    Raises:
        ValueError: They make no sense.
    """
    read = partial(read_word, as_text=options.text)
    options.arguments = [read(word) for word in options.arguments]
    keywords = {}
    for word in options.kw:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"--kw needs NAME=JSON, such as --kw express=true, not {word!r}")
        keywords[name] = read(value)
    options.keywords = keywords
    if options.set is not None:
        if options.arguments or keywords:
            raise ValueError("--set is for an attribute, which takes no arguments")
        options.set = (read(options.set),)


def _call(options: argparse.Namespace) -> int:
    with connect(options.target, options.timeout, options.serializer, options.login) as proxy:
        request = _make_request(proxy, options)
        try:
            with saying_who_is_late(options.target):
                _show_result(proxy._pyroInvoke(*request))
        except Exception as error:
            if not is_remote(error):
                raise
            complain(f"the remote side raised {named(error)}")
            if options.traceback or options.verbose:
                _show_traceback(error)
            return 1
    return 0


def _make_request(proxy: Proxy, options: argparse.Namespace) -> tuple[str, Sequence[Any], Any]:
    """Return method, arguments and keywords of the request that is meant.

    Raises:
        CommandError: The object has no such member, or it is of the other kind.
    """
    name: str = options.member
    if name in proxy._pyroMethods:
        if options.set is not None:
            raise CommandError(f"{name} is a method: call it, without --set")
        return name, options.arguments, options.keywords
    if name not in proxy._pyroAttrs:
        raise CommandError(_unknown(proxy, name))
    if options.arguments or options.keywords:
        raise CommandError(f"{name} is an attribute and takes no arguments; --set changes it")
    if options.set is not None:
        return SET_ATTRIBUTE, (name, *options.set), None
    return GET_ATTRIBUTE, (name,), None


def _unknown(proxy: Proxy, name: str) -> str:
    members = sorted(proxy._pyroMethods | proxy._pyroAttrs)
    close = difflib.get_close_matches(name, members, n=1)
    if close:
        return f"{proxy._pyroUri} exposes no {name!r}; did you mean {close[0]}?"
    return f"{proxy._pyroUri} exposes no {name!r}; it has {', '.join(members)}"


def _show_result(result: Any) -> None:
    if not isinstance(result, StreamResultIterator):
        show_json(to_json(result))
        return
    with result:  # which closes the stream at once if nobody reads any more
        for item in result:
            show_json(to_json(item))


def _show_traceback(error: BaseException) -> None:
    notes = [note for note in getattr(error, "__notes__", ()) if is_remote_note(note)]
    for note in notes or ["The server keeps its tracebacks to itself."]:
        for line in note.splitlines():
            print(printable(line), file=sys.stderr)
