"""Remember who a token belongs to for 15 seconds, so that a request usually costs one look-up in memory.

This bounds how long a process may still let in whoever was disabled, logged out or revoked elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["REMEMBERED_S", "ShortMemory"]

REMEMBERED_S = 15.0
_LARGEST = 4096

Found = TypeVar("Found")


class ShortMemory(Generic[Found]):
    """Values by key, each for a short time. Threads may share it.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[Found, float]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Found | None:
        """Return what is remembered; None when it is nothing, or too old."""
        with self._lock:
            entry = self._found.get(key)
        return entry[0] if entry and self._clock() < entry[1] else None

    def put(self, key: str, found: Found) -> None:
        """Remember; all is forgotten when there is too much."""
        with self._lock:
            if len(self._found) >= _LARGEST:
                self._found.clear()
            self._found[key] = (found, self._clock() + REMEMBERED_S)

    def forget(self, key: str = "") -> None:
        """Forget one key, or everything."""
        with self._lock:
            if key:
                self._found.pop(key, None)
            else:
                self._found.clear()
