import threading
from collections.abc import Iterator

import pytest

from pyrolike.api import config
from pyrolike.compat.pyro4 import naming
from pyrolike.compat.pyro4.naming import locateNS, resolve, startNS
from pyrolike.errors import NamingError
from pyrolike.naming import NameServerDaemon
from pyrolike.uri import URI


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServerDaemon]:
    """A running name server, which is where the settings say."""
    uri, daemon, _ = startNS("127.0.0.1", 0, enableBroadcast=False)
    monkeypatch.setattr(config, "NS_HOST", "127.0.0.1")
    monkeypatch.setattr(config, "NS_PORT", uri.port)
    loop = threading.Thread(target=daemon.requestLoop)
    loop.start()
    yield daemon
    daemon.close()
    loop.join()


def test_a_name_server_is_found_without_a_host_and_by_one(names: NameServerDaemon) -> None:
    port = config.NS_PORT
    for arguments in ((), (None, None, False), ("127.0.0.1", port)):
        with locateNS(*arguments) as found:  # type: ignore[arg-type]
            assert found.count() == 1


def test_names_are_resolved(names: NameServerDaemon) -> None:
    names.nameserver.register("one", "PYRO:a@h:1")
    assert resolve("PYRONAME:one") == URI("PYRO:a@h:1")
    with pytest.raises(NamingError):
        resolve("PYRONAME:two")


def test_a_name_server_with_a_key_talks_to_those_who_have_it(names: NameServerDaemon) -> None:
    names._pyroHmacKey = "k"
    names.nameserver.register("one", "PYRO:a@h:1", metadata={"x", "y"})
    with locateNS(hmac_key="k") as found:
        assert found.count() == 2
    assert resolve("PYRONAME:one", hmac_key="k") == URI("PYRO:a@h:1")
    assert resolve("PYROMETA:x,y", hmac_key=b"k") == URI("PYRO:a@h:1")
    assert resolve("PYRO:b@h:1", hmac_key="k") == URI("PYRO:b@h:1")
    with pytest.raises(NamingError, match="all of the tags"):
        resolve("PYROMETA:x,z", hmac_key="k")


@pytest.mark.parametrize("key", ["wrong", None])
def test_a_name_server_with_a_key_talks_to_nobody_else(
    names: NameServerDaemon, key: str | None
) -> None:
    names._pyroHmacKey = "k"
    with pytest.raises(NamingError):
        locateNS("127.0.0.1", config.NS_PORT, hmac_key=key)
    with pytest.raises(NamingError):
        resolve(f"PYRONAME:one@127.0.0.1:{config.NS_PORT}", hmac_key=key)


def test_with_a_key_nobody_there_is_a_naming_error() -> None:
    with pytest.raises(NamingError, match=r"failed to locate .* \./u:/no/such"):
        locateNS("./u:/no/such/socket", hmac_key="k")


@pytest.mark.parametrize("key", [None, "k"])
def test_a_name_server_runs_until_it_is_told_to_end(
    key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NameServerDaemon, "requestLoop", lambda self, condition: None)
    naming.startNSloop("127.0.0.1", 0, hmac=key)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Not starting broadcast server for localhost."
    assert told[-1] == "NS shut down."
