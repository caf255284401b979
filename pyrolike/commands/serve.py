"""``pyrolike serve``: offer what a module has, without writing a program for it."""

import argparse
import contextlib
import functools
import importlib
import inspect
import operator
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from pyrolike._terminal import (
    SERVER_STATUS_HELP,
    CommandError,
    add_json_option,
    add_verbose_option,
    make_parser,
    named,
    port,
    run,
    show,
    show_json,
)
from pyrolike.client.locating import await_name_server
from pyrolike.configure import config
from pyrolike.errors import PyroError
from pyrolike.objects import expose
from pyrolike.objects.exposure import EXPOSED, is_private_attribute
from pyrolike.server import Daemon
from pyrolike.server.signals import until_terminated
from pyrolike.uri import URI
from pyrolike.utils.registration import registered

_NOTES = """\
The module is found in the current directory, or wherever Python finds modules. What can be offered:
  module:Class     the class; its instances are made as its @behavior says, else one per client
  module:object    an object that the module has
  module:function  just this function, marked or not: the remote object has one method of that name
  module           all functions of the module that are marked with @expose
Of classes and objects, only what is marked with @expose can be called. With --expose-all it is
everything whose name does not begin with an underscore: think who can reach the port.

The object's id is its name in the module, or what --name says. With --name it is registered with
the name server too, unless --no-ns; the name is taken back in the end.
"""


def main(args: Sequence[str] | None = None, *, prog: str = "pyrolike serve") -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit status."""
    parser = _make_parser(prog)
    options = parser.parse_args(args)
    if options.unixsocket and (options.host is not None or options.port):
        parser.error("--unixsocket excludes --host and --port")
    if options.ns and not options.name:
        parser.error("--ns needs a --name to register")
    options.ns = bool(options.name) and options.ns is not False
    if options.tag and not options.ns:
        parser.error("--tag is for the name server, and needs a --name to register")
    return run(partial(_serve, options), verbose=options.verbose)


def _make_parser(prog: str) -> argparse.ArgumentParser:
    parser = make_parser(
        prog,
        "Offer a class, an object, a function or a module to remote callers.",
        [
            "shop:Warehouse",
            "shop:Warehouse --name example.warehouse --tag storage",
            "math:hypot --port 50002",
            "statistics --expose-all --host 192.168.1.5",
        ],
        _NOTES,
        SERVER_STATUS_HELP,
    )
    add = parser.add_argument
    add("target", metavar="module[:object]", help="what to offer, see below")
    add("--name", help="its id, and its name in the name server")
    add(
        "--ns",
        action=argparse.BooleanOptionalAction,
        help="register with the name server; default: if there is a --name",
    )
    add(
        "--tag", action="append", default=[], help="for the name server; can be given several times"
    )
    add("--host", help="address to listen on; default the setting HOST")
    add("--port", type=port, default=0, help="port to listen on; default any free one")
    add("--unixsocket", metavar="PATH", help="Unix socket to listen on instead")
    add("--nathost", help="host to publish, if clients reach us by another one")
    add("--natport", type=port, help="port to publish; 0 for the real one")
    add("--expose-all", action="store_true", help="offer more than what is marked with @expose")
    add_json_option(parser, "print the uri and the members as one line of JSON")
    add_verbose_option(parser)
    return parser


def _serve(options: argparse.Namespace) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # the loop itself takes it for its end
        thing = _load(options.target)
        module, _, path = options.target.partition(":")
        if isinstance(thing, ModuleType):
            thing = _functions_of(thing, options.expose_all)
        elif inspect.isroutine(thing) or isinstance(thing, partial):
            thing = _object_with([(path.rpartition(".")[2], thing)])
        if options.expose_all:
            config.REQUIRE_EXPOSE = False
        with (
            _offering(thing, path or module, options) as (daemon, uri),
            until_terminated(daemon) as condition,
            contextlib.ExitStack() as leaving,
        ):
            if options.ns:
                entry = registered(await_name_server(), options.name, uri, options.tag)
                leaving.enter_context(entry)
            _introduce(daemon, uri, options)
            daemon.requestLoop(condition)


# -- what is offered ------------------------------------------------------------------------------


def _load(target: str) -> Any:
    """Import the module and return what it has under the name.

    Raises:
        CommandError: It is not there, or the module cannot be imported.
    """
    name, colon, path = target.partition(":")
    if not name or (colon and not path) or "/" in name or name.endswith(".py"):
        raise CommandError(f"{target!r} names no module; write module:object, such as shop:Stock")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())  # as python -m has it
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise CommandError(f"importing {name} failed: {error}") from error
        hint = f"there is no module {error.name!r}, here ({os.getcwd()}) or where Python looks"
        raise CommandError(hint) from error
    except (Exception, SystemExit) as error:  # a program, whose end must not pass for ours
        raise CommandError(f"importing {name} failed with {named(error)}") from error
    try:
        return operator.attrgetter(path)(module) if path else module
    except AttributeError as error:
        raise CommandError(f"{name} has no {path!r}: {error}") from error


def _functions_of(module: ModuleType, everything: bool) -> Any:
    """Return an object whose methods are the functions of a module."""
    found = [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isroutine(value)
        and not is_private_attribute(name)
        and (getattr(value, EXPOSED, False) or (everything and _is_of(module, value)))
    ]
    if not found:
        raise CommandError(
            f"{module.__name__} has no functions to offer: mark them with @expose, name one as "
            f"{module.__name__}:function, or offer all with --expose-all"
        )
    return _object_with(found)


def _is_of(module: ModuleType, function: Any) -> bool:
    """Say whether a function is the module's own, and one that can be called from afar."""
    return function.__module__ == module.__name__ and not inspect.iscoroutinefunction(function)


def _object_with(functions: Sequence[tuple[str, Callable[..., Any]]]) -> Any:
    """Return an object with these methods, all of them exposed."""
    methods = {}
    for name, function in functions:
        if is_private_attribute(name):
            raise CommandError(f"{name!r} is private: Pyro offers no such names")
        if inspect.iscoroutinefunction(function):
            raise CommandError(f"{name} is a coroutine function; only ordinary ones can be offered")
        methods[name] = staticmethod(_wrap(function))
    return type("Functions", (), methods)()


def _wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an exposed function that calls *function*, which may be one that takes no marks."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return expose(call)


# -- offering it ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _offering(
    thing: Any, default_id: str, options: argparse.Namespace
) -> Iterator[tuple[Daemon, URI]]:
    """Give an open daemon that has the object, and the object's uri."""
    unix = options.unixsocket
    with Daemon(options.host, options.port, unix, options.nathost, options.natport) as daemon:
        hint = ""
        try:
            uri = daemon.register(thing, options.name or default_id)
            hint = "" if options.expose_all else " (--expose-all offers all that is public)"
            daemon.proxyFor(thing)
        except (TypeError, PyroError) as error:
            raise CommandError(f"{options.target} cannot be offered: {error}{hint}") from error
        yield daemon, uri


def _introduce(daemon: Daemon, uri: URI, options: argparse.Namespace) -> None:
    members = daemon.proxyFor(str(uri.object))
    methods, attributes = sorted(members._pyroMethods), sorted(members._pyroAttrs)
    name = options.name if options.ns else None
    if options.json:
        data = {"uri": str(uri), "name": name, "methods": methods, "attributes": attributes}
        show_json(data)
        return
    show(f"Object {options.target}: {', '.join(methods + attributes)}")
    show(f"    uri = {uri}")
    if name:
        show(f"    name = {name}")
    show("Pyro daemon running.")
