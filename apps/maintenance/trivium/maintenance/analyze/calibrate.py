"""From scores to probabilities: logistic recalibration (Platt 1999) of scores from assets not seen in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Logistic", "log_odds"]


@dataclass(frozen=True, slots=True)
class Logistic:
    """Probability = sigmoid(x . weights), the intercept last.

    Args:
        weights: (F + 1,).
        shift, scale: (F,), that standardise x.
    """

    weights: np.ndarray
    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, label: np.ndarray, penalty: float = 1.0) -> Logistic:
        """Fit by Newton's method.

        Args:
            x: (N, F).
            label: (N,) 0 or 1.
            penalty: on the squared weights of standardised columns, not on the intercept.
        """
        shift, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        columns = np.c_[(x - shift) / scale, np.ones(len(x))]
        ridge = penalty * np.r_[np.ones(x.shape[1]), 1e-6]
        weights = np.zeros(columns.shape[1])
        for _ in range(50):
            probability = _sigmoid(columns @ weights)
            gradient = columns.T @ (probability - label) + ridge * weights
            curvature = (columns * (probability * (1 - probability))[:, None]).T @ columns + np.diag(ridge)
            step = np.linalg.solve(curvature, gradient)
            weights = weights - step
            if np.abs(step).max() < 1e-9:
                break
        return cls(weights, shift, scale)

    def probability(self, x: np.ndarray) -> np.ndarray:
        """Return (N,) in (0, 1)."""
        return _sigmoid(((x - self.shift) / self.scale) @ self.weights[:-1] + self.weights[-1])

    def to_json(self) -> dict[str, list[float]]:
        """Return what `from_json` reads."""
        return {"weights": self.weights.tolist(), "shift": self.shift.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, list[float]]) -> Logistic:
        """Read what `to_json` wrote."""
        return cls(np.array(data["weights"]), np.array(data["shift"]), np.array(data["scale"]))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), p held within 1e-6 of 0 and 1."""
    held = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.log(held / (1 - held))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -500, 500)))
