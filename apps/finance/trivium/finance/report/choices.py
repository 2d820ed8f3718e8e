"""Which concept or printed line each metric was taken from, company by company, and what else could be chosen.

For the section "mapping" of every export and for "use another concept" on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from trivium.finance.analyze.mapping import Candidate
from trivium.finance.analyze.mapping import Mapping as MetricMapping
from trivium.finance.analyze.model import Comparison, Message, Series, Value
from trivium.finance.analyze.policy import MetricRule, Policy
from trivium.finance.records import Filing, Period

__all__ = ["Choice", "Use", "candidate_key", "candidates", "choices"]

_MOST_CANDIDATES = 40
_BY_USER = frozenset({"reason.chosen_by_user", "reason.override_absent"})


@dataclass(frozen=True, slots=True)
class Use:
    """One concept that a metric was taken from, in some periods.

    Args:
        concept: as printed, `us-gaap:Revenues`.
        label: the printed row label of the newest of the facts.
        values: newest first; all with a fact.
    """

    concept: str
    label: str
    values: tuple[Value, ...]

    @property
    def reason(self) -> Message | None:
        """Why it was taken, where that is not the plain rule: by a user, from a note, by its row label, a proxy."""
        return self.values[0].reason


@dataclass(frozen=True, slots=True)
class Choice:
    """The mapping of one metric of one company.

    Args:
        uses: the newest first; empty where no period has the metric.
        absence: why the newest period has none, where no period has one.
        override: the concept that a user chose; empty for the policy's own choice.
    """

    company: str
    metric: str
    uses: tuple[Use, ...]
    absence: Message | None = None
    override: str = ""


def choices(comparison: Comparison) -> Iterator[Choice]:
    """Yield the mapping of every metric that was looked for, company by company, in the order of the statements."""
    for series in comparison.series:
        looked_for: dict[str, list[Value]] = {}
        for (metric, _), value in series.values.items():
            if value.fact is not None or not value.inputs:
                looked_for.setdefault(metric, []).append(value)
        for metric, values in looked_for.items():
            choice = _choice(series, metric, values)
            if choice is not None:
                yield choice


def candidates(comparison: Comparison, policy: Policy) -> dict[str, tuple[Filing, tuple[Candidate, ...]]]:
    """Return what a user may choose instead, by `candidate_key`, from the newest filing of each company.

    Metrics of one statement and unit share their candidates; those of the statement itself come first.
    """
    found: dict[str, tuple[Filing, tuple[Candidate, ...]]] = {}
    for series in comparison.series:
        if not series.filings:
            continue
        filing = series.filings[-1]
        mapping = MetricMapping(filing, policy, series.company.key)
        for rule in policy.rules.values():
            key = candidate_key(series, rule)
            if key not in found:
                period = _newest(series, rule, policy)
                offered = mapping.candidates(rule.key, period, most=_MOST_CANDIDATES) if period else ()
                found[key] = (filing, tuple(offered))
    return {key: offer for key, offer in found.items() if offer[1]}


def candidate_key(series: Series, rule: MetricRule) -> str:
    """Return under which key `candidates` holds what could stand for a metric: `KO/income/money`."""
    return f"{series.company.key}/{rule.statement}/{rule.unit}"


def _newest(series: Series, rule: MetricRule, policy: Policy) -> Period | None:
    """Return the newest period in which the newest filing reports a metric of the rule's statement.

    Each statement has its own: the cover page counts shares on a later day than the balance sheet's.
    """
    filing = series.filings[-1]
    alike = {
        key
        for key, other in policy.rules.items()
        if (other.statement, other.is_balance) == (rule.statement, rule.is_balance)
    }
    reported = [
        value.period
        for value in series.values.values()
        if value.filing is filing and value.fact is not None and value.metric in alike
    ]
    return max(reported, key=lambda period: (period.end, period.days), default=None)


def _choice(series: Series, metric: str, values: Sequence[Value]) -> Choice | None:
    newest_first = sorted(values, key=lambda value: (value.period.end, value.period.days), reverse=True)
    by_concept: dict[str, list[Value]] = {}
    for value in newest_first:
        if value.fact is not None:
            by_concept.setdefault(value.fact.concept.qname, []).append(value)
    uses = tuple(Use(concept, _label(used), tuple(used)) for concept, used in by_concept.items())
    override = next(_overrides(newest_first), "")
    absence = None if uses else newest_first[0].reason
    if not uses and not override and absence is not None and absence.key == "reason.missing_input":
        return None
    return Choice(series.company.key, metric, uses, absence, override)


def _overrides(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        if value.reason is not None and value.reason.key in _BY_USER:
            yield value.reason.values["concept"]


def _label(values: Sequence[Value]) -> str:
    return next((value.fact.place.row_label for value in values if value.fact and value.fact.place.row_label), "")
