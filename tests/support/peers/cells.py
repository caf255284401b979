"""The cells of the interop table as test parameters, and the one test body they all share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from _pytest.mark.structures import ParameterSet

from tests.support.peers.catalogue import SCENARIOS, Hole, find_hole
from tests.support.peers.scenario import PYRO4_SERIALIZERS, SERIALIZERS, Scenario
from tests.support.peers.scenarios_names import NAME_SCENARIOS
from tests.support.peers.starting import ClientPeer


def cells(
    client: str,
    server: str,
    scenarios: Mapping[str, Scenario] = SCENARIOS,
    serializers: Collection[str] | None = None,
) -> list[ParameterSet]:
    """Return every (scenario name, serializer) of one client and server library.

    The serializers are all that both have, unless others are given.

    A cell with a hole is expected to fail, strictly: the run fails when the hole has closed.
    """
    if serializers is None:
        serializers = PYRO4_SERIALIZERS if "pyro4" in (client, server) else SERIALIZERS
    return [
        _cell(name, serializer, find_hole(name, serializer, client, server))
        for name in scenarios
        for serializer in serializers
    ]


def _cell(name: str, serializer: str, hole: Hole | None) -> ParameterSet:
    if hole is None:
        return pytest.param(name, serializer, id=f"{name}-{serializer}")
    marks = pytest.mark.xfail(reason=hole.reason, run=hole.is_tried, strict=True)
    return pytest.param(name, serializer, marks=marks, id=f"{name}-{serializer}")


def check_cell(peer: ClientPeer, location: str, name: str, serializer: str) -> None:
    """Do one scenario in a client process and compare its findings with the table."""
    findings = peer.visit(name, location, serializer)
    scenario = SCENARIOS.get(name) or NAME_SCENARIOS[name]
    assert findings == scenario.expected(serializer)
