"""The SEC's own rules (`ixt-sec`): durations, numbers in words, ballot boxes, quarters and codes of names.

A duration is truncated to its smallest unit (days, or hours for `durday` and `durhour`); a month counts 30.4375 days.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from trivium.finance.parse.transformations.months import fold
from trivium.finance.parse.transformations.words import ZERO_WORDS, count_of

__all__ = ["REGISTRY"]

Rule = Callable[[str], str | None]

_DAYS_IN_MONTH = Decimal("30.4375")
_NUMBER = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DASHES = re.compile("[-\u058a\u05be\u2010-\u2015\ufe58\ufe63\uff0d]")
_PART = re.compile(r"(?P<count>[^0-9]*?|[0-9]{1,4}) ?\b(?P<unit>year|month|day)s?\b")
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 4}
_QUARTER = re.compile(r"(?<![0-9])([1-4])(?![0-9])|\b(first|second|third|fourth|last)\b")
_QUARTER_ENDS = {1: "03-31", 2: "06-30", 3: "09-30", 4: "12-31"}
_EXCHANGES = {
    "box exchange": "BOX",
    "cboe byx exchange": "CboeBYX",
    "cboe bzx exchange": "CboeBZX",
    "cboe c2 exchange": "C2",
    "cboe edga exchange": "CboeEDGA",
    "cboe edgx exchange": "CboeEDGX",
    "cboe exchange": "CBOE",
    "chicago stock exchange": "CHX",
    "investors exchange": "IEX",
    "miami international securities exchange": "MIAX",
    "miax pearl": "PEARL",
    "nasdaq": "NASDAQ",
    "nasdaq bx": "BX",
    "nasdaq capital market": "NASDAQ",
    "nasdaq gemx": "GEMX",
    "nasdaq global market": "NASDAQ",
    "nasdaq global select market": "NASDAQ",
    "nasdaq ise": "ISE",
    "nasdaq mrx": "MRX",
    "nasdaq phlx": "Phlx",
    "nasdaq stock market": "NASDAQ",
    "new york stock exchange": "NYSE",
    "nyse": "NYSE",
    "nyse american": "NYSEAMER",
    "nyse arca": "NYSEArca",
    "nyse chicago": "CHX",
    "nyse national": "NYSENAT",
}
_FILERS = {
    "accelerated filer": "Accelerated Filer",
    "large accelerated filer": "Large Accelerated Filer",
    "non accelerated filer": "Non-accelerated Filer",
}


def _duration(largest: str, *, sizes: tuple[tuple[str, Decimal], ...], in_hours: bool = False) -> Rule:
    """Make a rule for a decimal count of one unit.

    Args:
        largest: designator of the unit that is counted.
        sizes: designators of the smaller units, each with how many of it make one of the unit before it.
        in_hours: whether the last designator is hours, which stand behind a `T`.
    """

    def rule(text: str) -> str | None:
        match = _NUMBER.fullmatch(text)
        if match is None:
            return None
        value = Decimal(match[2])
        parts = [(int(value), largest)]
        for designator, size in sizes:
            value = (value - int(value)) * size
            parts.append((int(value), designator))
        kept = parts[:1] + [(count, designator) for count, designator in parts[1:] if count]
        texts = [
            f"{'T' if in_hours and (count, designator) == parts[-1] else ''}{count}{designator}"
            for count, designator in kept
        ]
        return ("-" if match[1] == "-" and any(count for count, _ in parts) else "") + "P" + "".join(texts)

    return rule


def _weeks(text: str) -> str | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    days = int(Decimal(match[2]) * 7)
    return f"{'-' if match[1] == '-' and days else ''}P{days}D"


def _number_words(text: str) -> str | None:
    count = count_of(text)
    return None if count is None else str(count)


def _duration_words(text: str) -> str | None:
    """Read `three years, 11 months and four days`, `364-day`: each unit once, the largest first."""
    rest = " ".join(_DASHES.sub(" ", text.casefold()).split())
    parts: dict[str, int] = {}
    while rest:
        match = _PART.match(rest)
        count = _count(match["count"]) if match else None
        if match is None or count is None:
            return None
        unit = match["unit"][0]
        if parts and "ymd".index(unit) <= max("ymd".index(known) for known in parts):
            return None
        parts[unit] = count
        tail = rest[match.end() :]
        rest = re.sub(r"^(?:,? and | ?, ?| )", "", tail)
        if tail and rest == tail:
            return None
    texts = [f"{count}{unit.upper()}" for unit, count in parts.items() if count]
    return "P" + ("".join(texts) or f"0{next(iter(parts)).upper()}") if parts else None


def _count(text: str) -> int | None:
    text = text.strip()
    if text.isdigit() and text.isascii():
        return int(text)
    return 0 if text in ZERO_WORDS else count_of(text) if text else None


def _quarter_end(text: str) -> str | None:
    """Read a calendar quarter and a year of four digits, in either order, whatever words stand around them."""
    years = re.findall(r"(?<![0-9])[0-9]{4}(?![0-9])", text)
    rest = re.sub(r"(?<![0-9])[0-9]{4}(?![0-9])", " ", text).casefold()
    found = {int(digit) if digit else _QUARTERS[word] for digit, word in _QUARTER.findall(rest)}
    if len(years) != 1 or len(found) != 1 or re.sub("[1-4]", "", rest) != re.sub("[0-9]", "", rest):
        return None
    return f"{years[0]}-{_QUARTER_ENDS[found.pop()]}"


def _ballot_box(yes: str, no: str) -> Rule:
    boxes = {"\u2610": no, "\u2611": yes, "\u2612": yes}
    return lambda text: boxes.get(text)


def _name(text: str) -> str:
    """Fold a printed name: lower case, no accents, no points, commas, brackets or apostrophes, no leading `the`."""
    plain = re.sub(r"[.,()'\u2019]", "", fold(text))
    return " ".join(plain.split()).removeprefix("the ")


def _exchange(text: str) -> str | None:
    return _EXCHANGES.get(re.sub(r" (?:llc|inc)$", "", _name(text)))


def _filer_category(text: str) -> str | None:
    return _FILERS.get(" ".join(re.sub(r"[^a-z]+", " ", fold(text)).split()))


def _place(column: int) -> Rule:
    """Make a rule that looks a name up: column 0 countries (ISO 3166), 1 EDGAR's codes, 2 states and provinces."""

    def rule(text: str) -> str | None:
        name = _name(text)
        if column == 1 and name != "canada":
            name = name.removesuffix(" canada")
        return _places()[column].get(name)

    return rule


@functools.cache
def _places() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    from importlib import resources  # 20 ms that only a document with places needs

    tables: tuple[dict[str, str], dict[str, str], dict[str, str]] = ({}, {}, {})
    lines = (resources.files(__package__) / "places.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        name, *codes = line.split("\t")
        for table, code in zip(tables, codes, strict=True):
            if code != "-":
                table[name] = code
    return tables


REGISTRY: Mapping[str, Rule] = {
    "boolballotbox": _ballot_box("true", "false"),
    "countrynameen": _place(0),
    "datequarterend": _quarter_end,
    "durday": _duration("D", sizes=(("H", Decimal(24)),), in_hours=True),
    "durhour": lambda text: (_duration("H", sizes=())(text) or "").replace("P", "PT") or None,
    "durmonth": _duration("M", sizes=(("D", _DAYS_IN_MONTH),)),
    "durweek": _weeks,
    "durwordsen": _duration_words,
    "duryear": _duration("Y", sizes=(("M", Decimal(12)), ("D", _DAYS_IN_MONTH))),
    "edgarprovcountryen": _place(1),
    "entityfilercategoryen": _filer_category,
    "exchnameen": _exchange,
    "numinf": lambda text: "INF",
    "numnan": lambda text: "NaN",
    "numneginf": lambda text: "-INF",
    "numwordsen": _number_words,
    "stateprovnameen": _place(2),
    "yesnoballotbox": _ballot_box("Yes", "No"),
}
