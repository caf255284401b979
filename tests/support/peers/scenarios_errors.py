"""Scenarios about what goes wrong: exceptions of methods, and calls that cannot be made."""

from __future__ import annotations

from typing import Any

from tests.support.peers.library import api, errors
from tests.support.peers.objects import Stranger
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario

# -- exceptions of the remote method


@scenario(finds=["ValueError", ["boom", 1], {"k": [1, 2]}])
def exception_with_attributes(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.fail)
    return [kind_of(error), list(error.args), error.extra]


@scenario(finds=[True, True, True, True])
def exception_with_remote_traceback(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.div, 1, 0)
    remote = "".join(error._pyroTraceback)
    printed = "".join(errors.get_pyro_traceback(type(error), error, error.__traceback__))
    return [
        isinstance(error, ZeroDivisionError),
        remote.startswith("Traceback") and "in div" in remote,
        "objects.py" in remote,
        "Remote traceback" in printed and "in div" in printed,
    ]


@scenario(finds=["NamingError", "no such name", True])
def pyro_exception(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.fail_naming)
    return [kind_of(error), str(error), isinstance(error, errors.NamingError)]


@scenario(finds=["KettleError", "it boils", 100, True])
def exception_with_a_converter(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.fail_kettle)
    traced = bool(error._pyroTraceback)
    return [kind_of(error), error.args[0], error.degrees, traced]


@scenario(finds=["SerializeError", True, 7])
def exception_without_a_converter(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.fail_teapot)
        return [kind_of(error), "TeapotError" in str(error), calc.add(3, 4)]


@scenario(finds=["TypeError", "TypeError", 7])
def wrong_arguments(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [
            kind_of(error_of(calc.add, 1)),
            kind_of(error_of(calc.add, 1, 2, c=3)),
            calc.add(3, 4),
        ]


@scenario(finds=["PyroError", True, 7])
def exception_that_cannot_be_serialized(visit: Visit) -> Any:
    with visit.proxy("stubborn") as stubborn, visit.proxy() as calc:
        error = error_of(stubborn.fail)
        return [kind_of(error), "stubborn" in str(error), calc.add(3, 4)]


@scenario(finds=["SerializeError", True, 7])
def result_of_an_unknown_class(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.strange)
        return [kind_of(error), "Stranger" in str(error), calc.add(3, 4)]


@scenario(finds=["SerializeError", True, 7])
def argument_of_an_unknown_class(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc.same, Stranger())
        return [kind_of(error), "Stranger" in str(error), calc.add(3, 4)]


# -- calls that cannot be made


@scenario(finds=["AttributeError", "AttributeError", "AttributeError", "shown"])
def unexposed_methods(visit: Visit) -> Any:
    with visit.proxy("secretive") as secretive:
        return [
            kind_of(error_of(getattr, secretive, "hidden")),
            kind_of(error_of(getattr, secretive, "hidden_value")),
            kind_of(error_of(getattr, secretive, "plain")),
            secretive.shown(),
        ]


@scenario(finds=["AttributeError"] * 6)
def unexposed_methods_asked_for_by_force(visit: Visit) -> Any:
    """The client's own check is left out: the daemon must refuse by itself."""
    with visit.proxy("secretive") as secretive:
        names = ("hidden", "__init__", "_private", "shown.__class__", "missing", "__call__")
        return [kind_of(error_of(secretive._pyroInvoke, name, (), {})) for name in names]


@scenario(finds=["CommunicationError", True, True])
def unknown_object(visit: Visit) -> Any:
    error = error_of(visit.proxy("nobody")._pyroBind)
    return [kind_of(error), "rejected" in str(error), "unknown object" in str(error)]


@scenario(finds=["DaemonError", "unknown object"])
def unknown_object_of_a_known_daemon(visit: Visit) -> Any:
    with visit.proxy() as calc:
        error = error_of(calc._pyroInvoke, "add", (1, 2), {}, objectId="nobody")
    return [kind_of(error), str(error)]


# -- the handshake


@scenario(finds=["hello", {"heard": {"word": "please", "number": 1}}])
def handshake_data(visit: Visit) -> Any:
    heard: list[Any] = []

    class Listening(api.Proxy):  # type: ignore[misc]  # either library's, known when it runs
        def _pyroValidateHandshake(self, response: Any) -> None:
            heard.append(response)

    for word in ("hello", {"word": "please", "number": 1}):
        proxy = Listening(visit.uri("calc"))
        proxy._pyroSerializer = visit.serializer
        proxy._pyroHandshake = word
        proxy._pyroBind()
        proxy._pyroRelease()
    return heard


@scenario(finds=["CommunicationError", True, True])
def refused_handshake(visit: Visit) -> Any:
    proxy = visit.proxy()
    proxy._pyroHandshake = "forbidden"
    error = error_of(proxy._pyroBind)
    return [kind_of(error), "rejected" in str(error), "forbidden here" in str(error)]
