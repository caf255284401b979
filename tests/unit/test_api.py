import subprocess
import sys

import pytest

import pyrolike
from pyrolike import api
from pyrolike.serializers import SerializerBase
from tests.support.fronts import names_for_type_checkers

PYRO5_API = {
    "config",
    "URI",
    "locate_ns",
    "resolve",
    "type_meta",
    "Proxy",
    "BatchProxy",
    "SerializedBlob",
    "Daemon",
    "DaemonObject",
    "callback",
    "expose",
    "behavior",
    "oneway",
    "serve",
    "start_ns",
    "start_ns_loop",
    "SerializerBase",
    "current_context",
    "register_dict_to_class",
    "register_class_to_dict",
    "unregister_dict_to_class",
    "unregister_class_to_dict",
}


def test_it_offers_what_pyro5s_api_offers() -> None:
    assert set(api.__all__) == PYRO5_API
    assert api.__version__ == pyrolike.__version__


def test_its_names_are_those_of_the_front_door() -> None:
    for name in api.__all__:
        assert getattr(api, name) == getattr(pyrolike, name)


def test_the_hooks_for_classes_are_those_of_the_serializers() -> None:
    assert api.register_class_to_dict == SerializerBase.register_class_to_dict
    assert api.register_dict_to_class == SerializerBase.register_dict_to_class
    assert api.unregister_class_to_dict == SerializerBase.unregister_class_to_dict
    assert api.unregister_dict_to_class == SerializerBase.unregister_dict_to_class


def test_type_checkers_and_python_know_the_same_names() -> None:
    assert names_for_type_checkers(api) == set(api.__all__)
    assert set(api.__all__) <= set(dir(api))


def test_a_name_that_is_not_there_is_missed_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"module 'pyrolike\.api' has no attribute 'Prox'"):
        api.Prox  # noqa: B018


def test_a_client_loads_neither_daemon_nor_name_server() -> None:
    code = "import sys; from pyrolike.api import Proxy; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pyrolike.client" in loaded
    assert {"pyrolike.server", "pyrolike.naming", "importlib.metadata"}.isdisjoint(loaded)
