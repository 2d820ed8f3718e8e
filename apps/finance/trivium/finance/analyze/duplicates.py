"""Facts that a filing gives more than once: the coarse one must be the rounding of the precise one, or it is reported.

Nothing is chosen or changed here; the mapping takes the most precise fact, whatever this finds.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import combinations

from trivium.finance.records import Concept, Dimension, Fact, Filing, Period, Problem, Unit
from trivium.service.phrase import Phrase

__all__ = ["duplicate_facts", "inconsistent_duplicates"]

_Key = tuple[Concept, Period, Unit | None, tuple[Dimension, ...]]


def duplicate_facts(filing: Filing) -> list[tuple[Fact, ...]]:
    """Return the numeric facts that stand more than once: same concept, period, unit and dimensions; nil ones not."""
    groups: dict[_Key, list[Fact]] = defaultdict(list)
    for fact in filing.facts:
        if fact.value is not None:
            groups[fact.concept, fact.period, fact.unit, fact.dimensions].append(fact)
    return [tuple(facts) for facts in groups.values() if len(facts) > 1]


def inconsistent_duplicates(filing: Filing) -> list[Problem]:
    """Return a problem for each group of duplicates that contradict each other, naming the first pair that does."""
    problems = []
    for facts in duplicate_facts(filing):
        pair = next((pair for pair in combinations(facts, 2) if not _agree(*pair)), None)
        if pair is not None:
            one, other = pair
            about = f" ({one.dimensions_text})" if one.dimensions else ""
            what = Phrase(
                "{name} for {period}{where} is {amount} {unit} here and {other} in fact {other_fact}; "
                "neither is the rounding of the other",
                name=one.concept.qname,
                period=one.period.key,
                where=about,
                amount=f"{one.value:,f}",
                unit=one.unit,
                other=f"{other.value:,f}",
                other_fact=other.fact_id,
            )
            problems.append(Problem(Phrase("fact {fact}", fact=one.fact_id), what))
    return problems


def _agree(one: Fact, other: Fact) -> bool:
    """Whether two values are equal, or differ by no more than half a unit of the coarser one's last vouched digit."""
    assert one.value is not None
    assert other.value is not None
    if one.value == other.value:
        return True
    digits = [fact.decimals for fact in (one, other) if not fact.is_exact]
    if None in digits:
        return True  # one of them says nothing of its precision
    if not digits or (len(digits) == 2 and digits[0] == digits[1]):
        return False
    coarsest = min(number for number in digits if number is not None)
    return abs(one.value - other.value) <= Decimal(5).scaleb(-coarsest - 1)
