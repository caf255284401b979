import pyrolike
from pyrolike import constants, core, serializers

PYRO5_CORE = {
    "DAEMON_NAME",
    "NAMESERVER_NAME",
    "URI",
    "_ExceptionWrapper",
    "locate_ns",
    "resolve",
    "type_meta",
}
PYRO4_CORE = {
    "URI",
    "Proxy",
    "Daemon",
    "current_context",
    "callback",
    "batch",
    "expose",
    "behavior",
    "oneway",
    "SerializedBlob",
}


def test_it_offers_what_both_pyros_offer() -> None:
    assert set(core.__all__) >= PYRO5_CORE | PYRO4_CORE


def test_its_names_are_those_of_the_front_door_the_constants_and_the_serializers() -> None:
    for name in core.__all__:
        homes = (pyrolike, constants, serializers)
        (home, *_) = [home for home in homes if hasattr(home, name.removeprefix("_"))]
        assert getattr(core, name) is getattr(home, name.removeprefix("_"))
