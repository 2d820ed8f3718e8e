"""Does the measured ratio help to tell Cardiomegaly? The classifier alone beside the rule that joins both.

    python benchmarks/vision_cardiomegaly.py --seed 30

As `vision_findings.py`: 740 films of NIH in five patient-grouped parts, five seeds. Calibration, limits and the rule's
three numbers come from the other parts each time; the limits are the classifier's own. On films where no ratio is given
both are the same. Paired intervals draw patients. F1 is that of all pathologies in drafts.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from setting import DATA, arguments, require_data, setting, verdict
from vision_findings import MIN_FILMS

from trivium.medical.analyze.heart_size import trusted_ratios
from trivium.vision.calibrate_findings import present_limits
from trivium.vision.calibration import fit_platt
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import FOLDS, patient_folds
from trivium.vision.frozen import describe
from trivium.vision.heart_rule import CARDIOMEGALY, fit_heart_rule
from trivium.vision.metrics import auroc, calibration_error, interval, micro_f1
from trivium.vision.outlines import Outlines
from trivium.vision.train_findings import SHARES, cross_validated

HEART = FINDINGS.index(CARDIOMEGALY)


def drafts(scores, labels, patients, ratio, seed):
    """Return probabilities and named pathologies without the ratio, then with it."""
    alone, joined = (np.zeros(labels.shape) for _ in range(2))
    named, named_joined = (np.zeros(labels.shape, bool) for _ in range(2))
    measured = ~np.isnan(ratio)
    for part in patient_folds(patients, seed + 1000):
        rest = np.setdiff1d(np.arange(len(labels)), part)
        before = np.stack([fit_platt(scores[rest, c], labels[rest, c])(scores[:, c]) for c in range(len(FINDINGS))], 1)
        known = rest[measured[rest]]
        rule = fit_heart_rule(before[known, HEART], ratio[known], labels[known, HEART])
        after = before.copy()
        after[measured, HEART] = rule(before[measured, HEART], ratio[measured])
        spoken = [
            c
            for c in range(1, len(FINDINGS))
            if labels[rest, c].sum() >= MIN_FILMS * (FOLDS - 1) / FOLDS
            and interval(lambda f, c=c, r=rest: auroc(scores[r][f, c], labels[r][f, c]), patients[rest], rounds=100)[0]
            >= 0.5
        ]
        for column, limit in present_limits(before[rest], labels[rest], spoken).items():
            named[part, column] = before[part, column] >= limit
            named_joined[part, column] = after[part, column] >= limit
        alone[part], joined[part] = before[part], after[part]
    return (alone, named), (joined, named_joined)


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=30)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "numpy"), given.seed))
    nih, classifier = read_nih(DATA / "medical" / "nih"), FindingsClassifier.load()
    small, seeds = nih.is_small, list(range(given.seed, given.seed + given.seeds))
    described = describe(classifier.net, classifier.laid_all(nih.films))
    scores = cross_validated(described, nih.labels, nih.patients, small, seeds, SHARES)
    labels, patients = nih.labels[small], nih.patients[small]
    ratio = trusted_ratios(nih.films[small], classifier, Outlines.load())
    pairs = [drafts(one, labels, patients, ratio, seed) for one, seed in zip(scores, seeds, strict=True)]
    each = np.arange(len(labels))

    def area(which, f):
        return float(np.mean([auroc(pair[which][0][f, HEART], labels[f, HEART]) for pair in pairs]))

    def f1(which, f, columns=slice(1, None)):
        return float(np.mean([micro_f1(pair[which][1][f, columns], labels[f, columns]) for pair in pairs]))

    print(f"a ratio on {(~np.isnan(ratio)).sum()} of {len(ratio)} films; {CARDIOMEGALY} on {labels[:, HEART].sum()}")
    gains = {}
    heart = slice(HEART, HEART + 1)
    measures = {
        f"AUROC of {CARDIOMEGALY}": area,
        f"F1 of {CARDIOMEGALY}": lambda which, f: f1(which, f, heart),
        "micro-F1 of all pathologies": f1,
    }
    for name, measure in measures.items():
        low, high = interval(lambda f, m=measure: m(1, f) - m(0, f), patients, rounds=500, seed=given.seed)
        gains[name] = (measure(1, each) - measure(0, each), low)
        print(f"{name}: {measure(0, each):.3f} alone, {measure(1, each):.3f} joined ({low:+.4f} to {high:+.4f})")
    errors = [np.mean([calibration_error(p[which][0][:, HEART], labels[:, HEART]) for p in pairs]) for which in (0, 1)]
    print(f"calibration error of {CARDIOMEGALY}: {errors[0]:.4f} alone, {errors[1]:.4f} joined")
    good = all(low > 0 for _, low in gains.values()) and errors[1] <= 0.05
    told = "; ".join(f"{name} {gain:+.3f}, at least {low:+.4f}" for name, (gain, low) in gains.items())
    return verdict(good, told)


if __name__ == "__main__":
    sys.exit(main())
