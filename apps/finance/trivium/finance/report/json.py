"""A comparison as one JSON document, `trivium.finance.comparison/1`: all that the report shows, in full precision.

The page is drawn from it, and scripts read it. Numbers are strings in full units; values are listed once, by id, and
everything else refers to them. docs/report-json.md describes each field.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

from trivium.finance.analyze.breakdowns import AXES
from trivium.finance.analyze.model import (
    Breakdown,
    Bridge,
    Change,
    Check,
    Column,
    Message,
    Row,
    Table,
    Value,
)
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.ratios import ratios
from trivium.finance.claims import values_of
from trivium.finance.display import cell, cell_points
from trivium.finance.records import Fact, Filing, Period
from trivium.finance.report.choices import Choice, candidate_key, candidates, choices
from trivium.finance.report.content import Content
from trivium.finance.report.ledger import plain
from trivium.finance.report.proof import file_name, proved, with_inputs
from trivium.finance.report.wording import Wording
from trivium.finance.standing import members_with_changes

__all__ = ["SCHEMA", "render_json"]

SCHEMA = "trivium.finance.comparison/1"


def render_json(content: Content) -> str:
    """Return the comparison as JSON text.

    Raises:
        ValueError: if a number has no claim, or its claim says another number.
    """
    return json.dumps(_Document(content).build(), ensure_ascii=False, separators=(",", ":"))


class _Document:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._comparison = comparison = content.comparison
        self._claims = content.claims
        self._wording = Wording(comparison, content.language, content.scale)
        self._shown: dict[str, Value] = {}
        self._points: set[str] = set()
        self._filings = [filing for series in comparison.series for filing in series.filings]
        self._numbers = {id(filing): number for number, filing in enumerate(self._filings)}

    def build(self) -> dict[str, Any]:
        one, words = self._comparison, self._wording
        by_id = {value.id: value for value in values_of(one)}
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "language": words.language,
            "scale": str(words.scale),
            "created": one.created.isoformat() if one.created else None,
            "kind": one.kind,
            "companies": [self._company(index) for index in range(len(one.series))],
            "columns": [self._column(column) for column in one.columns],
            "tables": [self._table(table) for table in one.tables],
            "breakdowns": [self._breakdown(breakdown) for breakdown in one.breakdowns],
            "bridges": [self._bridge(bridge) for bridge in one.bridges],
            "checks": [self._check(check) for check in one.checks],
            "restated": [[self._id(original), self._id(restated)] for original, restated in one.restated],
            "ratios": [self._ratio(row.metric) for table in one.tables if table.key == "ratios" for row in table.rows],
            "sentences": [{"text": each.text, "claims": list(each.claim_ids)} for each in self._content.sentences],
            "left_out": [
                {"text": each.sentence.text, "reason": words.told(each.reason)} for each in self._content.removed
            ],
            "mapping": [self._choice(choice) for choice in choices(one)],
            "candidates": self._candidates(),
            "notes": [words.message(note) for note in one.notes],
            "problems": [{"file": PurePath(name).name, "what": words.told(what)} for name, what in one.problems],
            "sources": [self._source(filing) for filing in self._filings],
        }
        for each in self._content.sentences:
            self._shown.update({key: by_id[key] for key in each.claim_ids})
        shown = with_inputs(self._shown.values())
        return document | {"values": {key: self._value(value) for key, value in shown.items()}}

    def _id(self, value: Value) -> str:
        self._shown.setdefault(value.id, value)
        return value.id

    def _text(self, message: Message | None) -> str | None:
        return None if message is None else self._wording.message(message)

    def _company(self, index: int) -> dict[str, Any]:
        series = self._comparison.series[index]
        company = series.company
        return {
            "key": company.key,
            "name": company.name,
            "identifier": company.identifier,
            "template": company.template,
            "template_name": self._wording.title("template", company.template),
            "accounting": company.accounting,
            "currency": company.currency,
            "sources": [self._numbers[id(filing)] for filing in series.filings],
        }

    def _column(self, column: Column) -> dict[str, Any]:
        span = column.span
        return {
            "company": column.company.key,
            "label": span.label,
            "name": self._wording.span(span),
            "kind": span.kind,
            **_period(span.period),
            "fiscal_year": span.fiscal_year,
            "quarter": span.quarter,
            "weeks": span.weeks if span.period.start else None,
            "notes": [self._wording.message(note) for note in column.notes],
        }

    def _table(self, table: Table) -> dict[str, Any]:
        return {
            "key": table.key,
            "title": self._wording.title("table", table.key),
            "columns": [self._column(column) for column in table.columns] or None,
            "rows": [self._row(row) for row in table.rows],
        }

    def _row(self, row: Row, name: str = "") -> dict[str, Any]:
        return {
            "metric": row.metric,
            "name": name or self._wording.metric(row.metric, row.label),
            "label": row.label,
            "level": row.level,
            "is_total": row.is_total,
            "values": [self._id(value) for value in row.values],
            "changes": [self._change(change) for change in row.changes],
        }

    def _change(self, change: Change | None) -> dict[str, Any] | None:
        if change is None:
            return None
        if change.is_points:
            self._points.add(change.absolute.id)
        return {
            "base": self._id(change.base),
            "absolute": self._id(change.absolute),
            "relative": self._id(change.relative),
            "is_points": change.is_points,
        }

    def _breakdown(self, breakdown: Breakdown) -> dict[str, Any]:
        places = [
            index
            for index, column in enumerate(self._comparison.columns)
            if breakdown.company in ("", column.company.key)
        ]
        told = members_with_changes(breakdown, tuple(self._comparison.columns[index] for index in places))
        kind = AXES[breakdown.axis]
        return {
            "company": breakdown.company,
            "metric": breakdown.metric,
            "axis": breakdown.axis,
            "kind": kind,
            "title": f"{self._wording.metric(breakdown.metric)}: {self._wording.title('axis', kind)}",
            "columns": places,
            "rows": [self._row(row, row.label) for row in told.rows],
            "total": self._row(told.total),
            "difference": self._row(told.difference),
        }

    def _bridge(self, bridge: Bridge) -> dict[str, Any]:
        return {
            "key": bridge.key,
            "title": self._wording.title("bridge", bridge.key),
            "company": _company_of(bridge.end),
            "start": self._id(bridge.start),
            "steps": [{"label": self._text(step.reason), "value": self._id(step)} for step in bridge.steps],
            "end": self._id(bridge.end),
        }

    def _check(self, check: Check) -> dict[str, Any]:
        return {
            "key": check.key,
            "name": self._wording.title("identity", check.key),
            "company": check.company,
            "period": _period(check.period),
            "verdict": check.verdict,
            "left": self._id(check.left) if check.left else None,
            "right": self._id(check.right) if check.right else None,
            "difference": None if check.difference is None else plain(check.difference),
            "tolerance": plain(check.tolerance),
            "form": self._form(check),
            "reason": self._text(check.reason),
        }

    def _form(self, check: Check) -> dict[str, Any] | None:
        """Return which of an identity's forms the check shows, with its equation and those that did not hold."""
        form = check.form
        if form is None:
            return None
        told = {"number": form.number, "count": form.count, "equation": form.equation, "failed": list(form.failed)}
        return told | {"text": self._wording.form(check)}

    def _ratio(self, key: str) -> dict[str, Any]:
        ratio = next(one for one in ratios() if one.key == key)
        return {
            "key": key,
            "name": self._wording.metric(key),
            "group": ratio.group,
            "group_name": self._wording.title("ratio_group", ratio.group),
            "formula": ratio.text,
            "formula_text": self._wording.formula(ratio.text),
            "unit": ratio.unit,
            "direction": ratio.direction,
            "is_on_average": ratio.is_on_average,
            "is_annualised": ratio.is_annualised,
        }

    def _choice(self, choice: Choice) -> dict[str, Any]:
        series = next(one for one in self._comparison.series if one.company.key == choice.company)
        rule = load_policy().rules.get(choice.metric)
        return {
            "company": choice.company,
            "metric": choice.metric,
            "name": self._wording.metric(choice.metric),
            "override": choice.override or None,
            "reason": self._text(choice.absence),
            "uses": [
                {
                    "concept": use.concept,
                    "label": use.label,
                    "status": str(use.values[0].status),
                    "reason": self._text(use.reason),
                    "periods": [_period(value.period) for value in use.values],
                }
                for use in choice.uses
            ],
            "candidates": candidate_key(series, rule) if rule else None,
        }

    def _candidates(self) -> dict[str, list[dict[str, Any]]]:
        return {
            key: [
                {
                    "concept": one.fact.concept.qname,
                    "label": one.fact.place.row_label,
                    "amount": None if one.fact.value is None else plain(one.fact.value),
                    "unit": str(one.fact.unit),
                    "period": _period(one.fact.period),
                    "is_on_statement": one.is_on_face,
                    "table": one.fact.place.table,
                    "row": one.fact.place.row,
                    "source": self._numbers[id(filing)],
                    "fact_id": one.fact.fact_id,
                }
                for one in offered
            ]
            for key, (filing, offered) in candidates(self._comparison, load_policy()).items()
        }

    def _value(self, value: Value) -> dict[str, Any]:
        words = self._wording
        entry = {
            "metric": value.metric,
            "name": words.value_name(value),
            "company": _company_of(value),
            "period": _period(value.period),
            "period_name": words.period(_company_of(value), value.period),
            "amount": plain(proved(value, self._claims)) if value.is_available else None,
            "unit": value.unit,
            "shown": self._text_of(value),
            "status": str(value.status),
            "reason": self._text(value.reason),
            "formula": value.formula,
            "formula_text": words.formula(value.formula),
            "inputs": [given.id for given in value.inputs],
            "notes": [words.message(note) for note in value.notes],
            "source": self._place(value.filing, value.fact) if value.filing and value.fact else None,
        }
        return {key: content for key, content in entry.items() if content not in (None, "", [])}

    def _text_of(self, value: Value) -> str:
        if value.amount is None:
            is_meaningless = value.reason is not None and value.reason.key == "reason.nm"
            return self._wording.say("nm" if is_meaningless else "na")
        if value.unit == "rank":
            return str(value.amount)
        if value.id in self._points:
            return cell_points(value.amount, self._wording.language)
        return cell(value.amount, value.unit, self._wording.scale)

    def _place(self, filing: Filing, fact: Fact) -> dict[str, Any]:
        return {
            "source": self._numbers[id(filing)],
            "file": file_name(filing),
            "form": filing.form,
            "evidence": filing.evidence(fact).to_json(),
            "concept": fact.concept.qname,
            "fact_id": fact.fact_id,
            "label": fact.place.row_label,
            "printed": fact.printed,
            "decimals": "INF" if fact.is_exact else fact.decimals,
            "dimensions": fact.dimensions_text,
            "table": fact.place.table,
            "row": fact.place.row,
            "footnotes": list(fact.footnotes),
        }

    def _source(self, filing: Filing) -> dict[str, Any]:
        told = self._wording.told
        return {
            "file": file_name(filing),
            "sha256": filing.source.sha256,
            "size": filing.source.size,
            "media": filing.source.media,
            "company": filing.entity.name,
            "identifier": filing.entity.identifier,
            "ticker": filing.entity.ticker,
            "form": filing.form,
            "is_amendment": filing.is_amendment,
            "fiscal_year": filing.fiscal_year,
            "fiscal_period": filing.fiscal_period,
            "period_end": filing.period_end.isoformat() if filing.period_end else None,
            "filed": filing.filed.isoformat() if filing.filed else None,
            "accession": filing.accession or None,
            "problems": [
                {"where": told(one.where), "what": told(one.what), "is_recovery": one.is_recovery}
                for one in filing.problems
            ],
        }


def _period(period: Period) -> dict[str, str | None]:
    return {"start": period.start.isoformat() if period.start else None, "end": period.end.isoformat()}


def _company_of(value: Value) -> str:
    return value.id.split("/", 1)[0]
