"""Models that `trivium maintenance train` wrote, scoring live readings.

Such a model counts rows, as its file did: each row that comes is one. Remaining life needs an asset's rows from its
first on (its age counts), so an asset's whole life is kept beside it; the other kinds look back two hundred rows.
Rows that lack a value are not scored. Contributions of sensors are the monitor's own; of trees they are LightGBM's
(`pred_contrib`, the Shapley values of features) summed by sensor, for rows where a failure is not far-fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.model_folder import CUT, FILE, Model, load_model
from trivium.maintenance.records import Fleet, Sensor
from trivium.maintenance.scorer import Explanation, Scores
from trivium.service.errors import ModelError, TriviumError
from trivium.service.phrase import Phrase, text_of

__all__ = ["TrainedScorer", "load_trained"]

SETTINGS = ("setting1", "setting2", "setting3")  # as tags of the registry, for the layout cmapss
_LIFE_ROWS = 5_000
_ROWS = 200
_LEAST_RISK = 0.2  # below it nobody asks why, and trees take long to say
_USUAL = 2.6  # standard deviations; 99 % of what is normal


class TrainedScorer:
    """A trained model as a `Scorer`.

    Args:
        version: name under which predictions are kept.
    """

    step_s = 0.0

    def __init__(self, model: Model, version: str) -> None:
        settings: tuple[str, ...] = ()
        self._model = model
        self.version = version
        self.life_unit = model.life.unit if model.life is not None else ""
        if model.life is not None:
            self._measured, settings = model.life.features.sensors, _settings_of(model)
            self.outputs: tuple[str, ...] = ("rul", "rul_low", "rul_high", "p_fail")
            self.history_rows = _LIFE_ROWS
        else:
            part = model.state.features if model.state is not None else model.monitor
            if part is None:
                raise ModelError("predicts nothing", where=model.description.name)
            self._measured = part.sensors
            self.outputs = ("p_fail",) if model.state is not None else ("score",)
            self.history_rows = _ROWS
        if model.state is not None and model.state.features.levels:
            raise ModelError("needs columns of text, which readings have none of", where=model.description.name)
        self.sensors = (*self._measured, *settings)

    def score(self, frames: Sequence[Frame]) -> list[Scores]:
        """Predict each frame's rows from `first` on; rows that lack a value come back as NaN."""
        is_whole = [~np.isnan(frame.values).any(axis=1) for frame in frames]
        wanted = [
            np.flatnonzero(whole & (np.arange(len(whole)) >= frame.first))
            for frame, whole in zip(frames, is_whole, strict=True)
        ]
        found = [
            Scores(
                np.full((len(frame.times_us) - frame.first, len(self.outputs)), np.nan),
                np.zeros((len(frame.times_us) - frame.first, len(self.sensors))),
            )
            for frame in frames
        ]
        if not any(len(rows) for rows in wanted):
            return found
        fleet, rows = self._fleet(frames, is_whole, wanted)
        outputs, contributions = self._predict(fleet, rows)
        start = 0
        for frame, chosen, scores in zip(frames, wanted, found, strict=True):
            end = start + len(chosen)
            scores.outputs[chosen - frame.first] = outputs[start:end]
            scores.contributions[chosen - frame.first, : len(self._measured)] = contributions[start:end]
            start = end
        return found

    def _fleet(
        self, frames: Sequence[Frame], is_whole: Sequence[np.ndarray], wanted: Sequence[np.ndarray]
    ) -> tuple[Fleet, np.ndarray]:
        """Lay the frames behind each other as a file would be read, and say which rows are wanted."""
        counts = [int(whole.sum()) for whole in is_whole]
        offsets = np.cumsum([0, *counts[:-1]])
        rows = [
            offset + np.cumsum(whole)[chosen] - 1
            for offset, whole, chosen in zip(offsets, is_whole, wanted, strict=True)
        ]
        values = np.concatenate([frame.values[whole] for frame, whole in zip(frames, is_whole, strict=True)])
        times = np.concatenate([frame.times_us[whole] for frame, whole in zip(frames, is_whole, strict=True)])
        num_measured = len(self._measured)
        fleet = Fleet(
            name="readings",
            sha256="",
            layout=self._model.description.layout,
            asset=np.repeat(np.arange(len(frames)), counts),
            asset_names=tuple(frame.asset for frame in frames),
            sensors=tuple(Sensor(name) for name in self._measured),
            values=values[:, :num_measured],
            order=np.arange(len(values)),
            time=times / 1e6,
            time_unit="s",
            settings=values[:, num_measured:],
            renewed=_renewed(frames, is_whole) if self._model.description.data.get(CUT) else None,
        )
        return fleet, np.concatenate(rows)

    def explain(self, frame: Frame, row: int, contributions: np.ndarray) -> Explanation:
        """Say what sensors show at a row, and the range that is usual in its operating condition."""
        values = frame.values[row]
        low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
        part = self._model.life.features if self._model.life is not None else self._model.monitor
        if part is not None:
            num_measured, conditions = len(self._measured), part.conditions
            group = conditions.assign(values[None, num_measured:])[0]
            reach = np.where(conditions.varies, _USUAL * conditions.deviations[group], np.nan)
            low[:num_measured] = conditions.means[group] - reach
            high[:num_measured] = conditions.means[group] + reach
        time_us = int(frame.times_us[row])
        return Explanation(values, low, high, time_us, time_us)

    def _predict(self, fleet: Fleet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (R, O) outputs and (R, S) contributions of the measured sensors."""
        why = np.zeros((len(rows), len(self._measured)))
        part = self._model.life or self._model.state
        if part is not None:
            if self._model.life is not None:
                told = self._model.life.predict(fleet, rows)
                outputs, risk = np.column_stack([told.life, told.low, told.high, told.risk]), told.risk
            else:
                assert self._model.state is not None
                risk = self._model.state.predict(fleet)[rows]
                outputs = risk[:, None]
            is_asked = risk >= _LEAST_RISK
            if is_asked.any():
                why[is_asked] = part.contributions(fleet, rows[is_asked])
            return outputs, why
        assert self._model.monitor is not None
        return self._model.monitor.score(fleet)[rows, None], self._model.monitor.contributions(fleet, rows)


def _settings_of(model: Model) -> tuple[str, ...]:
    """Name the operating settings that a model of remaining life reads beside its sensors."""
    assert model.life is not None
    count = len(model.life.features.conditions.shift)
    if count and model.description.layout != "cmapss":
        raise ModelError("needs operating settings, which readings do not name", where=model.description.name)
    return SETTINGS[:count]


def _renewed(frames: Sequence[Frame], is_whole: Sequence[np.ndarray]) -> np.ndarray:
    """Return which of the rows that are laid behind each other are the first after a repair or renewal."""
    found = []
    for frame, whole in zip(frames, is_whole, strict=True):
        times = frame.times_us[whole]
        begins = np.zeros(len(times) + 1, bool)  # the last place is for what lies after all rows
        begins[np.searchsorted(times, frame.begun_us)] = True
        found.append(begins[:-1])
    return np.concatenate(found)


def load_trained(folder: Path) -> TrainedScorer:
    """Load the model in a folder.

    Raises:
        ModelError: if there is none, or it does not score readings.
    """
    try:
        digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()[:12]
        model = load_model(folder)
    except (TriviumError, OSError) as error:
        raise ModelError(Phrase("cannot be loaded ({reason})", reason=text_of(error)), where=str(folder)) from error
    return TrainedScorer(model, f"{model.description.name[:80]}-{digest}")
