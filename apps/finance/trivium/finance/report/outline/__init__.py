"""The printed report, once for DOCX and PDF: blocks in reading order, with keys that lead to the sources."""

from trivium.finance.report.outline.blocks import (
    Block,
    Cell,
    Finding,
    Grid,
    Heading,
    Line,
    Paragraph,
    Reference,
    References,
    key_text,
    texts,
)
from trivium.finance.report.outline.build import build

__all__ = [
    "Block",
    "Cell",
    "Finding",
    "Grid",
    "Heading",
    "Line",
    "Paragraph",
    "Reference",
    "References",
    "build",
    "key_text",
    "texts",
]
