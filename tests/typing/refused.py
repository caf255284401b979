"""A program that must not check: mistakes that the types have to find.

mypy reports an ignore that ignores nothing. So each ignore below is an assertion: the line it
stands on is wrong, for the reason in the brackets.
"""

from __future__ import annotations

from pyrolike.api import URI, Daemon, behavior, config, expose


def wrong_types_of_arguments() -> None:
    Daemon(port="9999")  # type: ignore[arg-type]  # a port is a number
    URI(9999)  # type: ignore[arg-type]  # an address is text, or another URI


def wrong_types_of_settings() -> None:
    config.NS_PORT = "9090"  # type: ignore[assignment]  # a number
    config.SERIALIZERS_ACCEPTED = None  # type: ignore[assignment]  # a set of names


def misspelt_names(daemon: Daemon) -> None:
    daemon.request_loop()  # type: ignore[attr-defined]  # Pyro calls it requestLoop
    config.NSPORT = 9090  # type: ignore[attr-defined]  # it is NS_PORT


@expose
class Clock:
    def now(self) -> float:
        return 0.0


def an_exposed_class_keeps_its_types() -> None:
    Clock().now(1)  # type: ignore[call-arg]  # it takes no arguments


@behavior(instance_mode=1)  # type: ignore[arg-type]  # a mode is a word
class Modeless:
    pass
