"""One alert as it stands, as the book keeps it and webhooks tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trivium.maintenance.alerts.finding import Finding

__all__ = ["Alert"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it stands.

    Args:
        is_active: whether its cause still holds.
        since_us, raised_us: when its cause began to show, and when that had lasted long enough.
        count: times that its cause came back while it was open.
        actor, why, until: of the last human act.
        version: grows with every change.
    """

    id: int
    plant: str
    asset: str
    cause: str
    state: str
    severity: str
    is_active: bool
    since_us: int
    raised_us: int
    returned_us: int | None
    raised_at: datetime
    changed_at: datetime
    count: int
    model: str
    finding: Finding
    actor: str
    why: str
    until: datetime | None
    version: int
