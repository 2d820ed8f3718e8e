"""Fit pneumonia on small films: `python -m trivium.vision.train_pneumonia DATA --out DIR`. A minute on one core.

Made for films of another distribution, not for the validation part: ridge regression on the training films as they are
and on altered copies, whose brightness, contrast, gamma, blur, noise, shift, turn and zoom vary widely, so that neither
tone nor position can serve as a short cut. Calibrated on parts left out of the fit. The validation part is not read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor
from torch.nn import functional as F

from trivium.vision.calibration import Platt, fit_platt
from trivium.vision.chest_films import pneumonia_films, read_nih, read_pictures
from trivium.vision.films import Film
from trivium.vision.metrics import auroc
from trivium.vision.pneumonia import appearance, small_standard
from trivium.vision.train_quality import ridge

__all__ = ["fit_pneumonia", "fit_rule", "vary"]

_COPIES = 4
_PARTS = 3
_PRESENT, _UNCERTAIN = 0.5, 0.15  # limits of the calibrated probability
_FALSE_CALLS = 0.005  # share of other films of which the rule may speak


def vary(films: Tensor, generator: torch.Generator) -> Tensor:
    """Return films `(B, 1, 28, 28)`, each changed at random, strongly."""
    B = len(films)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * 2 - 1

    angle, zoom, mirror, shift = draw(B) * 0.2, 1 + draw(B) * 0.2, torch.sign(draw(B)), draw(B, 2) * 0.15
    a, b = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [torch.stack([a * mirror, -b, shift[:, 0]], 1), torch.stack([b * mirror, a, shift[:, 1]], 1)], 1
    )
    grid = F.affine_grid(theta, list(films.shape), align_corners=False)
    x = F.grid_sample(films, grid, padding_mode="border", align_corners=False)
    share = torch.rand(B, 1, 1, 1, generator=generator)
    blurred = x * (1 - share) + F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) * share
    x = torch.where(draw(B, 1, 1, 1) > 0.3, blurred, x)
    x = x.clamp(1e-4, 1) ** torch.exp(draw(B, 1, 1, 1) * 0.6)
    x = (x - 0.5) * (1 + draw(B, 1, 1, 1) * 0.4) + 0.5 + draw(B, 1, 1, 1) * 0.15
    noise = torch.randn(x.shape, generator=generator)
    return x + noise * 0.06 * torch.rand(B, 1, 1, 1, generator=generator)


def fit_pneumonia(films: Film, labels: NDArray[np.bool_], seed: int) -> tuple[NDArray[np.float32], Platt]:
    """Fit on films `(N, 28, 28)` in `small_standard` form; print the AUROC on parts left out.

    Returns:
        Weights of `appearance` with the offset last, and the calibration of their score, both from films as they are
        and altered copies.
    """
    generator = torch.Generator().manual_seed(seed)
    sets = [appearance(films)]
    for _ in range(_COPIES):
        altered = vary(torch.from_numpy(films)[:, None], generator)[:, 0].numpy()
        sets.append(appearance(np.stack([small_standard(film) for film in altered])))
    x, y = np.stack(sets), np.tile(labels, (len(sets), 1))  # (S, N, D), (S, N)
    part = np.random.default_rng(seed).integers(_PARTS, size=len(films))
    unseen = np.zeros(y.shape)
    for one in range(_PARTS):
        rule = _ridge(x[:, part != one], y[:, part != one])
        unseen[:, part == one] = x[:, part == one] @ rule[:-1] + rule[-1]
    print(f"left out: AUROC {auroc(unseen[0], labels):.4f}, altered {auroc(unseen[1:].ravel(), y[1:].ravel()):.4f}")
    return _ridge(x, y), fit_platt(unseen.ravel(), y.ravel())


def fit_rule(own: Film, others: Film, seed: int) -> tuple[NDArray[np.float32], float]:
    """Fit the rule that says whether a film looks like those of this classifier, and its limit.

    Args:
        own: (N, 28, 28) films of children.
        others: (M, 28, 28) films of adults, reduced as the own ones were.

    Returns:
        Weights with the offset last, and the limit that half a percent of other films, left out of the fit, exceed;
        at least 0.
    """
    x = np.concatenate([appearance(own), appearance(others)])
    target = np.concatenate([np.ones(len(own)), -np.ones(len(others))])
    weight = np.where(target > 0, len(target) / (2 * len(own)), len(target) / (2 * len(others)))
    # whole stretches of the other films: a patient's lie together, and most of a hospital is left out at once
    part = np.concatenate(
        [np.random.default_rng(seed).integers(5, size=len(own)), np.arange(len(others)) * 5 // len(others)]
    )
    scores = np.zeros(len(target))
    for one in range(5):
        rest = part != one
        rule = ridge(x[rest], target[rest], weight[rest])
        scores[~rest] = x[~rest] @ rule[:-1] + rule[-1]
    limit = max(0.0, float(np.quantile(scores[target < 0], 1 - _FALSE_CALLS)))
    called = scores > limit
    print(
        f"rule: AUROC {auroc(scores, target > 0):.4f}, limit {limit:.3f}; "
        f"speaks of {called[target > 0].mean():.4f} of its own films and {called[target < 0].mean():.4f} of others"
    )
    return ridge(x, target, weight), limit


def main() -> int:
    """Fit both rules and write `pneumonia.safetensors` and `pneumonia.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    raw, labels = pneumonia_films(given.data / "pneumoniamnist", "train")
    films = np.stack([small_standard(film) for film in raw])
    weight, platt = fit_pneumonia(films, labels, given.seed)
    rule, limit = fit_rule(films, _others(given.data), given.seed)
    settings = {
        "slope": platt.slope,
        "offset": platt.offset,
        "limit": limit,
        "present_from": _PRESENT,
        "uncertain_from": _UNCERTAIN,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    save_file({"weight": weight, "rule": rule}, given.out / "pneumonia.safetensors")
    (given.out / "pneumonia.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return 0


def _ridge(x: NDArray[np.float32], y: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fit +1 against -1 on `(S, N, D)` and `(S, N)`."""
    return ridge(x.reshape(-1, x.shape[-1]), np.where(y.ravel(), 1.0, -1.0), np.ones(y.size))


def _others(data: Path) -> Film:
    """Return adults' films `(M, 28, 28)`, by hospital and patient."""
    films = np.concatenate(
        [
            read_nih(data / "nih").films,
            read_pictures(data / "hannover" / "images")[1],
            read_pictures(data / "covid-ccby" / "images")[1],
        ]
    )
    return np.stack([small_standard(film) for film in films])


if __name__ == "__main__":
    sys.exit(main())
