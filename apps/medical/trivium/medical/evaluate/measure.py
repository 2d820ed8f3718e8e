"""AUROC, F1 and calibration of the shipped models and of baselines, each with an interval over resampled patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivium.medical.evaluate.baselines import Row, baselines
from trivium.medical.evaluate.labelled import LabelledFilms, read_labelled
from trivium.medical.evaluate.reports import LABEL_MEASURES, TEXT_MEASURES, text_rows
from trivium.medical.narrate import load_phrases
from trivium.medical.pipeline import Models
from trivium.vision.findings import FINDINGS
from trivium.vision.metrics import auroc, calibration_error, interval, macro_auroc, micro_f1
from trivium.vision.seen_films import load_seen

__all__ = ["MIN_FILMS", "SCHEMA", "evaluate", "left_out_lines", "table", "text_table"]

SCHEMA = "trivium.medical.eval/1"
MIN_FILMS = 30  # films with a label, and without it, that AUROC of the label asks for
_MODEL = "shipped models"
Figure = dict[str, float | None]


def evaluate(folder: Path, models: Models, *, seed: int, rounds: int) -> dict[str, Any]:
    """Measure on a folder with `labels.csv`.

    Args:
        rounds: of the bootstrap over patients.

    Returns:
        What `eval.json` holds: counts, films left out, cautions, one row a system and one row a label.

    Raises:
        InputError: as `read_labelled`.
    """
    data = read_labelled(folder, models)
    patients = len(set(data.patients.tolist()))
    counts = data.labels.sum(0)
    measured = [c for c in range(len(FINDINGS)) if MIN_FILMS <= counts[c] <= len(data.labels) - MIN_FILMS]
    rows = {_MODEL: Row(data.probabilities, data.probabilities, data.present), **baselines(data, seed)}
    return {
        "schema": SCHEMA,
        "films": len(data.labels),
        "patients": patients,
        "left_out": [asdict(one) for one in data.left_out],
        "refused": int(data.refused.sum()),
        "seed": seed,
        "bootstrap_rounds": rounds,
        "trained_on": _seen(data),
        "macro_over": [FINDINGS[c] for c in measured],
        "systems": {name: _system(row, data, measured, seed, rounds) for name, row in rows.items()},
        "texts": {
            "reference": "column report" if data.reports else "made from labels",
            "systems": {
                name: row.figures(data.patients, seed, rounds)
                for name, row in text_rows(data, load_phrases("en"), seed).items()
            },
        },
        "labels": {FINDINGS[c]: _label(data, c, seed, rounds) for c in range(len(FINDINGS)) if counts[c]},
        "model": models.record(),
    }


def table(found: dict[str, Any]) -> str:
    """Return the result as lines of plain text."""
    seen = found["trained_on"]
    lines = [f"{found['films']} films of {found['patients']} patients; the gate refused {found['refused']}"]
    lines += left_out_lines(found, "films")
    if seen["films"]:
        lines.append(
            f"CAUTION: the shipped models were trained on {seen['films']} of these films; {seen['films_of_patients']} "
            f"films are of the same patients. Their figures say nothing of unseen films."
        )
    over = ", ".join(found["macro_over"]) or f"no label: none has {MIN_FILMS} films with and without it"
    lines += [f"macro AUROC over {over}; F1 over the 14 pathologies; 95 % intervals resample patients", ""]
    lines.append(f"{'system':20s}{'macro AUROC':26s}{'micro-F1':26s}{'calibration error':26s}")
    for name, row in found["systems"].items():
        cells = "".join(f"{_shown(row[key]):26s}" for key in ("macro_auroc", "micro_f1", "calibration_error"))
        lines.append(f"{name:20s}{cells}".rstrip())
    lines += ["", *text_table(found["texts"])]
    lines += ["", f"{'label':20s}{'films':>6s}  AUROC of the shipped models"]
    for name, row in found["labels"].items():
        lines.append(f"{name:20s}{row['films']:6d}  {_shown(row['auroc'])}")
    return "\n".join(lines)


def left_out_lines(found: dict[str, Any], what: str) -> list[str]:
    """Return what was left out of `found[what]` and why, as lines; none for nothing."""
    left_out = found["left_out"]
    if not left_out:
        return []
    lines = [f"{len(left_out)} of {found[what] + len(left_out)} {what} cannot be read and were left out:"]
    for one in left_out:
        line = f" (line {one['line']})" if "line" in one else ""
        lines.append(f"  {one['file']}{line}: {one['reason']}")
    return lines


def text_table(texts: dict[str, Any]) -> list[str]:
    """Return the rows of text measures as lines, and those of the findings that the texts state."""
    heads = {
        f"words beside reports ({texts['reference']}); these do not measure how a film is read": dict(
            zip(TEXT_MEASURES, ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L"), strict=True)
        ),
        "findings that the texts state, by rule, beside those of the reports": dict(
            zip(LABEL_MEASURES, ("micro-F1", "macro-F1", "normal or not, accuracy"), strict=True)
        ),
    }
    lines: list[str] = []
    for title, columns in heads.items():
        lines += ["", title, f"{'system':22s}" + "".join(f"{name:19s}" for name in columns.values()).rstrip()]
        for name, row in texts["systems"].items():
            lines.append(f"{name:22s}" + "".join(f"{_narrow(row[key]):19s}" for key in columns).rstrip())
    return lines[1:]


def _narrow(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.2f}-{figure['high']:.2f})"


def _system(row: Row, data: LabelledFilms, measured: list[int], seed: int, rounds: int) -> dict[str, Figure]:
    labels = data.labels

    def area(films: NDArray[np.intp]) -> float:
        return macro_auroc(row.scores[films][:, measured], labels[films][:, measured])

    def f1(films: NDArray[np.intp]) -> float:
        return micro_f1(row.present[films, 1:], labels[films, 1:])

    def error(films: NDArray[np.intp]) -> float:
        return calibration_error(row.probabilities[films].ravel(), labels[films].ravel())

    nothing: Figure = {"value": None, "low": None, "high": None}
    return {
        "macro_auroc": _figure(area, data, seed, rounds) if measured else nothing,
        "micro_f1": _figure(f1, data, seed, rounds),
        "calibration_error": _figure(error, data, seed, rounds),
    }


def _label(data: LabelledFilms, column: int, seed: int, rounds: int) -> dict[str, Any]:
    films = int(data.labels[:, column].sum())
    scores, labels = data.probabilities[:, column], data.labels[:, column]
    if not MIN_FILMS <= films <= len(labels) - MIN_FILMS:
        return {"films": films, "auroc": {"value": None, "low": None, "high": None}}
    return {"films": films, "auroc": _figure(lambda f: auroc(scores[f], labels[f]), data, seed, rounds)}


def _figure(measure: Callable[[NDArray[np.intp]], float], data: LabelledFilms, seed: int, rounds: int) -> Figure:
    low, high = interval(measure, data.patients, rounds=rounds, seed=seed)
    value = measure(np.arange(len(data.labels)))
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def _shown(figure: Figure) -> str:
    if figure["value"] is None:
        return f"- (under {MIN_FILMS} films)"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _seen(data: LabelledFilms) -> dict[str, int]:
    known = load_seen()
    is_seen = np.array([key in known for key in data.keys])
    same = np.isin(data.patients, np.unique(data.patients[is_seen]))
    return {"films": int(is_seen.sum()), "films_of_patients": int(same.sum())}
