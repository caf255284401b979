"""The names Pyro4 and Pyro5 in a process: what registering does, what it refuses, what it reaches.

Each test runs its lines in a process of its own: what they do to the modules cannot be undone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

import pyrolike
from pyrolike.compat.names import PYRO4, PYRO5, STARTED
from tests.support.processes import Program, pinned_environment

PACKAGES = str(Path(pyrolike.__file__).resolve().parents[1])


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [PACKAGES, os.environ.get("PYTHONPATH")]))
    return pinned_environment({"PYTHONPATH": path, **more})


def run(
    *arguments: str | Path, folder: Path | None = None, status: int = 0, **variables: str
) -> str:
    """Run Python with warnings as errors; return what it says."""
    result = subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        cwd=folder,
        env=environment(**variables),
        check=False,
    )
    assert result.returncode == status, result.stdout
    return result.stdout


def lines(code: str, **variables: str) -> list[str]:
    """Run code in a fresh process; return the lines it prints."""
    return run("-c", textwrap.dedent(code), **variables).splitlines()


def on_compat(code: str, *options: str, **variables: str) -> list[str]:
    """Run code as an unmodified program."""
    command = ["-m", "pyrolike.compat", *options, "-c", textwrap.dedent(code)]
    return run(*command, **variables).splitlines()


pytestmark = pytest.mark.slow

# -- the traps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["Pyro4", "Pyro5"])
def test_every_submodule_is_registered_and_none_is_there_twice(family: str) -> None:
    rows = {"Pyro4": PYRO4, "Pyro5": PYRO5}[family]
    code = f"""
    import sys, importlib, pyrolike.client, pyrolike.compat
    Proxy, client = pyrolike.Proxy, pyrolike.client
    pyrolike.compat.register({family!r})
    import {family}
    there = [name for name in {list(rows)!r} if name in sys.modules]
    files = {{}}
    for name in there:
        module = importlib.import_module(name)
        assert module is sys.modules[name]
        parent, _, child = name.rpartition(".")
        assert not parent or getattr(sys.modules[parent], child) is module
    for name, module in list(sys.modules.items()):
        if name.startswith("pyrolike") and getattr(module, "__file__", None):
            assert files.setdefault(module.__file__, module) is module, name
    import {family}.core
    assert {family}.core.Proxy is Proxy is pyrolike.client.Proxy
    assert sys.modules["pyrolike.client"] is pyrolike.client is client
    print(len(there) >= 12)
    """
    assert lines(code) == ["True"]


def test_registering_leaves_the_specs_of_our_modules_alone() -> None:
    code = """
    import sys, pyrolike.api, pyrolike.compat
    before = {name: module.__spec__ for name, module in sys.modules.items() if "pyro" in name}
    pyrolike.compat.register("Pyro4", "Pyro5")
    import Pyro4.core, Pyro5.api, Pyro5.client
    from Pyro5.compatibility import Pyro4 as nested
    assert all(sys.modules[name].__spec__ is spec for name, spec in before.items())
    print(nested is Pyro4, pyrolike.client.__spec__.name, pyrolike.client.__name__)
    """
    assert lines(code) == ["True pyrolike.client pyrolike.client"]


def test_what_pyro_does_not_have_is_refused_and_no_file_of_ours_is_loaded_again() -> None:
    code = """
    import sys, pyrolike.compat
    pyrolike.compat.register("Pyro5", "Pyro4")
    for name in ("Pyro5.client.proxy", "Pyro5.nothing", "Pyro4.utils.flame", "Pyro4.nothing"):
        try:
            __import__(name)
        except ModuleNotFoundError as problem:
            print(name.startswith(problem.name), "no such part" in str(problem))
    import Pyro4
    print(hasattr(Pyro4, "nothing"), hasattr(Pyro5 := sys.modules["Pyro5"], "proxy"))
    try:
        import some_other_package
    except ModuleNotFoundError as problem:
        print(problem)
    """
    told = lines(code)
    assert told[:4] == ["True True"] * 4
    assert told[4:] == ["False False", "No module named 'some_other_package'"]


# -- imports in all their forms -------------------------------------------------------------------


def test_all_forms_of_import_lead_to_the_same_classes() -> None:
    code = """
    import Pyro5
    import Pyro5.api
    import Pyro5.compatibility.Pyro4
    from Pyro5 import errors
    from Pyro5.core import URI, locate_ns
    from Pyro5.server import Daemon, oneway
    import Pyro4
    from Pyro4.core import Proxy
    from Pyro4 import naming, socketutil
    import Pyro4.util as util
    print(Pyro5.api.Proxy is Proxy is Pyro4.Proxy, errors is Pyro5.errors is Pyro4.errors)
    print(Pyro5.api.locate_ns is locate_ns, oneway is Pyro4.oneway, callable(oneway))
    print(naming.locateNS is Pyro4.locateNS, Pyro4.URI is URI, Pyro4.Daemon is Daemon)
    print(Pyro5.svr_threads.SocketServer_Threadpool.__name__, Pyro4.socketserver.multiplexserver
          is Pyro5.svr_multiplex)
    print(Pyro4.__version__, Pyro4.constants.VERSION, Pyro5.__version__, bool(Pyro5.__author__))
    print(Pyro5.compatibility.Pyro4 is Pyro4, callable(getattr(Pyro4, "async")))
    try:
        Pyro5.compatibility.Pyro6
    except AttributeError as problem:
        print(problem)
    """
    assert on_compat(code) == [
        "True True",
        "True True True",
        "True True True",
        "ThreadPoolServer True",
        "4.82 4.82 5.17 True",
        "True True",
        "module 'Pyro5.compatibility' has no attribute 'Pyro6'",
    ]


def test_a_pickle_of_either_pyro_loads_and_ours_loads_under_their_names() -> None:
    code = r"""
    import pickle, Pyro4.core, Pyro5.client
    state = ("PYRO:a@h:1", (), ("m",), (), "hello", None)
    for module in (b"Pyro5.client", b"Pyro4.core"):
        data = b"\x80\x02c" + module + b"\nProxy\n)\x81" + pickle.dumps(state, 2)[2:-1] + b"b."
        proxy = pickle.loads(data)
        print(type(proxy) is Pyro5.client.Proxy, proxy._pyroUri, sorted(proxy._pyroMethods))
    print(pickle.loads(b"cPyro4.errors\nNamingError\n.") is Pyro4.errors.NamingError)
    proxy = Pyro4.core.Proxy("PYRO:a@h:1")
    print(pickle.loads(pickle.dumps(proxy)) == proxy)
    """
    assert on_compat(code) == ["True PYRO:a@h:1 ['m']"] * 2 + ["True", "True"]


# -- who may be replaced --------------------------------------------------------------------------


def test_nothing_is_registered_by_importing_pyrolike() -> None:
    code = """
    import sys, pyrolike.api, pyrolike.compat, pyrolike.util
    print([name for name in sys.modules if name.startswith(("Pyro4", "Pyro5"))])
    """
    assert lines(code) == ["[]"]


FAKE = """
import sys, types
real = types.ModuleType("Pyro5")
real.__version__ = "5.99"
part = types.ModuleType("Pyro5.part")
sys.modules.update({"Pyro5": real, "Pyro5.part": part})
import pyrolike.compat
"""


def test_a_real_pyro_that_is_imported_is_not_hidden() -> None:
    code = (
        FAKE
        + """
try:
    pyrolike.compat.register("Pyro4", "Pyro5")
except ImportError as problem:
    print(problem)
print(sys.modules["Pyro5"] is real, "Pyro4" in sys.modules)
"""
    )
    told = run("-c", code).splitlines()
    assert told[0].startswith("Pyro5 5.99 is imported already, from ")
    assert told[1] == "True False"


def test_unless_that_is_wanted() -> None:
    code = (
        FAKE
        + """
pyrolike.compat.register("Pyro5", force=True)
import Pyro5.api
print(Pyro5 is real, "Pyro5.part" in sys.modules, Pyro5.api.Proxy is pyrolike.Proxy)
"""
    )
    assert run("-c", code).splitlines() == ["False False True"]


@pytest.mark.interop
def test_the_real_ones_are_not_hidden_either() -> None:
    if not (find_spec("Pyro4") and find_spec("Pyro5")):
        pytest.skip("the real ones are not installed")
    code = """
    import Pyro4, Pyro5, pyrolike.compat
    for name in ("Pyro4", "Pyro5"):
        try:
            pyrolike.compat.register(name)
        except ImportError as problem:
            print(str(problem)[:30])
    """
    assert lines(code) == ["Pyro4 4.82 is imported already", "Pyro5 5.17 is imported already"]


def test_only_known_names_can_be_registered_and_twice_is_fine() -> None:
    code = """
    import pyrolike.compat
    for function in (pyrolike.compat.register, pyrolike.compat.add_to_environment):
        try:
            function("Pyro3")
        except ValueError as problem:
            print(problem)
    pyrolike.compat.register("Pyro5")
    pyrolike.compat.register("Pyro5")
    import Pyro5.api
    """
    assert lines(code) == ["pyrolike stands for 'Pyro4' and 'Pyro5', not for 'Pyro3'"] * 2


# -- settings and logs ----------------------------------------------------------------------------

SHOW = "print(config.THREADPOOL_SIZE, config.PREFER_IP_VERSION, len(config.SERIALIZERS_ACCEPTED))"


def test_pyro4s_defaults_hold_while_pyro4_is_alone() -> None:
    code = f"""
    from pyrolike import config
    import Pyro4
    {SHOW}
    config.THREADPOOL_SIZE = 50
    Pyro4.config.reset()
    {SHOW}
    config.PREFER_IP_VERSION = 6
    import Pyro5.api
    {SHOW}
    """
    assert on_compat(code) == ["40 4 3", "40 4 3", "80 6 4"]
    assert on_compat(code, PYRO_THREADPOOL_SIZE="20") == ["20 4 3", "20 4 3", "20 6 4"]


def test_pyro5s_defaults_are_ours() -> None:
    assert on_compat(f"import Pyro5.api; from Pyro5 import config; {SHOW}") == ["80 0 4"]


def test_settings_that_a_program_makes_in_its_environment_before_the_import_count() -> None:
    code = """
    import os
    os.environ["PYRO_SERIALIZER"] = "json"
    os.environ["PYRO_MAX_RETRIES"] = "3"
    import pyrolike
    pyrolike.config.MAX_RETRIES = 5
    import Pyro5.api
    print(Pyro5.config.SERIALIZER, Pyro5.config.MAX_RETRIES)
    """
    assert on_compat(code) == ["json 5"]


def test_a_log_that_a_program_asks_for_before_the_import_is_written(tmp_path: Path) -> None:
    code = f"""
    import os
    os.environ["PYRO_LOGLEVEL"] = "DEBUG"
    os.environ["PYRO_LOGFILE"] = {str(tmp_path / "pyro.log")!r}
    import Pyro4
    """
    on_compat(code)
    assert "logging configured" in (tmp_path / "pyro.log").read_text("utf-8")


def test_the_loggers_of_pyro_govern_ours() -> None:
    code = """
    import logging
    logging.basicConfig(format="%(name)s %(message)s")
    logging.getLogger("Pyro5").setLevel(logging.DEBUG)
    import Pyro5.api
    logging.getLogger("pyrolike.client").debug("seen")
    logging.getLogger("Pyro5").setLevel(logging.ERROR)
    logging.getLogger("pyrolike.client").warning("not seen")
    import Pyro4
    logging.getLogger("Pyro4").setLevel(logging.INFO)
    logging.getLogger("pyrolike.client").info("seen again")
    """
    assert on_compat(code) == ["pyrolike.client seen", "pyrolike.client seen again"]


# -- how programs are started ---------------------------------------------------------------------

WHO = """\
import sys
import Pyro5.api
print(__name__, sys.argv[1:], Pyro5.__file__.startswith(sys.modules["pyrolike"].__path__[0]))
print(sys.modules["__main__"].__dict__ is globals(), __package__, __spec__ and __spec__.name)
"""


def test_a_file_is_run_as_python_would(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WHO + "import beside\nprint(__file__)\n", "utf-8")
    (tmp_path / "beside.py").write_text("print('beside')\n", "utf-8")
    told = run("-m", "pyrolike.compat", program, "-x", "y").splitlines()
    assert told == [
        "__main__ ['-x', 'y'] True",
        "True None None",
        "beside",
        str(program),
    ]


def test_a_module_and_a_package_are_run_as_python_would(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "__main__.py").write_text(WHO + "from .other import x\n", "utf-8")
    (package / "other.py").write_text(WHO + "x = 1\n", "utf-8")
    told = run("-m", "pyrolike.compat", "-m", "package", "1", folder=tmp_path).splitlines()
    assert told[:2] == ["__main__ ['1'] True", "True package package.__main__"]
    told = run("-m", "pyrolike.compat", "-m", "package.other", folder=tmp_path).splitlines()
    assert told == ["__main__ [] True", "True package package.other"]


def test_a_directory_and_an_archive_are_run_too(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("import Pyro5, beside; print(Pyro5.config.HOST)", "utf-8")
    (tmp_path / "beside.py").write_text("", "utf-8")
    assert run("-m", "pyrolike.compat", tmp_path) == "localhost\n"
    run("-m", "zipapp", tmp_path, "-o", tmp_path.parent / "program.pyz")
    assert run("-m", "pyrolike.compat", tmp_path.parent / "program.pyz") == "localhost\n"


def test_how_a_program_ends_is_how_the_process_ends() -> None:
    run("-m", "pyrolike.compat", "-c", "raise SystemExit(7)", status=7)
    told = run("-m", "pyrolike.compat", "-c", "1 / 0", status=1)
    assert told.endswith("ZeroDivisionError: division by zero\n")


def test_the_other_name_is_left_alone_if_only_one_is_wanted() -> None:
    code = """
    import Pyro4, importlib.util
    spec = importlib.util.find_spec("Pyro5")
    print(spec is None or "pyrolike" not in str(spec.origin))
    """
    assert on_compat(code, "--only", "Pyro4") == ["True"]


@pytest.mark.parametrize(
    "words", [[], ["-x"], ["-m"], ["-c"], ["--only", "Pyro3", "-c", "1"], ["--only"]]
)
def test_a_wrong_command_line_is_answered_with_the_right_one(words: list[str]) -> None:
    assert run("-m", "pyrolike.compat", *words, status=2).startswith("usage: ")


def test_help_is_given() -> None:
    assert "unchanged" in run("-m", "pyrolike.compat", "--help")


def test_what_cannot_be_run_is_said_in_a_sentence(tmp_path: Path) -> None:
    for words in (["-m", "no.such"], ["-m", "no_such"], ["-m", "sys"], [tmp_path / "no.py"]):
        told = run("-m", "pyrolike.compat", *words, status=1)
        assert told.startswith("cannot run ")
        assert told.count("\n") == 1


# -- other processes ------------------------------------------------------------------------------


def test_programs_that_it_starts_run_on_pyrolike_too(tmp_path: Path) -> None:
    program = tmp_path / "child.py"
    program.write_text("import Pyro4.core; print(Pyro4.core.__file__)", "utf-8")
    code = f"""
    import subprocess, sys
    for words in (["-c", "import Pyro5.api; print(Pyro5.__file__)"], [{str(program)!r}]):
        print(subprocess.run([sys.executable, *words], capture_output=True, text=True).stdout,
              end="")
    """
    told = on_compat(code)
    assert [Path(line).parts[-4:-1] for line in told] == [
        ("pyrolike", "compat", "pyro5"),
        ("pyrolike", "compat", "pyro4"),
    ]


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_children_of_multiprocessing_are_on_pyrolike_too(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""\
            import multiprocessing
            import Pyro4

            def tell(results):
                results.put(Pyro4.__file__)

            if __name__ == "__main__":
                context = multiprocessing.get_context({method!r})
                results = context.Queue()
                child = context.Process(target=tell, args=(results,))
                child.start()
                print(results.get() == Pyro4.__file__)
                child.join()
            """
        ),
        "utf-8",
    )
    assert run("-m", "pyrolike.compat", program) == "True\n"


def test_a_path_that_is_there_is_kept_and_nothing_is_added_twice() -> None:
    environ = {"PYTHONPATH": "/some/where"}
    pyrolike.compat.add_to_environment("Pyro4", environ=environ)
    pyrolike.compat.add_to_environment("Pyro4", environ=environ)
    added, kept = environ["PYTHONPATH"].split(os.pathsep)
    assert (Path(added, "Pyro4", "__init__.py").is_file(), kept) == (True, "/some/where")
    environ.clear()
    pyrolike.compat.add_to_environment("Pyro5", environ=environ)
    assert Path(environ["PYTHONPATH"], "Pyro5", "__init__.py").is_file()


NAME_SERVERS = {
    "through our command": ["-m", "pyrolike.compat", "-m", "{name}"],
    "by python -m": ["-m", "{name}"],
    "by python -bm": ["-bm{name}"],
}


@pytest.mark.parametrize("way", NAME_SERVERS)
@pytest.mark.parametrize("name", ["Pyro4.naming", "Pyro5.nameserver"])
def test_a_name_server_is_started_as_pyros_is(name: str, way: str) -> None:
    shims = {"PYTHONPATH": PACKAGES}
    pyrolike.compat.add_to_environment("Pyro4", "Pyro5", environ=shims)
    arguments = ["-W", "error", *(word.format(name=name) for word in NAME_SERVERS[way])]
    ready = r"^URI = (PYRO:Pyro.NameServer@127.0.0.1:\d+)"
    command = [*arguments, "-n", "127.0.0.1", "-p", "0"]
    with Program(command, ready=ready, environment=shims, ends_by_interrupt=True) as server:
        assert server.ready_match is not None
        with pyrolike.Proxy(server.ready_match[1]) as names:
            assert names.count() == 1
        server.interrupt()
        assert server.wait() == 0
        assert "Warning" not in server.output


@pytest.mark.parametrize("name", ["Pyro4.configuration", "Pyro5.configure"])
def test_the_settings_are_shown_as_pyro_shows_them(name: str) -> None:
    shims = {"PYTHONPATH": PACKAGES}
    pyrolike.compat.add_to_environment("Pyro4", "Pyro5", environ=shims)
    size = "40" if name.startswith("Pyro4") else "80"
    for command in (["-m", "pyrolike.compat", "-m", name], ["-m", name]):
        assert f"THREADPOOL_SIZE = {size}\n" in run(*command, **shims)


def test_what_is_started_is_a_module_all_the_same() -> None:
    assert set(STARTED) <= {**PYRO4, **PYRO5}.keys()
