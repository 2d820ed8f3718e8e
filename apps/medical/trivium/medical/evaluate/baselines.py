"""Systems that any model has to beat, each fitted on other patients of the same folder: five grouped parts.

What films are ranked by is apart from probabilities: those hold the share of films with a label elsewhere, which is
lower where the held part has more of them, so that parts ranked together by it look worse than each system is (Parker,
Guenter and Bedo, BMC Bioinformatics 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trivium.medical.evaluate.labelled import LabelledFilms
from trivium.vision.calibration import best_threshold, fit_platt
from trivium.vision.descriptors import block_means
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import patient_folds
from trivium.vision.metrics import micro_f1
from trivium.vision.train_findings import fit_linear

__all__ = ["Row", "baselines"]

_STRENGTH = 3.0  # of the ridge, as in the middle of `train_findings.STRENGTHS`; not chosen on these films


class Row(NamedTuple):
    """What one system says of each film.

    Args:
        scores: (N, 15) by which films are ranked.
        probabilities: (N, 15).
        present: (N, 15) bool.
    """

    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    present: NDArray[np.bool_]


def baselines(data: LabelledFilms, seed: int) -> dict[str, Row]:
    """Return the rows by name."""
    labels, parts = data.labels, patient_folds(data.patients, seed)
    shape = labels.shape
    rate = np.zeros(shape)
    constant, nearest = np.zeros(shape, bool), np.zeros(shape, bool)
    pixels = block_means(data.films)
    for part in parts:
        rest = np.setdiff1d(np.arange(len(labels)), part)
        rate[part] = labels[rest].mean(0)
        constant[np.ix_(part, _best_set(labels[rest]))] = True
        away = ((pixels[part][:, None] - pixels[rest][None]) ** 2).sum(2)
        nearest[part] = labels[rest][away.argmin(1)]
    generator = np.random.default_rng(seed)
    nothing, chance, near = np.zeros(shape), generator.random(shape), nearest.astype(float)
    rows = {
        "majority": Row(nothing, rate, rate > 0.5),
        "best constant set": Row(nothing, rate, constant),
        "random": Row(chance, chance, generator.random(shape) < rate),
        "nearest neighbour": Row(near, near, nearest),
        "raw pixels": _linear(pixels, labels, parts),
    }
    if data.metadata is not None:
        rows["metadata only"] = _linear(data.metadata, labels, parts)
    rows["gold labels"] = Row(labels.astype(float), labels.astype(float), labels)
    return rows


def _best_set(labels: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pathologies which, named for every film, give the highest micro-F1."""
    order = np.argsort(-labels[:, 1:].sum(0), kind="stable") + 1
    merits = []
    for count in range(1, len(FINDINGS)):
        tried = np.zeros(labels.shape, bool)
        tried[:, order[:count]] = True
        merits.append(micro_f1(tried[:, 1:], labels[:, 1:]))
    return order[: int(np.argmax(merits)) + 1]


def _linear(descriptors: NDArray[np.floating], labels: NDArray[np.bool_], parts: list[NDArray[np.intp]]) -> Row:
    """Return cross-validated ridge regression; calibration and threshold come from the scores of the other parts."""
    scores = np.zeros(labels.shape)
    for part in parts:
        rest = np.setdiff1d(np.arange(len(labels)), part)
        scores[part] = fit_linear(descriptors[rest], labels[rest], (_STRENGTH,))[0](descriptors[part])
    probabilities, predicted = np.zeros(labels.shape), np.zeros(labels.shape, bool)
    for part in parts:
        rest = np.setdiff1d(np.arange(len(labels)), part)
        platts = [fit_platt(scores[rest, column], labels[rest, column]) for column in range(labels.shape[1])]
        of_all = np.stack([platt(scores[:, column]) for column, platt in enumerate(platts)], 1)
        predicted[part] = of_all[part] >= best_threshold(of_all[rest, 1:], labels[rest, 1:])
        probabilities[part] = of_all[part]
    return Row(scores, probabilities, predicted)
