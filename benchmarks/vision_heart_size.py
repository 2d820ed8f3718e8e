"""Is the cardiothoracic ratio right? On drawn films whose ratio is known, and beside the labels of NIH's films.

    python benchmarks/vision_heart_size.py --seed 90

Drawn films of seeds that no network saw: the ratio of the whole way (standard form, alignment, outlines, widths)
against that of the drawing. NIH's 815 films, of which the outlines' network saw none and the rule no label: on how many
a ratio is given, how well it tells films labelled Cardiomegaly from the others (a ratio above 0.5 on a PA film is
usually called enlarged), how much it moves when the same film is shifted and zoomed a little, and what would be given
above `MAX_UNSURE`.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict

from trivium.medical.analyze.heart_size import MAX_UNSURE, unsure, widths_of
from trivium.medical.samples.drawn_outlines import draw
from trivium.vision.alignment import align, moved
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import standard
from trivium.vision.findings import FINDINGS
from trivium.vision.metrics import auroc, interval
from trivium.vision.outlines import Outlines

MOVES = ((0.05, 0.0, 1.0), (-0.05, 0.03, 1.0), (0.0, -0.05, 1.05), (0.03, 0.03, 0.95))  # shift in x, y; zoom
VIEWS = ((False, "PA"), (True, "AP"))
ENLARGED = 0.5


def ratios(films, template, outlines):
    """Return the ratio of each film, nan where no part is missing to measure, and how unsure its outlines are."""
    found = outlines.of(align(films, template)[0])
    widths = [widths_of(one) for one in found]
    return np.array([np.nan if one is None else one.ratio for one in widths]), np.array([unsure(one) for one in found])


def drawn_ratio(parts):
    """Return the ratio of a drawing's own masks, by their outermost columns."""
    lungs = parts[0] | parts[1]
    wide = max(np.ptp(np.flatnonzero(row)) + 1 for row in lungs if row.any())
    return (np.ptp(np.flatnonzero(parts[2].any(0))) + 1) / wide


def on_drawings(seed, count, template, outlines):
    drawn = [draw(seed * 100_000 + number) for number in range(count)]
    given, away = ratios(np.stack([standard(film.astype(np.float32)) for film, _ in drawn]), template, outlines)
    kept = ~np.isnan(given) & (away <= MAX_UNSURE)
    errors = (given - np.array([drawn_ratio(parts) for _, parts in drawn]))[kept]
    high = np.quantile(np.abs(errors), 0.95)
    print(
        f"{count} drawn films, {kept.sum()} measured: mean error {errors.mean():+.4f}, mean absolute error "
        f"{np.abs(errors).mean():.4f}, 95 % within {high:.4f}"
    )
    return float(high)


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=90)
    parser.add_argument("--drawn", type=int, default=200)
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "scipy"), given.seed))
    outlines, template = Outlines.load(), FindingsClassifier.load().parts.template
    high = on_drawings(given.seed, given.drawn, template, outlines)
    nih = read_nih(DATA / "medical" / "nih")
    ratio, away = ratios(nih.films, template, outlines)
    kept = ~np.isnan(ratio) & (away <= MAX_UNSURE)
    is_large, is_clear = (nih.labels[:, FINDINGS.index(name)] for name in ("Cardiomegaly", "No Finding"))
    lows = {}
    for is_ap, name in VIEWS:
        view = (nih.metadata[:, 2] > 0) == is_ap
        for told, chosen in (("measured", view & kept), ("also above the limit", view & ~np.isnan(ratio))):
            r, large, clear, patients = (one[chosen] for one in (ratio, is_large, is_clear, nih.patients))
            low, top = interval(lambda f, r=r, y=large: auroc(r[f], y[f]), patients, rounds=1000, seed=given.seed)
            lows.setdefault(name, low)
            print(
                f"{name}, {told}: {chosen.sum()} of {view.sum()} films; AUROC for {large.sum()} of Cardiomegaly "
                f"{auroc(r, large):.3f} ({low:.3f} to {top:.3f}); median {np.median(r[large]):.3f}, of No Finding "
                f"{np.median(r[clear]):.3f}; above {ENLARGED}: {(r[large] > ENLARGED).mean():.3f}, "
                f"{(r[clear] > ENLARGED).mean():.3f}"
            )
    again = [np.tile(np.array([[z, 0, x], [0, z, y]], np.float32), (len(nih.films), 1, 1)) for x, y, z in MOVES]
    shifted = np.stack([ratios(moved(nih.films, one), template, outlines)[0] for one in again])
    changes = np.abs(shifted - ratio)[:, kept]
    print(
        f"the same films shifted and zoomed by up to 5 %: mean change {np.nanmean(changes):.4f}, 95 % within "
        f"{np.nanquantile(changes, 0.95):.4f}, of the films measured {np.isnan(changes).mean():.3f} lost"
    )
    good = high <= 0.03 and lows["PA"] >= 0.75
    return verdict(
        good, f"95 % of drawn films within {high:.3f} (0.03); PA AUROC at least {lows['PA']:.3f} (0.75, lower bound)"
    )


if __name__ == "__main__":
    sys.exit(main())
