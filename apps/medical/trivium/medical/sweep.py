"""What the one elected sweeper does for the medical app, about once a second. Light: it loads no model."""

from __future__ import annotations

from trivium.medical.intake.days import fill_days
from trivium.medical.workflow.sendings import submit_due
from trivium.service.runtime import Runtime

__all__ = ["sweep"]


def sweep(runtime: Runtime) -> None:
    """Have reports sent that are due, and fill in days that a migration left."""
    submit_due(runtime)
    fill_days(runtime)
