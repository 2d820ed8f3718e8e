"""A trained model on disk: `model.json`, LightGBM text, safetensors and `MODEL_CARD.md`; nothing that runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trivium.service.errors import InputError, ModelError
from trivium.service.phrase import Phrase

if TYPE_CHECKING:
    from trivium.maintenance.analyze.life import LifeModel
    from trivium.maintenance.analyze.monitor import Monitor
    from trivium.maintenance.analyze.state import StateModel

__all__ = ["CUT", "Description", "Model", "load_model", "save_model", "shipped_models"]

FORMAT = 1
FILE = "model.json"
CUT = "lives begin at work orders"
"""In a model's data: whether its windows end where work orders say that an asset was repaired or renewed."""

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Description:
    """What a model is, without its numbers.

    Args:
        name: short name, written into each prediction.
        layout: of the data it learned from, `cmapss` or `csv`.
        version: of trivium that trained it.
        data: name, sha256, rows, assets and failures of the training data, and its columns of asset and time.
        label: column it learned from; empty for none.
        refused: columns left out, with reasons.
        features: names, in the order of the model's columns.
        measures: by cross-validation on the training data.
        notes: lines that a reader of predictions should know.
        seed: of every random choice.
    """

    name: str
    layout: str
    version: str
    data: dict[str, Any]
    label: str
    refused: list[list[str]]
    features: list[str]
    measures: dict[str, float]
    notes: list[str]
    seed: int


@dataclass(frozen=True, slots=True)
class Model:
    """A description and the parts that predict: life, state and anomaly, each None where there is none."""

    description: Description
    life: LifeModel | None = None
    state: StateModel | None = None
    monitor: Monitor | None = None


def save_model(model: Model, folder: Path, card: str) -> None:
    """Write a model into a folder, made if need be.

    Raises:
        InputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        parts: dict[str, Any] = {}
        if model.life is not None:
            parts["life"] = model.life.save(folder)
        if model.state is not None:
            parts["state"] = model.state.save(folder)
        if model.monitor is not None:
            parts["monitor"] = model.monitor.to_json()
        described = {name: getattr(model.description, name) for name in Description.__dataclass_fields__}
        text = json.dumps({"format": FORMAT, **described, "parts": parts}, indent=1, sort_keys=True)
        (folder / CARD).write_text(card, encoding="utf-8")
        (folder / FILE).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            Phrase("cannot be written ({reason})", reason=error.strerror), where=str(folder), hint="give another --out"
        ) from error


def load_model(folder: Path) -> Model:
    """Read what `save_model` wrote.

    Raises:
        InputError: if there is no model in the folder.
        ModelError: if its files are damaged, or of a format that this version does not know.
    """
    try:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("there is no model here", where=str(folder), hint="give a folder that train wrote") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            Phrase("{file} cannot be read ({reason})", file=FILE, reason=error),
            where=str(folder),
            hint="train it again",
        ) from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        given = stored.get("format") if isinstance(stored, dict) else type(stored).__name__
        raise ModelError(
            Phrase("format {given} is not {known}", given=given, known=FORMAT), where=str(folder), hint="train it again"
        )
    try:
        parts = stored["parts"]
        return Model(
            Description(**{name: stored[name] for name in Description.__dataclass_fields__}),
            _life(folder, parts),
            _state(folder, parts),
            _monitor(parts),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            Phrase("is damaged ({reason})", reason=error), where=str(folder), hint="train it again"
        ) from error


def shipped_models() -> list[Path]:
    """Return the folders of the models that come with the package, sorted by name."""
    root = Path(str(resources.files("trivium.maintenance") / "weights"))
    return sorted(path.parent for path in root.glob(f"*/{FILE}"))


def _life(folder: Path, parts: dict[str, Any]) -> LifeModel | None:
    if "life" not in parts:
        return None
    from trivium.maintenance.analyze.life import LifeModel

    return LifeModel.load(folder, parts["life"])


def _state(folder: Path, parts: dict[str, Any]) -> StateModel | None:
    if "state" not in parts:
        return None
    from trivium.maintenance.analyze.state import StateModel

    return StateModel.load(folder, parts["state"])


def _monitor(parts: dict[str, Any]) -> Monitor | None:
    if "monitor" not in parts:
        return None
    from trivium.maintenance.analyze.monitor import Monitor

    return Monitor.from_json(parts["monitor"])
