"""Name servers on other machines: found by real broadcasts, lost with a cable, and cleaned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.namespaces import needs_namespaces, run_alone


@pytest.mark.slow
@needs_namespaces
@pytest.mark.parametrize("library", ["pyrolike", pytest.param("pyro5", marks=pytest.mark.interop)])
def test_a_machine_with_two_networks_finds_the_name_servers_in_both(
    tmp_path: Path, library: str
) -> None:
    assert run_alone(tmp_path, "tests.support.peers.networks", library) == (0, "well done\n")
