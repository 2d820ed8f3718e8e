"""Page, fonts and styles of the note: real Word styles, so that a desk can restyle the whole at once."""

from __future__ import annotations

from typing import Any

from docx.document import Document
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from trivium.finance.report.docx.markup import namespaced

__all__ = ["set_up"]

_LATIN = "Arial"
_CHINESE = {"zh": "Microsoft YaHei", "en": "Microsoft YaHei"}
_NAVY, _GREY = RGBColor(0x14, 0x30, 0x4F), RGBColor(0x5B, 0x66, 0x72)

_SIZES = {
    "Normal": 9.5,
    "Body Text": 9.5,
    "Title": 20,
    "Subtitle": 9.5,
    "Heading 1": 14,
    "Heading 2": 11.5,
    "Heading 3": 10,
    "Caption": 8.5,
    "List Bullet": 9.5,
    "Header": 8,
    "Footer": 8,
}
_SPACES = {
    "Title": (0, 2),
    "Subtitle": (0, 10),
    "Heading 1": (16, 5),
    "Heading 2": (10, 3),
    "Heading 3": (8, 2),
    "Caption": (6, 2),
    "Body Text": (0, 4),
    "List Bullet": (0, 2.5),
}
_OWN = {"Table Text": 7.5, "Table Number": 7.5, "Table Gap": 4, "Note": 8, "Source": 7.5}


def set_up(document: Document, language: str, title: str, *, is_landscape: bool) -> None:
    """Set the page to A4, and the fonts, sizes and colours of every style the note uses."""
    _page(document, is_landscape=is_landscape)
    _defaults(document, language)
    for name, size in _SIZES.items():
        style = document.styles[name]
        _font(style, size, language)
        before, after = _SPACES.get(name, (0, 0))
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
    for name, size in _OWN.items():
        style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        _font(style, size, language)
        style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(0)
    _colours(document)
    _layouts(document)
    _table_style(document)
    key = document.styles.add_style("SourceKey", WD_STYLE_TYPE.CHARACTER)
    key.font.color.rgb = RGBColor(0x1F, 0x5F, 0x99)


def _page(document: Document, *, is_landscape: bool) -> None:
    section = document.sections[0]
    width, height = Mm(210), Mm(297)
    if is_landscape:
        section.orientation = WD_ORIENT.LANDSCAPE
        width, height = height, width
    section.page_width, section.page_height = width, height
    section.left_margin = section.right_margin = Mm(18)
    section.top_margin = section.bottom_margin = Mm(18)
    section.header_distance = section.footer_distance = Mm(9)


def _defaults(document: Document, language: str) -> None:
    """Set the language of the text, for spelling and for the choice of Chinese glyphs."""
    defaults = document.styles.element.find(qn("w:docDefaults"))
    properties = defaults.find(qn("w:rPrDefault")).find(qn("w:rPr"))
    tongue = properties.find(qn("w:lang"))
    if tongue is None:
        tongue = OxmlElement("w:lang")
        properties.append(tongue)
    tongue.set(qn("w:val"), "en-US" if language == "en" else "zh-CN")
    tongue.set(qn("w:eastAsia"), "zh-CN")


def _font(style: Any, size: float, language: str) -> None:
    style.font.name, style.font.size = _LATIN, Pt(size)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:hAnsi"), _LATIN)
    fonts.set(qn("w:eastAsia"), _CHINESE[language])


def _colours(document: Document) -> None:
    styles = document.styles
    for name in ("Title", "Heading 1", "Heading 2", "Heading 3", "Caption"):
        styles[name].font.color.rgb = _NAVY
        styles[name].font.bold = True
    for name in ("Subtitle", "Note", "Header", "Footer"):
        styles[name].font.color.rgb = _GREY
    styles["Subtitle"].font.italic = styles["Caption"].font.italic = False
    borders = styles["Title"].element.get_or_add_pPr().find(qn("w:pBdr"))
    if borders is not None:
        styles["Title"].element.get_or_add_pPr().remove(borders)


def _layouts(document: Document) -> None:
    styles = document.styles
    for name in ("Caption", "Heading 1", "Heading 2", "Heading 3"):
        styles[name].paragraph_format.keep_with_next = True
    styles["Table Number"].paragraph_format.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    styles["Footer"].paragraph_format.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    source = styles["Source"].paragraph_format
    source.left_indent, source.first_line_indent, source.space_after = Mm(9), Mm(-9), Pt(1.5)
    source.tab_stops.add_tab_stop(Mm(9))


def _table_style(document: Document) -> None:
    """Add the table style: navy head, hairlines between rows."""
    line = 'w:val="single" w:sz="2" w:space="0" w:color="D5DCE3"'
    document.styles.element.append(
        parse_xml(
            namespaced(
                'w:style w:type="table" w:customStyle="1" w:styleId="ResearchTable"',
                '<w:name w:val="Research Table"/><w:basedOn w:val="TableNormal"/><w:uiPriority w:val="99"/>',
                f'<w:tblPr><w:tblStyleRowBandSize w:val="1"/><w:tblBorders><w:bottom {line}/><w:insideH {line}/>'
                '</w:tblBorders><w:tblCellMar><w:top w:w="20" w:type="dxa"/><w:left w:w="50" w:type="dxa"/>'
                '<w:bottom w:w="20" w:type="dxa"/><w:right w:w="50" w:type="dxa"/></w:tblCellMar></w:tblPr>',
                '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/><w:color w:val="FFFFFF"/></w:rPr><w:tcPr>'
                '<w:shd w:val="clear" w:color="auto" w:fill="14304F"/><w:vAlign w:val="bottom"/></w:tcPr>'
                "</w:tblStylePr>",
            )
        )
    )
