"""The finance app's web page: it submits jobs and shows results, and reaches neither the pipeline nor the tasks."""

from trivium.finance.ui.page import build

__all__ = ["build"]
