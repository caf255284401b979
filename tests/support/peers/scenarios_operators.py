"""Scenarios about what Python looks up on a class: operators, containers, iteration."""

from __future__ import annotations

import operator
from typing import Any

from tests.support.peers.scenario import Visit, error_of, kind_of, scenario


@scenario(finds=[42, 42, 80, -40, 40, True, False])
def operators_called_by_their_names(visit: Visit) -> Any:
    with visit.proxy("amount") as amount:
        return [
            amount.__add__(2),
            amount.__radd__(2),
            amount.__mul__(2),
            amount.__neg__(),
            amount.__int__(),
            amount.__contains__(5),
            amount.__contains__(50),
        ]


@scenario(finds=["TypeError"] * 6)
def operators_that_are_not_forwarded(visit: Visit) -> Any:
    with visit.proxy("amount") as amount:
        amount._pyroBind()
        uses = [
            lambda: amount + 2,
            lambda: 2 + amount,
            lambda: -amount,
            lambda: int(amount),
            lambda: amount < 3,
            lambda: amount(3),
        ]
        return [kind_of(error_of(use)) for use in uses]


@scenario(finds=[["AttributeError"] * 6, False, True, True, ["__add__", "__contains__"]])
def operators_that_are_never_remote(visit: Visit) -> Any:
    """The daemon refuses them, and a proxy compares and hashes by itself."""
    names = ("__call__", "__eq__", "__lt__", "__hash__", "__str__", "__init__")
    with visit.proxy("amount") as amount, visit.proxy("amount") as same, visit.proxy() as calc:
        amount._pyroBind()
        refused = [kind_of(error_of(amount._pyroInvoke, name, (), {})) for name in names]
        told = sorted(name for name in amount._pyroMethods if name.startswith("__"))
        return [refused, amount == calc, amount == same, hash(amount) == hash(same), told[:2]]


@scenario(finds=[["north", "east", "south", "west"], 4, "south", True, False, True])
def iteration_and_membership(visit: Visit) -> Any:
    with visit.proxy("ring") as ring:
        return [
            list(ring),
            len(ring),
            ring[2],
            "west" in ring,
            "centre" in ring,
            ring.__contains__("west"),
        ]


@scenario(finds=[["west", "south", "east", "north"], ["reversed", "west"]])
def reversed_containers(visit: Visit) -> Any:
    """Backwards by index; the object's own way must be asked for by name."""
    with visit.proxy("ring") as ring:
        backwards = ring.__reversed__()
        found = [next(backwards), next(backwards)]
        backwards.close()
        return [list(reversed(ring)), found]


@scenario(finds=["west", ["IndexError", "list index out of range"], "TypeError", 4])
def unusual_indexes(visit: Visit) -> Any:
    with visit.proxy("ring") as ring:
        error = error_of(operator.getitem, ring, 99)
        told = [kind_of(error), str(error)]
        return [ring[-1], told, kind_of(error_of(operator.getitem, ring, "north")), len(ring)]


@scenario(finds=True)
def slices(visit: Visit) -> Any:
    """Most serializers carry no slice (a newer Python's marshal does): then it is an error."""
    with visit.proxy("ring") as ring:
        try:
            found = ring[1:3]
        except Exception:  # noqa: BLE001  # each library and serializer has its own
            found = ["east", "south"]
        return [found, len(ring)] == [["east", "south"], 4]


@scenario(finds=[[0, 10, 20], True, False, "AttributeError", ["AttributeError"] * 3])
def containers_that_lack_something(visit: Visit) -> Any:
    """What the object does not expose is missing in the proxy too."""
    with visit.proxy("row") as row, visit.proxy() as calc:
        calc._pyroBind()
        return [
            [item for item in row],  # noqa: C416  # `list` would also ask for the length
            10 in row,
            11 in row,
            kind_of(error_of(operator.setitem, row, 1, 2)),
            [
                kind_of(error_of(operator.getitem, calc, 1)),
                kind_of(error_of(operator.delitem, calc, 1)),
                kind_of(error_of(lambda: next(iter(calc)))),
            ],
        ]
