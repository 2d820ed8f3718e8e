"""A folder of films with a `labels.csv` in the layout of `ChestX-ray14`: read, judged and scored.

Columns `file`, `patient_id`, `labels` (names joined by `|`) are needed; `age`, `sex`, `view` and `followup` are used by
the metadata baseline where all four are there; `report` is what texts are compared with. A film that cannot be read is
left out, and named with its reason; the others are measured.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trivium.medical.analyze.findings import read_findings
from trivium.medical.analyze.heart_size import measure, with_heart_size
from trivium.medical.analyze.pneumonia import with_pneumonia
from trivium.medical.analyze.quality import assess, upright
from trivium.medical.parse.reader import read_path
from trivium.medical.pipeline import Models
from trivium.medical.records import State
from trivium.service.errors import InputError
from trivium.vision.films import Film
from trivium.vision.findings import FINDINGS
from trivium.vision.seen_films import film_key

__all__ = ["MIN_PATIENTS", "LabelledFilms", "LeftOut", "read_labelled"]

MIN_PATIENTS = 10  # five parts of at least two patients
_NEEDED = ("file", "patient_id", "labels")
_METADATA = ("age", "sex", "view", "followup")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A film that was not measured: its name in the table, the line there (the heading is line 1), and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class LabelledFilms:
    """Films with their labels and what the shipped models say of them.

    Args:
        films: (N, 64, 64) float32, standard, as the gate set them right.
        labels: (N, 15) bool in the order of `FINDINGS`.
        patients: (N,) int, one number a patient.
        metadata: (N, 4) float, or None where the table lacks a column or a value.
        probabilities: (N, 15) of the shipped models.
        present: (N, 15) bool: the draft calls it present.
        refused: (N,) bool: the gate refused the film.
        keys: (N,) of the pixels.
        reports: (N,) as written, or empty where the table has none.
        left_out: films of the table that could not be read; nothing above speaks of them.
    """

    films: Film
    labels: NDArray[np.bool_]
    patients: NDArray[np.int64]
    metadata: NDArray[np.float64] | None
    probabilities: NDArray[np.float64]
    present: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    keys: tuple[int, ...]
    reports: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def read_labelled(folder: Path, models: Models) -> LabelledFilms:
    """Read a folder and score every film as a draft would.

    Raises:
        InputError: if the table is missing, empty or lacks a column, a label is unknown, or there are too few patients,
            in the table or among the films that can be read.
    """
    path = folder / "labels.csv"
    rows = _rows(path)
    labels = np.array([_labels(row["labels"], path, line) for line, row in enumerate(rows, 2)])
    reports = _reports(rows, path)
    _need_patients(rows, path)  # said before the films are read, which takes minutes
    films, probabilities, present, refused, keys = [], [], [], [], []
    kept: list[int] = []
    left_out: list[LeftOut] = []
    bar = tqdm(rows, desc="reading films", unit="film", file=sys.stderr, disable=not sys.stderr.isatty())
    for number, row in enumerate(bar):
        try:
            radiograph = read_path(folder / row["file"])
            quality, film = assess(radiograph, models.gate)
        except InputError as error:
            left_out.append(LeftOut(row["file"], number + 2, error.what))
            continue
        laid = models.classifier.laid(film)
        findings = read_findings(laid, quality, radiograph.size, models.classifier, with_regions=False)
        heart_size = measure(film, laid, quality, radiograph.size, models.outlines)
        findings = with_heart_size(findings, heart_size, models.classifier, models.heart_rule)
        findings = with_pneumonia(findings, upright(radiograph.film, quality), radiograph.size, models.pneumonia)
        kept.append(number)
        films.append(film)
        probabilities.append([one.probability for one in findings])
        present.append([one.state == State.PRESENT for one in findings])
        refused.append(quality.is_refused)
        keys.append(film_key(radiograph.film))
    rows = [rows[number] for number in kept]
    _need_patients(rows, path, left_out)
    patients = np.unique([row["patient_id"] for row in rows], return_inverse=True)[1]
    return LabelledFilms(
        np.stack(films),
        labels[kept],
        patients.astype(np.int64),
        _metadata(rows),
        np.array(probabilities),
        np.array(present),
        np.array(refused),
        tuple(keys),
        tuple(reports[number] for number in kept) if reports else (),
        tuple(left_out),
    )


def _need_patients(rows: list[dict[str, str]], path: Path, left_out: Sequence[LeftOut] = ()) -> None:
    patients = len({row["patient_id"] for row in rows})
    if patients >= MIN_PATIENTS:
        return
    what = f"names {patients} patients, and at least {MIN_PATIENTS} are needed"
    if left_out:
        first = f"the first is {left_out[0].file}, line {left_out[0].line}: {left_out[0].reason}"
        what = f"{what}; {len(left_out)} films cannot be read, {first}"
    raise InputError(what, where=str(path), hint="add films of other patients")


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        what = "there is no such folder"
        if path.parent.exists():
            what = "holds neither labels.csv nor reports in XML" if path.parent.is_dir() else "is no folder"
        raise InputError(what, where=str(path.parent), hint="give films with a labels.csv; see docs/medical.md")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            lacking = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), hint="give a folder with labels.csv; see docs/medical.md"
        ) from error
    if lacking:
        raise InputError(f"lacks the column {lacking[0]}", where=str(path), hint=f"needed: {', '.join(_NEEDED)}")
    if not rows:
        raise InputError("names no film", where=str(path), hint="add a row for each film")
    for line, row in enumerate(rows, 2):
        if empty := [name for name in ("file", "patient_id") if not row[name]]:
            raise InputError(
                f"line {line}: has no {empty[0]}", where=str(path), hint="fill the column, or remove the row"
            )
    return rows


def _labels(cell: str | None, path: Path, line: int) -> list[bool]:
    names = {name.strip() for name in (cell or "").split("|") if name.strip()}
    if unknown := sorted(names - set(FINDINGS)):
        raise InputError(
            f"line {line}: the label {unknown[0]!r} is unknown", where=str(path), hint=f"use {', '.join(FINDINGS)}"
        )
    return [name in names for name in FINDINGS]


def _reports(rows: list[dict[str, str]], path: Path) -> tuple[str, ...]:
    if "report" not in rows[0]:
        return ()
    for line, row in enumerate(rows, 2):
        if not (row["report"] or "").strip():
            raise InputError(f"line {line}: has no report", where=str(path), hint="fill the column, or leave it out")
    return tuple(row["report"] for row in rows)


def _metadata(rows: list[dict[str, str]]) -> NDArray[np.float64] | None:
    if any(not row.get(name) for row in rows for name in _METADATA):
        return None
    try:
        return np.array(
            [[float(row["age"]), row["sex"] == "M", row["view"] == "AP", float(row["followup"])] for row in rows]
        )
    except ValueError:
        return None
