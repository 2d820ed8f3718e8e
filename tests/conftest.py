"""What holds for all tests."""

from __future__ import annotations

import gc
import logging
import shutil
from collections.abc import Iterator

import pytest
import structlog
from tests.service.suite import missing

# No sandbox, which containers refuse; and nothing that asks the network by itself.
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="module")
def _collect_leftovers() -> Iterator[None]:
    """Collect after each module what libraries leave behind (gradio: event loops with sockets).

    Otherwise their finalizers run in the midst of a later test, or of a compilation, which Python 3.11 before 3.11.5
    answers with a SystemError (https://github.com/python/cpython/issues/106905).
    """
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Take back what a command that runs within a test did to the logs of the process (`service.logs.configure`)."""
    before, ours = structlog.get_config(), logging.getLogger("trivium")
    level = ours.level
    yield
    structlog.configure(**before)
    ours.setLevel(level)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)]


@pytest.fixture(scope="module")
def browser():
    """A real headless Chromium, one for all tests of a module; each test opens contexts of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing("Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, headless=True, args=_CHROMIUM_FLAGS)
        yield launched
        launched.close()
