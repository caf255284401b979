"""A real browser without a window, for tests of the page.

It is the system's own Chromium. Where there is none, or nothing to drive it with, the tests are
skipped and say so, unless the variable ``PYROLIKE_NEED_BROWSER`` is set, as in ``.ci/run``: then
they fail. ``PYROLIKE_BROWSER`` names another program.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FOREIGN = "evil.example"
"""A host name that leads to this machine, for the browser only."""

PATIENCE = 20_000
"""Milliseconds that anything on the page may take before it counts as stuck."""


def find_browser() -> tuple[Any, str]:
    """Return playwright's module and the browser's path; skip the test, or fail, without them."""
    program = os.environ.get("PYROLIKE_BROWSER") or next(
        filter(None, map(shutil.which, PROGRAMS)), ""
    )
    try:
        driver = importlib.import_module("playwright.sync_api")
    except ImportError:
        return _without("playwright is not installed (pip install --group browser)")
    if not program:
        return _without("there is no Chromium (on Debian and Ubuntu: apt-get install chromium)")
    return driver, program


def _without(reason: str) -> Any:
    if os.environ.get("PYROLIKE_NEED_BROWSER"):
        pytest.fail(f"{reason}, and PYROLIKE_NEED_BROWSER wants one")
    pytest.skip(reason)


@contextmanager
def running_browser() -> Iterator[Any]:
    """Run a browser while the block runs."""
    driver, program = find_browser()
    arguments = [f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Its sandbox refuses to work for root, which is who continuous integration often is.
        arguments.append("--no-sandbox")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
