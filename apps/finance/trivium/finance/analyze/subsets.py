"""Find the rows of a printed table that make its total, when subtotals stand between them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

__all__ = ["largest_exact_subset", "without_subtotals"]

_MOST = 30


def largest_exact_subset(amounts: Sequence[Decimal], total: Decimal) -> tuple[int, ...] | None:
    """Return the indexes of the largest set of amounts that adds up to the total exactly, in order; None if none does.

    Among sets of one size the one with the earliest rows wins. Two halves of at most 15 amounts are searched whole, so
    the work is bounded by 2 ** 16 sums; more than 30 amounts are not searched at all.
    """
    if not amounts or len(amounts) > _MOST:
        return None
    middle = len(amounts) // 2
    first, second = _sums(amounts, 0, middle), _sums(amounts, middle, len(amounts))
    best: tuple[int, ...] | None = None
    for amount, chosen in first.items():
        rest = second.get(total - amount)
        if rest is not None and (best is None or _is_better((*chosen, *rest), best)):
            best = (*chosen, *rest)
    return best or None


def without_subtotals(amounts: Sequence[Decimal]) -> tuple[int, ...]:
    """Return the indexes of the amounts that are not the sum of two or more amounts next to them, before or after."""
    kept = list(range(len(amounts)))
    while True:
        subtotal = next((place for place in range(len(kept)) if _is_subtotal([amounts[i] for i in kept], place)), None)
        if subtotal is None:
            return tuple(kept)
        del kept[subtotal]


def _sums(amounts: Sequence[Decimal], start: int, stop: int) -> dict[Decimal, tuple[int, ...]]:
    """Return every sum that some of the amounts make, with the best indexes that make it."""
    found: dict[Decimal, tuple[int, ...]] = {Decimal(0): ()}
    for index in range(start, stop):
        for amount, chosen in list(found.items()):
            extended, candidate = amount + amounts[index], (*chosen, index)
            if extended not in found or _is_better(candidate, found[extended]):
                found[extended] = candidate
    return found


def _is_better(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return (-len(one), one) < (-len(other), other)


def _is_subtotal(amounts: Sequence[Decimal], place: int) -> bool:
    if amounts[place] == 0:
        return False
    for step in (-1, 1):
        running, terms, at = Decimal(0), 0, place + step
        while 0 <= at < len(amounts):
            running += amounts[at]
            terms += amounts[at] != 0
            if running == amounts[place] and terms > 1:
                return True
            at += step
    return False
