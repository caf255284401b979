import copy
import logging
import os
import runpy
import sys
import threading

import pytest

from pyrolike import configure
from pyrolike.configure import ITEMS, Configuration, Validity, config


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PYRO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings() -> Configuration:
    return Configuration()


PYRO_DEFAULTS = {
    "AUTOPROXY": True,
    "BROADCAST_ADDRS": ["<broadcast>", "0.0.0.0"],
    "COMMTIMEOUT": 0.0,
    "COMPRESSION": False,
    "DETAILED_TRACEBACK": False,
    "DILL_PROTOCOL_VERSION": -1,
    "FLAME_ENABLED": False,
    "HOST": "localhost",
    "ITER_STREAMING": True,
    "ITER_STREAM_LIFETIME": 0.0,
    "ITER_STREAM_LINGER": 30.0,
    "JSON_MODULE": "json",
    "LOGFILE": "pyrolike.log",
    "LOGLEVEL": None,
    "LOGWIRE": False,
    "MAX_MESSAGE_SIZE": 1073741824,
    "MAX_RETRIES": 0,
    "METADATA": True,
    "NATHOST": None,
    "NATPORT": 0,
    "NS_AUTOCLEAN": 0.0,
    "NS_BCHOST": None,
    "NS_BCPORT": 9091,
    "NS_HOST": "localhost",
    "NS_LOOKUP_DELAY": 0.0,
    "NS_PORT": 9090,
    "ONEWAY_THREADED": True,
    "PICKLE_PROTOCOL_VERSION": 5,
    "POLLTIMEOUT": 2.0,
    "PREFER_IP_VERSION": 0,
    "REQUIRE_EXPOSE": True,
    "SERIALIZER": "serpent",
    "SERIALIZERS_ACCEPTED": {"serpent", "json", "marshal", "msgpack"},
    "SERPENT_BYTES_REPR": False,
    "SERVERTYPE": "thread",
    "SOCK_NODELAY": False,
    "SOCK_REUSE": True,
    "SSL": False,
    "SSL_CACERTS": "",
    "SSL_CLIENTCERT": "",
    "SSL_CLIENTKEY": "",
    "SSL_CLIENTKEYPASSWD": "",
    "SSL_REQUIRECLIENTCERT": False,
    "SSL_SERVERCERT": "",
    "SSL_SERVERKEY": "",
    "SSL_SERVERKEYPASSWD": "",
    "THREADPOOL_SIZE": 80,
    "THREADPOOL_SIZE_MIN": 4,
    "USE_MSG_WAITALL": sys.platform != "win32",
}

OUR_DEFAULTS = {
    "CONNECT_TIMEOUT": 20.0,
    "CONNECTIONS_PER_CLIENT": 5000,
    "HANDSHAKE_LIMIT": 2000,
    "HANDSHAKE_TIMEOUT": 10.0,
    "KEEPALIVE_SECONDS": 60.0,
    "INERT_PROXIES": False,
    "ITER_STREAM_LIMIT": 1000,
    "ITER_STREAM_WINDOW": 1,
    "PICKLE_WITHOUT_AUTHENTICATION": False,
    "PROTOCOLS_ACCEPTED": {48, 502},
    "REMOTE_TRACEBACKS": "known",
    "SHUTDOWN_GRACE": 5.0,
    "SIGNAL_GRACE": 0.5,
    "THREADPOOL_LINGER": 0.02,
    "THREADPOOL_NESTED": 1000,
    "THREADPOOL_QUEUE_SIZE": 10_000,
    "THREADPOOL_QUEUE_WAIT": 1.0,
}


def test_the_items_of_both_pyros_and_ours_have_their_defaults(settings: Configuration) -> None:
    assert settings.as_dict() == PYRO_DEFAULTS | OUR_DEFAULTS


@pytest.mark.parametrize("name", list(ITEMS))
def test_every_row_of_the_table_is_complete(name: str) -> None:
    item = ITEMS[name]
    annotation = str(Configuration.__annotations__[name])
    assert item.meaning
    assert item.read
    assert type(item.default).__name__ in annotation or item.default is None
    assert item.check(item.default) == item.default
    assert name in repr(item)


def test_there_is_one_configuration_with_two_names() -> None:
    assert configure.global_config is config
    assert isinstance(config, Configuration)


def test_an_assigned_value_is_checked_and_stored(settings: Configuration) -> None:
    settings.COMMTIMEOUT = 3
    assert settings.COMMTIMEOUT == 3.0
    assert type(settings.COMMTIMEOUT) is float


def test_a_wrong_value_is_refused_with_what_would_be_right(settings: Configuration) -> None:
    with pytest.raises(
        ValueError, match=r"^NS_PORT must be a port number from 0 to 65535, not 'x'$"
    ):
        settings.NS_PORT = "x"  # type: ignore[assignment] # the point of the test
    assert settings.NS_PORT == 9090


def test_a_wrong_password_is_not_shown(settings: Configuration) -> None:
    with pytest.raises(ValueError, match=r"must be a text, not '\*\*\*\*\*'$"):
        settings.SSL_SERVERKEYPASSWD = b"rosebud"  # type: ignore[assignment] # the point of the test


def test_an_unknown_setting_is_refused_with_a_hint(settings: Configuration) -> None:
    with pytest.raises(AttributeError, match="there is no setting COMTIMEOUT; did you mean COMMT"):
        settings.COMTIMEOUT = 2  # type: ignore[attr-defined] # the point of the test
    with pytest.raises(AttributeError, match=r"^there is no setting commtimeout; did you mean"):
        _ = settings.commtimeout  # type: ignore[attr-defined] # the point of the test


def test_a_setting_like_no_other_gets_no_hint(settings: Configuration) -> None:
    with pytest.raises(AttributeError, match=r"^there is no setting q$"):
        _ = settings.q  # type: ignore[attr-defined] # the point of the test


def test_a_setting_cannot_be_deleted(settings: Configuration) -> None:
    with pytest.raises(AttributeError, match="SSL cannot be deleted"):
        del settings.SSL


def test_a_validity_is_over_with_every_change_and_with_nothing_else(
    settings: Configuration,
) -> None:
    first = settings.validity
    assert not first.is_over
    settings.LOGWIRE = True
    second = settings.validity
    assert (first.is_over, second.is_over) == (True, False)
    with pytest.raises(ValueError, match="LOGWIRE"):
        settings.LOGWIRE = 7  # type: ignore[assignment] # the point of the test
    assert settings.validity is second
    assert not second.is_over
    settings.reset(use_environment=False)
    assert second.is_over
    assert not settings.validity.is_over


def test_a_copy_has_a_validity_of_its_own(settings: Configuration) -> None:
    twin = settings.copy()
    before, twins = settings.validity, twin.validity
    twin.LOGWIRE = True
    assert (before.is_over, twins.is_over) == (False, True)


def test_the_validity_itself_cannot_be_assigned(settings: Configuration) -> None:
    with pytest.raises(AttributeError, match="no setting validity"):
        settings.validity = Validity()


def test_no_change_is_lost_between_threads(settings: Configuration) -> None:
    seen: list[Validity] = []

    def change() -> None:
        for number in range(200):
            before = settings.validity
            settings.MAX_RETRIES = number
            seen.append(before)

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(before.is_over for before in seen)
    assert not settings.validity.is_over


def test_reset_brings_the_defaults_back_and_forgets_additions_in_place(
    settings: Configuration,
) -> None:
    settings.SERIALIZERS_ACCEPTED.add("pickle")
    settings.SSL = True
    settings.reset()
    assert settings.as_dict() == PYRO_DEFAULTS | OUR_DEFAULTS


def test_reset_obeys_the_environment_or_not_in_both_spellings(
    settings: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYRO_NS_PORT", "4444")
    settings.reset()
    assert settings.NS_PORT == 4444
    settings.reset(False)
    assert settings.NS_PORT == 9090
    settings.reset(useenvironment=True)
    assert settings.NS_PORT == 4444
    settings.reset(useenvironment=False)
    assert settings.NS_PORT == 9090


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("COMPRESSION", "Yes", True),
        ("COMMTIMEOUT", "2.5", 2.5),
        ("THREADPOOL_SIZE", "12", 12),
        ("HOST", "example.org", "example.org"),
        ("NATHOST", "", None),
        ("SERIALIZERS_ACCEPTED", "json , marshal", {"json", "marshal"}),
        ("BROADCAST_ADDRS", "10.0.0.255, ''", ["10.0.0.255", ""]),
        ("LOGLEVEL", "DEBUG", "DEBUG"),
        ("LOGFILE", "{stderr}", "{stderr}"),
        ("PROTOCOLS_ACCEPTED", " 502", {502}),
        ("REMOTE_TRACEBACKS", "known", "known"),
        ("REMOTE_TRACEBACKS", "off", False),
    ],
)
def test_environment_variables_are_read_as_the_kind_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv("PYRO_" + name, text)
    assert getattr(Configuration(), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NS_PORT", "http"),
        ("NS_PORT", ""),
        ("SSL", "maybe"),
        ("COMMTIMEOUT", "-1"),
        ("PROTOCOLS_ACCEPTED", "5"),
    ],
)
def test_a_bad_environment_variable_is_named_with_its_value_and_changes_nothing(
    settings: Configuration, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    settings.MAX_RETRIES = 9
    monkeypatch.setenv("PYRO_" + name, text)
    with pytest.raises(ValueError, match=f"environment variable PYRO_{name} must be .*{text!r}$"):
        settings.reset()
    assert settings.MAX_RETRIES == 9


def test_foreign_environment_variables_are_ignored_with_one_logged_hint(
    settings: Configuration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYRO_COLOUR", "k")
    monkeypatch.setenv("PYRO_NS_PROT", "1")
    monkeypatch.setenv("PYRO_HTTPGATEWAY_KEY", "k")  # the gateway's
    with caplog.at_level(logging.WARNING, logger="pyrolike.configure"):
        settings.reset()
    (record,) = caplog.records
    assert "PYRO_COLOUR" in record.getMessage()
    assert "did you mean NS_PORT?" in record.getMessage()
    assert "GATEWAY" not in record.getMessage()
    assert settings.as_dict() == PYRO_DEFAULTS | OUR_DEFAULTS


def test_a_copy_is_independent_down_to_its_containers(settings: Configuration) -> None:
    settings.NS_PORT = 1
    twin = settings.copy()
    twin.NS_PORT = 2
    twin.SERIALIZERS_ACCEPTED.add("pickle")
    assert settings.NS_PORT == 1
    assert "pickle" not in settings.SERIALIZERS_ACCEPTED
    assert copy.deepcopy(twin).as_dict() == twin.as_dict()


def test_the_dictionary_has_two_spellings_and_is_a_copy(settings: Configuration) -> None:
    settings.as_dict()["BROADCAST_ADDRS"].append("x")
    assert settings.asDict() == settings.as_dict() == PYRO_DEFAULTS | OUR_DEFAULTS


def test_pyro4s_address_parser_is_there(settings: Configuration) -> None:
    assert settings.parseAddressesString("<broadcast>, ''") == ["<broadcast>", ""]


def test_the_repr_names_what_is_not_at_its_default(settings: Configuration) -> None:
    assert repr(settings) == "<Configuration; not at default: none>"
    settings.SSL = True
    assert repr(settings) == "<Configuration; not at default: SSL>"


def test_a_dump_has_versions_then_all_settings_by_name(settings: Configuration) -> None:
    lines = settings.dump().splitlines()
    assert [line.partition(":")[0] for line in lines[:5]] == [
        "pyrolike version",
        "Loaded from",
        "Python version",
        "Protocol version",
        "Currently active global configuration settings",
    ]
    assert [line.partition(" = ")[0] for line in lines[5:]] == sorted(ITEMS)
    assert "BROADCAST_ADDRS = ['<broadcast>', '0.0.0.0']" in lines
    assert "SSL_CACERTS = " in lines


def test_a_dump_masks_passwords_but_tells_if_there_is_one(settings: Configuration) -> None:
    settings.SSL_SERVERKEYPASSWD = "rosebud"
    assert "rosebud" not in settings.dump()
    assert "SSL_SERVERKEYPASSWD = *****\n" in settings.dump()
    assert "SSL_CLIENTKEYPASSWD = \n" in settings.dump()


def test_the_module_prints_the_settings_when_run(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(configure.__file__, run_name="__main__")
    printed = capsys.readouterr().out
    configure.dump()
    assert printed.splitlines()[5:] == capsys.readouterr().out.splitlines()[5:]
