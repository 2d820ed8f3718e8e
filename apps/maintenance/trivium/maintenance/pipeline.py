"""The maintenance app on files: sensor data and what is known of failures in, a model or predictions out.

Stages: parse -> analyze -> report. The command line is a door to `train` and `predict`; nothing here knows of jobs,
brokers or pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from trivium.maintenance.analyze import life, state
from trivium.maintenance.analyze.gaps import known_life, known_scores, known_states
from trivium.maintenance.analyze.histories import histories
from trivium.maintenance.analyze.leaks import without_leaks
from trivium.maintenance.analyze.monitor import MIN_ROWS, Monitor
from trivium.maintenance.analyze.partial import Partial
from trivium.maintenance.ingest.reference import Reference, references_of_rows, save_references
from trivium.maintenance.ingest.units import conversion
from trivium.maintenance.model_folder import CUT, Description, Model, load_model, save_model, shipped_models
from trivium.maintenance.parse.columns import Roles
from trivium.maintenance.parse.further import with_further
from trivium.maintenance.parse.reader import read_file
from trivium.maintenance.records import MIN_FAILURES, Fleet
from trivium.maintenance.repairs import begun_anew, labelled_by_orders
from trivium.maintenance.report.card import model_card
from trivium.maintenance.report.predictions import Predictions, anomaly_rows, life_rows, state_rows
from trivium.maintenance.work_orders import WorkOrder
from trivium.service.errors import InputError

__all__ = ["TrainRequest", "predict", "train"]

Progress = Callable[[str, float], None]

HORIZON = 30.0
# A life of fewer rows leaves nothing to see a trend in.
MIN_LIFE_ROWS = 20
NO_LIFE = "no RUL"


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to learn from, and how.

    Args:
        path: the file; gzip is fine.
        layout: `cmapss` or `csv`.
        roles: what the user says about columns of a CSV.
        unlabelled: learn what is normal, whatever the file says of failures.
        name: of the model; that of the file if empty.
        seed: of every random choice.
        also: further C-MAPSS files of like assets, to learn from in every fold; none of them is judged.
        orders: work orders that say which rows are failures, and where assets were renewed; for `csv`.
        orders_name: of their file; empty without orders.
    """

    path: Path
    layout: str
    roles: Roles = field(default_factory=Roles)
    unlabelled: bool = False
    name: str = ""
    seed: int = 1
    also: tuple[Path, ...] = ()
    orders: tuple[WorkOrder, ...] = ()
    orders_name: str = ""


def train(request: TrainRequest, folder: Path, *, progress: Progress) -> Model:
    """Cross-validate, choose, fit, calibrate, and write the model with its card.

    Finished folds are kept in `folder/partial` until the model is written, so that a second call goes on.

    Raises:
        InputError: if the file cannot be used, or has too little to learn from; says what is needed.
    """
    progress("reading", 0.0)
    fleet = read_file(request.path, request.layout, request.roles)
    if request.orders_name:
        fleet = labelled_by_orders(fleet, request.orders, request.orders_name, is_labelled=not request.unlabelled)
    if request.also and fleet.layout != "cmapss":
        raise InputError("further files are for the layout cmapss", where="--also", hint="put all rows into one CSV")
    whole = with_further(fleet, request.also)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror})", where=str(folder), hint="give another --out") from error
    name = request.name or request.path.name.removesuffix(".gz").rpartition(".")[0] or request.path.name
    partial = Partial(folder / "partial", f"{version('trivium')} {whole.sha256} {request}")
    if fleet.layout == "cmapss":
        model = _train_life(fleet, whole, name, request, partial, progress)
    elif fleet.label is None or request.unlabelled or not np.nansum(fleet.label):
        model = _train_monitor(fleet, name, request.seed, progress)
    else:
        model = _train_state(fleet, name, request, partial, progress)
    save_model(model, folder, model_card(model))
    save_references(_references(fleet, model), folder)
    partial.clear()
    progress("done", 1.0)
    return model


def predict(
    path: Path, folder: Path | None, *, layout: str = "", baseline: int = 0, orders: Sequence[WorkOrder] = ()
) -> Predictions:
    """Predict from a file.

    Args:
        folder: of the model; None for the shipped one, which knows C-MAPSS turbofans only.
        layout: `cmapss` or `csv`; that of the model if empty.
        baseline: an anomaly model learns anew what is normal from this many first rows of each asset.
        orders: repairs and replacements, with which lives begin, for a model that learned with orders.

    Raises:
        InputError: if the file does not fit the model; names what is missing.
    """
    if folder is None:
        fleet = read_file(path, layout, with_label=False)
        model = _shipped_model_for(fleet)
    else:
        model = load_model(folder)
        layout = layout or model.description.layout
        fleet = read_file(path, layout, _roles_of(model), with_label=False)
    _require_columns(fleet, model)
    fleet = _in_units(fleet, model)
    notes = list(_warnings(fleet, model))
    fleet, told_of_orders = begun_anew(fleet, model, orders)
    notes += told_of_orders
    if model.life is not None and fleet.layout == "cmapss":
        rows = fleet.last_rows
        told, missing = known_life(fleet, model.life, rows)
        return life_rows(fleet, rows, told, model, [*notes, *missing])
    if model.state is not None:
        probability, missing = known_states(fleet, model.state)
        remaining = known_life(fleet, model.life, np.arange(len(fleet)))[0] if model.life is not None else None
        return state_rows(fleet, probability, remaining, model, [*notes, *missing])
    assert model.monitor is not None
    score, missing = known_scores(fleet, model.monitor, baseline=baseline, seed=model.description.seed)
    notes += missing
    if (score >= 1).mean() > 0.9 and not baseline:
        notes.append(
            f"{(score >= 1).mean():.0%} of the rows lie beyond what the model learned as normal; "
            "if the first rows of this file are normal, say how many with --baseline ROWS"
        )
    return anomaly_rows(fleet, score, model, notes)


def _train_life(
    own: Fleet, fleet: Fleet, name: str, request: TrainRequest, partial: Partial, progress: Progress
) -> Model:
    """Fit remaining life of a fleet's own assets; `fleet` has further ones behind them."""
    seed = request.seed
    lives = histories(fleet)
    if lives.failures < MIN_FAILURES:
        raise InputError(
            _too_few(lives.failures),
            where=fleet.name,
            hint="give more engines that ran to failure",
        )
    judged = life.cross_validate(
        fleet, lives, HORIZON, seed=seed, partial=partial, progress=lambda share: progress("validating", 0.8 * share),
        num_judged=len(own.asset_names),
    )  # fmt: skip
    chosen, measured = life.measures_of(fleet, lives, HORIZON, judged)
    progress("fitting", 0.85)
    fitted = life.fit_life(fleet, lives, HORIZON, chosen, judged, seed=seed)
    notes = [f"{lives.failures} failures in history", f"remaining life is predicted up to {lives.cap:g} {lives.unit}s"]
    described = _describe(own, name, fitted.features.names, measured, notes, seed, len(own.asset_names))
    if request.also:
        described.data["also"] = ", ".join(path.name for path in request.also)
        notes.append(f"{lives.failures - len(own.asset_names)} of them in files that are learned from, not judged")
    return Model(described, life=fitted)


def _train_state(fleet: Fleet, name: str, request: TrainRequest, partial: Partial, progress: Progress) -> Model:
    fleet = without_leaks(fleet, request.roles.keep)
    assert fleet.label is not None
    failed = int(np.nansum(fleet.label))
    if failed < MIN_FAILURES or np.nansum(1 - fleet.label) < MIN_FAILURES:
        raise InputError(
            f"{failed} of {len(fleet)} rows are failures by {fleet.label_name}, {MIN_FAILURES} of each kind are needed",
            where=fleet.name,
            hint="give more history, or --unlabelled to learn what is normal",
        )
    if not fleet.sensors:
        raise InputError("every column tells the failure", where=fleet.name, hint="name features with --keep COLUMN")
    predicted, place, how = state.cross_validate(
        fleet, seed=request.seed, partial=partial, progress=lambda share: progress("validating", 0.6 * share)
    )
    chosen, measured, _ = state.measures_of(fleet, predicted, place)
    progress("fitting", 0.65)
    fitted = state.fit_state(fleet, chosen, predicted, place, seed=request.seed)
    notes = [f"rows were split {how}"]
    remaining, more = _life_of_labelled(fleet, request.seed, partial, progress, notes)
    description = _describe(fleet, name, fitted.features.names, measured | more, notes, request.seed, failed)
    if request.orders_name:
        description.data.update({"orders": request.orders_name, CUT: True})
    return Model(description, life=remaining, state=fitted)


def _life_of_labelled(
    fleet: Fleet, seed: int, partial: Partial, progress: Progress, notes: list[str]
) -> tuple[life.LifeModel | None, dict[str, float]]:
    """Fit remaining life where a labelled time series shows enough failures; say so in the notes where not."""
    if not fleet.is_series:
        notes.append(f"{NO_LIFE}: the rows are in no order of time")
        return None, {}
    lives = histories(fleet)
    if lives.failures < MIN_FAILURES:
        notes.append(_too_few(lives.failures))
        return None, {}
    if len(lives.known) < MIN_LIFE_ROWS * lives.failures:
        notes.append(f"{NO_LIFE}: fewer than {MIN_LIFE_ROWS} rows before each failure")
        return None, {}
    horizon = 0.25 * lives.cap
    judged = life.cross_validate(
        fleet,
        lives,
        horizon,
        seed=seed,
        partial=partial,
        progress=lambda share: progress("validating", 0.7 + 0.2 * share),
    )
    chosen, measured = life.measures_of(fleet, lives, horizon, judged)
    notes.append(f"remaining life in {lives.unit}, from {lives.failures} failures, predicted up to {lives.cap:g}")
    fitted = life.fit_life(fleet, lives, horizon, chosen, judged, seed=seed)
    return fitted, {f"remaining life: {name}": value for name, value in measured.items()}


def _too_few(failures: int) -> str:
    return f"{NO_LIFE}: {failures} {'failure' if failures == 1 else 'failures'} in history, {MIN_FAILURES} needed"


def _train_monitor(fleet: Fleet, name: str, seed: int, progress: Progress) -> Model:
    if len(fleet) < MIN_ROWS:
        raise InputError(f"{len(fleet)} rows", where=fleet.name, hint=f"give at least {MIN_ROWS} normal rows")
    progress("fitting", 0.5)
    is_normal = np.ones(len(fleet), bool) if fleet.label is None else np.nan_to_num(fleet.label) == 0
    monitor = Monitor.fit(fleet, np.flatnonzero(is_normal), seed)
    score = monitor.score(fleet)[is_normal]
    measured = {"share of training rows beyond the threshold": float((score > 1).mean())}
    notes = ["learned from unlabelled rows, taken for normal; no failure was seen, so no probability and no RUL"]
    if fleet.two_valued:
        notes.append(
            f"no column was taken for a label; should {' or '.join(fleet.two_valued[:3])} mark failures, name it: "
            "--label COLUMN --failed VALUE"
        )
    return Model(_describe(fleet, name, list(monitor.sensors), measured, notes, seed, 0), monitor=monitor)


def _references(fleet: Fleet, model: Model) -> list[Reference]:
    """Say what sensors looked like in the training data, and the scores of a model that gives any."""
    columns = {sensor.name: fleet.values[:, place] for place, sensor in enumerate(fleet.sensors)}
    read = _columns_of(model)[0]
    outputs = {"score": model.monitor.score(fleet)} if model.monitor is not None else {}
    return references_of_rows(fleet.asset, {name: columns[name] for name in read if name in columns}, outputs)


def _describe(
    fleet: Fleet,
    name: str,
    features: Sequence[str],
    measured: dict[str, float],
    notes: list[str],
    seed: int,
    failures: int,
) -> Description:
    unknown = [name for name, value in measured.items() if not np.isfinite(value)]
    if unknown:
        notes = [*notes, f"too few cases to measure {', '.join(unknown)}"]
    return Description(
        name=name,
        layout=fleet.layout,
        version=version("trivium"),
        data={
            "file": Path(fleet.name).name,
            "sha256": fleet.sha256,
            "rows": len(fleet),
            "assets": len(fleet.asset_names),
            "failures": failures,
            "asset column": fleet.asset_column,
            "time column": fleet.time_column,
            "units": {sensor.name: sensor.unit for sensor in fleet.sensors if sensor.unit},
        },
        label=fleet.label_name,
        refused=[[one.column, one.reason] for one in fleet.refused],
        features=list(features),
        measures={name: value for name, value in measured.items() if name not in unknown},
        notes=notes,
        seed=seed,
    )


def _shipped_model_for(fleet: Fleet) -> Model:
    """Return the shipped model whose operating conditions cover a C-MAPSS file."""
    refusal = "the shipped model is for C-MAPSS turbofans"
    hint = "train one on your own data (trivium maintenance train FILE --format csv --out MODEL_DIR) and give --model"
    if fleet.layout != "cmapss":
        raise InputError(refusal, where=fleet.name, hint=hint)
    for folder in shipped_models():
        model = load_model(folder)
        assert model.life is not None
        if not {sensor.name for sensor in fleet.sensors} >= set(model.life.features.sensors):
            continue
        if model.life.features.conditions.covers(fleet.settings).mean() > 0.95 and _resembles(fleet, model):
            return model
    raise InputError(f"{refusal}, and these operating settings or sensors are others", where=fleet.name, hint=hint)


def _resembles(fleet: Fleet, model: Model) -> bool:
    """Whether most sensor values that are there lie where a C-MAPSS turbofan's do."""
    assert model.life is not None
    standard = model.life.features.conditions.standardise(fleet.settings, fleet.values)
    known = np.isfinite(standard)
    return bool(known.any() and np.mean(np.abs(standard[known]) < 8) > 0.9)


def _columns_of(model: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sensors and the categories that a model reads."""
    parts = [part.features.sensors for part in (model.life, model.state) if part is not None]
    parts += [model.monitor.sensors] if model.monitor is not None else []
    categories = tuple(model.state.features.levels) if model.state is not None else ()
    return tuple(dict.fromkeys(name for part in parts for name in part)), categories


def _roles_of(model: Model) -> Roles:
    """Return what the training file's columns were, so that a file of few rows is not guessed at."""
    sensors, categories = _columns_of(model)
    data = model.description.data
    return Roles(data.get("asset column", ""), data.get("time column", ""), sensors=sensors, categories=categories)


def _require_columns(fleet: Fleet, model: Model) -> None:
    """Raise what a user can act on when the file lacks what the model reads."""
    sensors, categories = _columns_of(model)
    there = {sensor.name for sensor in fleet.sensors} | set(fleet.categories)
    missing = [name for name in (*sensors, *categories) if name not in there]
    if missing:
        more = " and others" if len(missing) > 6 else ""
        raise InputError(
            f"the model needs {', '.join(missing[:6])}{more}, which the file lacks",
            where=fleet.name,
            hint=f"it learned from {model.description.data['file']}; give a file with the same columns",
        )


def _in_units(fleet: Fleet, model: Model) -> Fleet:
    """Return the fleet with its sensors in the units that the model learned in, where both files name them."""
    learned = model.description.data.get("units", {})
    values = fleet.values
    for place, sensor in enumerate(fleet.sensors):
        kept = learned.get(sensor.name, "")
        change = conversion(sensor.unit, kept)
        if change is None:
            raise InputError(
                f"{sensor.name} is in {sensor.unit}, the model learned it in {kept}, and these do not convert",
                where=fleet.name,
                hint=f"give it in {kept}",
            )
        if (change.factor, change.offset) != (1.0, 0.0):
            values = values.copy()
            values[:, place] = values[:, place] * change.factor + change.offset
    return replace(fleet, values=values)


def _warnings(fleet: Fleet, model: Model) -> list[str]:
    if model.life is None:
        return [note for note in model.description.notes if note.startswith(NO_LIFE)]
    beyond = model.life.features.beyond(fleet)
    told = [f"remaining life is in {model.life.unit}"] if fleet.layout == "csv" else []
    if not beyond:
        return told
    count, total = len(beyond), len(fleet.asset_names)
    return [
        *told,
        f"{count} of {total} assets ({', '.join(beyond[:5])}{', ...' if count > 5 else ''}) show a sensor further out "
        "than any asset that the model learned from; their predictions rest on less",
    ]
