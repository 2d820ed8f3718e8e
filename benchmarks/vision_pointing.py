"""Do evidence maps point at what the classifier's score rests on? Synthetic lesions, and deletion and insertion.

    python benchmarks/vision_pointing.py --seed 1

Pointing game (Zhang et al., ECCV 2016): a soft round opacity is laid at a place drawn evenly from the lungs of a film
labelled No Finding; the lungs come from tones and connected parts, no model. The map is that of the assessed finding
whose probability rose most. A hit is a maximum inside the lesion, or within 4 px of 64 of it (15 px of 224). The centre
prior always points at the one place that would have hit most lesions. The lesions are synthetic: a soft disc is not a
disease. Faithfulness (Petsiuk et al., BMVC 2018): parts of the film are replaced by the mean film of No Finding, or
restored, in the order of the map and in random order; the mean probability on the way is the area.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from scipy import ndimage
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import SIDE
from trivium.vision.findings import FINDINGS, NO_FINDING
from trivium.vision.metrics import interval

TOLERANCE = 4
RADII, STRENGTHS = (4.0, 7.0), (0.25, 0.5)  # pixels of 64; tones of the standard film
LUNGS = (0.12, 0.5)  # share of a film that both lungs take when they were found
STEPS = 16


def lungs(film):
    """Return the lungs of a standard film, or None where dark parts inside the chest do not look like two lungs."""
    smooth = ndimage.gaussian_filter(film, 1.0)
    inside = smooth[8:56, 8:56]
    levels = np.quantile(inside, np.linspace(0.05, 0.95, 64))
    spread = [  # Otsu: the level with the largest variance between both sides
        (inside <= one).mean()
        * (inside > one).mean()
        * (inside[inside > one].mean() - inside[inside <= one].mean()) ** 2
        for one in levels[:-1]
    ]
    dark = smooth <= levels[int(np.argmax(spread))]
    dark[:, [0, -1]] = dark[[0, -1]] = False
    parts, count = ndimage.label(ndimage.binary_opening(dark, iterations=1))
    kept = np.zeros(film.shape, bool)
    sides = set()
    for part in range(1, count + 1):
        where = parts == part
        y, x = ndimage.center_of_mass(where)
        is_lung = where.sum() >= 0.05 * film.size and 16 <= y <= 46 and 10 <= x <= 54
        if is_lung:
            kept |= where
            sides.add(x < SIDE / 2)
    return kept if len(sides) == 2 and LUNGS[0] <= kept.mean() <= LUNGS[1] else None


def with_lesion(film, place, radius, strength):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(rows - place[0], columns - place[1])
    opacity = strength * np.clip((radius - away) / (0.5 * radius), 0, 1)  # flat inside half the radius
    return np.clip(film + opacity.astype(np.float32), 0, 1), away


def risen(classifier, before, after):
    """Return the assessed pathology whose probability rose most, and by how much."""
    low, high = classifier.probabilities(np.stack([before, after]))
    rise = np.array(
        [
            h - b if name in classifier.supported and name != NO_FINDING else -1
            for name, b, h in zip(FINDINGS, low, high, strict=True)
        ]
    )
    return int(rise.argmax()), float(rise.max())


def faithfulness(classifier, film, reference, column, values, generator):
    """Return areas under deletion and insertion for the map's order and for a random one: less and more is better."""
    size = SIDE // 8
    cells = values.reshape(8, size, 8, size).sum((1, 3)).ravel()
    areas = []
    for order in (np.argsort(-cells, kind="stable"), generator.permutation(64)):
        deleted, inserted = [], []
        for step in range(STEPS + 1):
            taken = np.zeros(64, bool)
            taken[order[: step * 64 // STEPS]] = True
            mask = np.kron(taken.reshape(8, 8), np.ones((size, size))).astype(bool)
            deleted.append(np.where(mask, reference, film))
            inserted.append(np.where(mask, film, reference))
        p = classifier.probabilities(np.stack(deleted + inserted).astype(np.float32))[:, column]
        areas.append((p[: STEPS + 1].mean(), p[STEPS + 1 :].mean()))
    return areas


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--films", type=int, default=150, help="at most, drawn from those labelled No Finding")
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "timm", "scipy"), given.seed))
    generator = np.random.default_rng(given.seed)
    nih, classifier = read_nih(DATA / "medical" / "nih"), FindingsClassifier.load()
    healthy = np.flatnonzero(nih.labels[:, FINDINGS.index(NO_FINDING)])
    chosen, mean = generator.permutation(healthy)[: given.films], nih.films[healthy].mean(0)
    lesions, hits, patients, columns, areas, left_out = [], [], [], [], [], 0
    for number in chosen:
        film, mask = nih.films[number], lungs(nih.films[number])
        if mask is None:
            left_out += 1
            continue
        places = np.argwhere(mask)
        place = places[generator.integers(len(places))]
        radius, strength = generator.uniform(*RADII), generator.uniform(*STRENGTHS)
        changed, away = with_lesion(film, place, radius, strength)
        column, _ = risen(classifier, film, changed)
        values = classifier.evidence(changed, [column])[column]
        peak = np.unravel_index(int(values.argmax()), values.shape)
        lesions.append((*place, radius))
        hits.append((away[peak] <= radius, away[peak] <= radius + TOLERANCE) if values.max() > 0 else (False, False))
        patients.append(nih.patients[number])
        columns.append(FINDINGS[column])
        areas.append(faithfulness(classifier, changed, mean, column, values, generator))
    lesions, hits, patients, areas = np.array(lesions), np.array(hits), np.array(patients), np.array(areas)
    grid = np.stack(np.mgrid[:SIDE, :SIDE], -1).reshape(-1, 1, 2)
    near = np.hypot(*(grid - lesions[None, :, :2]).transpose(2, 0, 1)) <= lesions[:, 2] + TOLERANCE
    prior = near.mean(1).max()
    low, high = interval(lambda f: hits[f, 1].mean(), patients, rounds=1000, seed=given.seed)
    share = hits[:, 1].mean()
    print(f"{len(lesions)} lesions in films of {len(set(patients))} patients; lungs not found in {left_out} films")
    print("map of: " + ", ".join(f"{name} {columns.count(name)}" for name in sorted(set(columns))))
    print(f"inside the lesion {hits[:, 0].mean():.3f}; within {TOLERANCE} px {share:.3f} ({low:.3f} to {high:.3f})")
    print(f"centre prior, the best place for these lesions: {prior:.3f}")
    (deleted, inserted), (deleted_r, inserted_r) = areas.mean(0)
    better = (areas[:, 0, 0] < areas[:, 1, 0]).mean(), (areas[:, 0, 1] > areas[:, 1, 1]).mean()
    print(f"deletion {deleted:.4f}, random order {deleted_r:.4f}; lower on {better[0]:.3f} of films")
    print(f"insertion {inserted:.4f}, random order {inserted_r:.4f}; higher on {better[1]:.3f} of films")
    good = share >= 0.70 and share >= 2 * prior and deleted < deleted_r and inserted > inserted_r
    return verdict(
        good,
        f"pointing game {share:.3f} (0.70), centre prior {prior:.3f} (half at most); deletion {deleted:.3f} under "
        f"{deleted_r:.3f}, insertion {inserted:.3f} above {inserted_r:.3f}",
    )


if __name__ == "__main__":
    sys.exit(main())
