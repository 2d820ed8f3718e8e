"""The learning rate of each step: a function of the step alone, so that nothing needs to be saved or restored."""

from __future__ import annotations

import math

from trivium.core_model.train.config import TrainConfig

__all__ = ["learning_rate"]


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the rate of a step, counted from 0.

    The rate rises over `warmup_steps`, the last of which has the highest. Then `cosine` falls along half a cosine to
    `final_share` of it at the last step, `wsd` stays and falls in a straight line over the last `decay_share` of the
    steps, `constant` stays.
    """
    peak, last = config.learning_rate, config.steps - 1
    if step < config.warmup_steps:
        return peak * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return peak
    if config.schedule == "cosine":
        begin = max(config.warmup_steps - 1, 0)
        fall = (1 - math.cos(math.pi * _share(step, begin, last))) / 2
    else:
        begin = max(config.warmup_steps, round(config.steps * (1 - config.decay_share)))
        fall = _share(step, begin - 1, last)
    return peak * (1 - (1 - config.final_share) * fall)


def _share(step: int, begin: int, last: int) -> float:
    """Return how far a step has come from `begin` (0) to `last` (1)."""
    return min(max(step - begin, 0) / max(last - begin, 1), 1.0)
