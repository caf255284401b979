from collections.abc import Iterator

import pytest

from pyrolike.compat.pyro4 import configuration
from pyrolike.compat.pyro4.configuration import config
from pyrolike.configure import ITEMS, config as ours


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    before = ours.as_dict()
    yield
    for name, value in before.items():
        setattr(ours, name, value)


def test_what_is_set_on_either_side_is_seen_on_the_other() -> None:
    config.SERIALIZER = "json"
    assert ours.SERIALIZER == "json"
    ours.COMMTIMEOUT = 2
    assert config.COMMTIMEOUT == 2.0
    config.SERIALIZERS_ACCEPTED.add("pickle")
    assert "pickle" in ours.SERIALIZERS_ACCEPTED


def test_two_items_have_pyro4s_shape() -> None:
    assert config.BROADCAST_ADDRS == "<broadcast>, 0.0.0.0"
    config.BROADCAST_ADDRS = "1.2.3.4, ''"
    assert ours.BROADCAST_ADDRS == ["1.2.3.4", ""]
    assert config.BROADCAST_ADDRS == "1.2.3.4, ''"
    assert config.MAX_MESSAGE_SIZE == 0
    config.MAX_MESSAGE_SIZE = 5000
    assert config.MAX_MESSAGE_SIZE == ours.MAX_MESSAGE_SIZE == 5000
    config.MAX_MESSAGE_SIZE = 0
    assert ITEMS["MAX_MESSAGE_SIZE"].default == ours.MAX_MESSAGE_SIZE


def test_pyro4s_items_are_listed_and_all_of_them_are_ours() -> None:
    assert config.asDict() == config.as_dict()
    assert set(config.asDict()) == set(configuration.NAMES) < set(ITEMS)
    assert "NS_LOOKUP_DELAY" not in config.asDict()


def test_unknown_items_are_refused_as_ours_are() -> None:
    with pytest.raises(AttributeError, match="no setting NOTHING"):
        config.NOTHING = 1
    with pytest.raises(AttributeError, match="did you mean HOST"):
        config.HOSTT  # noqa: B018


def test_a_reset_takes_both_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRO_HOST", "elsewhere")
    config.reset(useenvironment=False)
    assert config.HOST == "localhost"
    config.reset(use_environment=True)
    assert config.HOST == "elsewhere"


def test_settings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configuration.main()
    assert "THREADPOOL_SIZE = " in capsys.readouterr().out
    assert repr(config).startswith("<Pyro4's view of <Configuration")
    assert config.parseAddressesString("a, ''") == ["a", ""]
