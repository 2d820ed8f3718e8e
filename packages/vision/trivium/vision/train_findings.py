"""Fit the classifier of chest findings that ships, and score every film by a model that saw no film of its patient.

    python -m trivium.vision.train_findings DATA --out DIR

Ridge regression of all 15 labels on the descriptors of `frozen.py`, of films laid over a template. Its strength is
chosen inside each training part, by patient-grouped cross-validation there, so that the scores of the held part played
no role in it. The template is the mean of the films at 512 px, whose patients are none of those at 64 px; those films
also train each model. A minute on a CPU. `calibrate_findings.py` turns the scores into probabilities.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from trivium.vision.alignment import align, make_template
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import Parts
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import patient_folds
from trivium.vision.frozen import FrozenNet, describe
from trivium.vision.metrics import macro_auroc
from trivium.vision.network import Lite0, load_imagenet
from trivium.vision.usual import UsualFilms

__all__ = ["HEADLINE", "STRENGTHS", "LinearModel", "cross_validated", "fit_linear"]

HEADLINE = [FINDINGS.index(name) for name in ("No Finding", "Effusion", "Infiltration", "Atelectasis")]
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
Matrix = NDArray[np.floating]


class LinearModel:
    """`scores = descriptors @ weight + offset`, and the ridge's strength that made it."""

    def __init__(self, weight: Matrix, offset: Matrix, strength: float) -> None:
        self.weight, self.offset, self.strength = weight, offset, strength

    def __call__(self, descriptors: Matrix) -> Matrix:
        """Return scores `(N, 15)`."""
        return descriptors @ self.weight + self.offset


def fit_linear(descriptors: Matrix, labels: NDArray[np.bool_], strengths: tuple[float, ...]) -> list[LinearModel]:
    """Fit one model a strength, by one decomposition of the films' inner products.

    Args:
        descriptors: (N, D).
        labels: (N, 15).
        strengths: of the ridge, in units of the mean squared length of a film's standardised descriptors.
    """
    mean, spread = descriptors.mean(0), descriptors.std(0)
    spread = spread + 1e-2 * spread.mean()
    x = ((descriptors - mean) / spread).astype(np.float64)
    scale = np.sqrt((x**2).sum() / len(x))
    x /= scale
    base = labels.mean(0)
    values, vectors = np.linalg.eigh(x @ x.T)
    turned = vectors.T @ (labels - base)
    models = []
    for strength in strengths:
        dual = vectors @ (turned / (values + strength)[:, None])
        weight = (x.T @ dual) / (spread * scale)[:, None]
        models.append(LinearModel(weight, base - mean @ weight, strength))
    return models


def chosen(descriptors: Matrix, labels: NDArray[np.bool_], patients: NDArray[np.int64], seed: int) -> LinearModel:
    """Fit with the strength that scores held-out patients best, by macro AUROC of the four frequent labels."""
    held = np.zeros((len(STRENGTHS), len(labels), len(HEADLINE)))
    for part in patient_folds(patients, seed):
        rest = np.setdiff1d(np.arange(len(labels)), part)
        for place, model in enumerate(fit_linear(descriptors[rest], labels[rest], STRENGTHS)):
            held[place, part] = model(descriptors[part])[:, HEADLINE]
    merits = [macro_auroc(one, labels[:, HEADLINE]) for one in held]
    return fit_linear(descriptors, labels, (STRENGTHS[int(np.argmax(merits))],))[0]


def cross_validated(
    descriptors: Matrix,
    labels: NDArray[np.bool_],
    patients: NDArray[np.int64],
    scored: NDArray[np.bool_],
    seeds: list[int],
) -> NDArray[np.float32]:
    """Return scores `(seeds, films scored, 15)`, each by a model and a strength that saw no film of the patient.

    Args:
        scored: (N,) the films that are split into parts; the others train every model, but for those of held patients.
    """
    films = np.flatnonzero(scored)
    out = np.zeros((len(seeds), len(films), labels.shape[1]), np.float32)
    for place, seed in enumerate(seeds):
        for part in patient_folds(patients[films], seed):
            rest = ~np.isin(patients, patients[films[part]])
            model = chosen(descriptors[rest], labels[rest], patients[rest], seed + 1)
            out[place, part] = model(descriptors[films[part]])
    return out


def main() -> int:
    """Fit, write, and print the cross-validated macro AUROC of the four frequent labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih/labels.csv and its films")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    nih = read_nih(given.data / "nih")
    whole = Lite0(1)
    load_imagenet(whole)
    net = FrozenNet()
    net.load_state_dict({name: value for name, value in whole.net.state_dict().items() if name in net.state_dict()})
    net.half().float()  # what ships is in half precision: fit on the same numbers
    small = nih.is_small
    template = make_template(nih.films[~small])
    aligned, _ = align(nih.films, template)
    descriptors = describe(net, aligned)
    given.out.mkdir(parents=True, exist_ok=True)
    model = chosen(descriptors, nih.labels, nih.patients, given.seed)
    weight, offset = model.weight.astype(np.float32), model.offset.astype(np.float32)
    save_file(
        Parts(net, weight, offset, template, UsualFilms.fit(aligned)).to_tensors(), given.out / "findings.safetensors"
    )
    print(f"strength {model.strength:g}", flush=True)
    seeds = list(range(given.seed, given.seed + given.seeds))
    scores = cross_validated(descriptors, nih.labels, nih.patients, small, seeds)
    np.savez_compressed(given.out / "cross_validated.npz", logits=scores, seeds=seeds)
    for one, seed in zip(scores, seeds, strict=True):
        print(
            f"seed {seed}: macro AUROC {macro_auroc(one[:, HEADLINE], nih.labels[small][:, HEADLINE]):.3f}", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
