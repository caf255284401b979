"""The page's files and its data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

import pyrolike
from pyrolike.utils.httpgateway import page
from tests.support.gateways import Place, running_gateway

OWN_TAGS = ["class:Pyro4.naming.NameServer", "class:Pyro5.nameserver.NameServer"]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running_gateway() as place:
        uri = place.objects.uri("weather")
        for number in range(5):
            place.name_server.register(f"http.lamp.{number}", uri, metadata={f"floor:{number % 2}"})
        yield place


def listed(place: Place, regex: str = r"http\.", **query: str) -> dict[str, Any]:
    given = {name: [text] for name, text in query.items()}
    return page.list_objects(place.app.names, regex, given, "PYRO:somewhere")


@pytest.mark.parametrize("path", page.FILES)
def test_every_file_is_there(path: str) -> None:
    response = page.serve_file(path)
    assert isinstance(response.body, bytes)
    assert len(response.body) > 100
    assert response.headers == [("Cache-Control", "no-cache")]


def test_the_page_loads_its_own_files_only_and_has_no_code_in_it() -> None:
    html = page.read_file("gateway.html").decode()
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert {link for link in links if not link.startswith("#")} == set(page.FILES) - {""}
    assert not re.search(r"<style|<script>| on\w+=| style=", html)
    for name in ("gateway.css", "gateway.js", "gateway.html"):
        text = page.read_file(name).decode()
        assert "//" not in re.sub(r"^ *// .*|\s+// .*|://localhost", "", text, flags=re.MULTILINE)
    script = page.read_file("gateway.js").decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script)


def test_objects_are_listed_with_their_tags(place: Place) -> None:
    found = listed(place, search="weather")
    assert found == {
        "objects": [{"name": "http.weather", "tags": ["station:alpine", "weather"]}],
        "found": 1,
        "offset": 0,
        "limit": 50,
        "exposed": r"http\.",
        "nameserver": "PYRO:somewhere",
        "version": pyrolike.__version__,
    }
    assert listed(place, "Pyro")["objects"] == [{"name": "Pyro.NameServer", "tags": OWN_TAGS}]


def test_a_long_list_comes_in_pages(place: Place) -> None:
    found = listed(place, search="LAMP", offset="2", limit="2")
    assert [each["name"] for each in found["objects"]] == ["http.lamp.2", "http.lamp.3"]
    assert (found["found"], found["offset"], found["limit"]) == (5, 2, 2)
    assert listed(place, offset="100")["objects"] == []
    assert listed(place, search=" tag:floor:1 ")["found"] == 2


@pytest.mark.parametrize("number", ["-1", "x", "", "1e3", "9" * 100, "٣"])
def test_what_is_no_number_is_left_out_of_account(place: Place, number: str) -> None:
    found = listed(place, offset=number, limit=number)
    assert (found["offset"], found["limit"]) == (0, page.USUALLY_LISTED)


def test_a_page_has_bounds(place: Place) -> None:
    assert listed(place, limit="999999")["limit"] == page.MOST_LISTED


def test_an_object_is_shown(place: Place) -> None:
    found = page.show_object(place.app.names, place.app.pool, "http.weather")
    assert found["name"] == "http.weather"
    assert found["tags"] == ["station:alpine", "weather"]
    assert found["oneway"] == ["note"]
    assert "station" in found["attributes"]
