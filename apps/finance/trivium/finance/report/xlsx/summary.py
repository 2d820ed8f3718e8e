"""The first sheet: what the report found, headline numbers, what to know, the way to every other sheet."""

from __future__ import annotations

from collections.abc import Sequence

from trivium.finance.analyze.model import Comparison
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.headlines import headline_rows
from trivium.finance.report.xlsx.grid import Amount, Link, Sheet, Text
from trivium.service.evidence import Sentence

__all__ = ["summary"]

_NAME, _VALUE = 38.0, 12.5
_CHART_ROWS = 18


def summary(
    comparison: Comparison, sentences: Sequence[Sentence], wording: ExportWording, sheets: Sequence[Sheet]
) -> tuple[Sheet, int]:
    """Return the first sheet, and the row from which charts may stand on it.

    Args:
        sheets: all others, in order, to lead to.
    """
    columns = comparison.columns
    num_columns = max(len(columns), 6)
    sheet = Sheet(wording.export("sheet_summary"), (30, _NAME, 14, *[_VALUE] * num_columns), head=(0, 1))
    created = comparison.created.isoformat() if comparison.created else ""
    sheet.put(0, 1, Text(f"{wording.names()}: {wording.periods()}", "title"))
    kind = wording.say(f"kind_{comparison.kind}")
    sheet.put(1, 1, Text(" | ".join(filter(None, (kind, created, wording.money()))), "subtitle"))
    row = _overview(sheet, 3, comparison, wording)
    chart_row = row + 1
    row = _sentences(sheet, chart_row + _CHART_ROWS, sentences, wording)
    row = _notes(sheet, row + 1, comparison, wording)
    sheet.printed_rows = row  # links are of no use on paper
    sheet.section(row + 1, wording.say("contents"))
    for place, other in enumerate(sheets):
        sheet.put(row + 2 + place, 1, Link(other.name, other.name))
    return sheet, chart_row


def _overview(sheet: Sheet, row: int, comparison: Comparison, wording: ExportWording) -> int:
    heads = wording.heads(comparison.columns)
    tops = [Text(head, "head", is_right=True) for head, _, _ in heads]
    words = (wording.export("key"), wording.say("part_overview"), wording.export("unit"))
    sheet.put(row, 0, *(Text(word, "head") for word in words), *tops)
    for line in headline_rows(comparison):
        row += 1
        units = {value.unit for value in line.values if value.is_available}
        name = Text(wording.metric(line.metric, line.label))
        unit = Text(wording.units(units), "note")
        sheet.put(row, 0, Text(line.metric, "key"), name, unit, *(Amount(value) for value in line.values))
    return row + 1


def _sentences(sheet: Sheet, row: int, sentences: Sequence[Sentence], wording: ExportWording) -> int:
    sheet.section(row, wording.say("part_findings"))
    for sentence in sentences:
        row += 1
        sheet.paragraph(row, Text(sentence.text, "sentence"))
    row += 1
    sheet.put(row, 1, Text(wording.export("sentences_note"), "note"))
    return row + 1


def _notes(sheet: Sheet, row: int, comparison: Comparison, wording: ExportWording) -> int:
    sheet.section(row, wording.export("to_know"))
    texts = [wording.message(note) for note in comparison.notes]
    texts += [
        f"{wording.column(column, with_company=True)}: {wording.message(note)}"
        for column in comparison.columns
        for note in column.notes
    ]
    texts += [wording.export(key) for key in ("legend", f"format_{wording.scale}", "keys")]
    texts += [wording.say(key) for key in ("policy_sign", "policy_changes", "policy_missing", "policy_restated")]
    for text in texts:
        row += 1
        sheet.paragraph(row, Text(text, "note"))
    return row + 1
