"""Fit the rule that joins the classifier's Cardiomegaly and the measured ratio.

    python -m trivium.medical.evaluate.fit_heart_rule DATA cross_validated.npz --out DIR

The second file is `trivium.vision.train_findings`' own, the one that `calibrate_findings` reads, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivium.medical.analyze.heart_size import trusted_ratios
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.findings import FINDINGS
from trivium.vision.heart_rule import CARDIOMEGALY, fit_heart_rule
from trivium.vision.outlines import Outlines


def main() -> int:
    """Write `heart_rule.json` and print on how many films it rests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih/labels.csv and its films")
    parser.add_argument("scores", type=Path, help="cross_validated.npz of train_findings")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    nih, classifier, column = read_nih(given.data / "nih"), FindingsClassifier.load(), FINDINGS.index(CARDIOMEGALY)
    small = nih.is_small
    with np.load(given.scores) as stored:
        probability: NDArray[np.float64] = classifier.calibrated(stored["logits"].mean(0))[:, column]
    ratio = trusted_ratios(nih.films[small], classifier, Outlines.load())
    kept, labels = ~np.isnan(ratio), nih.labels[small, column]
    rule = fit_heart_rule(probability[kept], ratio[kept], labels[kept])
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "heart_rule.json").write_text(json.dumps(rule.record(), indent=2) + "\n", encoding="utf-8")
    print(f"{kept.sum()} of {len(kept)} films measured, {labels[kept].sum()} of them with {CARDIOMEGALY}: {rule}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
