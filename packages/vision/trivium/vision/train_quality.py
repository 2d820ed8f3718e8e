"""Fit the quality gate: `python -m trivium.vision.train_quality DATA --out DIR`. Two minutes on one core.

Each rule is ridge regression on targets +1 and -1. Chest films: NIH, Hannover, covid-ccby, PneumoniaMNIST (small ones
enlarged). Pictures that are none: the kinds of `not_chest.py`, films with their parts in another order, easy-VQA.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from trivium.vision.chest_films import pneumonia_films, read_nih, read_pictures
from trivium.vision.descriptors import block_means, gradients
from trivium.vision.films import SIDE, Film, resize, standard
from trivium.vision.not_chest import KINDS, make, shuffled
from trivium.vision.quality_gate import Gate

__all__ = ["PICTURES", "GateFit", "cropped", "easy_vqa_pictures", "jittered", "ridge"]

PICTURES = 400  # of each kind that is no chest film; with 100, plain ramps pass for chests
_RIDGE = 30.0
_BASIS = 40


def ridge(
    descriptors: NDArray[np.float32], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return weights with the offset last, for descriptors as they are: they are standardised inside."""
    mean, spread = descriptors.mean(0), descriptors.std(0) + 1e-2
    x = ((descriptors - mean) / spread).astype(np.float32)
    total = weight.sum()
    offset = (weight * target).sum() / total
    centre = (weight[:, None] * x).sum(0) / total
    x -= centre.astype(np.float32)
    gram = (x * weight[:, None].astype(np.float32)).T @ x + _RIDGE * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, x.T @ (weight * (target - offset)))
    slope_raw = slope / spread
    return np.append(slope_raw, offset - (slope * centre).sum() - (slope_raw * mean).sum()).astype(np.float32)


def jittered(films: Film, seed: int) -> Film:
    """Return films turned by up to 8 degrees, shifted and zoomed by up to a tenth, half of them mirrored."""
    generator = np.random.default_rng(seed)
    out = np.empty_like(films)
    for place, film in enumerate(films):
        angle, zoom = generator.uniform(-0.14, 0.14), generator.uniform(0.9, 1.1)
        mirror = -1.0 if generator.random() < 0.5 else 1.0
        a, b = np.cos(angle) * zoom, np.sin(angle) * zoom
        half = SIDE / 2
        dx, dy = generator.uniform(-4, 4, 2)
        data = (
            a * mirror,
            b,
            half - a * mirror * half - b * half + dx,
            -b * mirror,
            a,
            half + b * mirror * half - a * half + dy,
        )
        image = Image.fromarray(film).transform((SIDE, SIDE), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        out[place] = standard(np.asarray(image, dtype=np.float32))
    return out


def cropped(films: Film, seed: int) -> Film:
    """Return films of which 45 to 65 % of each side is left, enlarged again."""
    generator = np.random.default_rng(seed)
    out = []
    for film in films:
        side = int(generator.integers(29, 42))
        y, x = generator.integers(0, SIDE - side + 1, 2)
        out.append(standard(resize(film[y : y + side, x : x + side], SIDE)))
    return np.stack(out)


def easy_vqa_pictures(folder: Path, count: int) -> Film:
    """Return the first pictures of easy-VQA's archive in standard form."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))[:count]
        pictures = [Image.open(io.BytesIO(archive.read(name))).convert("L") for name in names]
    return np.stack([standard(np.asarray(one, dtype=np.float32)) for one in pictures])


class GateFit:
    """What a fit takes from chest films alone, so that trying other strangers costs little.

    Args:
        chests: (N, 64, 64) standard frontal films, upright.
        seed: of their jitter, crops and shuffled parts.
    """

    def __init__(self, chests: Film, seed: int) -> None:
        films = jittered(chests, seed)
        blocks = block_means(films)
        mean = blocks.mean(0)
        basis = np.linalg.svd(blocks - mean, full_matrices=False)[2][:_BASIS]
        self._tensors = {"mean": mean.astype(np.float32), "basis": basis.astype(np.float32)}
        turned = np.concatenate([np.rot90(films, turn, axes=(1, 2)) for turn in (1, 2, 3)])
        self._tensors["upright"] = _rule(gradients(films), gradients(turned))
        self._tensors["inverted"] = _rule(block_means(1 - films), blocks)
        describe = Gate(self._tensors).describe
        self._right, self._shuffled = describe(films), describe(shuffled(chests, seed))
        self._tensors["cropped"] = _rule(describe(cropped(films, seed)), self._right)

    def describe(self, strangers: Film) -> NDArray[np.float32]:
        """Return descriptors `(2M, D)` of standard pictures of anything else `(M, 64, 64)`, and of their negatives."""
        describe = Gate(self._tensors).describe
        return np.concatenate([describe(strangers), describe(1 - strangers)])

    def gate(self, strangers: NDArray[np.float32]) -> Gate:
        """Return the four rules, the last against what `describe` gave, and against films in another order."""
        return Gate({**self._tensors, "chest": _rule(self._right, np.concatenate([strangers, self._shuffled]))})


def _rule(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit +1 against -1, both kinds with the same weight in all."""
    target = np.concatenate([np.ones(len(positive)), -np.ones(len(negative))])
    total = len(target)
    weight = np.where(target > 0, total / (2 * len(positive)), total / (2 * len(negative)))
    return ridge(np.concatenate([positive, negative]), target, weight)


def main() -> int:
    """Fit on every film and write `quality.safetensors`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    small, _ = pneumonia_films(given.data / "pneumoniamnist", "train")
    chests = np.concatenate(
        [
            read_nih(given.data / "nih").films,
            read_pictures(given.data / "hannover" / "images")[1],
            read_pictures(given.data / "covid-ccby" / "images")[1],
            np.stack([standard(film) for film in small]),
        ]
    )
    strangers = np.concatenate(
        [*(make(kind, PICTURES, given.seed) for kind in KINDS), easy_vqa_pictures(given.data / "easy-vqa", 200)]
    )
    given.out.mkdir(parents=True, exist_ok=True)
    fit = GateFit(chests, given.seed)
    save_file(fit.gate(fit.describe(strangers)).tensors, given.out / "quality.safetensors")
    print(f"{len(chests)} chest films, {len(strangers)} other pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
