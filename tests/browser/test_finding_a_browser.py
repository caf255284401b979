"""Where there is no browser the tests of the page are skipped, but never silently in CI."""

from __future__ import annotations

import sys

import pytest

from tests.support.browser import find_browser


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("PYROLIKE_BROWSER", raising=False)
    monkeypatch.delenv("PYROLIKE_NEED_BROWSER", raising=False)


def test_without_a_browser_a_test_is_skipped() -> None:
    pytest.importorskip("playwright")
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        find_browser()


def test_without_its_driver_a_test_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(pytest.skip.Exception, match="playwright is not installed"):
        find_browser()


def test_where_one_is_needed_a_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYROLIKE_NEED_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="PYROLIKE_NEED_BROWSER wants one"):
        find_browser()


def test_another_browser_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright")
    monkeypatch.setenv("PYROLIKE_BROWSER", "/opt/browser")
    assert find_browser()[1] == "/opt/browser"
