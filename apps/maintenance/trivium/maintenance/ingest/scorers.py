"""Which model scores a plant: the active folder of its registry, loaded once in each process."""

from __future__ import annotations

import functools
from pathlib import Path

import structlog

from trivium.maintenance.ingest.monitor import FILE, load_monitor
from trivium.maintenance.registry import Registry
from trivium.maintenance.scorer import Scorer
from trivium.service.errors import ModelError

__all__ = ["load_scorer", "scorer_of"]

log = structlog.get_logger(__name__)

TRAINED = "model.json"


def load_scorer(folder: Path) -> Scorer:
    """Load the model in a folder.

    Raises:
        ModelError: if there is none that scores live readings.
    """
    if (folder / FILE).is_file():
        return load_monitor(folder)
    if (folder / TRAINED).is_file():
        from trivium.maintenance.ingest.trained import load_trained  # brings LightGBM, which a monitor does not need

        return load_trained(folder)
    raise ModelError("holds no model that scores readings", where=str(folder), hint=f"it needs {TRAINED} or {FILE}")


def scorer_of(registry: Registry) -> Scorer | None:
    """Return the scorer of a plant's active model; None when it has none, or it cannot be loaded (which is logged)."""
    return _loaded(registry.model, registry.version) if registry.model else None


@functools.lru_cache(maxsize=64)
def _loaded(folder: str, version: int) -> Scorer | None:
    """Load once for each version of the registry: activating again after a repair tries again."""
    try:
        return load_scorer(Path(folder))
    except ModelError as error:
        log.error("model.not_loaded", error=error.line, reference=error.reference)
        return None
