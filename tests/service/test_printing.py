"""Fonts of printed documents: each has its own characters, whatever was printed before it in the same process."""

import io

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from trivium.service.printing import fonts
from trivium.service.printing.text import draw, others


def _printed(text: str) -> str:
    """Print a line and read it out again."""
    with fonts.drawing(others([text])):
        stream = io.BytesIO()
        canvas = Canvas(stream)
        draw(canvas, 50, 700, text, 12)
        canvas.save()
    with pypdfium2.PdfDocument(stream.getvalue()) as document:
        return document[0].get_textpage().get_text_range()


def test_a_later_document_has_characters_that_an_earlier_one_had_not(monkeypatch):
    faces = fonts._listed("CFF")
    if not faces:
        pytest.skip("this machine has no OpenType font with Chinese and PostScript outlines")
    path, index = faces[0]
    monkeypatch.setenv(fonts.VARIABLE, f"{path}#{index}")
    fonts._chinese_font.cache_clear()
    try:
        assert [_printed(text) for text in ("营业收入", "胸部X线片", "营业成本")] == [
            "营业收入",
            "胸部X线片",
            "营业成本",
        ]
    finally:
        fonts._chinese_font.cache_clear()
