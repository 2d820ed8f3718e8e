"""Where Chinese paragraphs of printed documents are broken into lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth

from trivium.service.printing.breaking import Prose, pieces
from trivium.service.printing.text import marked, text_width

STYLE = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=12, wordWrap="CJK")
TEXT = (
    "营业收入为 18,237 百万美元（上一年度 17,801 百万美元），增长 2.4%；“毛利率”按《年度报告》中 "
    "Fernwick Home Stores, Inc. 的口径（非公认会计准则），见第 12 页。"
)


def _lines(text: str, width: float, **options: str) -> list[str]:
    found = Prose(marked(text), STYLE, **options).breakLinesCJK([width, width]).lines
    return ["".join(word.text for word in line.words) for line in found]


@pytest.mark.parametrize("width", range(60, 400, 7))
def test_no_line_breaks_a_rule_and_none_is_too_wide(width):
    lines = _lines(TEXT, width)
    assert "".join(lines) == TEXT
    assert len(lines) > 1
    for line, following in pairwise(lines):
        assert line.rstrip()[-1] not in "（《“", line
        assert following[0] not in "，。；）》”%", following
        assert not (line[-1].isascii() and line[-1].isalnum() and following[0].isascii()), line
    assert all(text_width(line.rstrip(), 10) <= width for line in lines)


def test_a_piece_wider_than_a_line_is_torn_and_a_forced_end_is_kept():
    assert _lines("中" + "A" * 12, stringWidth("A" * 5, "Helvetica", 10)) == ["中", "AAAAA", "AAAAA", "AA"]
    assert _lines("中文\n行", 100) == ["中文", "行"]


def test_a_bullet_leaves_less_room_in_the_first_line():
    assert [len(line) for line in _lines("中" * 12, 61, bulletText="•")] == [5, 6, 1]


def test_pieces_hold_what_belongs_together():
    text = "增长 2.4%（A股）。"
    assert [text[piece] for piece in pieces(text)] == ["增", "长 ", "2.4%", "（A", "股）。"]
    assert list(pieces("")) == []
