"""The application: requests over real HTTP, and what is answered, question by question."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.utils.httpgateway import (
    Gateway,
    gateway as gateway_module,
    pool as pool_module,
    streaming,
)
from pyrolike.utils.httpgateway.names import Names
from tests.support.daemon import PATIENCE, Threads
from tests.support.gateways import Answer, Place
from tests.support.waiting import wait_until

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    before = dict(vars(shared.app))
    yield shared
    vars(shared.app).update(before)


def error_of(answer: Answer) -> tuple[int, str, Any]:
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return answer.status, answer.json["__class__"], answer.json["args"]


# -- routes


@pytest.mark.parametrize("path", ["/", "/pyro"])
def test_the_root_leads_to_the_page(place: Place, path: str) -> None:
    answer = place.ask("GET", path)
    assert (answer.status, answer.headers["Location"]) == (302, "/pyro/")


def test_a_mounted_gateway_leads_to_its_own_page() -> None:
    seen: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/gate way",
        "PATH_INFO": "",
        "HTTP_HOST": "localhost",
    }
    answer: Any = Gateway()(environ, lambda *given: seen.extend(given))  # type: ignore[arg-type]
    assert answer == [b"302 Found"]
    assert ("Location", "/gate%20way/pyro/") in seen[1]


def test_the_page_is_there(place: Place) -> None:
    answer = place.get("")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<title>Pyro HTTP gateway</title>" in answer.body
    assert place.get("$gateway.css").headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("path", ["/other", "/pyro/x", "/pyro/x/", "/pyro/$nothing", "/pyrox/a/b"])
def test_other_paths_are_not_found(place: Place, path: str) -> None:
    answer = place.ask("GET", path)
    assert (answer.status, answer.text) == (404, "Error 404: Not Found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "PATCH", "TRACE"])
def test_other_methods_are_refused(place: Place, method: str) -> None:
    answer = place.ask(method, "/pyro/http.weather/exact")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, OPTIONS")
    assert method == "HEAD" or answer.text == "Error 405: Method Not Allowed"


def test_options_are_answered(place: Place) -> None:
    answer = place.ask("OPTIONS", "/pyro/http.weather/exact")
    assert (answer.status, answer.text) == (200, "200 OK")


# -- calls


def test_a_method_is_called_with_texts(place: Place) -> None:
    answer = place.get("http.weather/echo?a=1&b=2&b=3&c=")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json == {"args": [], "kwargs": {"a": "1", "b": ["2", "3"]}}
    posted = place.post("http.weather/echo?a=1", "b=2", Content_Type=FORM)
    assert posted.json["kwargs"] == {"a": "1", "b": "2"}


def test_a_method_is_called_with_typed_arguments(place: Place) -> None:
    assert place.post("http.weather/divide", {"$args": [1], "b": 4}).json == 0.25


def test_a_result_is_not_touched(place: Place) -> None:
    wanted = '{"large": 12345678901234567890, "text": "Zürich <b>"}'
    assert place.get("http.weather/exact").text == wanted


def test_an_attribute_is_read(place: Place) -> None:
    assert place.get("http.weather/station").json == "Sonnblick"
    assert error_of(place.get("http.weather/station?a=1"))[:2] == (500, "builtins.AssertionError")


def test_meta_tells_what_is_there(place: Place) -> None:
    answer = place.get("http.weather/$meta")
    assert answer.json.keys() == {"methods", "attributes"}
    assert answer.json["attributes"] == ["broken", "station"]
    assert "X-Pyro-Correlation-Id" in answer.headers


def test_one_way_calls_are_answered_at_once_and_with_nothing(place: Place) -> None:
    for answer in (
        place.get("http.weather/note?text=a"),
        place.post("http.weather/divide", {"a": 1, "b": 0}, X_Pyro_Options="other, ONEWAY"),
    ):
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        uuid.UUID(answer.headers["X-Pyro-Correlation-Id"])
    assert place.weather.noted.wait(PATIENCE)


def test_a_correlation_id_is_taken_along(place: Place) -> None:
    given = str(uuid.uuid4())
    answer = place.get("http.weather/correlation", X_Pyro_Correlation_Id=given)
    assert (answer.json, answer.headers["X-Pyro-Correlation-Id"]) == (given, given)
    bad = place.get("http.weather/correlation", X_Pyro_Correlation_Id="x<b>")
    assert error_of(bad)[:2] == (500, "builtins.ValueError")


def test_errors_are_class_dicts(place: Place) -> None:
    answer = place.post("http.weather/divide", {"a": 1, "b": 0})
    assert error_of(answer) == (500, "builtins.ZeroDivisionError", ["division by zero"])
    assert "X-Pyro-Correlation-Id" not in answer.headers
    assert answer.json["attributes"] == {}
    assert error_of(place.get("http.weather/nothing"))[:2] == (500, "builtins.AttributeError")
    assert error_of(place.get("http.nobody/x")) == (
        404,
        "Pyro5.errors.NamingError",
        ["unknown name: http.nobody"],
    )


def test_tracebacks_are_shown_if_that_is_wanted(place: Place) -> None:
    place.app.show_tracebacks = True
    answer = place.post("http.weather/divide", {"a": 1, "b": 0})
    assert "return a / b" in "".join(answer.json["attributes"]["_pyroTraceback"])


def test_calls_by_get_can_be_switched_off(place: Place) -> None:
    place.app.get_calls = False
    answer = place.get("http.weather/exact")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert place.get("http.weather/station").json == "Sonnblick"
    assert place.get("http.weather/$meta").status == 200
    assert place.post("http.weather/exact").status == 200


def test_an_object_that_cannot_be_reached_is_an_error(place: Place) -> None:
    place.name_server.register("http.gone", "PYRO:x@127.0.0.1:1")
    assert error_of(place.get("http.gone/x"))[:2] == (500, "Pyro5.errors.CommunicationError")


# -- who may


def test_only_exposed_names_are_reached(place: Place) -> None:
    for path in ("secret.weather/exact", "x.http.weather/exact", "Pyro.NameServer/list"):
        answer = place.get(path)
        assert (answer.status, answer.text[:13]) == (403, "403 Forbidden")
    assert place.get("$object?name=secret.weather").status == 403
    place.app.ns_regex = ""
    assert place.get("secret.weather/exact").status == 200
    assert place.get("Pyro.NameServer/count").json >= 3


@pytest.mark.parametrize("path", ["secret%2eweather/exact", "http.weather%2Fexact", "%2e%2e/exact"])
def test_names_are_what_the_path_says_after_decoding_once(place: Place, path: str) -> None:
    assert place.get(path).status == (200 if path.startswith("http") else 403)
    assert place.get(path.replace("%", "%25")).status in (403, 404)


def test_a_key_is_asked_for(place: Place) -> None:
    place.app.gateway_key = b"sesame"
    for answer in (
        place.get("http.weather/exact"),
        place.get("http.weather/exact", X_Pyro_Gateway_Key="wrong"),
        place.get("$objects"),
        place.get("secret.weather/exact"),
    ):
        assert answer.text == "403 Forbidden - incorrect gateway api key"
        assert answer.status == 403
    for answer in (
        place.get("http.weather/echo?$key=sesame&a=1"),
        place.post("http.weather/echo", {"$key": "sesame", "a": "1"}),
        place.get("http.weather/echo?a=1", X_Pyro_Gateway_Key="sesame"),
    ):
        assert answer.json["kwargs"] == {"a": "1"}
    assert place.get("$objects?$key=sesame").status == 200
    assert place.get("").status == 200
    assert place.ask("GET", "/other").status == 404


def test_the_key_is_in_no_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    place.app.gateway_key = b"sesame"
    place.get("http.weather/divide?a=1&$key=sesame")
    place.get("http.weather/divide?a=1&$key=sesame%20x", X_Pyro_Gateway_Key="sesame")
    assert "sesame" not in caplog.text


def test_strange_hosts_and_sites_are_refused(place: Place) -> None:
    assert place.get("", Host="evil.example").status == 403
    assert place.get("http.weather/exact", Host="evil.example").status == 403
    place.app.allowed_hosts = ["gate.example"]
    assert place.get("http.weather/exact", Host="gate.example:8080").status == 200
    for path in ("http.weather/exact", "$objects", "$object?name=http.weather"):
        assert place.get(path, Sec_Fetch_Site="cross-site").status == 403
    assert place.post("http.weather/exact", Origin="https://evil.example").status == 403
    assert place.get("", Sec_Fetch_Site="cross-site").status == 200  # a link to the page


def test_one_site_can_be_let_in(place: Place) -> None:
    assert "Access-Control-Allow-Origin" not in place.get("http.weather/exact").headers
    place.app.cors = "https://a.example"
    answer = place.get(
        "http.weather/exact", Origin="https://a.example", Sec_Fetch_Site="cross-site"
    )
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    preflight = place.ask("OPTIONS", "/pyro/http.weather/exact", Origin="https://a.example")
    assert "X-Pyro-Gateway-Key" in preflight.headers["Access-Control-Allow-Headers"]


def test_bodies_have_a_limit(place: Place) -> None:
    place.app.max_body_size = 10
    assert place.post("http.weather/echo", {"a": "long enough"}).status == 413
    assert place.post("http.weather/echo", {"a": 1}).status == 200


def test_nothing_that_was_sent_is_in_a_text(place: Place) -> None:
    mark = "%3Cscript%3Ealert(1)%3C/script%3E"
    for path in (mark, f"{mark}/{mark}", f"http.weather/echo?{mark}=%ff", f"$object?name={mark}"):
        answer = place.get(path)
        assert answer.status >= 400
        assert b"script" not in answer.body or "json" in answer.headers["Content-Type"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


# -- the page's data


def test_objects_are_listed_and_shown(place: Place) -> None:
    found = place.get("$objects?search=weather").json
    assert [each["name"] for each in found["objects"]] == ["http.weather"]
    assert found["nameserver"].startswith("PYRO:Pyro.NameServer@")
    shown = place.get("$object?name=http.weather").json
    assert (shown["name"], shown["oneway"]) == ("http.weather", ["note"])
    assert place.get("$object?name=http.nobody").status == 404


# -- streams


def test_a_stream_comes_in_lines_or_events(place: Place) -> None:
    lines = place.post("http.weather/count", {"number": 2})
    assert lines.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert lines.body == b"0\n1\n"
    assert lines.headers["Transfer-Encoding"] == "chunked"
    events = place.post("http.weather/count", {"number": 1}, Accept="text/event-stream")
    assert events.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert events.text.endswith("data: 0\n\nevent: end\ndata: \n\n")
    assert "X-Pyro-Correlation-Id" in events.headers


def test_a_stream_that_fails_ends_with_the_exception(place: Place) -> None:
    *items, last = place.post("http.weather/fail_at", {"place": 1, "number": 3}).body.splitlines()
    assert items == [b"0"]
    assert json.loads(last) == {
        "__class__": "builtins.ValueError",
        "__exception__": True,
        "args": ["no item 1"],
        "attributes": {},
    }


def test_a_client_that_leaves_a_stream_ends_it(place: Place) -> None:
    closed = place.weather.closed
    connection = place.connect()
    connection.request("GET", "/pyro/http.weather/forever")
    response = connection.getresponse()
    assert response.readline() == b"0\n"
    response.close()
    connection.close()
    assert place.weather.wait_closed(closed + 1)


def test_a_client_that_leaves_while_an_item_is_awaited_is_noticed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.001)
    place.app.pool.close()
    connection = place.connect()
    connection.request("GET", "/pyro/http.weather/gate_after_one")
    response = connection.getresponse()
    assert response.readline() == b"0\n"
    assert place.app.pool._open == 1
    response.close()
    connection.close()
    wait_until(lambda: place.app.pool._open == 0)
    place.weather.gate.set()


def test_there_is_an_end_to_streams(place: Place) -> None:
    class Full:
        def acquire(self, blocking: bool) -> bool:
            return False

    full: Any = Full()
    place.app._streams = full
    assert place.post("http.weather/count", {"number": 2}).status == 503


# -- trouble


def test_too_many_calls_are_told_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.app.pool.close()
    monkeypatch.setattr(pool_module, "MOST_OPEN", 0)
    assert place.get("http.weather/exact").status == 503


def test_without_a_name_server_everything_says_so(place: Place) -> None:
    def locate() -> Any:
        raise NamingError("nobody at home")

    place.app.names = Names(locate)
    plain = place.get("")
    assert (plain.status, plain.headers["Content-Type"]) == (500, "text/plain; charset=utf-8")
    assert "cannot connect to the name server" in plain.text
    page = place.get("", Accept="text/html,*/*")
    assert (page.status, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    status, name, args = error_of(place.get("$objects"))
    assert (status, name) == (500, "Pyro5.errors.NamingError")
    assert "cannot connect to the name server" in args[0]


def test_a_mistake_of_ours_is_logged_and_not_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(gateway_module, "split_target", fail)
    answer = place.get("http.weather/exact")
    assert (answer.status, "secret" in answer.text) == (500, False)
    assert "unexpected error" in caplog.text


def test_calls_of_many_threads_share_few_connections(place: Place) -> None:
    def call() -> None:
        for _ in range(10):
            assert place.post("http.weather/divide", {"a": 1, "b": 4}).json == 0.25

    with Threads() as threads:
        for _ in range(8):
            threads.start(call)
    assert place.app.pool._open <= 8
