"""What a proxy hands out for a method's name."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from pyrolike import errors
from pyrolike.client.link import Link
from pyrolike.client.methods import DirectMethod, RemoteMethod, repeat
from pyrolike.errors import ConnectionClosedError, ProtocolError
from pyrolike.uri import URI


class Calls:
    """Fails as often as it is told to, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.made: list[tuple[str, Any, Any]] = []

    def __call__(self, name: str, args: Any, kwargs: Any) -> str:
        self.made.append((name, args, kwargs))
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def link() -> Link:
    return Link(URI("PYRO:calc@127.0.0.1:1"))


def remote(exception: Exception) -> Exception:
    """Return an exception as it comes from the other side."""
    exception._pyroTraceback = ["where it was raised\n"]  # type: ignore[attr-defined]
    return exception


def test_calling_it_makes_a_remote_call(link: Link) -> None:
    calls = Calls()
    assert RemoteMethod(link, calls, "add")(1, 2, third=3) == "answer"
    assert calls.made == [("add", (1, 2), {"third": 3})]


def test_a_method_of_the_link_goes_there_without_a_detour(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls()
    monkeypatch.setattr(Link, "call", lambda link, *args, **kwargs: calls(link, args, kwargs))
    method = DirectMethod(link, "add")
    assert isinstance(method, RemoteMethod)
    assert method(1, self=2) == "answer"
    assert calls.made == [(link, ("add", 1), {"self": 2})]
    assert repr(method) == "<remote method add of PYRO:calc@127.0.0.1:1>"
    assert repr(method.other) == "<remote method add.other of PYRO:calc@127.0.0.1:1>"
    assert method.synchronous() is method


def test_its_signature_is_that_of_any_call(link: Link) -> None:
    for method in (RemoteMethod(link, Calls(), "add"), DirectMethod(link, "add")):
        assert str(inspect.signature(method)) == "(*args: 'Any', **kwargs: 'Any') -> 'Any'"
        assert not inspect.iscoroutinefunction(method)


def test_any_keyword_can_be_given(link: Link) -> None:
    calls = Calls()
    RemoteMethod(link, calls, "add")(self=1, name=2)
    assert calls.made == [("add", (), {"self": 1, "name": 2})]


def test_an_attribute_of_a_method_has_a_dotted_name(link: Link) -> None:
    calls = Calls()
    RemoteMethod(link, calls, "a").b.c(1)
    assert calls.made == [("a.b.c", (1,), {})]


@pytest.mark.parametrize("name", ["__wrapped__", "__name__", "__len__", "__array__", "__x"])
def test_what_python_itself_asks_for_is_not_remote(link: Link, name: str) -> None:
    method = RemoteMethod(link, Calls(), "add")
    assert not hasattr(method, name)


def test_it_cannot_be_pickled_by_accident(link: Link) -> None:
    method = RemoteMethod(link, Calls(), "add")
    with pytest.raises(TypeError):
        pickle.dumps(method)
    with pytest.raises(TypeError):
        copy.deepcopy(method)


def test_its_repr_says_what_it_is(link: Link) -> None:
    assert repr(RemoteMethod(link, Calls(), "add")) == (
        "<remote method add of PYRO:calc@127.0.0.1:1>"
    )


def test_without_retries_a_failed_call_is_not_repeated(link: Link) -> None:
    calls = Calls(ConnectionClosedError("lost"))
    with pytest.raises(ConnectionClosedError):
        RemoteMethod(link, calls, "add")()
    assert len(calls.made) == 1


@pytest.mark.parametrize("error", [ConnectionClosedError, errors.TimeoutError])
def test_a_call_is_repeated_as_often_as_the_link_says(link: Link, error: type[Exception]) -> None:
    link.max_retries = 2
    calls = Calls(error("first"), error("second"))
    assert RemoteMethod(link, calls, "add")(1) == "answer"
    assert calls.made == [("add", (1,), {})] * 3
    calls = Calls(error("first"), error("second"), error("third"), error("fourth"))
    with pytest.raises(error, match="third"):
        RemoteMethod(link, calls, "add")(1)
    assert len(calls.made) == 3


@pytest.mark.parametrize(
    "error", [ProtocolError("x"), errors.CommunicationError("x"), OSError("x")]
)
def test_other_failures_are_not_a_reason_to_repeat(link: Link, error: Exception) -> None:
    link.max_retries = 2
    calls = Calls(error)
    with pytest.raises(type(error)):
        RemoteMethod(link, calls, "add")()
    assert len(calls.made) == 1


@pytest.mark.parametrize("error", [ConnectionClosedError("x"), errors.TimeoutError("x")])
def test_what_the_method_itself_raised_is_not_a_reason_to_repeat(
    link: Link, error: Exception
) -> None:
    link.max_retries = 2
    calls = Calls(remote(error))
    with pytest.raises(type(error)):
        RemoteMethod(link, calls, "add")()
    assert len(calls.made) == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_anything_can_be_repeated(count: int) -> None:
    attempts = Calls(*[ConnectionClosedError("lost")] * count)
    assert repeat(count, lambda: attempts("fetch", (), {})) == "answer"
    assert len(attempts.made) == count + 1
    attempts = Calls(*[ConnectionClosedError("lost")] * (count + 1))
    with pytest.raises(ConnectionClosedError):
        repeat(count, lambda: attempts("fetch", (), {}))
    assert len(attempts.made) == count + 1


def test_the_end_of_an_iteration_is_an_answer_too() -> None:
    calls = Calls(StopIteration())
    with pytest.raises(StopIteration):
        repeat(5, lambda: calls("fetch", (), {}))
    assert len(calls.made) == 1
