"""Findings that a text states, by rule: what two reports are compared by beside their words. Not CheXbert's F1.

The reader is the one of "check my report" (NegEx-style scopes, both languages). A finding counts when it is stated, or
suspected, which is how drafts state it; one that is possible, not excluded, denied or not mentioned does not.
"""

from __future__ import annotations

import re

from trivium.medical.reading import read_report
from trivium.vision.findings import PATHOLOGIES

__all__ = ["RuleLabels", "rule_labels"]

RuleLabels = tuple[bool, ...]  # one of each of the 14 `PATHOLOGIES`
_SUSPECTED = re.compile(r"\bsuspected\b|疑似", re.IGNORECASE)


def rule_labels(text: str) -> RuleLabels:
    """Return for each pathology whether a text states it."""
    mentions = read_report(_SUSPECTED.sub(" ", text)).mentions
    said = {one.name.replace(" ", "_") for one in mentions if one.polarity == "present"}
    return tuple(name in said for name in PATHOLOGIES)
