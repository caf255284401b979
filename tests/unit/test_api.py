import pyrolike
from pyrolike import api
from pyrolike.serializers import SerializerBase

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
