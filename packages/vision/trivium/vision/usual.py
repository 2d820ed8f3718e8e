"""What an aligned film would show if nothing stood out in it: its projection on what films have in common. numpy alone.

A probabilistic principal component model (Tipping and Bishop, 1999) of aligned films, fitted to one film with weights
that fall where it stays far off (Geman and McClure): an opacity that the components would bend to is left out instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivium.vision.films import SIDE, Film

__all__ = ["UsualFilms"]

_COMPONENTS = 20
_ROUNDS = 6
_FAR = 0.1  # of the tone scale: at this distance a pixel counts half
_NOISE = 0.01  # variance of a pixel around the components


@dataclass(frozen=True, slots=True)
class UsualFilms:
    """Mean, components and their variances.

    Args:
        mean: (4096,).
        components: (K, 4096), orthonormal.
        variance: (K,).
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def fit(cls, films: Film) -> UsualFilms:
        """Fit to aligned films `(N, 64, 64)`."""
        pixels = films.reshape(len(films), -1)
        mean = pixels.mean(0)
        _, spread, components = np.linalg.svd(pixels - mean, full_matrices=False)
        kept = slice(_COMPONENTS)
        return cls(mean, components[kept], (spread[kept] ** 2 / len(films)).astype(np.float32))

    def of(self, film: Film) -> Film:
        """Return the usual film `(64, 64)` nearest to an aligned one, in [0, 1]."""
        away = (film.ravel() - self.mean).astype(np.float64)
        weight = np.ones_like(away)
        components, prior = self.components.astype(np.float64), np.diag(_NOISE / self.variance)
        fitted = np.zeros_like(away)
        for _ in range(_ROUNDS):
            weighted = components * weight
            fitted = np.linalg.solve(weighted @ components.T + prior, weighted @ away) @ components
            weight = 1 / (1 + ((away - fitted) / _FAR) ** 2)
        return np.clip(fitted + self.mean, 0, 1).reshape(SIDE, SIDE).astype(np.float32)

    def drawn(self, count: int, seed: int) -> Film:
        """Return `(count, 64, 64)` films drawn from the model, in [0, 1], with the noise of a pixel."""
        generator = np.random.default_rng(seed)
        weights = generator.standard_normal((count, len(self.variance))) * np.sqrt(self.variance)
        noise = generator.standard_normal((count, len(self.mean))) * np.sqrt(_NOISE) / 2
        return (
            np.clip(self.mean + weights @ self.components + noise, 0, 1).reshape(count, SIDE, SIDE).astype(np.float32)
        )
