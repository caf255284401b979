import pyrolike
from pyrolike import constants


def test_the_names_of_the_outside_world_are_pyros() -> None:
    assert constants.DAEMON_NAME == "Pyro.Daemon"
    assert constants.NAMESERVER_NAME == "Pyro.NameServer"
    assert constants.FLAME_NAME == "Pyro.Flame"


def test_the_version_is_ours() -> None:
    assert pyrolike.__version__ == constants.VERSION
