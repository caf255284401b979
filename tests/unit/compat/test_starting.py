import sys

import pytest

from pyrolike.compat import names, starting


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-m", "Pyro4.naming", "-n", "host"], "Pyro4.naming"),
        (["-W", "error", "-mPyro5.nsc"], "Pyro5.nsc"),
        (["-bm", "Pyro5.nameserver"], "Pyro5.nameserver"),
        (["-bmPyro5.nameserver"], "Pyro5.nameserver"),
        (["-m", "other"], None),
    ],
)
def test_what_python_looks_for_is_found_on_the_command_line(
    words: list[str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", *words])
    monkeypatch.setattr(sys, "argv", ["-m"])
    assert starting.find_started() == found
    monkeypatch.setattr(sys, "argv", ["/path/of/a/program", *words])
    assert starting.find_started() is None


def test_the_code_starts_it_and_the_process_ends_as_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(names.STARTED, "Pyro5.errors", "os:getpid")
    monkeypatch.setitem(sys.modules, "Pyro5.errors", sys)
    spec = starting.StarterLoader.make_spec("Pyro5.errors")
    assert str(spec.origin).endswith("errors.py")
    code = starting.StarterLoader().get_code("Pyro5.errors")
    with pytest.raises(SystemExit) as ending:
        exec(code, {})
    assert ending.value.code
    from pyrolike import errors

    assert sys.modules["Pyro5.errors"] is errors
