"""Ways to damage an inline XBRL document, seeded: what `mutations.py` does to real filings."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["KINDS", "Kind", "Page"]

_TAG = re.compile(rb"<(/?)([A-Za-z][\w.:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>")
_ID = re.compile(rb"\sid=[\"']([^\"']*)[\"']")
_ATTRIBUTE = re.compile(rb"\s[\w:-]+=(\"[^\"]*\"|'[^']*')")
_LARGEST = 200_000
_FACTS = (b"ix:nonFraction",)
_RESOURCES = (b"xbrli:context", b"xbrli:unit")
_PARTS = (
    b"xbrldi:explicitMember",
    b"xbrli:measure",
    b"xbrli:period",
    b"xbrli:segment",
    b"xbrli:endDate",
    b"xbrli:instant",
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element: name, id, and where its start tag, content and end stand in the document."""

    name: bytes
    id: str
    start: int
    inner: int
    end_tag: int
    end: int


@dataclass
class Page:
    """A document with its elements in the order of their start tags."""

    data: bytes
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        stack: list[tuple[bytes, str, int, int]] = []
        for match in _TAG.finditer(self.data):
            name = match[2]
            if match[1]:
                tag, element_id, start, inner = stack.pop()
                assert tag == name, (tag, name)
                self.elements.append(Element(name, element_id, start, inner, match.start(), match.end()))
            else:
                found = _ID.search(match[3])
                element_id = found[1].decode() if found else ""
                if match[4]:
                    place = match.end()
                    self.elements.append(Element(name, element_id, match.start(), place, place, place))
                else:
                    stack.append((name, element_id, match.start(), match.end()))
        self.elements.sort(key=lambda element: element.start)
        self.by_id = {element.id: element for element in self.elements if element.id}

    def source(self, element_id: str) -> bytes | None:
        """Return an element as written, by id."""
        element = self.by_id.get(element_id)
        return None if element is None else self.data[element.start : element.end]

    def pick(self, rng: random.Random, names: tuple[bytes, ...] = ()) -> Element:
        """Return a random element of these names, or of any name, that is no larger than a big table."""
        pool = [one for one in self.elements if (not names or one.name in names) and one.end - one.start <= _LARGEST]
        return rng.choice(pool or self.elements)


Kind = Callable[[Page, random.Random], bytes]
"""Takes a page and gives damaged bytes."""


def _any(page: Page, rng: random.Random) -> Element:
    names = rng.choice(
        ((), _FACTS, _RESOURCES, _PARTS, (b"td", b"tr", b"span"), (b"ix:nonNumeric", b"ix:continuation"))
    )
    return page.pick(rng, names)


def _cut(page: Page, rng: random.Random) -> bytes:
    return page.data[: rng.randrange(1, len(page.data))]


def _delete(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    return page.data[: one.start] + page.data[one.end :]


def _duplicate(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    return page.data[: one.end] + page.data[one.start : one.end] + page.data[one.end :]


def _move(page: Page, rng: random.Random) -> bytes:
    one, place = _any(page, rng), page.pick(rng).end
    if one.start <= place <= one.end:
        place = one.end
    piece = page.data[one.start : one.end]
    if place < one.start:
        return page.data[:place] + piece + page.data[place : one.start] + page.data[one.end :]
    return page.data[: one.start] + page.data[one.end : place] + piece + page.data[place:]


def _swap(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    other = page.pick(rng, (one.name,))
    first, second = sorted((one, other), key=lambda element: element.start)
    if first.end > second.start:
        return _duplicate(page, rng)
    data = page.data
    return b"".join(
        (
            data[: first.start],
            data[second.start : second.end],
            data[first.end : second.start],
            data[first.start : first.end],
            data[second.end :],
        )
    )


def _drop_end_tag(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    return page.data[: one.end_tag] + page.data[one.end :]


def _drop_start_tag(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    return page.data[: one.start] + page.data[one.inner :]


def _stray_tag(page: Page, rng: random.Random) -> bytes:
    place = _any(page, rng).end
    tag = rng.choice(
        (b"</td>", b"<td>", b"</ix:nonFraction>", b"<ix:nonFraction>", b"</div>", b"<p>", b"<xbrli:context>")
    )
    return page.data[:place] + tag + page.data[place:]


def _break_attribute(page: Page, rng: random.Random) -> bytes:
    one = _any(page, rng)
    found = list(_ATTRIBUTE.finditer(page.data, one.start, one.inner))
    if not found:
        return _drop_end_tag(page, rng)
    match = rng.choice(found)
    text = match[0]
    name, _, value = text.partition(b"=")
    broken = rng.choice(
        (
            b"",  # gone
            name + b"=" + value[:-1],  # its last quote is gone
            name + value,  # its sign of equality is gone
            text + text,  # given twice
            name + b"x=" + value,  # another name
            name + b"=" + value[:1] + value[-1:],  # empty
            name + b"=" + value[1:-1],  # no quotes
        )
    )
    return page.data[: match.start()] + broken + page.data[match.end() :]


def _drop_resource(page: Page, rng: random.Random) -> bytes:
    one = page.pick(rng, _RESOURCES)
    return page.data[: one.start] + page.data[one.end :]


def _two_with_one_id(page: Page, rng: random.Random) -> bytes:
    one, other = page.pick(rng, (b"xbrli:context",)), page.pick(rng, (b"xbrli:context",))
    given = page.data[other.start : other.inner].replace(other.id.encode(), one.id.encode())
    return page.data[: other.start] + given + page.data[other.inner :]


def _corrupt(page: Page, rng: random.Random) -> bytes:
    data = bytearray(page.data)
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _erase(page: Page, rng: random.Random) -> bytes:
    start = rng.randrange(len(page.data))
    size = rng.choice((1, 7, 100, 5000))
    filler = rng.choice((b"\0" * size, b" " * size, b""))
    return page.data[:start] + filler + page.data[start + size :]


KINDS: dict[str, Kind] = {
    "cut at a byte": _cut,
    "delete an element": _delete,
    "duplicate an element": _duplicate,
    "move an element": _move,
    "swap two elements": _swap,
    "drop an end tag": _drop_end_tag,
    "drop a start tag": _drop_start_tag,
    "add a stray tag": _stray_tag,
    "break an attribute": _break_attribute,
    "drop a context or unit": _drop_resource,
    "two contexts with one id": _two_with_one_id,
    "corrupt bytes": _corrupt,
    "erase or blank bytes": _erase,
}
"""Every kind of damage, by its name."""
