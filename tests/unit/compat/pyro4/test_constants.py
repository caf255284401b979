from pyrolike.compat.pyro4 import constants


def test_they_are_pyro4s() -> None:
    assert (constants.VERSION, constants.PROTOCOL_VERSION) == ("4.82", 48)
