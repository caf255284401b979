"""What people see who ask Python: `help`, `dir`, signatures, completion in a shell."""

from __future__ import annotations

import importlib
import inspect
import pydoc
import re
import rlcompleter
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from enum import EnumMeta
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pyrolike
from pyrolike import api
from pyrolike.api import Proxy, config, expose
from pyrolike.configure import Configuration
from pyrolike.naming import NameServerDaemon
from tests.examples.running import environment
from tests.support.daemon import RunningDaemon, changed_settings, running_daemon
from tests.support.processes import Program

PUBLIC = [
    "api", "authentication", "callcontext", "client", "compat", "configure", "constants", "core",
    "errors", "futures", "message", "nameserver", "naming", "nsc", "objects", "protocol",
    "serializers", "server", "socketutil", "tracebacks", "transport", "uri", "util",
    "utils.echoserver", "utils.httpgateway",
]  # fmt: skip

INTERNAL = {
    "_pyroSetUp",
    "_pyroForgetMethods",
    "_pyroHookUp",
    "_pyroMakeMethod",
    "_pyroOperator",
    "_pyroOffers",
}
INTERNAL |= {"_pyroLink", "_pyroIsPlain", "_pyroGetId", "_pyroGetServer"}

TAKES_ANYTHING = {
    "AnyOf", "add_to_environment", "register",  # any number of the same
    "then",  # what is given to a function that is called later
    "getsockopt", "setsockopt",  # the socket's own
    "UnserializableError",  # like every exception
}  # fmt: skip
"""What has ``*args`` or ``**kwargs`` with a reason. Serializers pass options on to their base."""


@expose
class Calculator:
    @property
    def size(self) -> int:
        return 1

    def add(self, a: int, b: int) -> int:
        return a + b


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    with running_daemon({"calc": Calculator()}) as running:
        yield running


def public_things() -> Iterator[tuple[str, Any]]:
    """Give the public functions and classes with their full names, each once, and their methods."""
    seen: set[int] = set()
    for module_name in PUBLIC:
        module = importlib.import_module(f"pyrolike.{module_name}")
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if id(thing) in seen or not (inspect.isclass(thing) or inspect.isroutine(thing)):
                continue
            seen.add(id(thing))
            yield f"{module_name}.{name}", thing
            if inspect.isclass(thing) and thing.__module__.startswith("pyrolike"):
                for part, member in vars(thing).items():
                    member = getattr(member, "__func__", member)
                    is_shown = not part.startswith("_") or part.startswith("_pyro")
                    if is_shown and (inspect.isfunction(member) or isinstance(member, property)):
                        yield f"{module_name}.{name}.{part}", member


THINGS = dict(public_things())


def help_for(thing: object) -> str:
    return pydoc.plain(pydoc.render_doc(thing))


def examples_in(module: ModuleType) -> list[str]:
    """Return the indented blocks behind double colons in the docstring of *module*."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", inspect.getdoc(module) or "")
    return [textwrap.dedent(block) for block in blocks]


# -- help


def test_help_for_the_package_says_where_to_begin() -> None:
    text = help_for(pyrolike)
    for word in ("help(pyrolike.api)", "pyrolike.errors", "pyrolike --help", "Proxy(", "Daemon()"):
        assert word in text.partition("PACKAGE CONTENTS")[0]


def test_help_for_the_everyday_names_says_what_each_is_for() -> None:
    described = inspect.getdoc(api) or ""
    for name in set(api.__all__) - {"DaemonObject"}:
        assert f"`{name}`" in described or name.startswith("unregister"), name


@pytest.mark.slow
@pytest.mark.parametrize("module", [pyrolike, api], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_run(module: ModuleType, tmp_path: Path) -> None:
    server_text, client_text = examples_in(module)
    (tmp_path / "server.py").write_text(server_text, "utf-8")
    (tmp_path / "client.py").write_text(client_text, "utf-8")
    ready = r"(PYRO:\S+)$" if module is pyrolike else r"(Pyro daemon) running"
    with running_daemon(daemon_class=NameServerDaemon, host="127.0.0.1", port=0) as names:
        host, _, port = names.location.rpartition(":")
        settings = environment() | {"PYRO_NS_HOST": host, "PYRO_NS_PORT": port}
        with Program([str(tmp_path / "server.py")], ready=ready, environment=settings) as server:
            assert server.ready_match is not None
            client = subprocess.run(
                [sys.executable, str(tmp_path / "client.py")],
                input=f"{server.ready_match[1]}\n",
                capture_output=True,
                text=True,
                timeout=30,
                env=settings,
                check=False,
            )
            server.interrupt()
            assert server.wait() == 0
    assert client.returncode == 0, client.stderr
    assert client.stdout.endswith("Hello, Ada!\n")


def test_help_for_a_proxy_has_all_that_pyro_hides(running: RunningDaemon) -> None:
    text = help_for(Proxy)
    hidden = {name for name in vars(Proxy) if name.startswith("_pyro")} - INTERNAL
    assert len(hidden) > 20
    for name in hidden:
        assert f"``{name}" in text, name
    with running.proxy("calc") as proxy:
        assert help_for(proxy).startswith("Python Library Documentation: Proxy")
        assert "RemoteMethod" in help_for(proxy.add)


def test_help_for_a_setting_says_what_it_does() -> None:
    assert "PYRO_COMMTIMEOUT" in help_for(config)
    assert "seconds" in repr(Configuration.COMMTIMEOUT)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_module_has_a_docstring(name: str) -> None:
    assert (importlib.import_module(f"pyrolike.{name}").__doc__ or "").strip()


@pytest.mark.parametrize("name", THINGS)
def test_everything_public_has_a_docstring(name: str) -> None:
    if name.rpartition(".")[2] not in INTERNAL:
        assert inspect.getdoc(THINGS[name])  # its own, or that of what it overrides


# -- signatures


def is_called(thing: object) -> bool:
    """Say whether somebody could call it; the members of an enumeration are just there."""
    return callable(thing) and not isinstance(thing, EnumMeta)


@pytest.mark.parametrize("name", [name for name, thing in THINGS.items() if is_called(thing)])
def test_a_signature_names_its_arguments(name: str) -> None:
    try:
        signature = inspect.signature(THINGS[name])
    except ValueError:
        assert issubclass(THINGS[name], BaseException)  # as built-in exceptions have none
        return
    if not name.startswith("objects."):
        assert "<lambda>" not in str(signature)
    assert "environ(" not in str(signature), "the environment has secrets"
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    is_open = kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    assert not is_open or name.rpartition(".")[2] in TAKES_ANYTHING or "Serializer" in name


# -- names


@pytest.mark.parametrize("module", [pyrolike, api], ids=lambda module: module.__name__)
def test_dir_has_the_names_before_they_are_loaded_and_no_tools(module: ModuleType) -> None:
    shown = {name for name in dir(module) if not name.startswith("_")}
    modules = set(getattr(pyrolike, "_MODULES")) if module is pyrolike else set()  # noqa: B009
    assert shown - modules == set(module.__all__)


def test_a_shell_completes_the_names() -> None:
    completer = rlcompleter.Completer({"api": api})
    found = {completer.complete("api.Pro", 0), completer.complete("api.locate", 0)}
    assert {str(name).partition("(")[0] for name in found} == {"api.Proxy", "api.locate_ns"}


def test_dir_of_a_proxy_has_the_remote_names(running: RunningDaemon) -> None:
    with running.proxy("calc") as proxy:
        names = dir(proxy)
        assert {"add", "size", "_pyroTimeout"} <= set(names)
        assert names == sorted(set(names))


def test_dir_of_a_proxy_that_cannot_connect_has_its_own_names() -> None:
    with changed_settings(COMMTIMEOUT=5.0):
        assert "_pyroTimeout" in dir(Proxy("PYRO:calc@localhost:1"))


@pytest.mark.slow
@pytest.mark.interop
def test_a_connected_proxy_shows_what_pyro5s_shows(running: RunningDaemon) -> None:
    if not find_spec("Pyro5"):
        pytest.skip("Pyro5 is not installed")
    program = (
        "import sys, Pyro5.api\n"
        "with Pyro5.api.Proxy(sys.argv[1]) as proxy:\n"
        "    proxy._pyroBind()\n"
        "    print(*(name for name in dir(proxy) if not name.startswith('_')))\n"
    )
    uri = str(running.uri("calc"))
    done = subprocess.run(
        [sys.executable, "-c", program, uri], capture_output=True, text=True, check=True
    )
    with running.proxy("calc") as proxy:
        assert done.stdout.split() == [name for name in dir(proxy) if not name.startswith("_")]


@pytest.mark.slow
def test_a_misspelt_method_is_corrected_by_python(running: RunningDaemon) -> None:
    """As far as it goes: an error that nobody catches is shown so by every Python we run on."""
    program = "import sys; from pyrolike.api import Proxy; Proxy(sys.argv[1]).sizes()"
    done = subprocess.run(
        [sys.executable, "-c", program, str(running.uri("calc"))], capture_output=True, text=True
    )
    assert "Did you mean: 'size'?" in done.stderr
