"""Splits that keep all films of a patient together. numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "patient_folds"]

FOLDS = 5


def patient_folds(patients: NDArray[np.int64], seed: int) -> list[NDArray[np.intp]]:
    """Return the film indices of each of five parts of like size; all films of a patient are in one part."""
    generator = np.random.default_rng(seed)
    names, counts = np.unique(patients, return_counts=True)
    order = generator.permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]  # the largest first, ties at random
    sizes, part_of = np.zeros(FOLDS, int), {}
    for one in order:
        smallest = int(sizes.argmin())
        part_of[names[one]] = smallest
        sizes[smallest] += counts[one]
    parts = np.array([part_of[patient] for patient in patients])
    return [np.flatnonzero(parts == part) for part in range(FOLDS)]
