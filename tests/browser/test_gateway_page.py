"""The gateway's page in a real browser, used as a person uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from pyrolike.errors import NamingError
from pyrolike.utils.httpgateway.names import Names
from pyrolike.utils.httpgateway.server import GatewayServer
from tests.support.browser import FOREIGN, PATIENCE, running_browser
from tests.support.gateways import Place, running_gateway, running_server

pytestmark = pytest.mark.slow

HOSTILE = 'http.<img src="x" onerror="document.title=666">'
LONG = "x" * 1000
REFUSED = re.compile(r"status of [45]\d\d")
"""What the browser's console says of a response that the test wanted to fail."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def shared() -> Iterator[Place]:
    with running_gateway() as place:
        uri = place.objects.uri("weather")
        place.name_server.register(HOSTILE, uri, metadata={"<b>bold</b>", LONG})
        for number in range(120):
            place.name_server.register(
                f"http.lamp.{number:03}", uri, metadata={f"floor:{number % 4}"}
            )
        yield place


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    before = dict(vars(shared.app))
    yield shared
    vars(shared.app).update(before)


class Page:
    """A tab of the browser, and what happened in it.

    Attributes:
        tab: Playwright's page.
        complaints: What the browser has found wrong: errors of the script, of the policy, dialogs.
        asked: Addresses that were asked for.
    """

    def __init__(self, browser: Any, place: Place, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.tab = tab = self.context.new_page()
        tab.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        tab.on("console", self._note)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("request", lambda request: self.asked.append(request.url))
        self.address = f"http://{place.address}/pyro/"
        self.place = place

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning") and not REFUSED.search(message.text):
            self.complaints.append(message.text)

    def go(self, fragment: str = "") -> Page:
        self.tab.goto(f"{self.address}{fragment}")
        return self

    def object(self, member: str = "", name: str = "http.weather") -> Page:
        self.go(f"#{name}/{member}")
        self.tab.get_by_role("heading", name=name, level=2).wait_for()
        if member:
            self.tab.get_by_role("heading", name=member, level=3).wait_for()
        return self

    def button(self, name: str) -> Any:
        return self.tab.get_by_role("button", name=name, exact=True)

    def argument(self, kind: str, value: str | None = None, name: str = "") -> None:
        """Add an argument, as a person does."""
        self.button("Add an argument").click()
        row = self.tab.get_by_role("group", name="Argument").last
        row.get_by_label("Name of the argument").fill(name)
        row.get_by_label("Type").select_option(label=kind)
        if value is None:
            return
        field = row.get_by_label("Value", exact=True)
        if kind == "True/false":
            field.select_option(value)
        else:
            field.fill(value)

    def call(self) -> None:
        self.button("Call").click()

    def result(self) -> str:
        text: str = self.tab.get_by_label("Result").text_content()
        return text

    def text(self, selector: str) -> str:
        found: str = self.tab.locator(selector).text_content()
        return found


@pytest.fixture(scope="module")
def kept_page(browser: Any, shared: Place) -> Iterator[Page]:
    """A tab that is used again: opening one takes longer than most tests."""
    page = Page(browser, shared)
    yield page
    page.context.close()


@pytest.fixture
def page(kept_page: Page, place: Place) -> Iterator[Page]:
    page = kept_page
    yield page
    if page.tab.url.startswith(page.address):
        page.tab.evaluate("sessionStorage.clear()")
    page.tab.goto("about:blank")
    complaints, page.complaints = page.complaints, []
    foreign = [url for url in page.asked if not url.startswith(page.address)]
    page.asked = []
    assert complaints == []
    assert foreign == []


def wait_for_text(page: Page, text: str) -> None:
    page.tab.get_by_text(text).first.wait_for()


# -- the list


def test_objects_are_listed_and_hostile_names_are_text(page: Page) -> None:
    page.go()
    links = page.tab.locator("#objects a")
    links.first.wait_for()
    assert links.count() == 50
    assert links.nth(0).locator(".name").text_content() == HOSTILE
    assert links.nth(0).locator(".tags").text_content() == f"<b>bold</b> · {LONG}"
    assert links.nth(0).bounding_box()["height"] < 150
    assert page.text("#count") == "122 objects"
    assert "exposed: http\\." in page.text("#where")
    links.nth(0).click()
    page.tab.get_by_role("heading", name=HOSTILE, level=2).wait_for()
    assert page.tab.locator("#objects img, #main img, #main b").count() == 0
    assert page.tab.title() == f"{HOSTILE} · Pyro HTTP gateway"
    page.button("exact").click()
    page.call()
    assert "12345678901234567890" in page.result()


def test_the_list_has_pages_and_is_searched_by_name_and_tag(page: Page) -> None:
    page.go()
    wait_for_text(page, "122 objects")
    page.button("Next names").click()
    wait_for_text(page, "51 to 100")
    page.button("Next names").click()
    wait_for_text(page, "101 to 122")
    assert page.button("Next names").is_disabled()
    page.tab.get_by_label("Objects", exact=True).fill("LAMP.01")
    wait_for_text(page, "10 objects found")
    assert not page.button("Next names").is_visible()
    # Whoever pauses here goes on typing.
    page.tab.get_by_label("Objects", exact=True).fill("tag:")
    wait_for_text(page, "122 objects found")
    page.tab.get_by_label("Objects", exact=True).fill("tag:weather")
    wait_for_text(page, "1 object found")
    page.tab.get_by_role("link", name="http.weather").click()
    page.button("station:alpine").click()
    wait_for_text(page, "1 object found")
    assert page.tab.get_by_label("Objects", exact=True).input_value() == "tag:station:alpine"
    page.tab.get_by_label("Objects", exact=True).fill("nothing like that")
    wait_for_text(page, "Nothing matches.")


# -- calls


def test_a_method_is_called_with_typed_arguments(page: Page) -> None:
    page.object("echo")
    page.argument("Text", "it's <b>")
    page.argument("Number", "12345678901234567890")
    page.argument("True/false", "false")
    page.argument("Null")
    page.argument("JSON", '[1.50, {"a": "b"}]', name="deep")
    page.call()
    wait_for_text(page, "Returned")
    assert re.sub(r"\s+", "", page.result()) == (
        '{"args":["it\'s<b>",12345678901234567890,false,null],"kwargs":{"deep":[1.5,{"a":"b"}]}}'
    )
    wait_for_text(page, "correlation id")
    assert re.search(r"\d ms|\d s", page.text(".result .line"))
    page.tab.get_by_text("The same in a shell").click()
    command = page.text(".card details pre")
    assert "'\\''s <b>" in command
    assert "12345678901234567890" in command


def test_what_is_no_json_is_not_sent(page: Page) -> None:
    page.object("echo")
    page.argument("JSON", '{"a": ')
    page.argument("Number", "seven")
    wait_for_text(page, "Not JSON")
    wait_for_text(page, "Not a number")
    page.call()
    field = page.tab.get_by_label("Value", exact=True).first
    assert field.get_attribute("aria-invalid") == "true"
    assert field.evaluate("field => field === document.activeElement")
    assert not [url for url in page.asked if url.endswith("/echo")]
    page.button("Remove this argument").nth(1).click()
    field.fill('{"a": 1}')
    page.call()
    wait_for_text(page, "Returned")
    assert '"a": 1' in page.result()


def test_an_error_is_shown_with_its_traceback_folded_if_there_is_one(page: Page) -> None:
    page.object("divide")
    page.argument("Number", "1", name="a")
    page.argument("Number", "0", name="b")
    page.call()
    wait_for_text(page, "Failed, 500")
    assert page.text(".error strong") == "builtins.ZeroDivisionError"
    assert page.text(".error p") == "division by zero"
    assert page.tab.locator(".error details").count() == 0
    page.place.app.show_tracebacks = True
    page.call()
    page.tab.get_by_text("Traceback on the server").click()
    wait_for_text(page, "return a / b")


def test_a_one_way_call_has_no_answer(page: Page) -> None:
    page.object("note")
    assert "one-way" in page.text("button[data-member=note]")
    page.argument("Text", "hello")
    page.call()
    wait_for_text(page, "A one-way call has no answer.")
    page.object("exact")
    page.tab.get_by_label("One-way, without an answer").check()
    page.call()
    wait_for_text(page, "A one-way call has no answer.")


def test_attributes_are_read(page: Page) -> None:
    page.object()
    page.button("Read station").click()
    wait_for_text(page, '"Sonnblick"')
    page.button("Read all").click()
    wait_for_text(page, "builtins.ValueError: the sensor is frozen")


# -- streams


def test_a_stream_is_followed_and_stopped(page: Page) -> None:
    page.object("forever")
    closed = page.place.weather.closed
    page.call()
    page.tab.locator(".items li").nth(20).wait_for()
    wait_for_text(page, "Live")
    page.button("Stop").click()
    wait_for_text(page, "Stopped")
    assert page.place.weather.wait_closed(closed + 1)
    assert page.tab.locator(".items li").count() <= 500
    page.tab.wait_for_function("document.activeElement.textContent === 'Call'")


def test_a_stream_ends_or_fails_by_itself(page: Page) -> None:
    page.object("count")
    page.argument("Number", "3")
    page.call()
    wait_for_text(page, "Ended")
    assert page.tab.locator(".items pre").all_text_contents() == ["0", "1", "2"]
    page.object("fail_at")
    page.argument("Number", "1")
    page.argument("Number", "5")
    page.call()
    wait_for_text(page, "Failed")
    assert page.text(".error strong") == "builtins.ValueError"
    assert page.text(".error p") == "no item 1"


def test_leaving_for_another_method_stops_the_stream(page: Page) -> None:
    page.object("forever")
    closed = page.place.weather.closed
    page.call()
    page.tab.locator(".items li").first.wait_for()
    page.button("exact").click()
    assert page.place.weather.wait_closed(closed + 1)


# -- keyboard


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.go()
    wait_for_text(page, "122 objects")
    press = page.tab.keyboard.press
    press("/")
    page.tab.keyboard.type("weather")
    wait_for_text(page, "1 object found")
    press("ArrowDown")
    press("Enter")
    page.tab.get_by_role("heading", name="http.weather", level=2).wait_for()
    page.tab.wait_for_function("document.activeElement.tagName === 'H2'")
    for _ in range(20):
        press("Tab")
        if page.tab.evaluate("document.activeElement.dataset.member") == "echo":
            break
    press("Enter")
    page.tab.get_by_role("heading", name="echo", level=3).wait_for()
    page.button("Add an argument").focus()
    press("Enter")
    page.tab.keyboard.type("by hand")
    press("Control+Enter")
    wait_for_text(page, "Returned")
    assert '"by hand"' in page.result()


def test_the_first_key_skips_the_list(page: Page) -> None:
    page.go()
    wait_for_text(page, "122 objects")
    page.tab.keyboard.press("Tab")
    assert page.tab.get_by_role("link", name="Skip to the object").evaluate(
        "link => link === document.activeElement && link.getBoundingClientRect().left >= 0"
    )
    page.tab.keyboard.press("Enter")
    assert page.tab.evaluate("document.activeElement.id") == "main"


NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a")]
  .filter((each) => !each.hidden && !(each.ariaLabel || each.textContent.trim()
    || (each.labels && each.labels.length)))
  .map((each) => each.outerHTML)"""


def test_everything_that_can_be_used_has_a_name(page: Page) -> None:
    page.object("echo")
    page.argument("JSON", "[]")
    page.argument("True/false", "true")
    page.call()
    wait_for_text(page, "Returned")
    assert page.tab.evaluate(NAMELESS) == []
    assert page.tab.locator("html").get_attribute("lang") == "en"
    assert page.tab.locator("h1").count() == 1


# -- looks

CONTRASTS = r"""() => {
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = rgb(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const isLeftOut = element.disabled || element.closest("[hidden], .skip, noscript");
    if (!isText || isLeftOut || !element.checkVisibility()) continue;
    const [one, two] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) bad.push(`${element.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`);
  }
  return bad;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_by_day_and_by_night(
    browser: Any, place: Place, scheme: str
) -> None:
    page = Page(browser, place, color_scheme=scheme)
    page.object("echo")
    page.argument("JSON", '[1, "a", null, {"k": true}]')
    page.call()
    wait_for_text(page, "Returned")
    page.button("Read all").click()
    wait_for_text(page, "the sensor is frozen")
    assert page.tab.evaluate(CONTRASTS) == []
    page.object("divide")
    page.call()
    wait_for_text(page, "Failed, 500")
    assert page.tab.evaluate(CONTRASTS) == []
    ground = page.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    is_dark = int(re.findall(r"\d+", ground)[0]) < 128
    assert is_dark is (scheme == "dark")
    page.context.close()


def test_it_fits_on_a_phone(browser: Any, place: Place) -> None:
    page = Page(browser, place, viewport={"width": 360, "height": 640}, has_touch=True)

    def is_fitting() -> bool:
        fits: bool = page.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return fits

    page.go()
    wait_for_text(page, "122 objects")
    assert is_fitting()
    assert not page.tab.locator("#main").is_visible()
    page.tab.get_by_label("Objects", exact=True).fill("weather")
    page.tab.get_by_role("link", name="http.weather").tap()
    page.button("echo").tap()
    page.argument("Text", "a long word " + "x" * 200, name="some_argument")
    page.call()
    wait_for_text(page, "Returned")
    assert is_fitting()
    page.tab.get_by_role("link", name="All objects").tap()
    page.tab.get_by_role("link", name="http.weather").wait_for()
    assert not page.tab.locator("#main").is_visible()
    page.context.close()
    assert page.complaints == []


# -- states


def test_without_a_name_server_it_says_what_to_do(page: Page) -> None:
    def locate() -> Any:
        raise NamingError("nobody at home")

    names = page.place.app.names
    page.place.app.names = Names(locate)
    page.go()
    page.tab.get_by_role("heading", name="No name server").wait_for()
    wait_for_text(page, "python -m pyrolike.naming")
    page.place.app.names = names
    page.button("Try again").click()
    wait_for_text(page, "122 objects")
    page.tab.get_by_role("heading", name="Choose an object").wait_for()


def test_when_nothing_is_exposed_it_says_what_is_wanted(page: Page) -> None:
    page.place.app.ns_regex = r"nothing\."
    page.go()
    page.tab.get_by_role("heading", name="Nothing is exposed").wait_for()
    assert page.text("#main pre") == r"nothing\."


def test_an_object_that_is_gone_is_told(page: Page) -> None:
    page.go("#http.nobody/")
    page.tab.get_by_role("heading", name="http.nobody").wait_for()
    wait_for_text(page, "unknown name: http.nobody")


def test_a_key_is_asked_for_and_never_shown(page: Page) -> None:
    page.place.app.gateway_key = b"sesame"
    page.go("#http.weather/exact")
    field = page.tab.get_by_label("Gateway key")
    field.fill("wrong")
    page.button("Continue").click()
    wait_for_text(page, "That was not the right key.")
    page.tab.get_by_label("Gateway key").fill("sesame")
    page.button("Continue").click()
    page.tab.get_by_role("heading", name="exact", level=3).wait_for()
    page.call()
    wait_for_text(page, "Returned")
    page.tab.get_by_text("The same in a shell").click()
    assert "$PYRO_HTTPGATEWAY_KEY" in page.text(".card details pre")
    assert "sesame" not in page.tab.content()
    assert not [url for url in page.asked if "sesame" in url]


# -- other sites


def other_site(environ: Any, start_response: Any) -> list[bytes]:
    """Stand for somebody else's web site."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "0")])
    return [b""]


@pytest.mark.parametrize("cors", ["", "*"])
@pytest.mark.parametrize("host", [FOREIGN, "127.0.0.1"])
def test_the_page_of_another_site_can_call_only_if_it_is_let_in(
    browser: Any, place: Place, cors: str, host: str
) -> None:
    place.app.cors = cors
    weather = place.weather
    weather.notes.clear()
    weather.noted.clear()
    page = Page(browser, place)
    with running_server(GatewayServer(other_site, "127.0.0.1", 0)) as site:
        page.tab.goto(f"http://{host}:{site.port}/")
        for options in ("{mode: 'no-cors'}", "{mode: 'no-cors', method: 'POST'}"):
            # It fails when the answer is kept from the page; what counts is whether it was called.
            page.tab.evaluate(
                f"fetch('{page.address}http.weather/note?text=x', {options}).catch(() => null)"
            )
    page.context.close()
    if cors:
        assert weather.noted.wait(20)
    else:
        assert weather.notes == []


def test_the_page_cannot_be_framed(browser: Any, place: Place) -> None:
    page = Page(browser, place)
    with running_server(GatewayServer(other_site, "127.0.0.1", 0)) as site:
        page.tab.goto(f"http://{FOREIGN}:{site.port}/")
        page.tab.evaluate(
            """(address) => new Promise((done) => {
              const frame = document.createElement("iframe");
              frame.onload = done;
              frame.src = address;
              document.body.append(frame);
            })""",
            page.address,
        )
        assert page.tab.frames[1].locator("#search").count() == 0
    page.context.close()


def test_a_foreign_name_that_leads_here_is_not_ours(browser: Any, place: Place) -> None:
    page = Page(browser, place)
    answer = page.tab.goto(f"http://{FOREIGN}:{place.server.port}/pyro/")
    assert answer.status == 403
    status = page.tab.evaluate(
        "fetch('/pyro/http.weather/exact').then((response) => response.status)"
    )
    assert status == 403
    place.app.allowed_hosts = [FOREIGN]
    page.tab.goto(f"http://{FOREIGN}:{place.server.port}/pyro/")
    wait_for_text(page, "122 objects")
    page.context.close()
