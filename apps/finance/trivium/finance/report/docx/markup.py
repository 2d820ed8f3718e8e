"""WordprocessingML as text: runs, links, bookmarks, fields. Everything that came from outside is escaped here."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

__all__ = ["bookmark", "field", "link", "namespaced", "printable", "run"]

_NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def namespaced(element: str, *contents: str) -> str:
    """Return an element that can stand alone, with its namespace; `element` may bring attributes."""
    name = element.partition(" ")[0]
    return f"<{element} {_NAMESPACE}>{''.join(contents)}</{name}>"


def printable(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("", text)


def run(text: str, *, is_bold: bool = False, is_raised: bool = False, style: str = "") -> str:
    """Return a run of text; line ends and tabs become breaks and tabs."""
    properties = f'<w:rStyle w:val="{style}"/>' if style else ""
    properties += "<w:b/>" if is_bold else ""
    properties += '<w:vertAlign w:val="superscript"/>' if is_raised else ""
    if not text:
        return ""
    pieces = re.split(r"([\n\t])", printable(text))
    written = "".join({"\n": "<w:br/>", "\t": "<w:tab/>"}.get(piece) or _text(piece) for piece in pieces if piece)
    return f"<w:r><w:rPr>{properties}</w:rPr>{written}</w:r>"


def link(anchor: str, text: str, *, is_raised: bool = False) -> str:
    """Return a link to a bookmark of this document."""
    return f'<w:hyperlink w:anchor="{anchor}">{run(text, is_raised=is_raised, style="SourceKey")}</w:hyperlink>'


def bookmark(number: int, name: str, content: str) -> str:
    """Return content under a name that links lead to."""
    return f'<w:bookmarkStart w:id="{number}" w:name="{name}"/>{content}<w:bookmarkEnd w:id="{number}"/>'


def field(code: str) -> str:
    """Return a field that the word processor fills in: `PAGE`, `NUMPAGES`."""
    return f'<w:fldSimple w:instr="{code}">{run("1")}</w:fldSimple>'


def _text(text: str) -> str:
    return f'<w:t xml:space="preserve">{escape(text)}</w:t>'
