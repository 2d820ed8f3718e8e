"""What the shipped models are worth on films with known labels, beside baselines: `trivium medical eval`."""

from trivium.medical.evaluate.measure import evaluate, table

__all__ = ["evaluate", "table"]
