"""What the shipped models are worth on films with known labels, beside baselines: `trivium medical eval`."""

from trivium.medical.evaluate.archive import evaluate_archive, is_archive
from trivium.medical.evaluate.measure import evaluate, left_out_lines, table, text_table

__all__ = ["evaluate", "evaluate_archive", "is_archive", "left_out_lines", "table", "text_table"]
