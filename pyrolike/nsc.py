"""The name server's remote control: ``pyrolike-nsc``, or ``python -m pyrolike.nsc``.

The commands, their arguments and the lines that they print are Pyro's, of both generations.
Pyro: what is wrong is one line on standard error, and the exit status says so; ``--json`` and
``--yes`` are ours.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyrolike._terminal import (
    CommandError,
    add_json_option,
    add_key_option,
    add_name_server_options,
    complain,
    is_remote,
    make_parser,
    named,
    run,
    show,
    show_json,
    take_key,
    where,
)
from pyrolike.client import Proxy
from pyrolike.naming import locate_ns


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has found or done.

    Attributes:
        lines: For a person.
        data: The same for ``--json``.
    """

    lines: Sequence[str]
    data: Any


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        arguments: Their names, as help shows them.
        meaning: What it does.
        example: Arguments that could be given.
        run: Does it; is called with the name server, the arguments and the options.
        fewest: How many arguments it needs.
        most: How many it takes; None is any number.
        complaint: What it says when there are more or fewer.
    """

    arguments: str
    meaning: str
    example: str
    run: Callable[[Proxy, Sequence[str], argparse.Namespace], Answer]
    fewest: int = 0
    most: int | None = 0
    complaint: str = "takes no arguments"


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike-nsc") -> int:
    """Do one command.

    Args:
        args: The words of the command line; None means those of this process.
        prog: Name of the program in its help.

    Returns:
        The exit status: 0, or 1 if it did not work. A wrong command line ends the process with
        status 2, as `argparse` does it.
    """
    parser = _make_parser(prog)
    options = parser.parse_intermixed_args(args)
    command = COMMANDS[options.command]
    number = len(options.arguments)
    if number < command.fewest or (command.most is not None and number > command.most):
        parser.error(f"{options.command} {command.complaint}")
    options.key = take_key(parser, options)
    return run(partial(_do, command, options), verbose=options.verbose)


def _do(command: Command, options: argparse.Namespace) -> int:
    talk = partial(show, file=sys.stderr if options.json else None) if options.verbose else _nothing
    talk("Locating name server...")
    with locate_ns(where(options), options.port, hmac_key=options.key) as names:
        talk(f"Name server found: {names._pyroUri}")
        try:
            answer = command.run(names, options.arguments, options)
        except Exception as error:
            if not is_remote(error) or options.verbose:
                raise
            complain(named(error).replace(":", " -", 1))  # Pyro's form of it
            return 1
    if options.json:
        show_json(answer.data)
    else:
        for line in answer.lines:
            show(line)
    talk("Done.")
    return 0


def _nothing(text: str) -> None:
    """Say nothing."""


# -- the commands ---------------------------------------------------------------------------------


def _ping(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    names.ping()
    return Answer(["Name server ping ok."], {"ping": "ok", "uri": str(names._pyroUri)})


def _list(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    prefix = arguments[0] if arguments else ""
    found = names.list(prefix=prefix or None, return_metadata=True)
    return _listing(found, f"- prefix '{prefix}'" if prefix else "")


def _list_matching(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    found = names.list(regex=arguments[0], return_metadata=True)
    return _listing(found, f"- regex '{arguments[0]}'")


def _search(
    how: str, names: Proxy, arguments: Sequence[str], options: argparse.Namespace
) -> Answer:
    found = names.yplookup(**{how: list(arguments)}, return_metadata=True)
    return _listing(found, " - searched by metadata")


def _lookup(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    uri, tags = names.lookup(arguments[0], return_metadata=True)
    lines = [str(uri), *(f"metadata: {_as_set(tags)}" for _ in [0] if tags)]
    return Answer(lines, _entry(arguments[0], uri, tags))


def _register(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    name, uri = arguments
    names.register(name, uri, safe=True)
    return Answer([f"Registered {name}"], {"registered": name, "uri": uri})


def _remove(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    number = names.remove(arguments[0])
    return Answer([f"Removed {arguments[0]}" if number else "Nothing removed"], {"removed": number})


def _remove_matching(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    pattern = arguments[0]
    if options.yes or _is_sure(len(names.list(regex=pattern)), pattern, options):
        number = names.remove(regex=pattern)
    else:
        number = 0
    return Answer([f"{number} items removed."], {"removed": number})


def _set_metadata(names: Proxy, arguments: Sequence[str], options: argparse.Namespace) -> Answer:
    name, *tags = arguments
    names.set_metadata(name, tags)
    line = "Metadata updated" if tags else "Metadata cleared"
    return Answer([line], {"name": name, "metadata": sorted(set(tags))})


def _is_sure(number: int, pattern: str, options: argparse.Namespace) -> bool:
    """Ask whether so many names shall go. There is nothing to ask if there are none."""
    if not number:
        return False
    question = f"Names that match '{pattern}': {number}. Remove them all (y/n)? "
    print(question, end="", file=sys.stderr if options.json else sys.stdout, flush=True)
    answer = sys.stdin.readline() if sys.stdin is not None else ""
    if not answer:
        print(file=sys.stderr)
        raise CommandError("nobody answers on standard input; --yes removes without asking")
    return answer.strip() in ("y", "Y")


def _listing(found: Mapping[str, tuple[str, Iterable[str]]], title: str) -> Answer:
    lines = [f"--------START LIST {title}"]
    for name, (uri, tags) in sorted(found.items()):
        lines.append(f"{name} --> {uri}")
        if tags:
            lines.append(f"    metadata: {_as_set(tags)}")
    lines.append(f"--------END LIST {title}")
    return Answer(lines, [_entry(name, *found[name]) for name in sorted(found)])


def _entry(name: str, uri: object, tags: Iterable[str]) -> dict[str, Any]:
    return {"name": name, "uri": str(uri), "metadata": sorted(tags)}


def _as_set(tags: Iterable[str]) -> str:
    """Return tags as Python writes a set, but always in the same order."""
    return "{" + ", ".join(map(repr, sorted(tags))) + "}"


_ALL = Command(
    "tag...",
    "list what has all these tags",
    "printer colour",
    partial(_search, "meta_all"),
    fewest=1,
    most=None,
    complaint="requires at least one metadata tag argument",
)
_ANY = Command(
    "tag...",
    "list what has one of these tags",
    "printer scanner",
    partial(_search, "meta_any"),
    fewest=1,
    most=None,
    complaint="requires at least one metadata tag argument",
)
_PATTERN = "requires one argument: pattern"
_NAME = "requires one argument: name"

COMMANDS = {
    "ping": Command("", "see whether the name server answers", "", _ping),
    "list": Command(
        "[prefix]", "list the names that begin so", "example.", _list, 0, 1, "takes one prefix"
    ),
    "listmatching": Command(
        "pattern", "list by regular expression", r"'.*\.printer'", _list_matching, 1, 1, _PATTERN
    ),
    "lookup": Command("name", "tell what is behind a name", "example.shop", _lookup, 1, 1, _NAME),
    "register": Command(
        "name uri",
        "give an object a new name",
        "example.shop PYRO:shop@localhost:50002",
        _register,
        2,
        2,
        "requires two arguments: name uri",
    ),
    "remove": Command("name", "forget a name", "example.shop", _remove, 1, 1, _NAME),
    "removematching": Command(
        "pattern", "forget many names; asks", r"'example\.'", _remove_matching, 1, 1, _PATTERN
    ),
    "setmeta": Command(
        "name [tag...]",
        "replace the tags of a name",
        "example.shop open selling",
        _set_metadata,
        1,
        None,
        "requires arguments: name and zero or more metadata tags",
    ),
    "yplookup_all": _ALL,
    "yplookup_any": _ANY,
    "listmeta_all": _ALL,
    "listmeta_any": _ANY,
}
"""The commands by name; the last two are Pyro4's words for the two before."""


def _make_parser(prog: str) -> argparse.ArgumentParser:
    usages = [(f"{name} {command.arguments}", command) for name, command in COMMANDS.items()]
    width = max(len(usage) for usage, _ in usages)
    lines = [f"  {usage:<{width}}  {command.meaning}" for usage, command in usages]
    parser = make_parser(
        prog,
        "Look into a name server, and change what it knows.",
        [f"{name} {command.example}" for name, command in COMMANDS.items()],
        "commands:\n" + "\n".join(lines) + "\n",
    )
    add_name_server_options(parser)
    add_key_option(parser)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell what is done, and the whole of an error"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="removematching does not ask")
    add_json_option(parser)
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="see below")
    parser.add_argument(
        "arguments", nargs="*", default=[], metavar="argument", help="of the command"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
