"""Draw films of nobody whose outlines are known: right lung, left lung and heart, for `trivium.vision.train_outlines`.

    python -m trivium.medical.samples.drawn_outlines --count 4800 --seed 1 --out drawn.npz

Shapes, tones and what lies in the lungs vary more widely than in people, so that a network has to find the anatomy
wherever and however it shows (domain randomisation, Tobin et al., IROS 2017). A lung counts whole, also where an
effusion or an opacity hides it, but for what the heart covers. 40 films a second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trivium.medical.samples import tissues
from trivium.medical.samples.phantom import AIR, HIGHEST, Body, Lesion, exposed, tissue_of
from trivium.medical.samples.tissues import Grid, ball, step

__all__ = ["PARTS", "SIDE", "draw"]

SIDE = 96  # pixels of a drawn film, whatever its shape was
PARTS = ("right lung", "left lung", "heart")
_SIZE = 6 / tissues.PX_PER_CM  # 6 pixels for each centimetre are enough for films read at 64
_LUNG, _HEART = 0.12, 0.3  # shares from which a place belongs to it


def draw(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a film `(SIDE, SIDE)`, bone bright, and where each of `PARTS` lies in it `(3, SIDE, SIDE)`."""
    chance = np.random.default_rng(seed)
    x, y = _bent(*tissues.grid(_SIZE), chance)
    body = Body(
        seed,
        size=_SIZE,
        lesions=_lesions(chance),
        photons=10 ** chance.uniform(3, 5),
        marker=("", "R", "L")[chance.integers(3)],
    )
    size = chance.uniform(0.7, 1.5)
    heart = _heart(x, y, size, chance)
    full, floor = _lungs(x, y, chance)
    inside = full * (1 - heart)
    soft = _soft(x, y, heart, inside, floor, chance)
    for lesion in body.lesions:
        soft = soft + tissue_of(x, y, inside, lesion, chance) * chance.uniform(0.5, 1.1)
    bone = (
        tissues.spine(x, y) * chance.uniform(0.4, 1.5)
        + tissues.ribs(x, y) * chance.uniform(0.2, 1.3)
        + tissues.clavicles(x, y) * chance.uniform(0.3, 1.2)
    )
    film = exposed(soft, bone, body, chance)
    lung = (full > _LUNG) & (heart < _HEART)
    parts = (lung & (x < 0), lung & (x > 0), (heart > _HEART) & (y > 16) & (y < floor))
    small = Image.fromarray((film >> 4).clip(0, HIGHEST >> 4).astype(np.uint8)).resize((SIDE, SIDE))
    masks = [Image.fromarray(part.astype(np.uint8) * 255).resize((SIDE, SIDE)) for part in parts]
    return np.asarray(small), np.stack([np.asarray(mask) >= 128 for mask in masks])


def _bent(x: Grid, y: Grid, chance: np.random.Generator) -> tuple[Grid, Grid]:
    """Return coordinates of a wider, narrower, leaning or shifted chest with higher or lower domes."""
    below = np.clip((y - 14) / 16, 0, 1)
    wide = x * chance.uniform(0.88, 1.14) + chance.normal(0, 0.5) * np.clip((y - 10) / 20, 0, 1)
    wide = wide * (1 + chance.normal(0, 0.06) * (y - 20) / 12)
    sides = np.sign(wide) * np.clip(np.abs(wide) / 4, 0, 1)
    return wide, y + (chance.normal(0, 2.2) + chance.normal(0, 0.7) * sides) * below


def _lesions(chance: np.random.Generator) -> tuple[Lesion, ...]:
    """Return effusions, opacities and nodules at random."""
    found = [Lesion("effusion", 6 * side, chance.uniform(21, 31)) for side in (-1, 1) if chance.random() < 0.25]
    for kind, count, low, high in (
        ("patch", chance.integers(0, 4), 1.5, 6.0),
        ("nodule", chance.integers(2), 0.7, 2.5),
    ):
        for _ in range(count):
            at = float(chance.choice([-1, 1]) * chance.uniform(3, 11))
            found.append(Lesion(kind, at, chance.uniform(8, 29), chance.uniform(low, high)))
    return tuple(found)


def _heart(x: Grid, y: Grid, size: float, chance: np.random.Generator) -> Grid:
    """Share of a lung that heart and great vessels take, longer or rounder, most of them tapering upwards."""
    longer, higher = chance.uniform(1.0, 1.45), chance.uniform(-1, 1.5)
    heart = tissues.heart(x, 26.4 + (y - 26.4 + higher) / longer, size)
    down = np.clip((y - 15) / 11, 0, 1)
    left, right = 2.2 + down * chance.uniform(2.5, 5.5) * size, 2.2 + down * chance.uniform(0, 1.8) * size
    taper = step((left - x) / 0.6) * step((x + right) / 0.6) * step(y - 15) * step((28 - y) / 1.5)
    return np.maximum(heart, 0.85 * taper) if chance.random() < 0.8 else heart


def _lungs(x: Grid, y: Grid, chance: np.random.Generator) -> tuple[Grid, Grid]:
    """Share of a full lung at each place, and how far down the heart may reach there, in cm."""
    across = np.abs(x)
    wall = 13.3 * np.sqrt(np.clip(1 - ((y - 28) / 24.5) ** 2, 0.0, 1))
    peak, steep, flat = chance.uniform(5, 8), chance.uniform(0.06, 0.26), chance.uniform(0.02, 0.12)
    top = np.where(x < 0, chance.normal(30.2, 1.0), chance.normal(31.4, 1.2))
    dome = top + np.where(across > peak, steep, flat) * (across - peak) ** 2
    dome = np.minimum(dome, top + chance.uniform(3, 7))
    middle = 2.4 + 0.5 * np.exp(-(((y - 18) / 3) ** 2)) + 0.9 * step((6 - y) / 1.5)
    inside = step((wall - across) / 1.3) * step((dome - y) / 0.6) * step((across - middle) / 0.7)
    depth = 0.62 + 0.38 * np.sqrt(np.clip(1 - ((across - 6.8) / 7.4) ** 2, 0, 1))
    return inside * depth * (0.55 + 0.45 * step((y - 8) / 2)), np.where(across < peak, dome, top + 1)


def _soft(x: Grid, y: Grid, heart: Grid, lungs: Grid, floor: Grid, chance: np.random.Generator) -> Grid:
    """Thickness of soft tissue with air taken away, each part stronger or weaker than it would be."""
    some = chance.uniform
    soft = tissues.trunk(x, y) * some(0.8, 1.25) - 15.0 * AIR * some(0.7, 1.1) * lungs
    soft = soft + tissues.great_vessels(x, y) * some(0.5, 1.5) - 1.6 * tissues.trachea(x, y) * some(0, 1.3)
    vessels, texture = tissues.vessels(x, y, chance, _SIZE), tissues.texture(x.shape, chance)
    soft = soft + lungs * (vessels * some(0.3, 2) + texture * some(0.5, 3)) - some(0, 6) * heart * (y < floor)
    if some() < 0.5:  # gas in the stomach
        gas = ball((x - some(3, 8)) / some(1.5, 4), (y - some(33, 36)) / some(1, 2.5), 1.0)
        soft = soft - some(3, 12) * gas * (y > floor)
    if some() < 0.5:
        soft = soft + some(0, 8) * step((y - floor - 1) / 2)
    if some() < 0.4:
        at, low, radius = some(6, 9), some(22, 28), some(4, 7)
        soft = soft + sum(some(1, 3.5) * ball(x - side * at, (y - low) * 0.9, radius) for side in (-1, 1))
    return soft


def main() -> int:
    """Draw films with the seeds that follow one another and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=4800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    drawn = [draw(given.seed * 100_000 + number) for number in range(given.count)]
    np.savez_compressed(given.out, films=np.stack([one[0] for one in drawn]), parts=np.stack([one[1] for one in drawn]))
    print(f"{given.count} films")
    return 0


if __name__ == "__main__":
    sys.exit(main())
