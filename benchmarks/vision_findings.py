"""Findings on films of unseen patients: AUROC beside raw pixels, F1 beside the best constant set, calibration.

    python benchmarks/vision_findings.py --seed 10

The 740 films of NIH at 64 px in five patient-grouped parts, for five seeds; the 75 at 512 px, of other patients, train
every model. Strength, calibration, thresholds and what is assessed are chosen inside the training parts. Intervals and
the paired difference draw patients. Raw pixels: 16 x 16 means of the films as they are, with the same ridge.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from setting import arguments, setting, verdict

from trivium.vision.alignment import lay, make_template
from trivium.vision.calibrate_findings import MIN_FILMS, present_limits
from trivium.vision.calibration import fit_platt
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import FOLDS, patient_folds
from trivium.vision.frozen import describe
from trivium.vision.metrics import auroc, calibration_error, interval, macro_auroc, micro_f1
from trivium.vision.train_findings import HEADLINE, SHARES, cross_validated

DATA = Path(os.environ.get("TRIVIUM_SHARED") or Path(__file__).resolve().parents[2] / "shared") / "data" / "medical"


def drafts(scores, labels, patients, seed):
    """Return probabilities and predicted pathologies, calibration and thresholds from the other parts each time."""
    probabilities, predicted = np.zeros(labels.shape), np.zeros(labels.shape, bool)
    for part in patient_folds(patients, seed + 1000):
        rest = np.setdiff1d(np.arange(len(labels)), part)
        platts = [fit_platt(scores[rest, c], labels[rest, c]) for c in range(len(FINDINGS))]
        all_of = np.stack([platt(scores[:, c]) for c, platt in enumerate(platts)], 1)
        probabilities[part] = all_of[part]
        spoken = [
            c
            for c in range(1, len(FINDINGS))
            if labels[rest, c].sum() >= MIN_FILMS * (FOLDS - 1) / FOLDS
            and interval(lambda f, c=c, r=rest: auroc(scores[r][f, c], labels[r][f, c]), patients[rest], rounds=100)[0]
            >= 0.5
        ]
        for column, limit in present_limits(all_of[rest], labels[rest], spoken).items():
            predicted[part, column] = all_of[part, column] >= limit
    return probabilities, predicted


def constant_set(labels, patients, seed):
    """Return the prediction of the best constant set of pathologies, chosen on the other parts."""
    predicted = np.zeros(labels.shape, bool)
    for part in patient_folds(patients, seed + 1000):
        rest = np.setdiff1d(np.arange(len(labels)), part)
        order = np.argsort(-labels[rest, 1:].sum(0)) + 1
        merits = []
        for count in range(1, 6):
            tried = np.zeros((len(rest), len(FINDINGS)), bool)
            tried[:, order[:count]] = True
            merits.append(micro_f1(tried[:, 1:], labels[rest, 1:]))
        predicted[np.ix_(part, order[: int(np.argmax(merits)) + 1])] = True
    return predicted


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=10)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    print(setting(("torch", "numpy"), given.seed))
    torch.set_num_threads(1)
    nih = read_nih(DATA / "nih")
    small = nih.is_small
    seeds = list(range(given.seed, given.seed + given.seeds))
    aligned, _ = lay(nih.films, make_template(nih.films[~small]))
    described = describe(FindingsClassifier.load().net, aligned)
    pixels = nih.films.reshape(len(small), 16, 4, 16, 4).mean((2, 4)).reshape(len(small), -1)
    ours = cross_validated(described, nih.labels, nih.patients, small, seeds, SHARES)
    raw = cross_validated(pixels, nih.labels, nih.patients, small, seeds)
    labels, patients = nih.labels[small], nih.patients[small]
    truth = labels[:, HEADLINE]
    for place, seed in enumerate(seeds):
        a, b = (macro_auroc(one[place][:, HEADLINE], truth) for one in (ours, raw))
        print(f"seed {seed}: macro AUROC {a:.3f}, raw pixels {b:.3f}", flush=True)
    a, b = ours.mean(0), raw.mean(0)

    def gain(chosen):
        return macro_auroc(a[chosen][:, HEADLINE], truth[chosen]) - macro_auroc(b[chosen][:, HEADLINE], truth[chosen])

    each = np.arange(len(labels))
    merit = macro_auroc(a[:, HEADLINE], truth)
    low, high = interval(lambda f: macro_auroc(a[f][:, HEADLINE], truth[f]), patients, rounds=500)
    gain_low, gain_high = interval(gain, patients, rounds=500)
    print(f"mean score of the seeds: {merit:.3f} ({low:.3f} to {high:.3f})")
    print(f"above raw pixels by {gain(each):+.3f} ({gain_low:+.3f} to {gain_high:+.3f})")
    many = [c for c in range(1, len(FINDINGS)) if labels[:, c].sum() >= MIN_FILMS]
    each_a, each_b = ([auroc(one[:, c], labels[:, c]) for c in many] for one in (a, b))
    print(
        f"pathologies of {MIN_FILMS} films or more: {np.mean(each_a):.3f}, raw pixels {np.mean(each_b):.3f}; "
        + ", ".join(f"{FINDINGS[c]} {value:.3f}" for c, value in zip(many, each_a, strict=True))
    )
    results = [drafts(one, labels, patients, seed) for one, seed in zip(ours, seeds, strict=True)]
    f1 = float(np.mean([micro_f1(one[1][:, 1:], labels[:, 1:]) for one in results]))
    named = constant_set(labels, patients, given.seed)
    constant = micro_f1(named[:, 1:], labels[:, 1:])

    def better(chosen):
        ours = np.mean([micro_f1(one[1][chosen, 1:], labels[chosen, 1:]) for one in results])
        return float(ours) - micro_f1(named[chosen, 1:], labels[chosen, 1:])

    f1_low, f1_high = interval(better, patients, rounds=500)
    error = float(np.mean([calibration_error(one[0].ravel(), labels.ravel()) for one in results]))
    above = f"above it by {better(each):+.3f} ({f1_low:+.3f} to {f1_high:+.3f})"
    print(f"pathology micro-F1 {f1:.3f}, best constant set {constant:.3f}, {above}")
    print(f"calibration error {error:.4f}")
    good = merit >= 0.68 and gain_low > 0 and f1 >= 0.33 and error <= 0.05
    return verdict(
        good, f"macro AUROC {merit:.3f} (0.68), micro-F1 {f1:.3f} (0.33), calibration error {error:.4f} (0.05)"
    )


if __name__ == "__main__":
    sys.exit(main())
