import os
import sys
from pathlib import Path

import pytest

from pyrolike.compat import registering
from pyrolike.compat.registering import add_to_environment, register, shim_directory


@pytest.mark.parametrize("name", ["Pyro4", "Pyro5"])
def test_a_shim_is_a_package_that_does_one_thing(name: str) -> None:
    text = Path(shim_directory(name), name, "__init__.py").read_text("utf-8")
    assert text.endswith("take_over(__name__)\n")


def test_unknown_names_are_refused_before_anything_is_done() -> None:
    before = list(sys.meta_path)
    for function in (register, add_to_environment, shim_directory):
        with pytest.raises(ValueError, match="not for 'Pyro3'"):
            function("Pyro3")
    assert sys.meta_path == before


def test_the_path_of_others_is_changed_once_and_what_is_there_stays() -> None:
    environ = {"PYTHONPATH": "there"}
    for _ in range(2):
        add_to_environment("Pyro4", "Pyro5", environ=environ)
    assert environ["PYTHONPATH"].split(os.pathsep) == [
        shim_directory("Pyro4"),
        shim_directory("Pyro5"),
        "there",
    ]


def test_the_gate_minds_its_own_business() -> None:
    gate = registering.Gate()
    assert gate.find_spec("json.something") is None
