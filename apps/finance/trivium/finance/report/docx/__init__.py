"""The comparison as an editable research note: real styles, page numbers, a source key on every row of numbers.

Tables are written as markup, because cell by cell they would take seconds.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence

import docx
from docx.document import Document
from docx.oxml import parse_xml

from trivium.finance.report.content import Content
from trivium.finance.report.docx.markup import bookmark, field, link, namespaced, printable, run
from trivium.finance.report.docx.styles import set_up
from trivium.finance.report.docx.tables import table
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.outline import (
    Block,
    Finding,
    Grid,
    Heading,
    Paragraph,
    Reference,
    References,
    build,
    key_text,
)

__all__ = ["render_docx"]

_MOST_UPRIGHT = 7


def render_docx(content: Content) -> bytes:
    """Return the comparison as a DOCX document.

    Raises:
        ValueError: if a number has no claim, or its claim says another number.
    """
    comparison, language = content.comparison, content.language
    wording = ExportWording(comparison, language, content.scale)
    blocks = build(content, wording)
    title = printable(wording.export("report_title", names=wording.names(), periods=wording.periods()))
    document = docx.Document()
    widest = max((len(block.heads) for block in blocks if isinstance(block, Grid) and not block.num_texts), default=0)
    set_up(document, language, title, is_landscape=widest - 1 > _MOST_UPRIGHT)
    _properties(document, title, language, comparison.created)
    _furniture(document, title, wording)
    writer = _Writer(document)
    writer.text(title, "Title")
    created = comparison.created.isoformat() if comparison.created else ""
    subtitle = (wording.say(f"kind_{comparison.kind}"), created, wording.money())
    writer.text(" | ".join(filter(None, subtitle)), "Subtitle")
    for block in blocks:
        writer.write(block)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


class _Writer:
    """Writes blocks, one after the other, at the end of a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._body = document.element.body
        self._styles = {style.name: style.style_id for style in document.styles if style.name}
        self._width = _text_width(document)

    def write(self, block: Block) -> None:
        match block:
            case Heading(text, level):
                self.text(text, f"Heading {level}")
            case Paragraph(text, is_note):
                self.text(text, "Note" if is_note else "Body Text")
            case Finding(text, keys):
                marks = [link(f"source_{first}", key_text(first, last), is_raised=True) for first, last in keys]
                self._paragraph("List Bullet", run(text), *_with_commas(marks))
            case Grid():
                if block.caption:
                    self.text(block.caption, "Caption")
                self._append(table(block, self._styles, self._width))
                self.text("", "Table Gap")
            case References(entries):
                for entry in entries:
                    self._reference(entry)

    def text(self, text: str, style: str) -> None:
        self._paragraph(style, run(text))

    def _reference(self, entry: Reference) -> None:
        start = bookmark(entry.key, f"source_{entry.key}", run(f"{entry.key}", is_bold=True))
        texts = run(f"\t{entry.name}. {'; '.join(entry.lines)}")
        self._paragraph("Source", start, texts)

    def _paragraph(self, style: str, *contents: str) -> None:
        properties = f'<w:pPr><w:pStyle w:val="{self._styles[style]}"/></w:pPr>'
        self._append(namespaced("w:p", properties, *contents))

    def _append(self, markup: str) -> None:
        self._body.insert(len(self._body) - 1, parse_xml(markup))  # before the section's properties


def _with_commas(marks: Sequence[str]) -> list[str]:
    """Return marks with raised commas between them."""
    found: list[str] = []
    for mark in marks:
        found += [run(", ", is_raised=True), mark] if found else [mark]
    return found


def _text_width(document: Document) -> int:
    """Return the width between the margins, in twentieths of a point."""
    section = document.sections[0]
    assert section.page_width is not None
    assert section.left_margin is not None
    assert section.right_margin is not None
    return int((section.page_width - section.left_margin - section.right_margin) / 635)


def _properties(document: Document, title: str, language: str, created: datetime.date | None) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title, "Trivium", ""
    properties.language = {"zh": "zh-CN"}.get(language, "en-US")
    if created is not None:
        properties.created = properties.modified = datetime.datetime.combine(created, datetime.time())


def _furniture(document: Document, title: str, wording: ExportWording) -> None:
    """Fill header and footer: the title; page of pages."""
    section = document.sections[0]
    section.header.paragraphs[0].text = title
    page, pages = "\x01", "\x02"
    words = wording.export("page_of", page=page, pages=pages)
    before, _, rest = words.partition(page)
    between, _, after = rest.partition(pages)
    written = parse_xml(namespaced("w:p", run(before), field("PAGE"), run(between), field("NUMPAGES"), run(after)))
    paragraph = section.footer.paragraphs[0]._p
    for element in list(written):
        paragraph.append(element)
