"""Sheets of where numbers come from: reported numbers with their places, workings, mapping, what went unread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from trivium.finance.analyze.model import Comparison, Value
from trivium.finance.check import Removed
from trivium.finance.display import kind_of
from trivium.finance.report.choices import choices
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.proof import file_name
from trivium.finance.report.xlsx.grid import Amount, Sheet, Text
from trivium.finance.report.xlsx.rows import KEY_WIDTH, NAME_WIDTH, UNIT_WIDTH, VALUE_WIDTH, heading

__all__ = ["EvidenceSheets"]

_HEAD = (3, 3)


class EvidenceSheets:
    """Lays out the sheets behind the numbers."""

    def __init__(self, comparison: Comparison, wording: ExportWording) -> None:
        self._comparison = comparison
        self._wording = wording

    def workings(self, values: Iterable[Value]) -> Sheet | None:
        """Return the sheet of numbers that formulas use and no other sheet shows; None if there are none."""
        words = self._wording
        ordered = sorted(values, key=lambda value: (value.id.split("/", 1)[0], value.metric, value.period.end))
        if not ordered:
            return None
        heads = [words.export("key"), words.say("head_metric"), words.say("head_company"), words.say("head_period")]
        heads += [words.export("unit"), words.export("value"), words.say("formula")]
        sheet = self._sheet("workings", (46, NAME_WIDTH, 10, 36, UNIT_WIDTH, VALUE_WIDTH + 4, 60), heads, rights={5})
        for number, value in enumerate(ordered, _HEAD[1] + 1):
            company = value.id.split("/", 1)[0]
            sheet.put(
                number,
                0,
                Text(value.id, "key"),
                Text(words.value_name(value)),
                Text(company),
                Text(words.period(company, value.period), "note"),
                Text(words.unit(value.unit), "note"),
                Amount(value),
                Text(words.formula(value.formula), "note", 1),
            )
        return sheet

    def sources(self, values: Iterable[Value]) -> Sheet:
        """Return one row a reported number: its value, what is printed, and the place in the file."""
        words = self._wording
        say, export = words.say, words.export
        heads = [export("key"), say("head_metric"), say("head_company"), say("head_period"), export("unit")]
        heads += [export("value"), say("printed"), say("decimals"), say("concept"), say("members")]
        heads += [say("head_printed_row"), say("anchor"), say("head_form"), say("file"), "SHA-256"]
        widths = (46, 34, 10, 34, UNIT_WIDTH, VALUE_WIDTH + 4, 14, 10, 46, 30, 40, 14, 8, 26, 66)
        sheet = self._sheet("sources", widths, heads, rights={5, 6, 7})
        number = _HEAD[1] + 1
        for value in values:
            if value.fact is not None and value.filing is not None and not value.inputs and value.is_available:
                self._source(sheet, number, value)
                number += 1
        return sheet

    def mapping(self) -> Sheet:
        """Return which concept or printed line each metric was read from; a concept that a user chose is named."""
        words = self._wording
        say = words.say
        heads = [words.export("key"), say("head_metric"), say("head_company"), say("head_concept")]
        heads += [say("head_printed_row"), say("head_periods"), say("head_why"), words.export("chosen_by_user")]
        sheet = self._sheet("mapping", (KEY_WIDTH, NAME_WIDTH, 10, 50, 44, 44, 60, 30), heads)
        number = _HEAD[1] + 1
        for choice in choices(self._comparison):
            start = (Text(choice.metric, "key"), Text(words.metric(choice.metric)), Text(choice.company))
            for use in choice.uses:
                periods = ", ".join(dict.fromkeys(words.short_period(choice.company, one.period) for one in use.values))
                reason = Text(words.message(use.reason) if use.reason else "", "note")
                chosen = Text(choice.override, "total") if choice.override else None
                sheet.put(number, 0, *start, Text(use.concept), Text(use.label), Text(periods, "note"), reason, chosen)
                number += 1
            if not choice.uses:
                reason = Text(words.message(choice.absence) if choice.absence else "", "note")
                chosen = Text(choice.override, "total") if choice.override else None
                sheet.put(number, 0, *start, Text(say("na"), "note"), None, None, reason, chosen)
                number += 1
        return sheet

    def unread(self, removed: Iterable[Removed]) -> Sheet:
        """Return what could not be read, file by file, and under it the sentences that the checker took out."""
        words = self._wording
        say = words.say
        heads = [words.export("key"), say("file"), say("part_unread")]
        sheet = self._sheet("unread", (10, 40, 130), heads)
        number = _HEAD[1] + 1
        for name, what in self._comparison.problems:
            sheet.put(number, 1, Text(PurePath(name).name), Text(words.told(what), is_wrapped=True))
            number += 1
        if not self._comparison.problems:
            sheet.put(number, 1, Text(say("unread_nothing"), "note"))
            number += 1
        for one in removed:
            told = say("left_out", text=one.sentence.text, reason=words.told(one.reason))
            sheet.put(number, 1, Text(say("part_left_out")), Text(told, is_wrapped=True))
            number += 1
        return sheet

    def _sheet(self, key: str, widths: Sequence[float], heads: Sequence[str], rights: Iterable[int] = ()) -> Sheet:
        name = self._wording.export(f"sheet_{key}")
        sheet = Sheet(name, tuple(widths), head=_HEAD, frozen_columns=2)
        heading(sheet, name, self._wording)
        at_right = set(rights)
        sheet.put(_HEAD[0], 0, *(Text(head, "head", is_right=place in at_right) for place, head in enumerate(heads)))
        return sheet

    def _source(self, sheet: Sheet, number: int, value: Value) -> None:
        words, fact, filing = self._wording, value.fact, value.filing
        assert fact is not None
        assert filing is not None
        company = value.id.split("/", 1)[0]
        decimals = words.say("decimals_exact") if fact.is_exact else "" if fact.decimals is None else str(fact.decimals)
        sheet.put(
            number,
            0,
            Text(value.id, "key"),
            Text(words.value_name(value)),
            Text(company),
            Text(words.period(company, value.period), "note"),
            Text(words.unit(value.unit) if kind_of(value.unit) != "ratio" else "", "note"),
            Amount(value),
            Text(fact.printed, is_right=True),
            Text(decimals, is_right=True),
            Text(fact.concept.qname),
            Text(fact.dimensions_text, "note"),
            Text(fact.place.row_label),
            Text(fact.fact_id),
            Text(filing.form),
            Text(file_name(filing)),
            Text(filing.source.sha256, "key"),
        )
