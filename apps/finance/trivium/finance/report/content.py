"""What every renderer of a report takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trivium.finance.analyze.model import Comparison
from trivium.finance.check import Removed
from trivium.finance.display import Scale
from trivium.service.evidence import Claim, Sentence

__all__ = ["Content"]


@dataclass(frozen=True, slots=True)
class Content:
    """A comparison as it is to be told.

    Args:
        comparison: what the analysis found.
        sentences: checked ones, each bound to claims of the comparison.
        claims: by value id; every printed number must have one.
        language: `en` or `zh`, of labels, reasons and notes.
        scale: in which amounts and share counts are printed; values that a program reads are always in full units.
        removed: sentences that the checker took out, with its reasons.
    """

    comparison: Comparison
    sentences: Sequence[Sentence]
    claims: Mapping[str, Claim]
    language: str
    scale: Scale
    removed: Sequence[Removed] = ()
