"""Which critical findings a report states, by its words: each asks who was told before the report can be signed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trivium.medical.reading import read_report
from trivium.medical.workflow.content import spoken

__all__ = ["Critical", "critical_findings"]

# A list of what nobody looked for, as drafts have it, says of none of these that it may be there.
_NOT_ASSESSED = re.compile(r"\s*(?:not assessed|未评估)\s*[:：]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Critical:
    """A critical finding that somebody was told of: the finding, whom, when (aware), and whether they read it back."""

    finding: str
    told: str
    told_at: datetime
    is_read_back: bool


def critical_findings(content: dict[str, Any]) -> list[str]:
    """Return the critical findings that the report calls present or possible, sorted."""
    found = set()
    for one in spoken(content):
        if one["section"] in ("findings", "impression") and not _NOT_ASSESSED.match(one["text"]):
            reading = read_report(one["text"], content["language"])
            critical = reading.words.critical
            found |= {said.name for said in reading.mentions if said.name in critical and said.polarity != "absent"}
    return sorted(found)
