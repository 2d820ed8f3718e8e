"""Fit the classifier of chest findings that ships, and score every film by a model that saw no film of its patient.

    python -m trivium.vision.train_findings DATA --out DIR

Ridge regression of all 15 labels on the descriptors of `frozen.py`, of films laid over a template. Its strength is
chosen inside each training part, by patient-grouped cross-validation there, so that the scores of the held part played
no role in it. The template is the mean of the films at 512 px, whose patients are none of those at 64 px; those films
also train each model. The direction of opacity among the descriptors is learned first, from PneumoniaMNIST's training
films alone. Two minutes on a CPU. `calibrate_findings.py` turns the scores into probabilities.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from trivium.vision.alignment import lay, make_template
from trivium.vision.chest_films import pneumonia_films, read_nih
from trivium.vision.classifier import Parts
from trivium.vision.films import Film, standard
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import patient_folds
from trivium.vision.frozen import MAPS, TONES, FrozenNet, describe
from trivium.vision.metrics import macro_auroc
from trivium.vision.network import Lite0, load_imagenet
from trivium.vision.usual import UsualFilms

__all__ = ["HEADLINE", "SHARES", "STRENGTHS", "LinearModel", "cross_validated", "fit_linear"]

HEADLINE = [FINDINGS.index(name) for name in ("No Finding", "Effusion", "Infiltration", "Atelectasis")]
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
OTHERS = [column for column in range(len(FINDINGS)) if column not in HEADLINE]
Shares = tuple[tuple[int, float], ...]  # how many columns, and what they add to a film's squared length
# Tones help the labels with few films, and cost the frequent ones a little.
SHARES: tuple[Shares, Shares] = (((MAPS, 1.0), (TONES, 0.0), (1, 0.1)), ((MAPS, 0.5), (TONES, 0.5), (1, 0.1)))
_OPACITY_STRENGTH = 100.0
_MIN_FILMS = 20  # with a label, to have a say in what is chosen
Matrix = NDArray[np.floating]


class LinearModel:
    """`scores = descriptors @ weight + offset`; 0 for the mean film."""

    def __init__(self, weight: Matrix, offset: Matrix) -> None:
        self.weight, self.offset = weight, offset

    def __call__(self, descriptors: Matrix) -> Matrix:
        """Return scores `(N, L)`."""
        return descriptors @ self.weight + self.offset


def fit_linear(
    descriptors: Matrix,
    labels: NDArray[np.bool_] | Matrix,
    strengths: tuple[float, ...],
    shares: Shares | None = None,
) -> list[LinearModel]:
    """Fit one model a strength, by one decomposition of the films' inner products.

    The share of films with a label is no part of its score. It differs by chance between the parts of a
    cross-validation, and always against the held films: scores of all parts ranked together would look worse than each
    model is (Parker, Guenter and Bedo, BMC Bioinformatics 2007).

    Args:
        descriptors: (N, D).
        labels: (N, L), or any targets.
        strengths: of the ridge, in units of the mean squared length of a film's standardised descriptors.
        shares: number of columns and share in that squared length of each group; one group where not given.
    """
    mean, spread = descriptors.mean(0), _spread(descriptors, shares or ((descriptors.shape[1], 1.0),))
    x = ((descriptors - mean) / spread).astype(np.float64)
    values, vectors = np.linalg.eigh(x @ x.T)
    turned = vectors.T @ (labels - labels.mean(0))
    models = []
    for strength in strengths:
        dual = vectors @ (turned / (values + strength)[:, None])
        weight = (x.T @ dual) / spread[:, None]
        models.append(LinearModel(weight, -(mean @ weight)))
    return models


def _spread(descriptors: Matrix, shares: Shares) -> Matrix:
    """Return what columns are divided by, so that films have a mean squared length of 1 of which groups have shares.

    A group without a share is left out: its columns are divided by infinity.
    """
    total, start, parts = sum(share for _, share in shares), 0, []
    for count, share in shares:
        plain = descriptors[:, start : start + count].std(0).astype(np.float64)
        spread = plain + 1e-2 * plain.mean() + 1e-12
        length = ((plain / spread) ** 2).sum()
        parts.append(spread * np.sqrt(length * total / share) if share else np.full(count, np.inf))
        start += count
    return np.concatenate(parts)


def chosen(
    descriptors: Matrix,
    labels: NDArray[np.bool_],
    patients: NDArray[np.int64],
    seed: int,
    shares: tuple[Shares, Shares] | None = None,
) -> tuple[LinearModel, list[float]]:
    """Fit with the strengths that score held-out patients best, by macro AUROC.

    Args:
        shares: of the four frequent labels and of the others; all columns in one group where not given.

    Returns:
        The model, and the strength of either group of labels.
    """
    weight, offset = np.zeros((descriptors.shape[1], labels.shape[1])), np.zeros(labels.shape[1])
    strengths = []
    one_group: Shares = ((descriptors.shape[1], 1.0),)
    for columns, own in zip((HEADLINE, OTHERS), shares or (one_group, one_group), strict=True):
        wanted = labels[:, columns]
        held = np.zeros((len(STRENGTHS), *wanted.shape))
        for part in patient_folds(patients, seed):
            rest = np.setdiff1d(np.arange(len(labels)), part)
            for place, model in enumerate(fit_linear(descriptors[rest], wanted[rest], STRENGTHS, own)):
                held[place, part] = model(descriptors[part])
        counted = wanted.sum(0) >= _MIN_FILMS
        merits = [macro_auroc(one[:, counted], wanted[:, counted]) for one in held] if counted.any() else [0.0]
        strengths.append(STRENGTHS[int(np.argmax(merits))])
        (best,) = fit_linear(descriptors, wanted, (strengths[-1],), own)
        weight[:, columns], offset[columns] = best.weight, best.offset
    return LinearModel(weight, offset), strengths


def cross_validated(
    descriptors: Matrix,
    labels: NDArray[np.bool_],
    patients: NDArray[np.int64],
    scored: NDArray[np.bool_],
    seeds: list[int],
    shares: tuple[Shares, Shares] | None = None,
) -> NDArray[np.float32]:
    """Return scores `(seeds, films scored, 15)`, each by a model and strengths that saw no film of the patient.

    Args:
        scored: (N,) the films that are split into parts; the others train every model, but for those of held patients.
        shares: as `chosen` takes them.
    """
    films = np.flatnonzero(scored)
    out = np.zeros((len(seeds), len(films), labels.shape[1]), np.float32)
    for place, seed in enumerate(seeds):
        for part in patient_folds(patients[films], seed):
            rest = ~np.isin(patients, patients[films[part]])
            model, _ = chosen(descriptors[rest], labels[rest], patients[rest], seed + 1, shares)
            out[place, part] = model(descriptors[films[part]])
    return out


def opacity_direction(net: FrozenNet, data: Path, template: Film) -> NDArray[np.float32]:
    """Return the weights `(MAPS,)` that tell pneumonia in PneumoniaMNIST's training films laid over a template."""
    films, is_ill = pneumonia_films(data, "train")
    aligned = [lay(part, template)[0] for part in np.array_split(np.stack([standard(one) for one in films]), 10)]
    maps = describe(net, np.concatenate(aligned))[:, :MAPS]
    (model,) = fit_linear(maps, is_ill[:, None], (_OPACITY_STRENGTH,))
    return model.weight[:, 0].astype(np.float32)


def main() -> int:
    """Fit, write, and print the cross-validated macro AUROC of the four frequent labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih and pneumoniamnist")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    nih = read_nih(given.data / "nih")
    whole = Lite0(1)
    load_imagenet(whole)
    net = FrozenNet()
    state = whole.net.state_dict()
    net.load_state_dict({**{name: state[name] for name in net.state_dict() if name in state}, "opacity": net.opacity})
    net.half().float()  # what ships is in half precision: fit on the same numbers
    small = nih.is_small
    template = make_template(nih.films[~small])
    aligned, _ = lay(nih.films, template)
    net.opacity.copy_(torch.from_numpy(opacity_direction(net, given.data / "pneumoniamnist", template)))
    descriptors = describe(net, aligned)
    given.out.mkdir(parents=True, exist_ok=True)
    model, strengths = chosen(descriptors, nih.labels, nih.patients, given.seed, SHARES)
    weight, offset = model.weight.astype(np.float32), model.offset.astype(np.float32)
    save_file(
        Parts(net, weight, offset, template, UsualFilms.fit(aligned)).to_tensors(), given.out / "findings.safetensors"
    )
    print(f"strength {strengths[0]:g} of the frequent labels, {strengths[1]:g} of the others", flush=True)
    seeds = list(range(given.seed, given.seed + given.seeds))
    scores = cross_validated(descriptors, nih.labels, nih.patients, small, seeds, SHARES)
    np.savez_compressed(given.out / "cross_validated.npz", logits=scores, seeds=seeds)
    for one, seed in zip(scores, seeds, strict=True):
        print(
            f"seed {seed}: macro AUROC {macro_auroc(one[:, HEADLINE], nih.labels[small][:, HEADLINE]):.3f}", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
