"""Who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from pyrolike.utils.httpgateway.guard import check_host, check_key, check_site
from pyrolike.utils.httpgateway.requests import Refusal

HOST = {"HTTP_HOST": "localhost:8080"}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST:8080",
        "localhost.",
        "pyro.localhost",
        "127.0.0.1:8080",
        "[::1]:8080",
        "192.168.1.5",
        "gateway.example:80",
        "Gateway.Example.",
    ],
)
def test_numbers_and_localhost_and_known_names_are_ours(host: str) -> None:
    check_host({"HTTP_HOST": host, "SERVER_PROTOCOL": "HTTP/1.1"}, ["gateway.EXAMPLE"])


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "notlocalhost",
        "localhost:8080,evil.example",
        "localhost@evil.example",
        "localhost:99999999",
        "[::1",
        "1.2.3",
        "localhost\nX: y",
    ],
)
def test_other_names_are_not(host: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_host({"HTTP_HOST": host, "SERVER_PROTOCOL": "HTTP/1.1"}, ["gateway.example"])
    assert caught.value.status == 403
    assert not host or host not in caught.value.text


def test_every_name_can_be_allowed_and_old_clients_need_not_give_one() -> None:
    check_host({"HTTP_HOST": "evil.example"}, ["*"])
    check_host({"SERVER_PROTOCOL": "HTTP/1.0"}, [])


@pytest.mark.parametrize(
    ("headers", "cors", "is_let_in"),
    [
        ({}, "", True),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, "", True),
        ({"HTTP_SEC_FETCH_SITE": "none"}, "", True),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, "", False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, "", False),
        ({"HTTP_SEC_FETCH_SITE": "something new"}, "", False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "https://a.example"}, "*", True),
        (
            {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "https://a.example"},
            "https://a.example",
            True,
        ),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, "https://a.example", False),
        ({"HTTP_ORIGIN": "https://b.example"}, "https://a.example", False),
        ({"HTTP_ORIGIN": "http://localhost:8080"}, "", True),
        ({"HTTP_ORIGIN": "http://LOCALHOST:8080"}, "", True),
        ({"HTTP_ORIGIN": "http://localhost:3000"}, "", False),
        ({"HTTP_ORIGIN": "null"}, "", False),
        ({"HTTP_ORIGIN": "http://["}, "", False),
        ({"HTTP_REFERER": "http://localhost:8080/pyro/"}, "", True),
        ({"HTTP_REFERER": "http://evil.example/"}, "", False),
    ],
)
def test_what_other_sites_cause_is_refused(
    headers: dict[str, str], cors: str, is_let_in: bool
) -> None:
    if is_let_in:
        check_site(HOST | headers, cors)
        return
    with pytest.raises(Refusal) as caught:
        check_site(HOST | headers, cors)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("wanted", "header", "parameter", "is_let_in"),
    [
        (None, None, None, True),
        (None, "whatever", None, True),
        (b"secret", "secret", None, True),
        (b"secret", None, "secret", True),
        (b"secret", "secret", "wrong", True),
        ("schlüssel", None, "schlüssel", True),
        ("schlüssel", "schl\xc3\xbcssel", None, True),
        (b"secret", None, None, False),
        (b"secret", "wrong", "secret", False),
        (b"secret", "", None, False),
        (b"secret", "secre", None, False),
        (b"secret", "\u20ac", None, False),
        (b"secret", None, "\ud800", False),
    ],
)
def test_a_key_must_be_right(
    wanted: Any, header: str | None, parameter: str | None, is_let_in: bool
) -> None:
    given = {} if header is None else {"HTTP_X_PYRO_GATEWAY_KEY": header}
    if is_let_in:
        check_key(wanted, given, parameter)
        return
    with pytest.raises(Refusal) as caught:
        check_key(wanted, given, parameter)
    assert caught.value.text == "403 Forbidden - incorrect gateway api key"
