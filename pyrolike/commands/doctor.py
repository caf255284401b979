"""``pyrolike doctor``: looks for what is wrong on this machine, with these settings.

Each check is a generator of findings. They stand in two modules: `checks` has those that look at
this process, `checks_network` those that try what a program would do.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from importlib import import_module

# Nothing of the package that reads settings: a variable that makes no sense must be a finding.
from .findings import Finding, Findings

_NOTES = """\
It looks at the settings and the environment, at files for TLS, at the address that a daemon listens
on, what its uris say and who can use them, at serializers, at the name server and what is
registered there, and at who answers broadcasts. It takes a few seconds, and changes nothing.
"""

_STATUS = """\
exit status:
  0  nothing is wrong
  1  something is: there is a warning or an error
  2  the command line is wrong
"""

_WIDTH = 100


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike doctor") -> int:
    """Look at everything, and return the exit status."""
    refused = _load_settings()
    from pyrolike._terminal import run

    options = _make_parser(prog).parse_args(args)
    return run(partial(_examine, options, refused), verbose=options.verbose)


def _load_settings() -> dict[str, str]:
    """Have the settings loaded, without those variables that would prevent it.

    Returns:
        Name of each such variable, and what is wrong with it.
    """
    try:
        import_module("pyrolike.configure")
    except ValueError:
        given = {name: text for name, text in os.environ.items() if name.startswith("PYRO_")}
        for name in given:
            del os.environ[name]
        configure = import_module("pyrolike.configure")
        refused = {}
        for name, text in given.items():
            item = configure.ITEMS.get(name.removeprefix("PYRO_"))
            try:
                if item is not None:
                    item.parse(text)
            except ValueError as error:
                refused[name] = f"{str(error)[0].upper()}{str(error)[1:]}."
            else:
                os.environ[name] = text
        configure.config.reset()
        return refused
    return {}


def _make_parser(prog: str) -> argparse.ArgumentParser:
    from pyrolike._terminal import add_json_option, make_parser

    parser = make_parser(
        prog,
        "Look for what is wrong here, and say what to do about it.",
        ["", "--no-ns", "--all --json"],
        _NOTES,
        _STATUS,
    )
    parser.add_argument("--all", action="store_true", help="show also what is as it should be")
    parser.add_argument(
        "--no-ns", dest="ns", action="store_false", help="do not look for name servers"
    )
    add_json_option(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="the same as --all")
    return parser


def _examine(options: argparse.Namespace, refused: dict[str, str]) -> int:
    from pyrolike._terminal import show_json

    findings = list(_check_all(refused, with_name_server=options.ns))
    is_wrong = any(finding.is_wrong for finding in findings)
    if options.json:
        show_json({"ok": not is_wrong, "findings": [finding.as_dict() for finding in findings]})
    else:
        _print(findings, everything=options.all or options.verbose)
    return int(is_wrong)


def _check_all(refused: dict[str, str], *, with_name_server: bool) -> Findings:
    from . import checks, checks_network

    is_public = checks_network.is_public()
    yield from checks.check_environment(refused)
    yield from checks.check_settings()
    yield from checks.check_serializers(is_public)
    yield from checks.check_tls()
    yield from checks.check_exposure(is_public)
    yield from checks_network.check_binding()
    if with_name_server:
        yield from checks_network.check_name_server()
        yield from checks_network.check_broadcasts()


def _print(findings: Sequence[Finding], *, everything: bool) -> None:
    from pyrolike._terminal import show

    shown = [one for one in findings if everything or one.level != "ok"]
    for finding in shown:
        start = f"{finding.level:<8} {finding.topic:<12} "
        gap = " " * len(start)
        lines = textwrap.wrap(finding.text, _WIDTH - len(start))
        lines += textwrap.wrap(finding.advice, _WIDTH - len(start), initial_indent="-> ")
        for line in [start + lines[0], *(gap + line for line in lines[1:])]:
            show(line)
    wrong = sum(finding.is_wrong for finding in findings)
    if wrong:
        show(f"{wrong} {'things are' if wrong > 1 else 'thing is'} wrong.")
    else:
        show("Nothing is wrong.")
    sys.stdout.flush()
