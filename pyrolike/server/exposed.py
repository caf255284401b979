"""What of an object is remote: the questions that Pyro4's programs ask through ``util``.

The daemon does not need these, it has its gates in `pyrolike.objects`. Source: the API page of the
reference, B5.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyrolike.configure import config
from pyrolike.objects import find_method, get_members, get_property, reset_members, set_property


def get_exposed_members(
    obj: object, only_exposed: bool = True, as_lists: bool = False, use_cache: bool = True
) -> dict[str, Collection[str]]:
    """Return what an object offers to remote callers.

    Args:
        obj: An object or a class.
        only_exposed: ``False`` takes everything that is not private, as a daemon does while the
            setting REQUIRE_EXPOSE is off.
        as_lists: Return lists, not sets.
        use_cache: ``False`` looks at the class anew.

    Returns:
        Names under the keys ``methods``, ``oneway`` and ``attrs``.
    """
    if not use_cache:
        reset_members(obj)
    metadata = get_members(obj, only_exposed).as_metadata()
    return {kind: list(names) if as_lists else names for kind, names in metadata.items()}


def reset_exposed_members(obj: object, only_exposed: bool = True, as_lists: bool = False) -> None:
    """Forget what is known of an object's class, because it has changed; as `reset_members`.

    The other arguments, by which Pyro4 finds one of its caches, are not needed here.
    """
    reset_members(obj)


def get_exposed_property_value(obj: object, propname: str, only_exposed: bool = True) -> Any:
    """Return the value of a remote attribute.

    Raises:
        AttributeError: *propname* is no property that is exposed.
    """
    return get_property(obj, propname, only_exposed)


def set_exposed_property_value(
    obj: object, propname: str, value: object, only_exposed: bool = True
) -> None:
    """Set a remote attribute.

    Raises:
        AttributeError: *propname* is no property that is exposed, or it has no setter.
    """
    set_property(obj, propname, value, only_exposed)


def getAttribute(obj: object, attr: str) -> Any:
    """Return the remote method of that name; dots are not followed.

    Raises:
        AttributeError: It is private, unknown, or not exposed while REQUIRE_EXPOSE is on.
    """
    return find_method(obj, attr, get_members(obj, config.REQUIRE_EXPOSE))
