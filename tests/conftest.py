"""What holds for all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _collect_leftovers() -> Iterator[None]:
    """Collect after each module what libraries leave behind (gradio: event loops with sockets).

    Otherwise their finalizers run in the midst of a later test, or of a compilation, which Python 3.11 before 3.11.5
    answers with a SystemError (https://github.com/python/cpython/issues/106905).
    """
    yield
    gc.collect()
