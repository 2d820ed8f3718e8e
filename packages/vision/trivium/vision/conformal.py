"""Conformal sets: for each finding, which of "present" and "absent" cannot be ruled out. numpy alone.

Class-conditional (Vovk, ACML 2012): of films that show a finding, at least a share `1 - alpha` keep "present" in their
set, and of films that do not, "absent". Films of a patient are alike, so patients are what is exchanged (Lee, Barber
and Willett, 2023): a new patient's film is covered at that rate on average, whatever the classifier. With fewer than
`1 / alpha - 1` patients of a class nothing can be ruled out, and the limits say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SetLimits", "fit_limits", "hierarchical_quantile"]


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Which probabilities keep which answer in the set.

    Args:
        present_from: lowest probability that keeps "present"; 0 keeps it always.
        absent_to: highest probability that keeps "absent"; 1 keeps it always.
    """

    present_from: float
    absent_to: float

    def holds(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return `(N, 2)`: whether the set of each film holds "absent", and "present"."""
        return np.stack([probabilities <= self.absent_to, probabilities >= self.present_from], 1)


def fit_limits(
    probabilities: NDArray[np.floating], labels: NDArray[np.bool_], patients: NDArray[np.generic], alpha: float
) -> SetLimits:
    """Return the limits of one finding.

    Args:
        probabilities: (N,) of films whose patients the classifier did not see.
        labels: (N,).
        patients: (N,).
        alpha: share of films of a class that may miss it, within (0, 1).

    Raises:
        ValueError: if alpha lies outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; give a share between 0 and 1, such as 0.1")
    present = hierarchical_quantile(1 - probabilities[labels], patients[labels], 1 - alpha)
    absent = hierarchical_quantile(probabilities[~labels], patients[~labels], 1 - alpha)
    return SetLimits(max(0.0, 1 - present), min(1.0, absent))


def hierarchical_quantile(
    scores: NDArray[np.floating], groups: NDArray[np.generic] | Sequence[int], level: float
) -> float:
    """Return the smallest score below which a new group's score stays with chance `level`; infinite if none does.

    Each of K groups weighs `1 / (K + 1)`, shared evenly by its scores; the group to come has the rest, at infinity.
    """
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / ((len(counts) + 1) * counts[place])
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weight[order]) >= level - 1e-12
    return float(scores[order][reached.argmax()]) if reached.any() else float("inf")
