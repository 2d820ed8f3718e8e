"""Names of members: as a filing prints them in rows or above columns, by its label linkbase, or from their tags."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trivium.finance.analyze.model import Value
from trivium.finance.records import Concept, Fact, Filing

__all__ = ["TOGETHER", "member_label", "member_labels", "same_name"]

TOGETHER = "Reportable segments"
"""Name of a row that is all reportable segments in one, where the filing prints no name for it."""

_STANDARD_LABELS = {
    "AllOtherSegmentsMember": "All other",
    "CorporateNonSegmentMember": "Corporate",
    "IntersegmentEliminationMember": "Intersegment eliminations",
    "NonUsMember": "Outside the US",
    "ReportableSegmentAggregationBeforeOtherOperatingSegmentMember": TOGETHER,
}
_WHAT_IS_SPLIT = re.compile(
    r"(?:\W|\b(?:and|assets|before|consolidated|from|gross|identifiable|income|loss|net|of|operating|operations|profit|"
    r"reported|revenues?|sales|segments?|taxes|the|total)\b)*",
    re.IGNORECASE,
)
"""A label that names what is split, not a part of it."""


def member_labels(members: Sequence[tuple[Concept, Fact]], filing: Filing, totals: Sequence[Value]) -> list[str]:
    """Return the printed labels of rows, or the headings of columns, where they tell the members apart; else names.

    A label that only repeats the name of the total ("Net sales", "Operating loss") does not tell its member.
    """
    names = {_clean(total.fact.place.row_label).lower() for total in totals if total.fact is not None} - {""}

    def telling(label: str) -> str:
        is_total = _WHAT_IS_SPLIT.fullmatch(label) or any(name in label.lower() for name in names)
        return "" if is_total else label

    rows = _distinct([_clean(fact.place.row_label) for _, fact in members])
    columns = _distinct([_clean(fact.place.column_label) for _, fact in members])
    return [
        telling(row) or telling(column) or member_label(member, filing)
        for (member, _), row, column in zip(members, rows, columns, strict=True)
    ]


def member_label(member: Concept, filing: Filing) -> str:
    """Return a readable name of a member: the filing's own label, else its name split at the capitals."""
    label = filing.linkbase.labels.get(member, "")
    if label:
        return re.sub(r"\s*\[(Member|Domain)\]$", "", label).strip()
    if member.name in _STANDARD_LABELS:
        return _STANDARD_LABELS[member.name]
    name = re.sub(r"(Segments?)?(Member|Domain)$", "", member.name) or member.name
    words = re.findall(r"\bI[A-Z][a-z]+|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    words = [re.sub(r"^I(?=[A-Z][a-z])", "i", word) for word in words]  # iPhone, tagged IPhoneMember
    return " ".join(word.lower() if word in ("And", "Of", "The") else word for word in words) or member.name


def same_name(label: str) -> str:
    """Return what two spellings of one name share: its words in lower case, `&` as `and`."""
    return re.sub(r"\W+", " ", label.replace("&", " and ")).strip().lower()


def _distinct(labels: Sequence[str]) -> Sequence[str]:
    """Return the labels if no two of those that are there are alike, else as many empty ones."""
    there = [label for label in labels if label]
    return labels if len(set(there)) == len(there) else [""] * len(labels)


def _clean(label: str) -> str:
    label = re.sub(r"(\s*\(\d+\))+$", "", label)
    return re.sub(r"^total (net )?|,? total$", "", label, flags=re.IGNORECASE).strip()
