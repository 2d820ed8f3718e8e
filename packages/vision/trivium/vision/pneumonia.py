"""Pneumonia on small films and films of children: a linear rule on gradients and block means. numpy alone.

The classifier of findings learned from adults' films of 64 px, eight of them with pneumonia; it cannot know pneumonia.
This one learned from 2,428 films of children of one hospital at 28 px. It speaks of a film in either case:

- a side is under `SMALL` pixels: the other classifier never saw such a film;
- the film looks like those that it learned from: a second linear rule on the same descriptors of the film at 28 px, so
  that resolution cannot decide, fitted on training films against films of NIH, Hannover and covid-ccby.

Not for adults' films of usual size. Normal and pneumonia may differ in more than the lungs in data of one hospital.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from trivium.service.errors import ModelError
from trivium.vision.calibration import Platt
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.descriptors import block_means, gradients
from trivium.vision.films import Film, resize, standard

__all__ = ["SIDE", "SMALL", "PneumoniaClassifier", "appearance", "small_standard"]

SIDE = 28
SMALL = 64  # pixels; the smallest film of the classifier of findings
_DARK, _BRIGHT = 2.0, 98.0  # percentiles that become 0 and 1


def small_standard(film: Film) -> Film:
    """Reduce a film `(H, W)` to `(28, 28)` with its 2nd to 98th percentile stretched over [0, 1]."""
    small = film if film.shape == (SIDE, SIDE) else resize(film, SIDE)
    low, high = np.percentile(small, [_DARK, _BRIGHT])
    return np.clip((small - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)


def appearance(films: Film) -> NDArray[np.float32]:
    """Return descriptors `(N, 768)` of films `(N, 28, 28)`: all that both rules see."""
    large = np.stack([standard(film) for film in films])
    return np.concatenate([gradients(large), block_means(large)], axis=1)


class PneumoniaClassifier:
    """Scores films of children.

    Args:
        weight: (769,) of `appearance` with the offset last: score of pneumonia.
        rule: (769,) likewise: score of a film to speak of.
        settings: content of `pneumonia.json`: `slope`, `offset`, `limit`, `present_from`, `uncertain_from`.
        sha256: of the weights file, for the record.
    """

    def __init__(
        self, weight: NDArray[np.float32], rule: NDArray[np.float32], settings: dict[str, Any], sha256: str = ""
    ) -> None:
        self._weight, self._rule = weight, rule
        self._settings = settings
        self._platt = Platt(settings["slope"], settings["offset"])
        self._sha256 = sha256

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> PneumoniaClassifier:
        """Load the rules that ship.

        Raises:
            ModelError: if a file is missing or does not fit.
        """
        path = folder / "pneumonia.safetensors"
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            tensors = load_file(path)
            settings = json.loads((folder / "pneumonia.json").read_text(encoding="utf-8"))
            return cls(tensors["weight"], tensors["rule"], settings, sha256)
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise ModelError(f"the pneumonia classifier cannot be loaded ({error})", where=str(folder)) from error

    def speaks_of(self, film: Film, size: tuple[int, int]) -> bool:
        """Say whether a film is one of those that this classifier is for.

        Args:
            film: (H, W), upright, bone bright; any size.
            size: width and height of the source in pixels.
        """
        if min(size) < SMALL:
            return True
        score = appearance(small_standard(film)[None]) @ self._rule[:-1] + self._rule[-1]
        return bool(score[0] > self._settings["limit"])

    def logits(self, films: Film) -> NDArray[np.float32]:
        """Return scores `(N,)` of films `(N, 28, 28)` in `small_standard` form: mean of a film and its mirror image."""
        both: NDArray[np.float32] = (self._score(films) + self._score(films[:, :, ::-1])) * np.float32(0.5)
        return both

    def probability(self, film: Film) -> float:
        """Return the calibrated probability of pneumonia for a film `(H, W)` of any size, upright, bone bright."""
        return float(self.calibrated(self.logits(small_standard(film)[None]))[0])

    def calibrated(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probabilities of logits of any shape."""
        return self._platt(logits)

    def _score(self, films: Film) -> NDArray[np.float32]:
        score: NDArray[np.float32] = appearance(films) @ self._weight[:-1] + self._weight[-1]
        return score

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest probabilities that a draft calls present and uncertain."""
        return float(self._settings["present_from"]), float(self._settings["uncertain_from"])

    def record(self) -> dict[str, Any]:
        """Return what identifies this classifier: hash of the weights and limits."""
        kept = {key: self._settings[key] for key in ("limit", "present_from", "uncertain_from")}
        return {"name": "trivium pneumonia on small films", "weights_sha256": self._sha256, **kept}
