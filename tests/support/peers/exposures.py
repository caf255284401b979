"""Remote objects that show what is exposed of a class, in all the ways that Python knows."""

# The decorators are those of whichever library is chosen; nothing is known of their types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.peers.library import api


def chatty(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function the usual way."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return ["wrapped", function(*args, **kwargs)]

    return wrapper


class Base:
    """Has some of its members exposed one by one."""

    plain_value = 1

    def __init__(self) -> None:
        self.instance_value = 2
        self.instance_callable = len
        self._stored = "stored"

    @api.expose
    def base_exposed(self) -> str:
        return "base"

    @api.expose
    def overridden(self) -> str:
        return "base"

    @api.expose
    def overridden_and_exposed(self) -> str:
        return "base"

    def base_hidden(self) -> str:
        return "hidden"

    @api.expose
    @chatty
    def wrapped_inside(self) -> str:
        return "inside"

    @chatty
    @api.expose
    def wrapped_outside(self) -> str:
        return "outside"

    @api.expose
    @property
    def exposed_property(self) -> str:
        return self._stored

    @property
    def hidden_property(self) -> str:
        return "hidden"

    @property
    def half_property(self) -> str:
        return self._stored

    @api.expose  # type: ignore[no-redef]  # that is how a setter is written
    @half_property.setter
    def half_property(self, value: str) -> None:
        self._stored = value

    @api.expose
    @api.oneway
    def base_oneway(self) -> None:
        """Hear nothing."""


class Derived(Base):
    """Inherits; what it overrides without a mark is not exposed any more."""

    def overridden(self) -> str:
        return "derived"

    @api.expose
    def overridden_and_exposed(self) -> str:
        return f"derived over {super().overridden_and_exposed()}"

    def derived_hidden(self) -> str:
        return "hidden"


@api.expose
class Whole(Base):
    """Has everything of its own exposed, and nothing more of its base."""

    class_value = 3

    def method(self, *, only_named: int = 1) -> int:
        return only_named

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @property
    def read_only(self) -> str:
        return "read only"

    def _set_only(self, value: str) -> None:
        self._stored = value

    write_only = property(None, _set_only)

    @functools.lru_cache  # noqa: B019  # there is one object
    def remembered(self, value: int) -> int:
        return value

    alias = method

    def generator(self) -> Iterator[int]:
        yield 1

    def __len__(self) -> int:
        return 3

    def __enter__(self) -> str:
        return "never"

    def __private(self) -> str:
        return "never"

    def __reduce__(self) -> str:
        return "never"

    class Inner:
        """A class inside of a class is no method."""


class Mixed(Whole, Derived):
    """Has two bases."""

    method = Base.base_exposed  # type: ignore[assignment]  # the marked function, by another name
