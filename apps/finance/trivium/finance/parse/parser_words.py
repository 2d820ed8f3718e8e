"""What libxml2 says of a damaged document, as messages that can be told in another language."""

from __future__ import annotations

import functools
import re

from trivium.service.phrase import Phrase

__all__ = ["parser_words"]

_KNOWN = (
    "Opening and ending tag mismatch: {opened} line {line} and {closed}",
    "Premature end of data in tag {name} line {line}",
    "Couldn't find end of Start Tag {name} line {line}",
    "Specification mandates value for attribute {name}",
    "Attribute {name} redefined",
    "Namespace prefix {prefix} on {name} is not defined",
    "Namespace prefix {prefix} for {attribute} on {name} is not defined",
    "Failed to parse QName '{name}'",
    "Entity '{name}' not defined",
    "PCDATA invalid Char value {code}",
    "AttValue: {sign} expected",
    "Excessive depth in document: {depth} use XML_PARSE_HUGE option",
    "Unescaped '<' not allowed in attributes values",
    "expected '>'",
    "invalid character in attribute value",
    "error parsing attribute name",
    "attributes construct error",
    "StartTag: invalid element name",
    "Invalid bytes in character encoding",
    "Input is not proper UTF-8, indicate encoding !",
    "Document is empty",
    "Start tag expected, '<' not found",
    "Extra content at the end of the document",
    "xmlParseEntityRef: no name",
    "EndTag: '</' not found",
    "Comment not terminated",
    "CData section not finished",
    "xmlParsePI : no target name",
    "ParsePI: PI not terminated",
)
_PLACE = re.compile(r", line \d+, column \d+$")


def parser_words(message: str) -> Phrase:
    """Return a message of the parser, without its place, as a known template with its values or as a quotation."""
    text = _PLACE.sub("", " ".join(message.split()))
    for template, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return Phrase(template, **match.groupdict())
    return Phrase("the parser says: {words}", words=text)


@functools.cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for template in _KNOWN:
        pieces = enumerate(re.split(r"\{(\w+)\}", template))
        pattern = "".join(f"(?P<{piece}>.+)" if place % 2 else re.escape(piece) for place, piece in pieces)
        found.append((template, re.compile(pattern)))
    return tuple(found)
