"""The inner side of a daemon: settings as they are now, and hooks that may fail."""

import logging
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pyrolike.callcontext import ContextState, get_state, set_state
from pyrolike.configure import config
from pyrolike.errors import DaemonError
from pyrolike.objects import expose
from pyrolike.objects.members import get_members
from pyrolike.protocol import DIALECTS
from pyrolike.server.service import is_known_client
from pyrolike.server.session import Session
from tests.support.daemon import changed_settings
from tests.support.serving import Hooks, make_service, serving


class Half:
    @expose
    def shown(self) -> None: ...

    def hidden(self) -> None: ...


class Server:
    """The server type, as far as the service knows it."""

    def __init__(self) -> None:
        self.forgotten: list[Session] = []
        self.tasks: list[Any] = []

    def forget(self, session: Session) -> None:
        self.forgotten.append(session)

    def start_task(self, task: Any) -> bool:
        self.tasks.append(task)
        return True


class Failing(Hooks):
    """Has hooks that raise what the test wants."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error
        self.methodcall_error_handler = self._fail

    def _fail(self, *_: Any) -> Any:
        raise self._error

    validateHandshake: Any = _fail
    clientDisconnect: Any = _fail
    housekeeping: Any = _fail


# -- settings


def test_settings_are_taken_again_only_when_something_has_changed() -> None:
    service = make_service()
    settings = service.get_settings()
    assert service.get_settings() is settings
    with changed_settings(COMPRESSION=True):
        changed = service.get_settings()
        assert changed.compress
        assert service.dispatcher.policy is changed.policy
        assert service.get_settings() is changed
    assert not service.get_settings().compress


def test_the_accepted_serializers_are_fixed_when_the_daemon_is_made() -> None:
    with changed_settings(SERIALIZERS_ACCEPTED={"json"}):
        service = make_service()
    config.LOGWIRE = config.LOGWIRE  # an assignment, so that settings are taken again
    codecs = service.get_settings().codecs
    assert {tags: set(numbers) for tags, numbers in codecs.items()} == {"Pyro5": {3}, "Pyro4": {3}}


def test_a_change_of_the_setting_for_exposure_is_noticed_by_all_objects() -> None:
    service, connection = make_service({"half": Half()}), cast("Any", None)

    def methods() -> set[str]:
        _, members = service.shake_hands(connection, "hello", "half")
        assert members is not None
        return members.as_metadata()["methods"]

    assert service.require_expose
    assert methods() == {"shown"}
    with changed_settings(REQUIRE_EXPOSE=False):
        service.get_settings()
        assert not service.require_expose
        assert methods() == {"shown", "hidden"}
    service.get_settings()
    assert methods() == {"shown"}


# -- handshakes


def test_a_handshake_is_answered_with_the_hooks_answer_and_the_metadata() -> None:
    hooks = Hooks()
    service = make_service({"half": Half()}, hooks)
    connection: Any = object()
    answer, members = service.shake_hands(connection, "data", "half")
    assert (answer, members) == ("hello", get_members(Half))
    assert hooks.shaken == [(connection, "data")]


def test_a_handshake_that_asks_about_no_object_is_answered_without_metadata() -> None:
    hooks = Hooks()
    connection: Any = object()
    assert make_service(daemon=hooks).shake_hands(connection, "data", None) == ("hello", None)
    assert hooks.shaken == [(connection, "data")]


# -- keys


def test_with_a_key_only_the_protocol_that_knows_keys_is_spoken() -> None:
    service = make_service()
    assert service.dialects == DIALECTS
    assert service.hmac_key is None
    service.hmac_key = b"key"
    assert set(service.dialects) == {48}
    assert service.hmac_key == b"key"
    service.hmac_key = None
    assert service.dialects == DIALECTS


@pytest.mark.parametrize("version", [48, 502])
def test_only_the_protocols_that_are_accepted_are_spoken(version: int) -> None:
    with changed_settings(PROTOCOLS_ACCEPTED={version}):
        service = make_service()
    assert set(service.dialects) == {version}


def test_a_key_needs_the_protocol_that_knows_keys() -> None:
    with changed_settings(PROTOCOLS_ACCEPTED={502}):
        service = make_service()
    with pytest.raises(ValueError, match="PROTOCOLS_ACCEPTED does not have"):
        service.hmac_key = b"key"
    assert service.hmac_key is None
    assert set(service.dialects) == {502}


def test_what_the_hook_raises_refuses_the_client() -> None:
    service = make_service({"half": Half()}, Failing(ValueError("not you")))
    with pytest.raises(ValueError, match="not you"):
        service.shake_hands(None, "data", "half")  # type: ignore[arg-type]


def test_who_asks_for_an_unknown_object_is_refused() -> None:
    with pytest.raises(DaemonError, match="unknown object"):
        make_service().shake_hands(None, "data", "nobody")  # type: ignore[arg-type]


# -- annotations


def test_the_hook_for_annotations_is_called_only_if_it_is_overridden() -> None:
    class Annotating(Hooks):
        def annotations(self) -> Mapping[str, Any]:
            return {"ABCD": b"value"}

    assert make_service().get_annotations is None
    get_annotations = make_service(daemon=Annotating()).get_annotations
    assert get_annotations is not None
    assert get_annotations() == {"ABCD": b"value"}


# -- tasks


def test_a_task_is_started_by_the_server_if_there_is_one() -> None:
    service, server = make_service(), Server()
    assert not service.start_task(print)
    service.server = server  # type: ignore[assignment]
    assert service.start_task(print)
    assert server.tasks == [print]


# -- clients that leave


def test_when_a_client_leaves_the_daemon_is_told_and_its_streams_linger() -> None:
    hooks, server = Hooks(), Server()
    service = make_service(daemon=hooks)
    service.server = server  # type: ignore[assignment]
    with serving(service) as pair:
        connection = pair.session.connection
        stream_id = service.streams.open(iter([1]), connection)
        service.forget(pair.session, was_open=True)
        assert hooks.left == [connection]
        assert server.forgotten == [pair.session]
        assert service.streams.as_dict()[stream_id][0] is None


def test_without_lingering_its_streams_end() -> None:
    service = make_service()
    with serving(service) as pair, changed_settings(ITER_STREAM_LINGER=0):
        service.streams.open(iter([1]), pair.session.connection)
        service.forget(pair.session, was_open=True)
        assert len(service.streams) == 0


def test_of_a_client_that_never_shook_hands_the_daemon_is_not_told() -> None:
    hooks = Hooks()
    service = make_service(daemon=hooks)
    with serving(service) as pair:
        service.forget(pair.session, was_open=False)
    assert hooks.left == []


@pytest.mark.parametrize("error", [ValueError("failed"), SystemExit(1)], ids=["error", "exit"])
def test_a_client_is_forgotten_even_if_the_hook_fails(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    service = make_service(daemon=Failing(error))
    service.server = server  # type: ignore[assignment]
    with serving(service) as pair, caplog.at_level(logging.ERROR, "pyrolike.server"):
        service.streams.open(iter([1]), pair.session.connection)
        service.forget(pair.session, was_open=True)
        assert server.forgotten == [pair.session]
    assert "clientDisconnect failed" in caplog.text


def test_a_client_is_forgotten_even_if_its_iterator_will_not_be_closed() -> None:
    class Stubborn:
        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            return 1

        def close(self) -> None:
            raise SystemExit(1)

    server, service = Server(), make_service()
    service.server = server  # type: ignore[assignment]
    with serving(service) as pair, changed_settings(ITER_STREAM_LINGER=0):
        service.streams.open(Stubborn(), pair.session.connection)
        service.forget(pair.session, was_open=True)
        assert server.forgotten == [pair.session]


# -- housekeeping


def test_keeping_house_ends_old_streams_and_calls_the_hook() -> None:
    hooks = Hooks()
    service = make_service(daemon=hooks)
    with serving(service) as pair:
        service.streams.open(iter([1]), pair.session.connection)
        service.keep_house()
        assert len(service.streams) == 1
        with changed_settings(ITER_STREAM_LIFETIME=1e-9):
            service.keep_house()
        assert len(service.streams) == 0
    assert hooks.houses_kept == 2


def test_a_hook_for_housekeeping_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    service = make_service(daemon=Failing(ValueError("dusty")))
    with caplog.at_level(logging.ERROR, "pyrolike.server"):
        service.keep_house()
    assert "housekeeping failed" in caplog.text


# -- errors of methods


class Broken:
    @expose
    def fail(self, number: int) -> None:
        raise ValueError(number)


def call_broken(hooks: Hooks) -> Any:
    """Call a method that fails, and return the exception that is sent to the caller."""
    target = Broken()
    service = make_service({"broken": target}, hooks)
    codec = service.get_settings().codecs["Pyro5"][1]
    before = get_state()
    set_state(ContextState(None, ("host", 1)))
    try:
        call = ("fail", target.fail, (5,), None)
        with pytest.raises(ValueError, match="5") as caught:
            service.dispatcher.run(None, call)
    finally:
        set_state(before)
    return codec, caught.value, target


def test_the_handler_of_errors_is_told_who_called_what() -> None:
    hooks = Hooks()
    _, error, target = call_broken(hooks)
    assert hooks.reported == [(hooks, ("host", 1), target.fail, (5,), {}, error)]


def test_a_handler_of_errors_that_fails_itself_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "pyrolike.server"):
        call_broken(Failing(KeyError("handler")))
    assert "methodcall_error_handler failed" in caplog.text


# -- who is there


@pytest.mark.parametrize(
    ("address", "user", "names", "expected"),
    [
        (None, None, (), True),  # a Unix socket
        (("127.0.0.1", 5), None, (), True),
        (("::1", 5, 0, 0), None, (), True),
        (("192.0.2.7", 5), None, (), False),
        (("192.0.2.7", 5), "", (), True),
        (("192.0.2.7", 5), None, ("ada",), True),
    ],
)
def test_who_is_no_stranger(address: Any, user: Any, names: Any, expected: bool) -> None:
    before = get_state()
    set_state(ContextState(SimpleNamespace(user=user, peer_names=names), address))
    try:
        assert is_known_client() is expected
    finally:
        set_state(before)


def test_nobody_is_a_stranger() -> None:
    assert not is_known_client()
