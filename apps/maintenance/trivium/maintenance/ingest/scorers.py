"""Which models score a plant: the folders that its registry names, loaded once in each process."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import structlog

from trivium.maintenance.app import SPEC
from trivium.maintenance.ingest.monitor import FAMILY_FILE, FILE, load_monitor
from trivium.maintenance.registry import Registry
from trivium.maintenance.scorer import Family, Scorer
from trivium.service.errors import ModelError
from trivium.service.phrase import Phrase

__all__ = ["load_scorer", "scorer_of", "shadow_of"]

log = structlog.get_logger(__name__)

TRAINED = "model.json"
_TREES = ("lightgbm", "sklearn")


def load_scorer(folder: Path) -> Scorer | Family:
    """Load the model in a folder.

    Raises:
        ModelError: if there is none that scores live readings.
    """
    if (folder / FILE).is_file() or (folder / FAMILY_FILE).is_file():
        return load_monitor(folder)
    if (folder / TRAINED).is_file():
        missing = [name for name in _TREES if importlib.util.find_spec(name) is None]
        if missing:
            raise ModelError(
                Phrase("needs {modules}", modules=", ".join(missing)), where=str(folder), hint=SPEC.install_line
            )
        from trivium.maintenance.ingest.trained import load_trained  # brings LightGBM, which a monitor does not need

        return load_trained(folder)
    raise ModelError(
        "holds no model that scores readings",
        where=str(folder),
        hint=Phrase("it needs {first}, {second} or {third}", first=TRAINED, second=FILE, third=FAMILY_FILE),
    )


def scorer_of(registry: Registry) -> Scorer | Family | None:
    """Return the scorer of a plant's active model; None when it has none, or it cannot be loaded (which is logged)."""
    return _loaded(registry.model, registry.version) if registry.model else None


def shadow_of(registry: Registry) -> Scorer | Family | None:
    """Return the scorer that scores beside the active one; None when there is none, or it cannot be loaded."""
    return _loaded(registry.shadow, registry.version) if registry.shadow else None


@functools.lru_cache(maxsize=64)
def _loaded(folder: str, version: int) -> Scorer | Family | None:
    """Load once for each version of the registry: activating again after a repair tries again."""
    try:
        return load_scorer(Path(folder))
    except ModelError as error:
        log.error("model.not_loaded", error=error.line, reference=error.reference)
        return None
