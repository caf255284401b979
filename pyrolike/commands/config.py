"""``pyrolike config`` and ``pyrolike-check-config``: the settings in force."""

import argparse
import difflib
from collections.abc import Sequence
from functools import partial

from pyrolike._terminal import (
    CommandError,
    add_json_option,
    add_verbose_option,
    make_parser,
    run,
    show,
    show_json,
)
from pyrolike.configure import ITEMS, PREFIX, config, shown_value

from .values import to_json

_NOTES = f"""\
A setting is an attribute of pyrolike.api.config, and can be given in the environment:
{PREFIX}NS_PORT=9999 is config.NS_PORT. Without options the output is Pyro's.
"""


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike config") -> int:
    """Print the settings and return the exit status."""
    options = _make_parser(prog).parse_args(args)
    return run(partial(_print, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Print the versions and the settings in force, with passwords masked.",
        ["", "--changed", "--explain NS_HOST NS_PORT", "--json"],
        _NOTES,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="only these settings")
    parser.add_argument("--changed", action="store_true", help="only what is not at its default")
    parser.add_argument("--explain", action="store_true", help="say what they mean")
    add_json_option(parser)
    add_verbose_option(parser)
    return parser


def _print(options: argparse.Namespace) -> None:
    names = [name.removeprefix(PREFIX) for name in options.names] or sorted(ITEMS)
    for name in names:
        if name not in ITEMS:
            close = closest_setting(name)
            hint = f"; did you mean {close}?" if close else ""
            raise CommandError(f"there is no setting {name}{hint}")
    if options.changed:
        names = changed_settings(names)
    if options.json:
        show_json({name: to_json(_masked(name)) for name in names})
        return
    if not (options.names or options.changed or options.explain):
        for line in config.dump().splitlines():
            show(line)
        return
    for name in names:
        show(setting_line(name))
        if options.explain:
            item = ITEMS[name]
            show(f"    {item.meaning}; {item.kind.expected}; read {item.read}")


def closest_setting(name: str) -> str | None:
    """Return the setting that may be meant by a name that is none."""
    return next(iter(difflib.get_close_matches(name.upper(), ITEMS, n=1)), None)


def changed_settings(names: Sequence[str] = tuple(sorted(ITEMS))) -> list[str]:
    """Return those settings that are not at their default."""
    return [name for name in names if getattr(config, name) != ITEMS[name].default]


def setting_line(name: str) -> str:
    """Return a setting as the dump has it: passwords masked, sets always in the same order."""
    return f"{name} = {shown_value(name, getattr(config, name))}"


def _masked(name: str) -> object:
    value = getattr(config, name)
    return shown_value(name, value) if name.endswith("PASSWD") else value
