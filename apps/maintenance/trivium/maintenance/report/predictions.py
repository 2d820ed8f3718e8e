"""Predictions as rows of a CSV, in the order of the file they were made from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from trivium.maintenance.analyze.life import LifePrediction
from trivium.maintenance.model_folder import Model
from trivium.maintenance.records import Fleet

__all__ = ["Predictions", "anomaly_rows", "life_rows", "state_rows", "write_csv"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Columns, rows, and lines that a reader should see beside them."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]


def life_rows(
    fleet: Fleet, rows: np.ndarray, predicted: LifePrediction, model: Model, notes: Sequence[str]
) -> Predictions:
    """Return one row an asset, at its last cycle."""
    assert model.life is not None
    columns = ("unit", "rul", "rul_low", "rul_high", f"p_fail_{model.life.horizon:g}", "model")
    numbers = np.column_stack([predicted.life, predicted.low, predicted.high])
    found = [
        (
            fleet.asset_names[fleet.asset[row]],
            *(_cell(one, ".2f") for one in line),
            _cell(risk, ".6f"),
            model.description.name,
        )
        for row, line, risk in zip(rows, numbers, predicted.risk, strict=True)
    ]
    return Predictions(columns, found, tuple(notes))


def state_rows(
    fleet: Fleet, probability: np.ndarray, remaining: LifePrediction | None, model: Model, notes: Sequence[str]
) -> Predictions:
    """Return one row a row: the probability of failure and, where the model has it, remaining life."""
    names, texts = _row_names(fleet)
    added = [("p_fail", [_cell(one, ".6f") for one in probability])]
    if remaining is not None:
        ends = (("rul", remaining.life), ("rul_low", remaining.low), ("rul_high", remaining.high))
        added += [(name, [_cell(one, ".6g") for one in values]) for name, values in ends]
    return _in_file_order(fleet, names, texts, added, model, notes)


def anomaly_rows(fleet: Fleet, score: np.ndarray, model: Model, notes: Sequence[str]) -> Predictions:
    """Return one row a row: the score, 1 at the threshold, and whether it is beyond."""
    names, texts = _row_names(fleet)
    added = [
        ("anomaly_score", [_cell(one, ".6g") for one in score]),
        ("is_anomaly", ["" if np.isnan(one) else str(int(one > 1)) for one in score]),
    ]
    return _in_file_order(fleet, names, texts, added, model, notes)


def write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a header and rows."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _cell(number: float, spec: str) -> str:
    """Return a number as it is written, nothing where there is none."""
    return "" if np.isnan(number) else format(number, spec)


def _row_names(fleet: Fleet) -> tuple[list[str], list[Sequence[str]]]:
    """Return what tells a reader which row is meant: number, asset, time, identifiers."""
    names: list[str] = ["row"]
    texts: list[Sequence[str]] = [[str(place + 1) for place in fleet.order]]
    if fleet.asset_names != ("",):
        names.append("asset")
        texts.append([fleet.asset_names[asset] for asset in fleet.asset])
    if fleet.time is not None:
        names.append("time")
        texts.append(fleet.time_texts)
    for name, values in fleet.identifiers.items():
        names.append(name)
        texts.append([str(value) for value in values])
    return names, texts


def _in_file_order(
    fleet: Fleet,
    names: list[str],
    texts: list[Sequence[str]],
    added: list[tuple[str, list[str]]],
    model: Model,
    notes: Sequence[str],
) -> Predictions:
    columns = (*names, *(name for name, _ in added), "model")
    cells = [*texts, *(values for _, values in added), [model.description.name] * len(fleet)]
    back = np.argsort(fleet.order, kind="stable")
    return Predictions(columns, [tuple(column[row] for column in cells) for row in back], tuple(notes))
