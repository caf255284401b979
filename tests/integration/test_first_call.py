"""What a client's first call loads, in a process of its own: what most never use comes later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyrolike.api import expose
from tests.support.daemon import PATIENCE, running_daemon

PROGRAM = """
import sys
before = set(sys.modules)
from pyrolike.api import Proxy
with Proxy(sys.argv[1]) as proxy:
    assert proxy.add(3, 4) == 7
print(*sorted(set(sys.modules) - before))
"""

TAKES_LONG = {
    # Python's own
    "ast", "asyncio", "concurrent.futures", "dataclasses", "datetime", "decimal", "difflib", "dis",
    "hashlib", "hmac", "inspect", "ipaddress", "numbers", "pickle", "pkgutil", "platform", "random",
    "secrets", "ssl", "subprocess", "uuid", "zlib",
    # a library that serpent needs for special values only
    "serpent",
}  # fmt: skip

OURS = {
    "pyrolike.authentication",
    "pyrolike.client.asynchronous",
    "pyrolike.client.batches",
    "pyrolike.client.iterator",
    "pyrolike.client.locating",
    "pyrolike.client.searching",
    "pyrolike.commands",
    "pyrolike.compat",
    "pyrolike.futures",
    "pyrolike.naming",
    "pyrolike.objects.dispatch",
    "pyrolike.objects.streams",
    "pyrolike.objects.table",
    "pyrolike.protocol.classic",
    "pyrolike.serializers.extended_codec",
    "pyrolike.serializers.json_codec",
    "pyrolike.serializers.marshal_codec",
    "pyrolike.serializers.msgpack_codec",
    "pyrolike.serializers.pickle_codec",
    "pyrolike.serializers.serpent_library",
    "pyrolike.server",
    "pyrolike.transport.broadcast",
    "pyrolike.transport.probing",
    "pyrolike.transport.tls",
    "pyrolike.transport.tls_socket",
    "pyrolike.transport.tls_wrapping",
    "pyrolike.transport.unix",
    "pyrolike.utils",
}

MOST_MODULES = 60
"""Of ours, that the first call may load: each has to be found, read and run."""


@expose
class Adder:
    def add(self, a: int, b: int) -> int:
        return a + b


def loaded_by_a_first_call(uri: object, folder: Path, serializer: str = "serpent") -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(uri)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYRO_SERIALIZER": serializer},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.slow
def test_a_first_call_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    with running_daemon({"adder": Adder()}) as running:
        loaded = loaded_by_a_first_call(running.uri("adder"), tmp_path)
    assert sorted(loaded & (TAKES_LONG | OURS)) == []
    own = [name for name in loaded if name.startswith("pyrolike")]
    assert len(own) <= MOST_MODULES, sorted(own)


@pytest.mark.slow
@pytest.mark.parametrize("serializer", ["json", "marshal", "msgpack"])
def test_a_first_call_loads_one_serializer(tmp_path: Path, serializer: str) -> None:
    others = {"serpent", "json", "marshal", "msgpack", "pickle", "extended"} - {serializer}
    with running_daemon({"adder": Adder()}) as running:
        loaded = loaded_by_a_first_call(running.uri("adder"), tmp_path, serializer)
    assert sorted(loaded & {f"pyrolike.serializers.{name}_codec" for name in others}) == []
