"""Stage 3: sentences from templates, each bound to exactly the claims that its numbers and words follow from.

What the numbers do not show is not said: no causes, no judgement, no outlook. A metric that is absent is either not
mentioned or said to be absent, with the reason.
"""

from __future__ import annotations

from trivium.finance.analyze.model import Comparison
from trivium.finance.display import Scale
from trivium.finance.narrate.company import company_sentences
from trivium.finance.narrate.peers import peer_sentences
from trivium.finance.narrate.writer import Writer
from trivium.service.evidence import Sentence

__all__ = ["narrate"]


def narrate(comparison: Comparison, language: str, unit: Scale | str) -> tuple[Sentence, ...]:
    """Tell a comparison in sentences, in reading order, without repeating one.

    Args:
        language: `en` or `zh`.
        unit: the scale of amounts: `full`, `thousand`, `million`, `billion`, `wan` or `yi`.

    Raises:
        ValueError: if the language or the unit is unknown.
    """
    writer = Writer(comparison, language, Scale(unit))
    told = peer_sentences(writer) if comparison.kind == "companies" else company_sentences(writer)
    return tuple(dict.fromkeys(told))
