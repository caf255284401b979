"""Scenarios about what of a class is remote: marks, inheritance, kinds of members, instances."""

from __future__ import annotations

from typing import Any

from tests.support.peers.library import api
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario

MARKED = ["base_exposed", "base_oneway", "overridden_and_exposed"]
WRAPPED = ["wrapped_inside", "wrapped_outside"]
PROPERTIES = ["exposed_property", "half_property"]
OWN = ["__len__", "alias", "generator", "method", "of_class", "remembered", "static"]


@scenario(
    finds={
        "base": [
            sorted([*MARKED, *WRAPPED, "overridden"]),
            ["base_oneway"],
            PROPERTIES,
        ],
        "derived": [
            sorted([*MARKED, *WRAPPED]),
            ["base_oneway"],
            PROPERTIES,
        ],
        "whole": [
            sorted([*MARKED, *WRAPPED, *OWN, "overridden"]),
            ["base_oneway"],
            [*PROPERTIES, "read_only", "write_only"],
        ],
        "mixed": [
            sorted([*MARKED, *WRAPPED, *OWN]),
            ["base_oneway"],
            [*PROPERTIES, "read_only", "write_only"],
        ],
    }
)
def metadata_of_classes(visit: Visit) -> Any:
    found = {}
    for object_id in ("base", "derived", "whole", "mixed"):
        with visit.proxy(object_id) as proxy:
            proxy._pyroBind()
            names = (proxy._pyroMethods, proxy._pyroOneway, proxy._pyroAttrs)
            found[object_id] = [sorted(some) for some in names]
    return found


@scenario(
    finds=[
        ["base", "derived over base", "AttributeError"],
        [["wrapped", "inside"], ["wrapped", "outside"]],
        [1, 5, 5, 4, "static", "Whole", [1], 3],
        ["base", "derived over base", "Mixed"],
    ]
)
def members_of_every_kind(visit: Visit) -> Any:
    with visit.proxy("derived") as derived, visit.proxy("whole") as whole:
        found = [
            [
                derived.base_exposed(),
                derived.overridden_and_exposed(),
                kind_of(error_of(derived._pyroInvoke, "overridden", (), {})),
            ],
            [derived.wrapped_inside(), derived.wrapped_outside()],
            [
                whole.method(),
                whole.method(only_named=5),
                whole.alias(only_named=5),
                whole.remembered(4),
                whole.static(),
                whole.of_class(),
                list(whole.generator()),
                len(whole),
            ],
        ]
    with visit.proxy("mixed") as mixed:
        return [*found, [mixed.method(), mixed.overridden_and_exposed(), mixed.of_class()]]


@scenario(finds=["new", "newer", ["AttributeError", "AttributeError"], ["AttributeError"] * 4])
def properties_of_every_kind(visit: Visit) -> Any:
    hidden = ("hidden_property", "plain_value", "instance_value", "instance_callable")
    with visit.proxy("whole") as whole:
        whole.half_property = "new"
        found = [whole.exposed_property]
        whole.write_only = "newer"
        found.append(whole.half_property)
        whole.half_property = "stored"
        return [
            *found,
            [
                kind_of(error_of(setattr, whole, "read_only", 1)),
                kind_of(error_of(getattr, whole, "write_only")),
            ],
            [kind_of(error_of(whole._pyroInvoke, "__getattr__", (name,), {})) for name in hidden],
        ]


@scenario(finds=[True, [[1, 2], [3, 4]], True])
def instances_in_batches(visit: Visit) -> Any:
    """A batch is one call to a class with an instance for each call."""
    found: list[Any] = []
    for object_id in ("percall", "session"):
        with visit.proxy(object_id) as proxy:
            first, second = _two_in_a_batch(proxy)
            third, fourth = _two_in_a_batch(proxy)
        same = [first[0] == second[0], third[0] == fourth[0], first[0] == third[0]]
        found.append([same, [[first[1], second[1]], [third[1], fourth[1]]]])
    percall, session = found
    return [
        percall == [[True, True, False], [[1, 2], [1, 2]]],
        session[1],
        session[0] == [True, True, True],
    ]


def _two_in_a_batch(proxy: Any) -> list[Any]:
    calls = api.BatchProxy(proxy)
    calls.who()
    calls.who()
    return list(calls())
