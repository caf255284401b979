from collections.abc import Iterator

import pytest

from pyrolike.compat import settings
from pyrolike.configure import config


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The registered names; what a test has set is put back."""
    before, names = config.as_dict(), set[str]()
    monkeypatch.setattr(settings, "registered", names)
    yield names
    for name, value in before.items():
        setattr(config, name, value)


def test_pyro4s_defaults_come_and_go(registered: set[str]) -> None:
    registered.add("Pyro4")
    settings.adopt_defaults()
    assert (config.THREADPOOL_SIZE, config.PREFER_IP_VERSION) == (40, 4)
    assert "msgpack" not in config.SERIALIZERS_ACCEPTED
    registered.add("Pyro5")
    settings.adopt_defaults()
    assert (config.THREADPOOL_SIZE, config.PREFER_IP_VERSION) == (80, 0)
    assert "msgpack" in config.SERIALIZERS_ACCEPTED


def test_what_was_set_stays(registered: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    config.THREADPOOL_SIZE = 7
    monkeypatch.setenv("PYRO_PREFER_IP_VERSION", "0")
    registered.add("Pyro4")
    settings.adopt_defaults()
    assert (config.THREADPOOL_SIZE, config.PREFER_IP_VERSION) == (7, 0)


def test_the_environment_is_read_again_for_what_nobody_has_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config.MAX_RETRIES = 5
    monkeypatch.setenv("PYRO_MAX_RETRIES", "3")
    monkeypatch.setenv("PYRO_HOST", "elsewhere")
    settings.adopt_environment()
    assert (config.MAX_RETRIES, config.HOST) == (5, "elsewhere")


def test_a_reset_leads_to_the_defaults_that_hold(
    registered: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYRO_HOST", "elsewhere")
    registered.add("Pyro4")
    config.COMPRESSION = True
    settings.reset(use_environment=False)
    assert (config.COMPRESSION, config.THREADPOOL_SIZE, config.HOST) == (False, 40, "localhost")
    settings.reset(use_environment=True)
    assert config.HOST == "elsewhere"
