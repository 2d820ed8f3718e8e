"""Stage 4: read each sentence again, on its own, and keep it only if all it says follows from its claims.

The checker does not know how a sentence was made: it reads numbers (digits and words), units and scale words, signs,
direction words, ranks, periods, names and negation out of the text, decides by their place what each is about, and
holds them against the claims bound to the sentence. What it cannot read it does not let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.check.reading import Bound, Reading
from trivium.finance.check.tokens import Lexer
from trivium.finance.check.verify import first_fault
from trivium.finance.claims import ClaimContext
from trivium.service.evidence import Claim, Sentence
from trivium.service.phrase import Phrase

__all__ = ["Removed", "check"]


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence that was taken out, and the first thing in it that does not follow from its claims."""

    sentence: Sentence
    reason: str


def check(
    sentences: Iterable[Sentence],
    claims: Mapping[str, Claim],
    language: str,
    *,
    context: ClaimContext,
) -> tuple[tuple[Sentence, ...], tuple[Removed, ...]]:
    """Return the sentences that follow from the claims bound to them, and the others with the reason.

    Args:
        sentences: from templates or rephrased; each is judged alone.
        claims: every claim of the report, by id.
        language: `en` or `zh`, the language the sentences are in.
        context: what each claim is about.
    """
    lexer = Lexer(context, language)
    kept: list[Sentence] = []
    removed: list[Removed] = []
    for sentence in sentences:
        reason = _fault(sentence, claims, lexer, context)
        if reason:
            removed.append(Removed(sentence, reason))
        else:
            kept.append(sentence)
    return tuple(kept), tuple(removed)


def _fault(sentence: Sentence, claims: Mapping[str, Claim], lexer: Lexer, context: ClaimContext) -> str:
    bound = []
    for claim_id in sentence.claim_ids:
        claim, about = claims.get(claim_id), context.about.get(claim_id)
        if claim is None or about is None or not isinstance(claim.value, Decimal):
            return Phrase("bound to '{claim_id}', which is no claim of this report", claim_id=claim_id)
        bound.append(Bound(claim_id, claim.value, about))
    return first_fault(Reading(lexer.read(sentence.text), bound, lexer.language), context)
