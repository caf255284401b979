"""The snapshot of settings that requests are served by."""

import pytest

from pyrolike.configure import Configuration
from pyrolike.errors import SerializeError
from pyrolike.serializers import get_serializer, serializers
from pyrolike.server.settings import ServingSettings
from pyrolike.uri import URI

ALL = frozenset({"serpent", "json", "marshal", "msgpack"})


@pytest.fixture
def config() -> Configuration:
    config = Configuration()
    config.reset(use_environment=False)
    return config


def test_the_defaults_are_pyros(config: Configuration) -> None:
    settings = ServingSettings.take(config, ALL)
    assert settings.validity is config.validity
    assert not settings.validity.is_over
    assert settings.max_size == settings.policy.max_size == 1 << 30
    assert not settings.compress
    assert not settings.log_wire
    assert not settings.needs_care
    assert settings.oneway_threaded
    assert settings.policy.require_expose
    assert settings.policy.streaming
    assert settings.policy.send_tracebacks
    assert not settings.policy.detailed_tracebacks


def test_serializers_are_known_by_their_number_on_the_wire(config: Configuration) -> None:
    codecs = ServingSettings.take(config, ALL).codecs
    numbered = {1: "serpent", 2: "marshal", 3: "json", 4: "msgpack"}
    for tags in ("Pyro5", "Pyro4"):
        assert {number: codec.name for number, codec in codecs[tags].items()} == numbered


def test_each_family_of_clients_gets_its_own_names(config: Configuration) -> None:
    codecs = ServingSettings.take(config, ALL | {"pickle"}).codecs
    assert set(codecs) == {"Pyro5", "Pyro4"}
    uri = URI("PYRO:x@h:1")
    for number, codec in codecs["Pyro4"].items():
        assert (codec.tags, codec.name) == ("Pyro4", codecs["Pyro5"][number].name)
        assert b"Pyro4.core" in codec.dumps(uri)
        assert b"Pyro4" not in codecs["Pyro5"][number].dumps(uri)


def test_only_accepted_serializers_are_there(config: Configuration) -> None:
    for accepted, numbers in (({"json"}, {3}), ({"json", "pickle"}, {3, 200}), (set(), set())):
        codecs = ServingSettings.take(config, accepted).codecs
        assert set(codecs["Pyro5"]) == set(codecs["Pyro4"]) == numbers


def test_each_setting_is_taken_over(config: Configuration) -> None:
    config.COMPRESSION = True
    config.MAX_MESSAGE_SIZE = 1234
    config.ONEWAY_THREADED = False
    config.REQUIRE_EXPOSE = False
    config.ITER_STREAMING = False
    config.DETAILED_TRACEBACK = True
    config.REMOTE_TRACEBACKS = False
    settings = ServingSettings.take(config, ALL)
    assert settings.compress
    assert settings.max_size == settings.policy.max_size == 1234
    assert not settings.oneway_threaded
    assert not settings.policy.require_expose
    assert not settings.policy.streaming
    assert settings.policy.detailed_tracebacks
    assert not settings.policy.send_tracebacks


@pytest.mark.parametrize("name", ["COMPRESSION", "LOGWIRE"])
def test_either_of_two_settings_calls_for_care(config: Configuration, name: str) -> None:
    setattr(config, name, True)
    assert ServingSettings.take(config, ALL).needs_care


def test_serpent_writes_bytes_as_the_setting_says(config: Configuration) -> None:
    plain = ServingSettings.take(config, ALL).codecs["Pyro5"][1]
    config.SERPENT_BYTES_REPR = True
    literal = ServingSettings.take(config, ALL).codecs["Pyro5"][1]
    assert plain is get_serializer("serpent")
    assert literal is get_serializer("serpent", bytes_repr=True)


def test_json_is_written_by_the_module_of_the_setting(config: Configuration) -> None:
    config.JSON_MODULE = "some_other"
    codecs = ServingSettings.take(config, ALL).codecs
    assert codecs["Pyro5"][3] is get_serializer("json", json_module="some_other")
    others = codecs["Pyro4"][3]
    assert others is get_serializer("json", json_module="some_other", tags="Pyro4")
    assert others.module == "some_other"  # type: ignore[attr-defined]  # of the json serializer


def test_msgpack_is_left_out_where_it_is_not_installed(
    config: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(serializers, "msgpack")
    assert set(ServingSettings.take(config, ALL).codecs["Pyro5"]) == {1, 2, 3}


@pytest.mark.parametrize("name", ["dill", "cloudpickle"])
def test_a_serializer_that_is_not_installed_is_an_error(
    config: Configuration, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(serializers, name, raising=False)
    with pytest.raises(SerializeError, match=name):
        ServingSettings.take(config, {"serpent", name})


def test_a_serializer_that_does_not_exist_is_an_error(config: Configuration) -> None:
    with pytest.raises(SerializeError, match="serpant"):
        ServingSettings.take(config, {"serpant"})


def test_a_change_while_the_settings_are_taken_is_noticed_later() -> None:
    class Changing(Configuration):
        """Is changed by somebody else while it is read."""

        @property
        def COMPRESSION(self) -> bool:  # type: ignore[override]
            self.LOGWIRE = True
            return False

    config = Changing()
    settings = ServingSettings.take(config, ALL)
    assert settings.validity.is_over
