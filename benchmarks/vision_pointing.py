"""Do evidence maps point at what the classifier's score rests on? Synthetic lesions, and deletion and insertion.

    python benchmarks/vision_pointing.py --seed 1

Pointing game (Zhang et al., ECCV 2016): a soft round opacity is laid at a place drawn evenly from the lungs of a film
labelled No Finding; the lungs come from tones and connected parts, no model. The map is that of the assessed finding
whose probability rose most. A hit is a maximum inside the lesion, or within 4 px of 64 of it (15 px of 224). The centre
prior always points at the one place that would have hit most lesions. The lesions are synthetic: a soft disc is not a
disease. Faithfulness (Petsiuk et al., BMVC 2018): cells of the film are replaced by those of the usual film nearest to
it, or laid into that, in the order of the map and in random order; the mean probability on the way is the area.
Real films: of the findings called present, how many maps have their maximum in the chest; the classifier saw the films.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from scipy import ndimage
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.alignment import moved
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import SIDE
from trivium.vision.findings import FINDINGS, NO_FINDING
from trivium.vision.metrics import interval

TOLERANCE = 4
RADII, STRENGTHS = (4.0, 7.0), (0.25, 0.5)  # pixels of 64; tones of the standard film
LUNG = (0.04, 0.25)  # share of a film that one lung may take
CELLS, STEPS = 8, 16
EVERY = 4  # film of those at 64 px is read for the places of real findings


def lungs(film):
    """Return the lungs of a standard film, or None where no level of tone parts two of them from all else.

    Of the levels that leave one dark part on each side, inside the film, the one with the largest parts is taken.
    """
    smooth = ndimage.gaussian_filter(film, 0.7)
    best = None
    for level in np.quantile(smooth, np.linspace(0.1, 0.6, 26)):
        parts, count = ndimage.label(ndimage.binary_opening(smooth <= level))
        sides = {}
        for part in range(1, count + 1):
            where = parts == part
            y, x = ndimage.center_of_mass(where)
            is_inside = not (where[:, :2].any() or where[:, -2:].any() or where[:2].any() or where[-2:].any())
            if is_inside and LUNG[0] <= where.mean() <= LUNG[1] and 16 <= y <= 46:
                sides.setdefault(x < SIDE / 2, []).append(where)
        if len(sides) == 2 and all(len(one) == 1 for one in sides.values()):
            both = sides[False][0] | sides[True][0]
            best = both if best is None or both.sum() > best.sum() else best
    return best


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


def faithfulness(classifier, film, column, values, generator):
    """Return areas under deletion and insertion for the map's order and for a random one: less and more is better."""
    laid = classifier.laid(film)
    aligned, usual = laid.picture, classifier.parts.usual.of(laid.picture)
    size = SIDE // CELLS
    cells = moved(values[None], laid.motion)[0].reshape(CELLS, size, CELLS, size).sum((1, 3)).ravel()
    areas = []
    for order in (np.argsort(-cells, kind="stable"), generator.permutation(CELLS**2)):
        deleted, inserted = [], []
        for step in range(STEPS + 1):
            taken = np.zeros(CELLS**2, np.float32)
            taken[order[: step * CELLS**2 // STEPS]] = 1
            mask = np.kron(taken.reshape(CELLS, CELLS), np.ones((size, size), np.float32))
            deleted.append(aligned + mask * (usual - aligned))
            inserted.append(usual + mask * (aligned - usual))
        p = classifier.calibrated(classifier.logits_aligned(np.stack(deleted + inserted)))[:, column]
        areas.append((p[: STEPS + 1].mean(), p[STEPS + 1 :].mean()))
    return areas


def read_places(classifier, films):
    """Return of each finding called present in films: its name, and whether its map's maximum lies in the chest."""
    found = []
    for film, chances in zip(films, classifier.probabilities(films), strict=True):
        spoken = [one for one in classifier.supported if one != NO_FINDING]
        columns = [c for c, name in enumerate(FINDINGS) if name in spoken and chances[c] >= classifier.limits(name)[0]]
        laid = classifier.laid(film)
        chest, maps = classifier.chest(laid), classifier.evidence(laid, columns)
        found += [(FINDINGS[column], bool(chest.flat[values.argmax()])) for column, values in maps.items()]
    return found


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--films", type=int, default=400, help="at most, drawn from those labelled No Finding")
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "timm", "scipy"), given.seed))
    generator = np.random.default_rng(given.seed)
    nih, classifier = read_nih(DATA / "medical" / "nih"), FindingsClassifier.load()
    healthy = np.flatnonzero(nih.labels[:, FINDINGS.index(NO_FINDING)])
    chosen = generator.permutation(healthy)[: given.films]
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
        values = classifier.evidence(classifier.laid(changed), [column])[column]
        peak = np.unravel_index(int(values.argmax()), values.shape)
        lesions.append((*place, radius))
        hits.append((away[peak] <= radius, away[peak] <= radius + TOLERANCE) if values.max() > 0 else (False, False))
        patients.append(nih.patients[number])
        columns.append(FINDINGS[column])
        areas.append(faithfulness(classifier, changed, column, values, generator))
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
    found = read_places(classifier, nih.films[nih.is_small][::EVERY])
    for name in sorted({name for name, _ in found}):
        inside = [is_inside for one, is_inside in found if one == name]
        print(f"  {name} called present in {len(inside)} films, its strongest place in the chest in {sum(inside)}")
    print(f"of {len(found)} findings called present {sum(one for _, one in found)} rest most on a place in the chest")
    good = share >= 0.70 and share >= 2 * prior and deleted < deleted_r and inserted > inserted_r
    return verdict(
        good,
        f"pointing game {share:.3f} (0.70), centre prior {prior:.3f} (half at most); deletion {deleted:.3f} under "
        f"{deleted_r:.3f}, insertion {inserted:.3f} above {inserted_r:.3f}",
    )


if __name__ == "__main__":
    sys.exit(main())
