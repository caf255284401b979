"""Scenarios about plain calls: arguments, results, attributes, oneway calls, batches, streams."""

from __future__ import annotations

from typing import Any

from tests.support.peers.library import api, errors
from tests.support.peers.objects import Point
from tests.support.peers.scenario import Visit, error_of, kind_of, scenario, setting

NESTED = {"a": [1, [2.5, None, True]], "b": {"c": "quote ' and é€", "d": {}}, "e": []}
BIG = 300_000
"""Characters or bytes in a big value: many times what one read from a socket gives."""


# -- calls


@scenario(finds=7)
def positional_arguments(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.add(3, 4)


@scenario(finds=[[1, "x"], {"k": None, "l": [2]}])
def keyword_arguments(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.echo(1, "x", k=None, l=[2])


@scenario(finds=7)
def only_keyword_arguments(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.add(b=3, a=4)


@scenario(finds=[[], {}])
def no_arguments(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.echo()


@scenario(finds=None)
def result_none(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.nothing()


@scenario(finds=[14, "Calculator"])
def static_and_class_methods(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [calc.twice(7), calc.class_name()]


@scenario(finds=NESTED)
def nested_containers(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return calc.same(NESTED)


@scenario(
    finds=[(1, ("a", ())), {1, 2}],
    json=[[1, ["a", []]], [1, 2]],
    msgpack=[[1, ["a", []]], [1, 2]],
)
def tuples_and_sets(visit: Visit) -> Any:
    with visit.proxy() as calc:
        found = [calc.same((1, ("a", ()))), calc.same({1, 2})]
    if isinstance(found[1], list):
        found[1].sort()
    return found


@scenario(finds={1: "one"}, json={"1": "one"}, msgpack=True)
def int_keys(visit: Visit) -> Any:
    with visit.proxy() as calc:
        if visit.serializer == "msgpack":  # a Pyro5 receiver takes only text and bytes
            return isinstance(error_of(calc.same, {1: "one"}), (ValueError, errors.SerializeError))
        return calc.same({1: "one"})


@scenario(finds=[2**80, -(2**63), 1e300, True, ""])
def unusual_numbers(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [calc.same(value) for value in (2**80, -(2**63), 1e300, True, "")]


@scenario(finds=True)
def infinity(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return bool(calc.same(float("inf")) == float("inf"))


@scenario(
    finds=b"\x00\xffab",
    serpent={"data": "AP9hYg==", "encoding": "base64"},
    json="SerializeError",
)
def bytes_travel(visit: Visit) -> Any:
    with visit.proxy() as calc:
        if visit.serializer == "json":
            return kind_of(error_of(calc.same, b"\x00\xffab"))
        return calc.same(b"\x00\xffab")


@scenario(finds=[BIG, True])
def big_strings(visit: Visit) -> Any:
    text = "abcdefghi€" * (BIG // 10)
    with visit.proxy() as calc:
        answer = calc.same(text)
    return [len(answer), answer == text]


@scenario(finds=[BIG, True], serpent=[400_000, False], json="SerializeError")
def big_bytes(visit: Visit) -> Any:
    data = bytes(range(250)) * (BIG // 250)
    with visit.proxy() as calc:
        if visit.serializer == "json":
            return kind_of(error_of(calc.same, data))
        answer = calc.same(data)
    if visit.serializer == "serpent":
        answer = answer["data"]
    return [len(answer), answer == data]


@scenario(finds=[True] * 6)
def big_values_among_others(visit: Visit) -> Any:
    big: Any = bytes(range(250)) * (BIG // 250)
    if visit.serializer in ("serpent", "json"):
        big = "plain text " * (BIG // 11)
    other = big[1:]
    with visit.proxy() as calc:
        return [
            calc.same({"name": "it", "data": big, "size": 3})
            == {"name": "it", "data": big, "size": 3},
            calc.same([big, None, big]) == [big, None, big],
            calc.echo(1, big, [2], other) == [[1, big, [2], other], {}],
            calc.echo("a", k=big, l=[other]) == [["a"], {"k": big, "l": [other]}],
            calc.same([[{"data": big}]]) == [[{"data": big}]],
            calc.add(big, other) == big + other,
        ]


@scenario(finds=[BIG, True, 7])
def compressed(visit: Visit) -> Any:
    text = "compress me " * (BIG // 12)
    with setting("COMPRESSION", True), visit.proxy() as calc:
        answer = calc.same(text)
        return [len(answer), answer == text, calc.add(3, 4)]


@scenario(finds="Point(1, 2)")
def converted_values(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return repr(calc.same(Point(1, 2)))


@scenario(finds=[65_534, 65_535, 0, 1])
def sequence_numbers_wrap(visit: Visit) -> Any:
    with visit.proxy("witness") as witness:
        witness._pyroBind()
        witness._pyroSeq = 65_533
        return [witness.context()["seq"] for _ in range(4)]


# -- attributes


@scenario(finds=[11, [1, {"x": 2}], "for ever"])
def attributes(visit: Visit) -> Any:
    with visit.proxy() as calc:
        calc.value = 11
        found = [calc.value]
        calc.value = [1, {"x": 2}]
        found += [calc.value, calc.fixed]
    return found


@scenario(finds=["AttributeError", "AttributeError", "AttributeError", "ValueError"])
def attribute_errors(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [
            kind_of(error_of(setattr, calc, "fixed", 1)),
            kind_of(error_of(setattr, calc, "add", 1)),
            kind_of(error_of(getattr, calc, "missing")),
            kind_of(error_of(getattr, calc, "broken")),
        ]


@scenario(finds=[True, True, False, False, True])
def hasattr_and_dir(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [
            hasattr(calc, "add"),
            "value" in dir(calc),
            hasattr(calc, "missing"),
            hasattr(calc, "_private"),
            "add" in dir(calc),
        ]


# -- oneway


@scenario(finds=[None, [1, 2, 3]])
def oneway_calls(visit: Visit) -> Any:
    with visit.proxy() as calc:
        answers = {calc.fire(number) for number in (1, 2, 3)}
        return [answers.pop(), calc.wait_fired(3)]


@scenario(finds=[None, 7])
def failing_oneway_call(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [calc.misfire(), calc.add(3, 4)]


# -- batches


@scenario(finds=[3, 7, [[1], {"k": 2}]])
def batch(visit: Visit) -> Any:
    with visit.proxy() as calc:
        calls = api.BatchProxy(calc)
        calls.add(1, 2)
        calls.add(3, 4)
        calls.echo(1, k=2)
        return list(calls())


@scenario(finds=[3, "ZeroDivisionError", "StopIteration", 7])
def batch_with_an_error(visit: Visit) -> Any:
    with visit.proxy() as calc:
        calls = api.BatchProxy(calc)
        calls.add(1, 2)
        calls.div(1, 0)
        calls.add(3, 4)
        results = calls()
        found = [next(results), kind_of(error_of(next, results))]
        return [*found, kind_of(error_of(next, results)), calc.add(3, 4)]


@scenario(finds=[None, [5, 6]])
def oneway_batch(visit: Visit) -> Any:
    with visit.proxy() as calc:
        calls = api.BatchProxy(calc)
        calls.fire(5)
        calls.fire(6)
        return [calls(oneway=True), calc.wait_fired(2)]


@scenario(finds=["AttributeError", [3]])
def batch_with_an_unknown_method(visit: Visit) -> Any:
    with visit.proxy() as calc:
        calls = api.BatchProxy(calc)
        calls.missing()
        error = error_of(calls)
        calls = api.BatchProxy(calc)
        calls.add(1, 2)
        return [kind_of(error), list(calls())]


# -- streams


@scenario(finds=[[1, 2, 3], []])
def streams(visit: Visit) -> Any:
    with visit.proxy() as calc:
        return [list(calc.count_to(3)), list(calc.count_to(0))]


@scenario(finds=[1, 1, 2, 7, 2, 3, "StopIteration"])
def interleaved_streams(visit: Visit) -> Any:
    with visit.proxy() as calc:
        one, two = calc.count_to(2), calc.count_to(3)
        found = [next(one), next(two), next(one), calc.add(3, 4), next(two), next(two)]
        return [*found, kind_of(error_of(next, one))]


@scenario(finds=[1, "StopIteration", 7])
def closed_stream(visit: Visit) -> Any:
    with visit.proxy() as calc:
        numbers = calc.count_to(1000)
        first = next(numbers)
        numbers.close()
        return [first, kind_of(error_of(next, numbers)), calc.add(3, 4)]


@scenario(finds=[1, 2, "ValueError", ["the stream broke"]])
def failing_stream(visit: Visit) -> Any:
    with visit.proxy() as calc:
        numbers = calc.count_and_fail(2)
        found = [next(numbers), next(numbers)]
        error = error_of(next, numbers)
        return [*found, kind_of(error), list(error.args)]


@scenario(finds=[1, "ConnectionClosedError", 2])
def lingering_stream(visit: Visit) -> Any:
    with visit.proxy() as calc:
        numbers = calc.count_to(3)
        found = [next(numbers)]
        calc._pyroRelease()
        found.append(kind_of(error_of(next, numbers)))
        calc._pyroBind()
        found.append(next(numbers))
        numbers.close()
        return found


@scenario(finds=[0, 1])
def attribute_that_streams(visit: Visit) -> Any:
    with visit.proxy() as calc:
        numbers = calc.endless
        found = [next(numbers), next(numbers)]
        numbers.close()
        return found


# -- containers


@scenario(finds=[3, "bread", ["apple", "bread", "cheese"], True, False, [0, 10, 20]])
def containers(visit: Visit) -> Any:
    with visit.proxy("shelf") as shelf, visit.proxy("row") as row:
        return [
            len(shelf),
            shelf[1],
            list(shelf),
            "bread" in shelf,
            shelf.__contains__("bricks"),
            [thing for thing in row],  # noqa: C416  # `list` would also ask for the length
        ]


@scenario(finds=["butter", "cheese", "IndexError"])
def container_changes(visit: Visit) -> Any:
    with visit.proxy("shelf") as shelf:
        shelf[1] = "butter"
        found = [shelf[1]]
        del shelf[1]
        found += [shelf[1], kind_of(error_of(shelf.__getitem__, 7))]
        shelf.restock()
        return found
