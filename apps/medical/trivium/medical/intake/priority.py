"""Whether a film's own header asks for it to be read at once.

Requested Procedure Priority (0040,1003) is STAT, beside the film's other elements or in its Request Attributes
Sequence; of the retired Study Priority ID (0032,000C), HIGH is the most that can be said. The priority of a C-STORE
message (0000,0700) speaks of the transfer, not of the patient, and is not looked at. No word of a person is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

__all__ = ["is_asked_for_at_once"]

_AT_ONCE = {"RequestedProcedurePriority": ("STAT",), "StudyPriorityID": ("STAT", "HIGH")}


def is_asked_for_at_once(dataset: Dataset) -> bool:
    """Whether the header says STAT."""
    return any(
        str(part.get(keyword) or "").strip().upper() in values
        for part in _parts(dataset)
        for keyword, values in _AT_ONCE.items()
    )


def _parts(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    yield from dataset.get("RequestAttributesSequence") or ()
