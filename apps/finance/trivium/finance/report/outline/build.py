"""The printed report as blocks: findings, overview, statements, common size, ratios, peers, parts, checks, sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from trivium.finance.analyze.model import Comparison, Table
from trivium.finance.check import Removed
from trivium.finance.claims import values_of
from trivium.finance.report.choices import choices
from trivium.finance.report.content import Content
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.headlines import headline_rows
from trivium.finance.report.outline.blocks import Block, Cell, Finding, Grid, Heading, Line, Paragraph, References
from trivium.finance.report.outline.grids import Grids
from trivium.finance.report.outline.parts import Parts
from trivium.finance.report.outline.references import ReferenceList
from trivium.finance.report.proof import file_name
from trivium.finance.standing import is_statement
from trivium.service.evidence import Sentence

__all__ = ["build"]


def build(content: Content, wording: ExportWording) -> tuple[Block, ...]:
    """Return the blocks of a report, in reading order; removed sentences stand beside what went unread.

    Raises:
        ValueError: if a number has no claim, or its claim says another number.
    """
    comparison = content.comparison
    references = ReferenceList(comparison, wording)
    grids = Grids(comparison, content.claims, wording, references)
    say = wording.say
    # Tables come first: they give the keys that the findings refer to.
    tables = (
        *_overview(comparison, grids, wording),
        *_statements(comparison, grids, wording),
        *Parts(comparison, grids, wording, references).blocks(),
    )
    return (
        Heading(say("part_findings")),
        *_findings(comparison, content.sentences, references),
        *tables,
        Heading(say("part_unread")),
        *_unread(comparison, wording),
        *_left_out(content.removed, wording),
        Heading(say("part_method")),
        *_method(comparison, wording),
        Heading(say("sources")),
        _files(comparison, wording, references),
        Paragraph(wording.export("references_note"), is_note=True),
        References(references.entries()),
    )


def _findings(comparison: Comparison, sentences: Sequence[Sentence], references: ReferenceList) -> Iterator[Block]:
    by_id = {value.id: value for value in values_of(comparison)}
    for sentence in sentences:
        yield Finding(sentence.text, references.keys_of(by_id[key] for key in sentence.claim_ids))


def _overview(comparison: Comparison, grids: Grids, wording: ExportWording) -> Iterator[Block]:
    yield Heading(wording.say("part_overview"))
    rows = [replace(row, level=0, is_total=False) for row in headline_rows(comparison)]
    yield grids.grid(rows, comparison.columns, has_changes=False)
    for note in comparison.notes:
        yield Paragraph(wording.message(note), is_note=True)
    for column in comparison.columns:
        if column.notes:
            notes = "; ".join(wording.message(note) for note in column.notes)
            name = wording.column(column, with_company=grids.has_companies)
            yield Paragraph(f"* {name}: {notes}", is_note=True)


def _statements(comparison: Comparison, grids: Grids, wording: ExportWording) -> Iterator[Block]:
    parts: dict[str, list[Table]] = {"statements": [], "quarters": [], "common_size": [], "ratios": []}
    for table in comparison.tables:
        part = next((name for name in parts if table.key.startswith(name)), "statements")
        if part != "statements" or is_statement(table):
            parts[part].append(table)
    for part, tables in parts.items():
        if tables:
            yield Heading(wording.say(f"part_{part}"))
        for table in tables:
            if len(tables) > 1:
                yield Heading(wording.title("table", table.key), 2)
            yield grids.grid(table.rows, table.columns or comparison.columns, has_groups=part == "ratios")


def _unread(comparison: Comparison, wording: ExportWording) -> Iterator[Block]:
    if not comparison.problems:
        yield Paragraph(wording.say("unread_nothing"))
    for name, what in comparison.problems:
        yield Paragraph(f"{PurePath(name).name}: {wording.told(what)}")


def _left_out(removed: Sequence[Removed], wording: ExportWording) -> Iterator[Block]:
    if removed:
        yield Heading(wording.say("part_left_out"))
        yield Paragraph(wording.say("left_out_note"), is_note=True)
    for one in removed:
        yield Paragraph(wording.say("left_out", text=one.sentence.text, reason=wording.told(one.reason)))


def _method(comparison: Comparison, wording: ExportWording) -> Iterator[Block]:
    yield Paragraph(wording.export("scale", scale=wording.money()))
    for key in ("policy_sign", "policy_changes", "policy_missing", "policy_restated", "policy_rounding"):
        yield Paragraph(wording.say(key))
    for choice in choices(comparison):
        if choice.override:
            metric = wording.metric(choice.metric)
            text = wording.export("override", company=choice.company, metric=metric, concept=choice.override)
            yield Paragraph(text)


def _files(comparison: Comparison, wording: ExportWording, references: ReferenceList) -> Grid:
    heads = [wording.say("file"), wording.export("letter"), wording.say("head_company"), wording.say("head_form")]
    heads += [wording.say("head_period_end"), "SHA-256"]
    lines = []
    for series in comparison.series:
        for filing in series.filings:
            end = filing.period_end.isoformat() if filing.period_end else ""
            texts = (references.letter(filing), filing.entity.name, filing.form, end, filing.source.sha256)
            lines.append(Line(file_name(filing), tuple(Cell(text) for text in texts)))
    return Grid("", tuple(heads), tuple(lines), num_texts=5)
