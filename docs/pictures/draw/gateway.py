"""Photographs of the gateway's page in a real browser, light and dark.

They show a small laboratory that lives as long as the photographs take. Other than the drawings
they differ from machine to machine, with its fonts; so no test takes them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyrolike.api import expose, oneway
from tests.support.browser import PATIENCE, running_browser
from tests.support.gateways import Place, running_gateway

SCHEMES = ("light", "dark")
SIZE = {"width": 860, "height": 900}

OBJECTS = {
    "http.lab.oven.1": {"oven", "floor:2"},
    "http.lab.oven.2": {"oven", "floor:3"},
    "http.lab.balance": {"floor:2"},
    "http.lab.camera": {"floor:1", "shared"},
    "http.lab.printer": {"shared"},
}
"""What the page lists, with the tags of each."""

SHOWN = "http.lab.oven.1"


@expose
class Oven:
    """An instrument of the laboratory."""

    def __init__(self) -> None:
        self._target = 180.0

    @property
    def target(self) -> float:
        """Degrees that it is to have."""
        return self._target

    def heat(self, degrees: float, minutes: int = 20) -> dict[str, object]:
        """Heat up, and say what will be done."""
        self._target = degrees
        return {"from": 21.5, "to": degrees, "minutes": minutes, "program": ["up", "hold", "down"]}

    def readings(self, count: int) -> Iterator[float]:
        """Give what the sensor says, one after the other."""
        yield from (round(21.5 + number * 0.7, 1) for number in range(count))

    @oneway
    def off(self) -> None:
        """Stop heating."""


def photograph(folder: Path) -> None:
    """Write ``gateway-light.png`` and ``gateway-dark.png`` into *folder*."""
    with running_gateway() as place, running_browser() as browser:
        _furnish(place)
        for scheme in SCHEMES:
            context = browser.new_context(color_scheme=scheme, viewport=SIZE)
            tab = context.new_page()
            tab.set_default_timeout(PATIENCE)
            _call_something(tab, f"http://{place.address}/pyro/#{SHOWN}/heat")
            tab.screenshot(path=str(folder / f"gateway-{scheme}.png"))
            context.close()


def _furnish(place: Place) -> None:
    names = place.name_server
    names.remove("http.weather")
    uri = place.objects.daemon.register(Oven)
    for name, tags in OBJECTS.items():
        names.register(name, uri, metadata=tags)


def _call_something(tab: Any, address: str) -> None:
    """Fill in the page's form as a person does, call twice, and wait for the result.

    The first call looks the name up and connects, and its time is not what one sees later.
    """
    tab.goto(address)
    tab.get_by_role("heading", name="heat", level=3).wait_for()
    for name, value in {"degrees": "210", "minutes": "45"}.items():
        tab.get_by_role("button", name="Add an argument", exact=True).click()
        row = tab.get_by_role("group", name="Argument").last
        row.get_by_label("Name of the argument").fill(name)
        row.get_by_label("Type").select_option(label="Number")
        row.get_by_label("Value", exact=True).fill(value)
    for _ in range(2):
        with tab.expect_response(lambda response: response.url.endswith("/heat")):
            tab.get_by_role("button", name="Call", exact=True).click()
        tab.get_by_text("program").first.wait_for()
