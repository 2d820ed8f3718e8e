"""Cardiomegaly from two witnesses: the classifier's probability and the cardiothoracic ratio, where one was measured.

A logistic regression of three numbers, which stand in `weights/heart_rule.json`, fitted on probabilities of models that
saw no film of the patient. The classifier's limits hold for what it gives, as both are calibrated on the same films.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivium.service.errors import ModelError
from trivium.vision.classifier_files import WEIGHTS

__all__ = ["CARDIOMEGALY", "HeartRule", "fit_heart_rule"]

CARDIOMEGALY = "Cardiomegaly"
_RIDGE = 1.0  # on both slopes
_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class HeartRule:
    """`log odds = score * log odds of the classifier + ratio * 10 * (ratio measured - 0.5) + offset`."""

    score: float
    ratio: float
    offset: float

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> HeartRule:
        """Load the rule that ships.

        Raises:
            ModelError: if the file is missing or does not fit.
        """
        try:
            return cls(**{k: float(v) for k, v in json.loads((folder / "heart_rule.json").read_text("utf-8")).items()})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"the rule of the heart's size cannot be loaded ({error})", where=str(folder)) from error

    def __call__(self, probability: NDArray[np.floating], ratio: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return probabilities of the same shape."""
        x = _witnesses(probability, ratio)
        found: NDArray[np.float64] = 1 / (1 + np.exp(-(x @ np.array([self.score, self.ratio, self.offset]))))
        return found

    def record(self) -> dict[str, float]:
        """Return the three numbers."""
        return asdict(self)


def fit_heart_rule(
    probability: NDArray[np.floating], ratio: NDArray[np.floating], labels: NDArray[np.bool_]
) -> HeartRule:
    """Fit by Newton's method, the slopes held near 0.

    Args:
        probability: (N,) of Cardiomegaly, by models that saw no film of the patient.
        ratio: (N,) measured.
        labels: (N,).
    """
    x, ridge = _witnesses(probability, ratio), np.diag([_RIDGE, _RIDGE, 1e-6])
    weight = np.zeros(3)
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-(x @ weight)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge
        weight = weight - np.linalg.solve(hessian, x.T @ (p - labels) + ridge @ weight)
    score, slope, offset = (round(float(one), 4) for one in weight)
    return HeartRule(score, slope, offset)


def _witnesses(probability: NDArray[np.floating], ratio: NDArray[np.floating]) -> NDArray[np.float64]:
    p = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    return np.stack([np.log(p / (1 - p)), (np.asarray(ratio, np.float64) - 0.5) * 10, np.ones_like(p)], -1)
