"""Turn cross-validated scores into `findings.json`: calibration, thresholds and which findings may be spoken of.

    python -m trivium.vision.calibrate_findings DATA cross_validated.npz --out DIR

A finding is supported when at least `MIN_FILMS` films show it and the lower end of the 95 % patient-bootstrap interval
of its AUROC, on films of patients that the network did not see, is at least `BAR`: better than chance. What is not
supported keeps its probability and is `not_assessed` in a draft. To deny a finding takes more than to suspect one: a
sentence of absence asks for `DENY_BAR`. What is called present is chosen for the micro-F1 of all 14 pathologies, those
not assessed counted as missed. Beside each stand the limits of its conformal set, which misses `ALPHA` of either class.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivium.vision.calibration import best_thresholds, expected_best_f1, fit_platt
from trivium.vision.chest_films import read_nih
from trivium.vision.conformal import fit_limits
from trivium.vision.findings import FINDINGS
from trivium.vision.metrics import auroc, interval

__all__ = ["ALPHA", "BAR", "DENY_BAR", "MIN_FILMS", "calibrate", "is_supported", "present_limits"]

ALPHA = 0.1
BAR = 0.5
DENY_BAR = 0.65
MIN_FILMS = 30
_UNCERTAIN_SHARE = (
    0.6  # of the limit for "present", or of the one that all labels would share: there "uncertain" begins
)
_NO_FINDING = 0.5


def is_supported(films: int, lower: float) -> bool:
    """Return whether a finding may be spoken of."""
    return films >= MIN_FILMS and lower >= BAR


def calibrate(
    logits: NDArray[np.floating], labels: NDArray[np.bool_], patients: NDArray[np.int64], rounds: int = 1000
) -> dict[str, object]:
    """Return the content of `findings.json`.

    Args:
        logits: (N, 15), each from networks that saw no film of its patient.
        labels: (N, 15) in the order of `FINDINGS`.
        patients: (N,).
        rounds: of the bootstrap.
    """
    platts = [fit_platt(logits[:, column], labels[:, column]) for column in range(len(FINDINGS))]
    probabilities = np.stack([platt(logits[:, column]) for column, platt in enumerate(platts)], 1)
    table: dict[str, dict[str, object]] = {}
    for column, name in enumerate(FINDINGS):

        def merit(chosen: NDArray[np.intp], column: int = column) -> float:
            return auroc(logits[chosen, column], labels[chosen, column])

        low, high = interval(merit, patients, rounds=rounds)
        count = int(labels[:, column].sum())
        table[name] = {
            "slope": platts[column].slope,
            "offset": platts[column].offset,
            "films": count,
            "auroc": round(auroc(logits[:, column], labels[:, column]), 4),
            "auroc_low": round(low, 4),
            "auroc_high": round(high, 4),
            "supported": is_supported(count, low),
            "deniable": is_supported(count, low) and low >= DENY_BAR,
        }
    spoken = [column for column, name in enumerate(FINDINGS) if column and table[name]["supported"]]
    limits = present_limits(probabilities, labels, spoken)
    common = expected_best_f1(probabilities[:, spoken], float(labels[:, 1:].sum())) / 2
    for column, name in enumerate(FINDINGS):
        row, present = table[name], limits.get(column, _NO_FINDING)
        uncertain = _UNCERTAIN_SHARE * (min(present, common) if column else present)
        if row["supported"]:
            row |= {"present_from": round(present, 4), "uncertain_from": round(uncertain, 4)}
        sets = fit_limits(probabilities[:, column], labels[:, column], patients, ALPHA)
        row["conformal"] = {"present_from": round(sets.present_from, 4), "absent_to": round(sets.absent_to, 4)}
    return {"bar": BAR, "deny_bar": DENY_BAR, "min_films": MIN_FILMS, "alpha": ALPHA, "findings": table}


def present_limits(
    probabilities: NDArray[np.floating], labels: NDArray[np.bool_], spoken: list[int]
) -> dict[int, float]:
    """Return the lowest probability that a draft calls present, for each column that it may speak of."""
    unspoken = [column for column in range(1, len(FINDINGS)) if column not in spoken]
    limits = best_thresholds(probabilities[:, spoken], labels[:, spoken], int(labels[:, unspoken].sum()))
    return dict(zip(spoken, limits.tolist(), strict=True))


def main() -> int:
    """Write the file and print one line a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih/labels.csv and its films")
    parser.add_argument("scores", type=Path, help="cross_validated.npz of train_findings")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    nih = read_nih(given.data / "nih")
    small = nih.is_small
    with np.load(given.scores) as stored:
        logits = stored["logits"].mean(0)
    content = calibrate(logits, nih.labels[small], nih.patients[small])
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "findings.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name, row in content["findings"].items():  # type: ignore[attr-defined]
        print(
            f"{name:20s} {row['films']:4d} films  AUROC {row['auroc']:.3f} "
            f"({row['auroc_low']:.3f}-{row['auroc_high']:.3f})"
            + (f"  present from {row['present_from']:.3f}" if row["supported"] else "  not assessed")
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
