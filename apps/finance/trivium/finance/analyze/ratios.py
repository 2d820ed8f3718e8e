"""Ratios: the table of ratios.toml applied to one company in one fiscal span."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, replace
from importlib import resources

from trivium.finance.analyze.evaluation import Scope, absent_value, make_value
from trivium.finance.analyze.expressions import Call, Expression, metrics_of, parse, walk
from trivium.finance.analyze.formulas import anchors
from trivium.finance.analyze.model import Message, Series, Span, Value

__all__ = ["GROUPS", "Ratio", "compute_ratios", "ratios"]

GROUPS = (
    "profitability",
    "returns",
    "growth",
    "liquidity",
    "leverage",
    "efficiency",
    "cash_flow",
    "per_share",
    "bank",
    "insurer",
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row of ratios.toml.

    Args:
        text: its formula as written in the table.
        unit: `pure`, `times`, `days` or `money/shares`.
        direction: `higher` or `lower` is better among peers; `none` where no ranking is fair.
        templates: statement layouts where it means something.
        note: key of a text that every value of it carries; empty for none.
    """

    key: str
    group: str
    text: str
    expression: Expression
    unit: str
    direction: str
    templates: frozenset[str]
    note: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Metric keys it needs, each once, in order of appearance."""
        return tuple(dict.fromkeys(metrics_of(self.expression)))

    @property
    def is_on_average(self) -> bool:
        """Whether it takes the mean of opening and closing balance; otherwise balances are closing ones."""
        return "avg" in self._functions

    @property
    def is_annualised(self) -> bool:
        """Whether the flow of a quarter or part of a year is stretched to 365 days."""
        return "annual" in self._functions

    @property
    def _functions(self) -> frozenset[str]:
        return frozenset(node.function for node in walk(self.expression) if isinstance(node, Call))


@functools.cache
def ratios() -> tuple[Ratio, ...]:
    """Return the ratios in reading order.

    Raises:
        ValueError: if a formula of the table does not parse.
    """
    table = tomllib.loads((resources.files(__package__) / "ratios.toml").read_text(encoding="utf-8"))
    return tuple(
        Ratio(
            key=row["key"],
            group=row["group"],
            text=row["formula"],
            expression=parse(row["formula"]),
            unit=row["unit"],
            direction=row["direction"],
            templates=frozenset(row["templates"]),
            note=row.get("note", ""),
        )
        for row in table["ratio"]
    )


def compute_ratios(series: Series, span: Span) -> list[Value]:
    """Return every ratio for one span, in reading order, with the reason where there is none.

    The series must hold the derived metrics already (`formulas.derive`).
    """
    computed: dict[str, Value] = {}
    for ratio in ratios():
        computed[ratio.key] = _compute(ratio, series, span, computed)
    return list(computed.values())


def _compute(ratio: Ratio, series: Series, span: Span, computed: dict[str, Value]) -> Value:
    template = series.company.template
    if template not in ratio.templates:
        reason = Message("reason.not_for_template", {"template": template})
        return absent_value(series, ratio.key, span.period, reason)
    scope = Scope.of_span(series, span, anchors(), computed)
    value = make_value(series, ratio.key, span.period, ratio.expression, scope, ratio.unit)
    if ratio.note and value.is_available:
        value = replace(value, notes=(*value.notes, Message(ratio.note)))
    return value
