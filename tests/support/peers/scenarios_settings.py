"""Scenarios whose findings depend on a setting: of the client, here; of the server, in the tests.

What the table says holds for a server with the default settings.
"""

from __future__ import annotations

from typing import Any

from tests.support.peers.library import api
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario, setting

BASE64 = {"data": "AP8=", "encoding": "base64"}
SENT = b"\x00\xff"
TEXT = "compress me " * 5_000


@scenario(
    finds=[f"bytes {SENT!r}", SENT],
    serpent=[f"dict {BASE64!r}", BASE64],
    json=["SerializeError", "SerializeError"],
)
def bytes_as_the_settings_say(visit: Visit) -> Any:
    with visit.proxy() as calc:
        if visit.serializer == "json":
            return [kind_of(error_of(calc.describe, SENT)), kind_of(error_of(calc.some_bytes))]
        return [calc.describe(SENT), calc.some_bytes()]


@scenario(finds=f"bytes {SENT!r}", json="SerializeError")
def bytes_as_literals_of_the_client(visit: Visit) -> Any:
    with setting("SERPENT_BYTES_REPR", True), visit.proxy() as calc:
        if visit.serializer == "json":
            return kind_of(error_of(calc.describe, SENT))
        return calc.describe(SENT)


@scenario(finds=[True, ["boom", 1], [3, True], [1, 2, 3], 7])
def compressed_by_the_client(visit: Visit) -> Any:
    """Calls, errors, batches, streams and oneway calls, all with much to compress."""
    with setting("COMPRESSION", True):
        return _exchange_much(visit)


@scenario(finds=[True, ["boom", 1], [3, True], [1, 2, 3], 7])
def compressed_by_the_server_at_most(visit: Visit) -> Any:
    return _exchange_much(visit)


def _exchange_much(visit: Visit) -> list[Any]:
    with visit.proxy() as calc, visit.proxy("opener") as opener:
        calc._pyroHandshake = {"long": TEXT}
        same = calc.same({"text": [TEXT]}) == {"text": [TEXT]}
        args = list(error_of(calc.fail).args)
        calls = [("add", (1, 2), {}), ("same", (TEXT,), {})]
        if visit.serializer == "marshal":  # of which a stock client cannot make batches
            results = [calc.add(1, 2), calc.same(TEXT)]
        else:
            results = list(calc._pyroInvokeBatch(calls))
        numbers = list(calc.count_to(3))
        opened = opener.pass_blob(api.SerializedBlob({"word": "blob"}, [TEXT]))
        api.current_context.annotations = {}  # where a stock client leaves the blob's
        opened_well = visit.serializer == "json" or opened == ["blob", [TEXT]]
        return [
            same and opened_well,
            args,
            [results[0], results[1] == TEXT],
            numbers,
            calc.add(3, 4),
        ]


@scenario(finds=[True, False])
def variables_in_a_traceback(visit: Visit) -> Any:
    """Whether it names the method, and shows the values of its arguments."""
    with visit.proxy() as calc:
        text = "".join(error_of(calc.div, 4711, 0)._pyroTraceback)
    return ["div" in text, "4711" in text]
