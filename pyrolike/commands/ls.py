"""``pyrolike ls``: the names in a name server, or what an object or a daemon offers."""

import argparse
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from pyrolike._terminal import (
    add_json_option,
    add_name_server_options,
    add_verbose_option,
    make_parser,
    run,
    show,
    show_json,
    where,
)
from pyrolike.client import Proxy
from pyrolike.client.locating import locate_uri
from pyrolike.constants import DAEMON_NAME

from .targets import TARGET_HELP, add_login_option, add_timeout_option, connect, target

PATIENCE = 10.0

WIDEST = 40
"""The width of a column at most; a longer entry makes its own line wider, not all others."""


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike ls") -> int:
    """List, and return the exit status."""
    options = _make_parser(prog).parse_args(args)
    work = _list_names if options.target is None else _list_members
    return run(partial(work, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "List the names that a name server knows, or what an object exposes.",
        [
            "",
            "--prefix example. --host 192.168.1.5",
            "example.shop",
            "PYRO:shop@localhost:50002",
            "localhost:50002",
        ],
        TARGET_HELP,
    )
    add = parser.add_argument
    add("target", nargs="?", type=target, metavar="name|uri", help="an object; default: the names")
    add("--prefix", default="", help="only names that begin so")
    add_name_server_options(parser)
    add_timeout_option(parser, PATIENCE)
    add_login_option(parser)
    add_json_option(parser)
    add_verbose_option(parser)
    return parser


def _list_names(options: argparse.Namespace) -> None:
    uri = locate_uri(where(options), options.port)
    with connect(uri, options.timeout) as names:
        found = names.list(prefix=options.prefix or None, return_metadata=True)
    entries = [
        {"name": name, "uri": uri, "metadata": sorted(tags)}
        for name, (uri, tags) in sorted(found.items())
    ]
    if options.json:
        show_json(entries)
        return
    for line in _columns((one["name"], one["uri"], ", ".join(one["metadata"])) for one in entries):
        show(line)


def _list_members(options: argparse.Namespace) -> None:
    with connect(options.target, options.timeout, login=options.login) as proxy:
        members = _members_of(proxy)
        if proxy._pyroUri.object == DAEMON_NAME:
            members |= {"info": proxy.info(), "objects": sorted(proxy.registered())}
    if options.json:
        show_json(members)
        return
    show(members["uri"])
    if "info" in members:
        show(f"  {members['info']}")
    rows = [
        *(("object", name) for name in members.get("objects", ())),
        *(
            ("oneway" if name in members["oneway"] else "method", name)
            for name in members["methods"]
        ),
        *(("attribute", name) for name in members["attributes"]),
    ]
    for line in _columns(rows):
        show(f"  {line}")


def _members_of(proxy: Proxy) -> dict[str, Any]:
    return {
        "uri": str(proxy._pyroUri),
        "methods": sorted(proxy._pyroMethods),
        "oneway": sorted(proxy._pyroOneway),
        "attributes": sorted(proxy._pyroAttrs),
    }


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns stand below each other."""
    table = list(rows)
    if not table:
        return []
    widths = [min(WIDEST, max(map(len, column))) for column in zip(*table, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
