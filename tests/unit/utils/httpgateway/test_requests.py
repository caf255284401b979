"""What strangers send, and what becomes of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from pyrolike.utils.httpgateway.requests import (
    MOST_FIELDS,
    Parameters,
    Refusal,
    Target,
    read_parameters,
    read_path,
    read_query,
    split_target,
)

LIMIT = 1000


def environ(
    query: str = "", body: bytes = b"", kind: str = "application/json", **more: Any
) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": query,
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **more,
    }


def parameters(query: str = "", body: Any = b"", kind: str = "application/json") -> Parameters:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_parameters(environ(query, data, kind), LIMIT)


def refusal(**given: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_parameters(environ(**given), LIMIT)
    return caught.value


@pytest.mark.parametrize(
    ("path", "name", "member"),
    [
        ("/pyro/a/b", "a", "b"),
        ("/pyro/a.b/$meta", "a.b", "$meta"),
        ("/pyro/with/slashes/in/it", "with/slashes/in", "it"),
        ("/pyro/../b", "..", "b"),
        ("/pyro//a/b", "/a", "b"),
        ("/pyro/ä b/ü", "ä b", "ü"),
    ],
)
def test_the_last_slash_is_between_object_and_member(path: str, name: str, member: str) -> None:
    assert split_target(path) == Target(name, member)


@pytest.mark.parametrize("path", ["/pyro/x", "/pyro/x/", "/pyro//x", "/pyro/$objects", "/pyro/"])
def test_without_object_or_member_nothing_is_found(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        split_target(path)
    assert (caught.value.status, caught.value.text) == (404, "Error 404: Not Found")


def test_a_path_is_utf_8_and_decoded_once() -> None:
    assert read_path({"PATH_INFO": "/pyro/Z\xc3\xbcrich/%2f"}) == "/pyro/Zürich/%2f"
    assert read_path({}) == ""
    with pytest.raises(Refusal, match="not UTF-8"):
        read_path({"PATH_INFO": "/pyro/\xff"})
    with pytest.raises(Refusal, match="not UTF-8"):
        read_path({"PATH_INFO": "/pyro/\u20ac"})  # which WSGI forbids


def test_fields_are_text_and_repeated_ones_lists_and_blank_ones_nothing() -> None:
    found = parameters("a=1&b=x%20y&b=%C3%BC&c=&d")
    assert found.kwargs == {"a": "1", "b": ["x y", "ü"]}
    assert found.args == []
    assert bool(found)
    assert not parameters("c=")


def test_a_form_is_read_with_the_query() -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"
    found = parameters("a=1&$key=from+query", b"a=2&b=3&$key=secret", form)
    assert found == Parameters([], {"a": ["1", "2"], "b": "3"}, "secret")


def test_a_json_object_keeps_its_types_and_has_positional_arguments() -> None:
    body = {"$args": [1, None, {"x": [True]}], "a": 2.5, "$key": "secret"}
    assert parameters("b=x", body) == Parameters(
        [1, None, {"x": [True]}], {"a": 2.5, "b": "x"}, "secret"
    )


def test_a_get_has_no_body() -> None:
    given = environ("a=1", b'{"b": 2}', REQUEST_METHOD="GET")
    assert read_parameters(given, LIMIT).kwargs == {"a": "1"}


def test_a_body_comes_in_pieces() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1 if size else 0)

    given = environ(body=b'{"a": 1}')
    given["wsgi.input"] = Slow(b'{"a": 1}and more')
    assert read_parameters(given, LIMIT).kwargs == {"a": 1}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": -Infinity}', "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "413"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"$args": {}}', "must be a list"),
        (b'{"$key": 1}', "a text"),
        (b'{"a": [{"__class__": "Pyro5.client.Proxy", "state": []}]}', "without __class__"),
    ],
)
def test_bad_bodies_are_refused(body: bytes, words: str) -> None:
    assert words in refusal(body=body).text


def test_bodies_that_break_the_parser_are_refused() -> None:
    for body in (b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"):
        with pytest.raises(Refusal) as caught:
            read_parameters(environ(body=body), 10**6)
        assert caught.value.status == 400


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "1,1"}, 400),
        ({"CONTENT_LENGTH": "٣"}, 400),
        ({"CONTENT_LENGTH": "1001"}, 413),
        ({"CONTENT_LENGTH": "9" * 10_000}, 413),
        ({"CONTENT_LENGTH": "5"}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
        ({"CONTENT_TYPE": "text/plain"}, 415),
        ({"CONTENT_TYPE": ""}, 415),
    ],
)
def test_lengths_and_types_are_looked_at_first(more: dict[str, str], status: int) -> None:
    assert refusal(body=b"{}", **more).status == status


def test_a_length_may_have_zeros_in_front() -> None:
    assert read_parameters(environ(body=b"{}", CONTENT_LENGTH="0" * 50 + "2"), LIMIT).kwargs == {}


def test_an_empty_body_needs_no_type() -> None:
    assert read_parameters(environ(kind="", CONTENT_LENGTH=""), LIMIT) == Parameters()


def test_a_parameter_cannot_be_in_query_and_json() -> None:
    assert "both" in refusal(query="a=1", body=b'{"a": 1}').text.replace("in the query and", "both")


def test_queries_have_bounds() -> None:
    query = "&".join(f"a{number}=1" for number in range(MOST_FIELDS + 1))
    assert str(MOST_FIELDS) in refusal(query=query).text
    assert "not UTF-8" in refusal(query="a=%ff").text
    assert read_query({}) == {}
