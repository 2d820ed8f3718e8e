"""What the network reads of each row: deviations, the asset's own beginning, health and its trend, age; all causal."""

from __future__ import annotations

import numpy as np

from trivium.maintenance.analyze import rolling
from trivium.maintenance.analyze.degradation import DegradationFeatures, standard_rows
from trivium.maintenance.analyze.health import apply_linear
from trivium.maintenance.records import Fleet

__all__ = ["channels"]


def channels(fleet: Fleet, features: DegradationFeatures, learn: np.ndarray) -> np.ndarray:
    """Return (N, 2V + 6): V varying sensors, their early means, health now, smoothed, early, its slope, and age.

    Args:
        features: fitted on training rows.
        learn: those rows; health is standardised by them.
    """
    fleet = fleet.with_sensors(features.sensors)
    standard, asset = standard_rows(fleet, features.conditions), fleet.stretch
    health = apply_linear(standard, features.health)
    health = (health - health[learn].mean()) / health[learn].std()
    return np.hstack(
        [
            standard,
            rolling.early_mean(standard, asset, 20),
            health,
            rolling.exponential_mean(health, asset, 10),
            rolling.exponential_mean(health, asset, 30),
            rolling.early_mean(health, asset, 20),
            20 * rolling.slope(health, asset, 30),
            fleet.stretch_age[:, None] / 100 - 1,
        ]
    )
