"""Scenarios about exceptions beyond the plain ones: chains, odd classes, odd places, hops."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

from tests.support.peers.library import errors
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario


def _remote(error: Any) -> str:
    return "".join(error._pyroTraceback)


@scenario(finds=[["ValueError", True, True], ["ValueError", True, True], 7])
def chained_exceptions(visit: Visit) -> Any:
    """What led to an exception is in its remote traceback, for explicit and implicit chains."""
    with visit.proxy("trouble") as trouble, visit.proxy() as calc:
        found: list[Any] = []
        for call in (trouble.fail_chained, trouble.fail_while_failing):
            error = error_of(call)
            text = _remote(error)
            cause, effect = text.find("KeyError: 'the first cause'"), text.rfind("ValueError: ")
            found.append([kind_of(error), 0 <= cause < effect, "_deep_down" in text])
        return [*found, calc.add(3, 4)]


@scenario(finds=[["SerializeError", True], ["SerializeError", True], 7])
def exceptions_of_unknown_classes(visit: Visit) -> Any:
    """That one of them is a ValueError helps nobody: the client does not know that."""
    with visit.proxy("trouble") as trouble, visit.proxy() as calc:
        found: list[Any] = []
        for call, name in ((trouble.fail_odd, "OddError"), (trouble.fail_odd_value, "OddValue")):
            error = error_of(call)
            found.append([kind_of(error), name in str(error)])
        return [*found, calc.add(3, 4)]


ARGS: list[Any] = [[], [None], ["text", 2, None], [["nested", {"k": [1.5]}]], ["", 0, False]]


@scenario(finds=ARGS)
def exceptions_with_odd_arguments(visit: Visit) -> Any:
    with visit.proxy("trouble") as trouble:
        return [list(error_of(trouble.fail_with_args, *args).args) for args in ARGS]


@scenario(finds=[{"code": 17, "detail": {"deep": [1, None]}, "_hidden": "x"}, True, ["noted"]])
def exceptions_with_attributes(visit: Visit) -> Any:
    attributes = {"code": 17, "detail": {"deep": [1, None]}, "_hidden": "x"}
    with visit.proxy("trouble") as trouble:
        error = error_of(trouble.fail_with_attributes, attributes)
        noted = error_of(trouble.fail_with_note)
        arrived = {name: getattr(error, name) for name in attributes}
        return [arrived, "fail_with_attributes" in _remote(error), list(noted.args)]


@scenario(
    finds=[["FileNotFoundError", [2, "nowhere"], 2], "UnicodeDecodeError", 7],
    json=[["FileNotFoundError", [2, "nowhere"], 2], "PyroError", 7],
)
def exceptions_with_rules_of_their_own(visit: Visit) -> Any:
    with visit.proxy("trouble") as trouble, visit.proxy() as calc:
        error = error_of(trouble.fail_with_file)
        return [
            [kind_of(error), list(error.args), error.errno],
            kind_of(error_of(trouble.fail_to_decode)),
            calc.add(3, 4),
        ]


@scenario(finds=["StopIteration", "MemoryError", "RecursionError", "Warning", "TimeoutError", 7])
def exceptions_with_a_meaning(visit: Visit) -> Any:
    with visit.proxy("trouble") as trouble, visit.proxy() as calc:
        names = ("StopIteration", "MemoryError", "RecursionError", "Warning", "TimeoutError")
        return [*(kind_of(error_of(trouble.fail_by_name, name)) for name in names), calc.add(3, 4)]


@scenario(finds=[True, True, True, True, [1, True], 7])
def exceptions_that_end_programs(visit: Visit) -> Any:
    """The client gets an error that it can catch, and everybody lives on."""
    names = ("SystemExit", "KeyboardInterrupt", "GeneratorExit")
    with visit.proxy("trouble") as trouble, visit.proxy() as calc:
        found: list[Any] = []
        for name in names:
            error = error_of(trouble.fail_by_name, name)
            found.append(isinstance(error, errors.PyroError) and name in str(error))
        found.append(trouble.same(1) == 1)
        stream = trouble.fail_in_a_stream("SystemExit")
        item = next(stream)
        error = error_of(next, stream)
        told = isinstance(error, errors.PyroError) and "SystemExit" in str(error)
        return [*found, [item, told], calc.add(3, 4)]


@scenario(finds=[["LookupError", True], ["ValueError", ["cannot be set", 5], True], "as ever"])
def exceptions_of_attributes(visit: Visit) -> Any:
    with visit.proxy("trouble") as trouble:
        reading = error_of(getattr, trouble, "readable")
        writing = error_of(setattr, trouble, "writable", 5)
        return [
            [kind_of(reading), "in readable" in _remote(reading)],
            [kind_of(writing), list(writing.args), "in writable" in _remote(writing)],
            trouble.writable,
        ]


@scenario(finds=[["RuntimeError", "never to be born", True], ["RuntimeError"], 7])
def exceptions_of_instances_that_cannot_be_made(visit: Visit) -> Any:
    with visit.proxy("unborn") as unborn, visit.proxy() as calc:
        error = error_of(unborn.live)
        told = [kind_of(error), str(error), "in __init__" in _remote(error)]
        return [told, [kind_of(error_of(unborn.live))], calc.add(3, 4)]


@scenario(finds=["ZeroDivisionError", True, True, 7])
def exception_that_passed_through_another_server(visit: Visit) -> Any:
    """The traceback of each server on the way is in the text."""
    with visit.proxy("relay") as relay, visit.proxy() as calc:
        error = error_of(relay.fail_behind, visit.serializer)
        text = _remote(error)
        return [kind_of(error), "in fail_behind" in text, "in div" in text, calc.add(3, 4)]


@scenario(finds=["LookupError", "no quotient", True, True, 7])
def exception_caused_by_another_server(visit: Visit) -> Any:
    with visit.proxy("relay") as relay, visit.proxy() as calc:
        error = error_of(relay.fail_because_of_behind, visit.serializer)
        text = _remote(error)
        cause, effect = text.find("ZeroDivisionError: "), text.rfind("LookupError: ")
        return [
            kind_of(error),
            str(error),
            0 <= cause < effect,
            "in fail_because_of_behind" in text,
            calc.add(3, 4),
        ]


@scenario(finds=[True, True, True, True])
def printed_exceptions(visit: Visit) -> Any:
    """Both functions that print them show both sides, the local one first."""
    with visit.proxy() as calc:
        try:
            calc.div(1, 0)
        except ZeroDivisionError:
            kind, error, where = sys.exc_info()
            lines = errors.get_pyro_traceback()
    with contextlib.redirect_stderr(io.StringIO()) as written:
        errors.excepthook(kind, error, where)
    text = "".join(lines)
    local, start = text.find("in printed_exceptions"), text.find(" +--- ")
    remote, end = text.find(" | "), text.find(" +--- End of remote traceback")
    return [
        all(isinstance(line, str) for line in lines),
        0 <= local < start < remote < end,
        "Remote traceback" in text and "in div" in text[start:end],
        written.getvalue().strip()
        == "".join(errors.get_pyro_traceback(kind, error, where)).strip(),
    ]
