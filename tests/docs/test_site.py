"""The documentation is a site: it is made without a warning, its links hold, its search finds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import PATIENCE, running_browser
from tests.support.documents import ROOT
from tests.support.site import NEEDED, Page, build_site, find_faults, need_sphinx, read_site

WIDTHS = (1400, 400)

LOOKED_AT = (
    "docs/index",
    "docs/guide/servers",
    "docs/reference/settings",
    "docs/reference/errors",
    "docs/reference/wire",
    "docs/reference/api/daemons",
    "docs/explanation/performance",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_sphinx()
    folder = tmp_path_factory.mktemp("site")
    build_site(folder)  # no warning, or it fails
    return folder


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = read_site(site)
    assert len(pages) > 100
    assert sum(len(page.links) for page in pages.values()) > 5000
    assert find_faults(pages) == []


@pytest.mark.slow
def test_every_markdown_page_is_on_the_site(site: Path) -> None:
    sources = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]
    pages = [site / path.relative_to(ROOT).with_suffix(".html") for path in sources]
    assert [str(page) for page in pages if not page.is_file()] == []


@pytest.mark.slow
def test_what_is_for_the_site_alone_is_read_there(site: Path) -> None:
    text = (site / "docs/guide/clients.html").read_text("utf-8")
    assert "site:" not in text
    assert 'rel="next" title="Addresses and name servers"' in text


@pytest.mark.slow
def test_docstrings_come_out_as_they_are_meant(site: Path) -> None:
    text = "".join(
        path.read_text("utf-8") for path in sorted((site / "docs/reference/api").glob("*.html"))
    )
    assert "Annotations: the request" in text  # not a type and what is of it
    assert "In Pyro it is different:" in text
    assert "Source:" not in text
    assert 'href="naming.html#pyrolike.api.URI"' in text


@pytest.mark.slow
def test_in_a_browser_no_page_is_too_wide_and_the_search_finds(site: Path) -> None:
    with running_browser() as browser, serving(site) as address:
        for width in WIDTHS:
            tab = browser.new_page(viewport={"width": width, "height": 900})
            complaints: list[str] = []
            tab.on("console", lambda message: complaints.append(message.text))  # noqa: B023
            tab.on("pageerror", lambda error: complaints.append(str(error)))  # noqa: B023
            for name in LOOKED_AT:
                tab.goto(f"{address}/{name}.html")
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, name
            assert complaints == []
        tab.goto(f"{address}/search.html?q=_pyroReconnect")
        hit = tab.locator(".search a", has_text="Timeouts, retries, reconnecting").first
        hit.wait_for(timeout=PATIENCE)
        hit.click()
        tab.wait_for_url("**/docs/guide/timeouts.html**", timeout=PATIENCE)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of *folder* by HTTP; yields the address."""
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# -- the harness itself


def test_links_that_do_not_hold_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here">1</a> <a href="#gone">2</a> <a href="b.html#there">3</a>'
        '<a href="b.html#gone">4</a> <a href="c.html">5</a> <a href="https://example.org">6</a>'
        '<script src="https://cdn.example/x.js"></script><img src="data:image/png;base64,">'
        '<img src="none.png">',
        "utf-8",
    )
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>', "utf-8")
    assert find_faults(read_site(tmp_path)) == [
        "a.html: #gone leads to no place on that page",
        "a.html: b.html#gone leads to no place on that page",
        "a.html: c.html leads to no file",
        "a.html: https://cdn.example/x.js is fetched from elsewhere",
        "a.html: none.png leads to no file",
    ]


def test_a_page_is_read_in_pieces() -> None:
    page = Page()
    page.feed('<a href="x" na')
    page.feed('me="y">')
    assert (page.links, page.anchors) == ({"x"}, {"y"})


def test_without_sphinx_the_site_is_skipped_but_never_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.support.site.find_spec", lambda name: None)
    monkeypatch.delenv("PYROLIKE_NEED_DOCS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"{NEEDED[0]}, .* --group docs"):
        need_sphinx()
    monkeypatch.setenv("PYROLIKE_NEED_DOCS", "1")
    with pytest.raises(pytest.fail.Exception, match="PYROLIKE_NEED_DOCS wants it"):
        need_sphinx()
