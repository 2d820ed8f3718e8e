"""From a finding to sentences that have been checked: what pages and webhooks show."""

from __future__ import annotations

from datetime import UTC, tzinfo

import structlog

from trivium.maintenance.alerts.finding import Finding
from trivium.maintenance.check import check
from trivium.maintenance.claims import claims_of
from trivium.maintenance.narrate import narrate

__all__ = ["sentences"]

log = structlog.get_logger(__name__)


def sentences(finding: Finding, language: str, zone: tzinfo = UTC, asset: str = "") -> list[str]:
    """Return an alert's sentences; one that does not follow from its claims is left out, and logged."""
    kept, removed = check(narrate(finding, language, zone), claims_of(finding, asset), zone)
    for one in removed:
        log.error("reason.removed", text=one.sentence.text, reason=one.reason)
    return [sentence.text for sentence in kept]
