"""Names and dates of a header as a reader, HL7 and FHIR write them.

A DICOM name (PS3.5, 6.2.1.2) has up to three groups, divided by `=`: alphabetic, ideographic, phonetic; each is family,
given, middle, prefix and suffix, divided by `^`. Of group and part, what is empty is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

__all__ = ["NameGroup", "groups_of", "iso_date", "shown_date", "shown_name"]

_KINDS = ("A", "I", "P")


@dataclass(frozen=True, slots=True)
class NameGroup:
    """One writing of a name; `kind` is A (alphabetic), I (ideographic) or P (phonetic), as in HL7's table 0465."""

    kind: str
    family: str
    given: str
    middle: str
    prefix: str
    suffix: str

    @property
    def shown(self) -> str:
        """The name as it is read, family name first as in the header; an ideographic one without gaps."""
        parts = (self.family, self.given, self.middle, self.prefix, self.suffix)
        return ("" if self.kind == "I" else " ").join(one for one in parts if one)


def groups_of(name: str) -> list[NameGroup]:
    """Return the writings of a DICOM name that say something."""
    found = []
    for kind, group in zip(_KINDS, name.split("="), strict=False):
        parts = [one.strip() for one in group.split("^")][:5]
        if any(parts):
            found.append(NameGroup(kind, *parts, *[""] * (5 - len(parts))))
    return found


def shown_name(name: str) -> str:
    """Return a DICOM name as a reader sees it: `Wang Xiaodong (王小东)`."""
    first, *others = [one.shown for one in groups_of(name)] or [""]
    return f"{first} ({', '.join(others)})" if others else first


def iso_date(text: str) -> str:
    """Return a DICOM date as YYYY-MM-DD; empty for what is none. Before 1993 it was written with full stops."""
    digits = text.replace(".", "")
    try:
        return date.fromisoformat(digits).isoformat() if len(digits) == 8 and digits.isdecimal() else ""
    except ValueError:
        return ""


def shown_date(text: str) -> str:
    """Return a DICOM date as YYYY-MM-DD; what is no date stays as it is."""
    return iso_date(text) or text
