"""Finished parts of a long computation, kept on disk so that one that was cut off goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ["Partial"]


class Partial:
    """A folder of named results.

    Args:
        folder: where they lie; None keeps nothing.
        key: what they depend on (data, version, settings); results under another key are not found.
    """

    def __init__(self, folder: Path | None, key: str = "") -> None:
        self._folder = folder
        self._key = key

    def once(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the result of `name`, computed unless it lies there already."""
        if self._folder is None:
            return compute()
        path = self._folder / (hashlib.sha256(f"{self._key}\n{name}".encode()).hexdigest()[:24] + ".npz")
        if path.is_file():
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        result = compute()
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez_compressed(unfinished, **result)  # type: ignore[arg-type]
        unfinished.replace(path)
        return result

    def clear(self) -> None:
        """Remove all results, of other keys too."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
