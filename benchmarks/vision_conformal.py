"""Conformal sets of findings on films of unseen patients: how often they hold the label, how often they decide.

    python benchmarks/vision_conformal.py --seed 10

The 740 films of NIH at 64 px in five patient-grouped parts; scores as in vision_findings.py, calibration and limits
from the other parts. A set is promised to hold the label of a new patient's film with chance 0.9, for films that show
the finding and for films that do not; coverage here gives each patient the same weight. With under nine patients of a
class nothing is ruled out. A set decides when it holds one answer; that it decides rightly is coverage again.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.alignment import lay, make_template
from trivium.vision.calibrate_findings import ALPHA
from trivium.vision.calibration import fit_platt
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.conformal import fit_limits
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import patient_folds
from trivium.vision.frozen import describe
from trivium.vision.metrics import interval
from trivium.vision.train_findings import SHARES, cross_validated

FEW = 10  # patients of a class: below, coverage is not judged


def held(scores, labels, patients, seed):
    """Return `(N, 2)`: whether each film's set holds "absent", "present"; calibrated on patients of other parts."""
    out = np.zeros((len(labels), 2), bool)
    for part in patient_folds(patients, seed + 1000):
        rest = np.setdiff1d(np.arange(len(labels)), part)
        p = fit_platt(scores[rest], labels[rest])(scores)
        out[part] = fit_limits(p[rest], labels[rest], patients[rest], ALPHA).holds(p[part])
    return out


def by_patient(values, patients):
    return np.array([values[patients == one].mean() for one in np.unique(patients)])


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=10)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "numpy"), given.seed))
    nih = read_nih(DATA / "medical" / "nih")
    small = nih.is_small
    aligned, _ = lay(nih.films, make_template(nih.films[~small]))
    described = describe(FindingsClassifier.load().net, aligned)
    seeds = list(range(given.seed, given.seed + given.seeds))
    scores = cross_validated(described, nih.labels, nih.patients, small, seeds, SHARES)
    labels, patients = nih.labels[small], nih.patients[small]
    print(f"{'':20s}{'patients':>9s}  held where present      held where absent       decides")
    judged = []
    for column, name in enumerate(FINDINGS):
        y = labels[:, column]
        sets = np.stack([held(one[:, column], y, patients, s) for one, s in zip(scores, seeds, strict=True)])
        decides = (sets.sum(2) == 1).mean()
        cells = []
        for answer, rows in ((1, y), (0, ~y)):
            shares = by_patient(sets[:, rows, answer].mean(0), patients[rows])
            low, high = interval(lambda f, v=shares: v[f].mean(), np.arange(len(shares)), rounds=500)
            cells.append(f"{shares.mean():.3f} ({low:.3f} to {high:.3f})")
            if len(shares) >= FEW:
                judged.append((shares.mean(), high))
        print(f"{name:20s}{len(np.unique(patients[y])):9d}  {cells[0]}  {cells[1]}  {decides:.3f}", flush=True)
    mean, below = float(np.mean([one[0] for one in judged])), sum(high < 1 - ALPHA for _, high in judged)
    return verdict(
        mean >= 1 - ALPHA - 0.01 and not below,
        f"mean coverage of {len(judged)} classes of at least {FEW} patients {mean:.3f} (0.90 promised); "
        f"{below} of them below it by their interval",
    )


if __name__ == "__main__":
    sys.exit(main())
