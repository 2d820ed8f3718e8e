"""The model card: what a model learned from, how good it was on assets it had not seen, and what it is not for."""

from __future__ import annotations

from trivium.maintenance.model_folder import Description, Model
from trivium.maintenance.parse.cmapss import SENSORS as TURBOFAN

__all__ = ["model_card"]

MAX_FEATURES = 40


def model_card(model: Model) -> str:
    """Return the card as Markdown."""
    described = model.description
    data = described.data
    lines = [
        f"# {described.name}",
        "",
        _purpose(model),
        "",
        "## Data",
        "",
        f"- file: `{data['file']}`, sha256 `{data['sha256']}`",
        f"- {data['rows']:,} rows of {data['assets']:,} assets, {data['failures']:,} failures" + _label(described),
        *([f"- learned from in every fold, never judged: `{data['also']}`"] if "also" in data else []),
        *(f"- not a feature: `{column}`: {reason}" for column, reason in described.refused),
        "",
        "## Measured by cross-validation on the training data",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value:.4g} |" for name, value in described.measures.items()),
        "",
        *(f"- {note}" for note in described.notes),
        *_reading(model),
        "",
        "## Made by",
        "",
        f"`trivium maintenance train`, trivium {described.version}, seed {described.seed}. {_kind(model)}",
        "",
        f"Features ({len(described.features)}): {'; '.join(described.features[:MAX_FEATURES])}"
        + ("; ..." if len(described.features) > MAX_FEATURES else ""),
        "",
    ]
    return "\n".join(lines)


def _label(described: Description) -> str:
    if "orders" in described.data:
        return f", by the work orders `{described.data['orders']}`"
    return f", by the column `{described.label}`" if described.label else ""


def _purpose(model: Model) -> str:
    if model.life is not None and model.description.layout == "cmapss":
        is_turbofan = set(model.life.features.sensors) <= {sensor.name for sensor in TURBOFAN}
        which = "C-MAPSS turbofans" if is_turbofan else "assets like those of the training file"
        return (
            f"Remaining useful life of {which} and the probability of failing within "
            f"{model.life.horizon:g} cycles. Not for other machines."
        )
    if model.state is not None:
        return "Probability that a row is a failure, for assets with the columns of the training file."
    return "How far a row lies from the normal rows of the training file: 1 is the threshold."


def _kind(model: Model) -> str:
    kinds = []
    if model.state is not None:
        kinds.append(f"Failure: {model.state.kind}, threshold {model.state.threshold:.3f}.")
    if model.life is not None:
        kinds.append(
            f"Remaining life: {model.life.kind}, {len(model.life.features.conditions.centres)} operating conditions."
        )
    if model.monitor is not None:
        kinds.append(f"Anomaly: {model.monitor.directions.shape[1]} principal components, T2 and Q.")
    return " ".join(kinds)


def _reading(model: Model) -> list[str]:
    lines = []
    if model.life is not None:
        lines.append(
            "- rmse is in the unit of remaining life, on histories cut at random, truth and prediction up to the cap"
        )
        lines.append("- coverage and width are of the 90 % interval")
    if model.life is not None or model.state is not None:
        lines.append("- the choice of model, calibration, interval and threshold of a fold come from the other folds")
    return lines
