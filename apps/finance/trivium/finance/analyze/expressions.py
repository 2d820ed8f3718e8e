"""The small language that formulas, ratios and identities are written in; evaluation.py computes it.

    sum      := product (("+" | "-") product)*
    product  := factor (("*" | "/") factor)*
    factor   := number | "-" factor | "(" sum ")" | function "(" sum ("," sum)* ")" | metric ["?"] | "days"

- `metric` is the flow of the span or the balance at its end; `days` is the length of the span.
- `metric?` is optional: it counts as zero where the metric's statement was read for the period (its anchor, listed in
  formulas.toml, has a value) and its face shows no such line; the value then says so in a note. A line that is only
  tagged by segment, that a user's choice did not find, or in a source without statements stays absent.
- `first(a, b)` is the first of its arguments that can be computed.
- `opening(x)` is the balance on the day before the span, `avg(x)` the mean of opening and closing balance.
- `prior(x)` is x in the span one year before, `growth(x)` its relative change: `nm` when the base is <= 0 or x < 0.
- `annual(x)` is x for a year and for twelve trailing months, else x * 365 / days.

A division by zero or less gives no number: the reason is `nm` ("not meaningful"). Units are part of the arithmetic:
adding dollars to shares is refused, dollars over shares are USD/shares. Nothing here ever fills a gap.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Binary", "Call", "Expression", "Name", "Negative", "Number", "metrics_of", "parse", "walk"]

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([a-z][a-z0-9_]*)|([-+*/(),?]))")
_FUNCTIONS = frozenset({"first", "opening", "avg", "prior", "growth", "annual"})


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, without a unit."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Name:
    """A metric; optional where written with a question mark."""

    metric: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus something."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands around one of `+ - * /`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Negative | Binary | Call


@functools.cache
def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ValueError: if the text is not one, with the position.
    """
    parser = _Parser(text)
    expression = parser.sum()
    if parser.symbol:
        raise ValueError(f"unexpected {parser.symbol!r} in {text!r} at {parser.position}")
    return expression


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and all its parts, from left to right."""
    yield expression
    match expression:
        case Negative(operand):
            yield from walk(operand)
        case Binary(_, left, right):
            yield from walk(left)
            yield from walk(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from walk(argument)


def metrics_of(expression: Expression, *, only_optional: bool = False) -> Iterator[str]:
    """Yield the metric names of an expression in order of appearance, `days` left out."""
    for node in walk(expression):
        if isinstance(node, Name) and node.metric != "days" and (node.is_optional or not only_optional):
            yield node.metric


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self.position = 0
        self.symbol = ""
        self._advance()

    def sum(self) -> Expression:
        left = self._product()
        while self.symbol in ("+", "-"):
            operator = self._take()
            left = Binary(operator, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while self.symbol in ("*", "/"):
            operator = self._take()
            left = Binary(operator, left, self._factor())
        return left

    def _factor(self) -> Expression:
        symbol = self._take()
        if symbol == "-":
            return Negative(self._factor())
        if symbol == "(":
            inner = self.sum()
            self._expect(")")
            return inner
        if symbol[:1].isdigit():
            return Number(Decimal(symbol))
        if not symbol[:1].isalpha():
            raise ValueError(f"expected a metric or a number, not {symbol!r}, in {self._text!r} at {self.position}")
        if self.symbol == "(":
            return self._call(symbol)
        is_optional = self.symbol == "?"
        if is_optional:
            self._take()
        return Name(symbol, is_optional)

    def _call(self, function: str) -> Call:
        if function not in _FUNCTIONS:
            raise ValueError(f"unknown function {function!r} in {self._text!r}; known: {', '.join(sorted(_FUNCTIONS))}")
        self._expect("(")
        arguments = [self.sum()]
        while self.symbol == ",":
            self._take()
            arguments.append(self.sum())
        self._expect(")")
        if function in ("opening", "avg", "prior", "growth") and not isinstance(arguments[0], Name):
            raise ValueError(f"{function}() takes one metric, in {self._text!r}")
        if function != "first" and len(arguments) != 1:
            raise ValueError(f"{function}() takes one argument, in {self._text!r}")
        return Call(function, tuple(arguments))

    def _expect(self, symbol: str) -> None:
        if self._take() != symbol:
            raise ValueError(f"expected {symbol!r} in {self._text!r} at {self.position}")

    def _take(self) -> str:
        symbol = self.symbol
        self._advance()
        return symbol

    def _advance(self) -> None:
        if not self._text[self.position :].strip():
            self.symbol = ""
            return
        found = _TOKEN.match(self._text, self.position)
        if found is None:
            raise ValueError(f"cannot read {self._text!r} at {self.position}")
        self.symbol = found[0].strip()
        self.position = found.end()
