"""A model as those who score readings see it: what goes in, what comes out, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trivium.maintenance.ingest.frames import Frame

__all__ = ["Explanation", "Family", "Scorer", "Scores", "scorer_for"]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of the last rows of a frame.

    Args:
        outputs: (M, O) float64, in the order of the scorer's `outputs`.
        contributions: (M, S) float64, each sensor's share in the first output.
    """

    outputs: np.ndarray
    contributions: np.ndarray


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an asset's sensors show, and what they usually show in the state that it is in.

    Args:
        values: (S,) float64, means from `from_us` to `to_us`; NaN where there is none.
        low, high: (S,), the usual range; NaN where the model has none.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    from_us: int
    to_us: int


class Scorer(Protocol):
    """A model, as the drainer sees it. A prediction depends on its row and the `history_rows` before it, no more.

    Attributes:
        version: name under which predictions are kept.
        sensors: tags it looks at, in the order of its columns.
        outputs: names of what it gives, such as `rul` or `score`.
        step_s: time between two of its rows; 0 when each row that comes is one (cycles).
        history_rows: rows before the one that is predicted.
        life_unit: in which a remaining life is given; empty for a model that gives none.
    """

    @property
    def version(self) -> str: ...  # noqa: D102 - see above
    @property
    def sensors(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def outputs(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def step_s(self) -> float: ...  # noqa: D102
    @property
    def history_rows(self) -> int: ...  # noqa: D102
    @property
    def life_unit(self) -> str: ...  # noqa: D102

    def score(self, frames: Sequence[Frame]) -> list[Scores]:
        """Predict each frame's rows from `first` on, all frames in one call of the model."""

    def explain(self, frame: Frame, row: int, contributions: np.ndarray) -> Explanation:
        """Say what sensors show at a row of a frame, and what is usual; asked when an alert is raised.

        Args:
            contributions: (S,) of that row.
        """


@dataclass(frozen=True)
class Family:
    """A model of its own for each asset, because tags of a plant have a name each (`PI-1023`, `PI-2023`).

    Args:
        version: of all of them together.
        by_asset: scorer by name of the asset; an asset that is not there is not scored.
    """

    version: str
    by_asset: Mapping[str, Scorer]


def scorer_for(model: Scorer | Family | None, asset: str) -> Scorer | None:
    """Return what scores an asset; None when nothing does."""
    return model.by_asset.get(asset) if isinstance(model, Family) else model
