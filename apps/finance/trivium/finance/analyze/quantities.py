"""Quantities that are computed with: amount, unit, what rounding explains, and how the result is written.

Sums need one unit; products and quotients cancel units; a base that is not positive has no quotient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal

from trivium.finance.analyze.model import Message, Value
from trivium.finance.records import Fact

__all__ = [
    "ARITHMETIC",
    "PURE",
    "Absence",
    "Quantity",
    "add",
    "divide",
    "half_unit",
    "multiply",
    "negative",
    "read_unit",
    "rounding_error",
    "unit_text",
]

ARITHMETIC = Context(prec=34)
"""Every product and quotient is taken with 34 digits; display rounds, storage never."""


class Absence(Exception):  # noqa: N818 (it is an outcome, not a failure)
    """Why an expression has no amount. `is_plain`: an input is simply not in the sources, so another may stand in."""

    def __init__(self, reason: Message, *, is_plain: bool = False) -> None:
        self.reason = reason
        self.is_plain = is_plain
        super().__init__(reason.key)


def half_unit(fact: Fact) -> Decimal:
    """Return half of the last digit the issuer vouches for: 500,000 for decimals -6, 0 for an exact fact."""
    return Decimal(0) if fact.decimals is None or fact.is_exact else Decimal(5).scaleb(-fact.decimals - 1)


def rounding_error(value: Value) -> Decimal:
    """Return how far rounding can have moved a value: half a unit of each reported amount in it, summed."""
    if value.fact is not None:
        return half_unit(value.fact)
    return sum((rounding_error(source) for source in value.inputs), Decimal(0))


UnitOf = tuple[tuple[str, ...], tuple[str, ...]]
"""Measures above and below the line, each sorted."""
PURE: UnitOf = ((), ())


@dataclass(frozen=True, slots=True)
class Quantity:
    """A partial result. `strength`: 1 sum, 2 product, 3 atom; decides where parentheses go in the text."""

    amount: Decimal
    unit: UnitOf
    error: Decimal = Decimal(0)
    text: str = ""
    strength: int = 3
    inputs: tuple[Value, ...] = ()
    notes: tuple[Message, ...] = ()
    is_dropped: bool = False

    def within(self, strength: int) -> str:
        """Return the text, in parentheses where it binds less than its surroundings."""
        return self.text if self.strength >= strength else f"({self.text})"


def negative(part: Quantity) -> Quantity:
    """Return the quantity with its sign turned."""
    if part.is_dropped:
        return part
    return replace(part, amount=-part.amount, text=f"-{part.within(3)}", strength=2)


def add(left: Quantity, right: Quantity, operator: str) -> Quantity:
    """Add or subtract (`+`, `-`); an optional term that is not there counts as zero, with its note.

    Raises:
        Absence: if the units differ.
    """
    notes = left.notes + right.notes
    if right.is_dropped:
        return replace(left, notes=notes)
    if left.is_dropped:
        return replace(right if operator == "+" else negative(right), notes=notes)
    if left.unit != right.unit:
        texts = {"left": unit_text(left.unit), "right": unit_text(right.unit)}
        raise Absence(Message("reason.unit_mismatch", texts))
    sign = 1 if operator == "+" else -1
    text = f"{left.within(1)} {operator} {right.within(1 if operator == '+' else 2)}"
    amount = ARITHMETIC.add(left.amount, right.amount * sign)
    return Quantity(amount, left.unit, left.error + right.error, text, 1, left.inputs + right.inputs, notes)


def multiply(left: Quantity, right: Quantity, operator: str) -> Quantity:
    """Multiply; the error is the largest that the errors of both allow."""
    a, b = left.amount, right.amount
    return Quantity(
        ARITHMETIC.multiply(a, b),
        _cancel(left.unit[0] + right.unit[0], left.unit[1] + right.unit[1]),
        abs(a) * right.error + abs(b) * left.error + left.error * right.error,
        f"{left.within(2)} {operator} {right.within(2)}",
        2,
        left.inputs + right.inputs,
        left.notes + right.notes,
    )


def divide(left: Quantity, right: Quantity, operator: str) -> Quantity:
    """Divide.

    Raises:
        Absence: if the base is not positive.
    """
    a, b = left.amount, right.amount
    if b <= 0:
        raise Absence(Message("reason.nm", {"metric": right.text}))
    narrow = b - right.error
    spread = abs(a) * right.error + b * left.error
    error = ARITHMETIC.divide(spread, b * narrow) if narrow > 0 else abs(ARITHMETIC.divide(a, b))
    return Quantity(
        ARITHMETIC.divide(a, b),
        _cancel(left.unit[0] + right.unit[1], left.unit[1] + right.unit[0]),
        error,
        f"{left.within(2)} {operator} {right.within(3)}",
        2,
        left.inputs + right.inputs,
        left.notes + right.notes,
    )


def read_unit(text: str) -> UnitOf:
    """Return the unit of a value, `USD/shares`, as its measures above and below the line."""
    if text in ("", "pure", "times"):
        return PURE
    above, _, below = text.partition("/")
    return _cancel(tuple(above.split("*")), tuple(below.split("*")) if below else ())


def unit_text(unit: UnitOf) -> str:
    """Return a unit as text; `pure` when nothing is left of it."""
    above, below = "*".join(unit[0]), "*".join(unit[1])
    if not above and not below:
        return "pure"
    return f"{above or '1'}/{below}" if below else above


def _cancel(above: tuple[str, ...], below: tuple[str, ...]) -> UnitOf:
    left, right = list(above), list(below)
    for measure in above:
        if measure in right:
            left.remove(measure)
            right.remove(measure)
    return tuple(sorted(left)), tuple(sorted(right))
