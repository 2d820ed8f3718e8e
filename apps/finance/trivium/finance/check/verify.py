"""Each thing a sentence says, held against the claims bound to it. The first one that does not follow is the reason.

A sentence passes only when every token was read and every number, rank, direction, period, name and state follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from trivium.finance.check import moves, names
from trivium.finance.check.figures import number_fault
from trivium.finance.check.reading import Reading
from trivium.finance.claims import ClaimContext
from trivium.service.phrase import Phrase

__all__ = ["first_fault"]


def first_fault(reading: Reading, context: ClaimContext) -> str:
    """Return why the sentence does not follow from its claims; empty when everything in it does."""
    return next((fault for fault in _faults(reading, context) if fault), "")


def _faults(reading: Reading, context: ClaimContext) -> Iterator[str]:
    for token in reading.tokens:
        if token.kind == "unknown":
            yield Phrase("cannot read '{text}'", text=token.text)
        elif token.kind == "negation":
            yield Phrase("negation '{text}'", text=token.text)
    if not reading.bound:
        yield "no claim is bound to it"
    for place, token in enumerate(reading.tokens):
        test = _TESTS.get(token.kind)
        if test is not None:
            yield test(reading, place, context)


_TESTS: Mapping[str, Callable[[Reading, int, ClaimContext], str]] = {
    "accounting": names.accounting_fault,
    "company": names.company_fault,
    "compare": moves.compare_fault,
    "compound": moves.compound_fault,
    "currency": names.currency_fault,
    "direction": moves.direction_fault,
    "limit": moves.limit_fault,
    "member": names.member_fault,
    "metric": names.metric_fault,
    "multiple": moves.multiple_fault,
    "number": number_fault,
    "period": names.period_fault,
    "quote": names.quote_fault,
    "rank": moves.rank_fault,
    "ranked": moves.ranked_fault,
    "relative": names.relative_fault,
    "restated": names.restated_fault,
    "split": names.split_fault,
    "state": names.state_fault,
}
