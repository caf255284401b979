"""What goes back, with which headers."""

from __future__ import annotations

import json

import pytest

from pyrolike.errors import CommunicationError, NamingError, SerializeError
from pyrolike.utils.httpgateway import responses
from pyrolike.utils.httpgateway.names import NoNameServerError
from pyrolike.utils.httpgateway.requests import Refusal


def test_every_response_tells_browsers_to_be_careful() -> None:
    headers = dict(responses.text(200, "fine").all_headers(""))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Length"] == "4"
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_a_site_that_is_let_in_may_send_and_read_our_headers() -> None:
    headers = dict(responses.text(200, "fine").all_headers("https://a.example"))
    assert headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    for name in ("Content-Type", "X-Pyro-Options", "X-Pyro-Gateway-Key", "X-Pyro-Correlation-Id"):
        assert name in headers["Access-Control-Allow-Headers"]
    assert headers["Access-Control-Expose-Headers"] == "X-Pyro-Correlation-Id"
    assert "Cross-Origin-Resource-Policy" not in headers


def test_a_response_keeps_its_own_headers() -> None:
    response = responses.refuse(Refusal(405, "no", ("Allow", "GET"), ("Cache-Control", "no-cache")))
    assert response.status_line == "405 Method Not Allowed"
    headers = response.all_headers("")
    assert ("Allow", "GET") in headers
    assert [text for name, text in headers if name == "Cache-Control"] == ["no-cache"]


def test_a_body_that_comes_bit_by_bit_has_no_length() -> None:
    response = responses.Response(200, "text/plain", iter([b""]))
    assert "Content-Length" not in dict(response.all_headers(""))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (NamingError("x"), "Pyro5.errors.NamingError"),
        (SerializeError("x", class_name="secret"), "Pyro5.errors.SerializeError"),
        (CommunicationError("x"), "Pyro5.errors.CommunicationError"),
        (AttributeError("x"), "builtins.AttributeError"),
    ],
)
def test_an_error_of_ours_looks_like_a_remote_one_and_tells_nothing_else(
    error: Exception, name: str
) -> None:
    assert responses.error_data(error) == {
        "__class__": name,
        "__exception__": True,
        "args": ["x"],
        "attributes": {},
    }


def test_an_error_that_only_we_have_is_one_of_pyros() -> None:
    assert responses.error_data(NoNameServerError("x"))["__class__"] == "Pyro5.errors.NamingError"


def test_a_traceback_is_taken_out_and_nothing_else() -> None:
    remote = {
        "__class__": "builtins.ValueError",
        "__exception__": True,
        "args": ["ü"],
        "attributes": {"_pyroTraceback": ["/srv/secret.py"], "code": 3},
    }
    hidden = json.loads(responses.hide_traceback(json.dumps(remote).encode()))
    assert hidden == remote | {"attributes": {"code": 3}}


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b"{}", b'{"attributes": 3}', b"\xff", b"[" * 100_000]
)
def test_an_error_that_cannot_be_read_is_not_passed_on(payload: bytes) -> None:
    hidden = json.loads(responses.hide_traceback(payload))
    assert hidden["__class__"] == "builtins.RuntimeError"


def test_text_that_has_no_bytes_is_sent_as_well_as_can_be() -> None:
    assert responses.data(200, ["\ud800"]).body == b'["?"]'
