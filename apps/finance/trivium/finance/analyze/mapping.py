"""From facts to metrics: choose, by the policy, the one fact that is each metric in each period of a filing.

Nothing is summed and nothing is guessed: a metric with no single right fact is absent, with the reason.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.analyze.model import Message, Status, Value
from trivium.finance.analyze.policy import MetricRule, Policy, family_name
from trivium.finance.analyze.statements import Faces, find_faces
from trivium.finance.records import Concept, Fact, Filing, Period, Unit

__all__ = ["Candidate", "Mapping", "most_precise", "reporting_currency"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fact that could be a metric, for "use another concept": where it stands and what its row says."""

    fact: Fact
    is_on_face: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    fact: Fact
    status: Status
    reason: Message | None = None
    negate: bool = False


class Mapping:
    """The metrics of one filing.

    Args:
        filing: its facts.
        policy: the rules.
        company: key of the company, the first part of each value's id.
        overrides: concepts a user chose, by metric: name as printed (`us-gaap:Revenues`).
    """

    def __init__(self, filing: Filing, policy: Policy, company: str, overrides: dict[str, str] | None = None) -> None:
        self.filing = filing
        self.policy = policy
        self.company = company
        self.overrides = overrides or {}
        self.faces: Faces = find_faces(filing)
        self.currency = reporting_currency(filing)
        # Undimensioned facts, the most precise of each, by period and kind of unit (money, per_share, shares).
        self._by_name: dict[tuple[str, Period, str], list[Fact]] = defaultdict(list)
        self._all: dict[tuple[Period, str], list[Fact]] = defaultdict(list)
        self._rows: dict[tuple[Period, str], list[Fact]] = defaultdict(list)
        self._lines: dict[tuple[str, Period, str], list[tuple[Fact, tuple[str, ...]]]] = {}
        self._members: dict[tuple[str, Period, str], list[Fact]] = defaultdict(list)
        self._dimensioned: set[tuple[str, Period]] = set()
        self._twins: dict[int, list[Fact]] = {}
        self._chosen: dict[str, Concept] = {}
        self._index()

    def value(self, metric: str, period: Period) -> Value:
        """Return the metric in one period: reported, derived from a stand-in, or absent with the reason."""
        rule = self.policy[metric]
        value_id = f"{self.company}/{metric}/{period.key}"
        choice = self._choose(rule, period)
        if choice is None:
            unit = {"money": self.currency, "shares": "shares"}.get(rule.unit, f"{self.currency}/shares")
            return Value(value_id, metric, period, unit, None, Status.ABSENT, self._why_absent(rule, period))
        self._chosen.setdefault(metric, choice.fact.concept)
        amount = choice.fact.value
        assert amount is not None
        return Value(
            id=value_id,
            metric=metric,
            period=period,
            unit=str(choice.fact.unit),
            amount=self._signed(amount, rule, choice),
            status=choice.status,
            reason=choice.reason,
            fact=choice.fact,
            filing=self.filing,
        )

    def facts_of(self, rule: MetricRule) -> list[Fact]:
        """Return every undimensioned fact of the rule's own concepts, one a period."""
        return [
            fact
            for (name, _, kind), facts in self._by_name.items()
            for fact in facts
            if name in rule.concepts and kind == rule.unit
        ]

    def candidates(self, metric: str, period: Period, *, most: int = 40) -> list[Candidate]:
        """Return facts of the right kind and period, the statement's own lines first, for a user to choose from."""
        rule = self.policy[metric]
        unique = {fact.concept: fact for fact in reversed(self._all[period, rule.unit])}
        lines = [(self._line(fact, rule), fact) for fact in unique.values()]
        ranked = sorted(lines, key=lambda pair: (pair[0] is None, _order(pair[0] or pair[1])))
        return [Candidate(line or fact, line is not None) for line, fact in ranked[:most]]

    def _index(self) -> None:
        groups: dict[tuple[Concept, Period, str], list[Fact]] = defaultdict(list)
        kinds: dict[Unit, str] = {}
        for fact in self.filing.facts:
            if fact.value is None or fact.unit is None:
                continue
            kind = kinds.get(fact.unit) or kinds.setdefault(fact.unit, self._unit_kind(fact.unit))
            if not fact.dimensions:
                groups[fact.concept, fact.period, kind].append(fact)
                continue
            self._dimensioned.add((family_name(fact.concept), fact.period))
            if len(fact.dimensions) == 1:
                self._members[fact.dimensions[0].axis.name, fact.period, kind].append(fact)
        for (concept, period, kind), facts in groups.items():
            best = facts[0] if len(facts) == 1 else most_precise(facts)
            if len(facts) > 1:
                self._twins[id(best)] = [fact for fact in facts if fact.value == best.value]
            name = family_name(concept)
            if name:
                self._by_name[name, period, kind].append(best)
            # Labels tell a line only where there are lines: on a known face, or in a plain table.
            if name not in self.policy.named_concepts and (self.faces.is_known or concept.is_row_label):
                self._rows[period, kind] += [
                    fact for fact in facts if fact.place.row_label and fact.value == best.value
                ]
            self._all[period, kind].append(best)

    def _unit_kind(self, unit: Unit) -> str:
        """Return `money`, `per_share` or `shares` as the policy writes it; `other` for anything else."""
        text = str(unit)
        if text == self.currency and unit.is_money:
            return "money"
        return {"shares": "shares", f"{self.currency}/shares": "per_share"}.get(text, "other")

    def _choose(self, rule: MetricRule, period: Period) -> _Choice | None:
        if rule.key in self.overrides:
            return self._by_override(rule, period)
        ways = (self._by_concept, self._by_row_label, self._by_member, self._by_proxy, self._by_note)
        return next((choice for way in ways if (choice := way(rule, period)) is not None), None)

    def _by_override(self, rule: MetricRule, period: Period) -> _Choice | None:
        wanted = self.overrides[rule.key]
        for fact in self._all[period, rule.unit]:
            if fact.concept.qname == wanted:
                return _Choice(fact, Status.REPORTED, Message("reason.chosen_by_user", {"concept": wanted}))
        return None

    def _by_concept(self, rule: MetricRule, period: Period) -> _Choice | None:
        found = self._named(rule, period)
        on_face = [line for fact in found if (line := self._line(fact, rule)) is not None]
        is_note_good = rule.notes == "reported" or not self.faces.finds(rule.statement)
        pool = on_face or [fact for fact in found if is_note_good and family_name(fact.concept) in rule.concepts]
        if not pool:
            return None
        # One concept through all periods of a filing, where it can be had.
        same = [fact for fact in pool if fact.concept == self._chosen.get(rule.key)]
        return _Choice((same or pool)[0], Status.REPORTED)

    def _by_note(self, rule: MetricRule, period: Period) -> _Choice | None:
        if rule.notes != "derived":
            return None
        facts = [fact for fact in self._named(rule, period) if family_name(fact.concept) in rule.concepts]
        if not facts:
            return None
        return _Choice(facts[0], Status.DERIVED, Message("reason.from_note", {"concept": facts[0].concept.qname}))

    def _named(self, rule: MetricRule, period: Period) -> list[Fact]:
        """Return the facts of the rule's concepts in its order."""
        return [
            fact
            for name in (*rule.concepts, *rule.face_concepts)
            for fact in self._by_name.get((name, period, rule.unit), ())
        ]

    def _line(self, fact: Fact, rule: MetricRule) -> Fact | None:
        """Return the fact on the face of the rule's statement: itself, or the same number printed there."""
        twins = self._twins.get(id(fact), (fact,))
        return next((twin for twin in twins if self.faces.holds(twin, rule.statement)), None)

    def _by_row_label(self, rule: MetricRule, period: Period) -> _Choice | None:
        lines = self._labelled_lines(rule.statement, period, rule.unit)
        rows = [fact for fact, labels in lines if any(rule.matches_label(label) for label in labels)]
        if len({fact.value for fact in rows}) != 1:
            return None
        fact = min(rows, key=_order)
        if fact.concept.is_row_label:
            return _Choice(fact, Status.REPORTED)
        values = {"concept": fact.concept.qname, "label": fact.place.row_label}
        return _Choice(fact, Status.DERIVED, Message("reason.by_row_label", values))

    def _labelled_lines(self, statement: str, period: Period, unit: str) -> list[tuple[Fact, tuple[str, ...]]]:
        """Return the lines of a statement's face that only a label can tell, each with its labels; kept, for speed."""
        key = (statement, period, unit)
        lines = self._lines.get(key)
        if lines is None:
            found = self._rows.get((period, unit), ())
            lines = [(fact, tuple(_labels(fact))) for fact in found if self.faces.holds(fact, statement)]
            self._lines[key] = lines
        return lines

    def _by_member(self, rule: MetricRule, period: Period) -> _Choice | None:
        """Find a line of the face that is one member of an axis, as a line of sales within total revenues."""
        lines = [
            fact
            for fact in self._members.get((rule.member_axis, period, rule.unit), ())
            if self.faces.is_known
            and self.faces.holds(fact, rule.statement)
            and rule.matches_label(fact.place.row_label)
        ]
        if len({fact.value for fact in lines}) != 1:
            return None
        values = {"concept": f"{lines[0].concept.qname}, {lines[0].dimensions_text}", "label": lines[0].place.row_label}
        return _Choice(lines[0], Status.DERIVED, Message("reason.by_row_label", values))

    def _by_proxy(self, rule: MetricRule, period: Period) -> _Choice | None:
        found = [
            (proxy, fact, self._line(fact, rule))
            for proxy in rule.proxies
            for fact in self._by_name.get((proxy.concept, period, rule.unit), ())
        ]
        num_parts = len({fact.value for proxy, fact, line in found if proxy.part and line is not None})
        for proxy, fact, line in sorted(found, key=lambda one: one[2] is None):
            if (line is None and rule.notes != "reported") or (proxy.part and num_parts > 1):
                continue
            if proxy.unless and self._shows(self.policy[proxy.unless], period):
                continue
            values = {"concept": fact.concept.qname, "differs": proxy.differs}
            values |= {"includes": proxy.includes} if proxy.includes else {}
            return _Choice(line or fact, Status.DERIVED, Message("reason.by_proxy", values), proxy.negate)
        return None

    def _shows(self, rule: MetricRule, period: Period) -> bool:
        """Whether the filing has the metric in the period; a balance at any of its dates.

        Who shows minority interests at one date may have had them at another for which only the total is given.
        """
        dates = dict.fromkeys(day for day, _ in self._all if day.is_instant) if rule.is_balance else (period,)
        return any(self._choose(rule, one) is not None for one in dates)

    def _signed(self, amount: Decimal, rule: MetricRule, choice: _Choice) -> Decimal:
        # Issuers sign their own concepts, and print plain rows, as the cash flow has them: payments negative.
        is_payment = rule.outflow and amount < 0 and not choice.fact.concept.is_standard
        is_turned = rule.cost and choice.fact.concept.is_row_label and self._has_negative_costs
        return -amount if choice.negate or is_payment or is_turned else amount

    @functools.cached_property
    def _has_negative_costs(self) -> bool:
        """Whether a plain table prints its costs below zero, every one of them."""
        costs = [rule for rule in self.policy.rules.values() if rule.cost and rule.key != "income_tax"]
        amounts = [
            fact.value
            for fact in self.filing.facts
            if fact.value and fact.concept.is_row_label and any(rule.matches_label(fact.concept.name) for rule in costs)
        ]
        return bool(amounts) and max(amounts) < 0

    def _why_absent(self, rule: MetricRule, period: Period) -> Message:
        if rule.key in self.overrides:
            return Message("reason.override_absent", {"concept": self.overrides[rule.key]})
        if label := self._open_line(rule, period):
            return Message("reason.open_line", {"label": label, "statement": rule.statement})
        if any((name, period) in self._dimensioned for name in rule.concepts):
            return Message("reason.only_by_dimension")
        if self.faces.is_known and rule.statement in ("income", "balance", "cash_flow"):
            return Message("reason.no_line_on_face", {"statement": rule.statement})
        return Message("reason.not_tagged")

    def _open_line(self, rule: MetricRule, period: Period) -> str:
        """Return the label of a line that may be the metric or a part of it, and is no other; empty for none."""
        if not rule.maybe_labels:
            return ""
        others = [one for one in self.policy.rules.values() if one.statement == rule.statement]
        lines = self._labelled_lines(rule.statement, period, rule.unit)
        open_lines = (
            fact.place.row_label
            for fact, labels in lines
            if fact.value
            and any(rule.may_be(label) for label in labels)
            and not any(one.matches_label(label) for one in others for label in labels)
        )
        return next(open_lines, "")


def _labels(fact: Fact) -> tuple[str, ...]:
    """Return what a row may be known by: its label, and in a plain table the label under its heading."""
    return (fact.place.row_label, fact.concept.name) if fact.concept.is_row_label else (fact.place.row_label,)


def most_precise(facts: Sequence[Fact]) -> Fact:
    """Return the most precise of facts that say the same; among equals the first."""
    return max(facts, key=lambda fact: (fact.is_exact, fact.decimals if fact.decimals is not None else -99))


def reporting_currency(filing: Filing) -> str:
    """Return the currency of most of a filing's undimensioned amounts; empty when it has none."""
    counts: Counter[str] = Counter(_currencies(filing.facts))
    return counts.most_common(1)[0][0] if counts else ""


def _currencies(facts: Iterable[Fact]) -> Iterable[str]:
    return (str(fact.unit) for fact in facts if fact.unit is not None and fact.unit.is_money and not fact.dimensions)


def _order(fact: Fact) -> tuple[int, int]:
    return (fact.place.table if fact.place.table is not None else 10**6, fact.place.row or 0)
