"""What one header cell says about the period of its column, in English and Chinese.

A mark is only what is printed: `Q3 2025`, `3 Months Ended`, a day, a word such as the Chinese for "end of period".
`columns` joins the marks of a column and turns them into days.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, fields, replace
from datetime import date

from trivium.finance.parse.statement.cells import fold

__all__ = ["Mark", "moment_of", "month_end", "read_mark"]

_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = _MONTH_NAMES.split()
_MONTH = r"(?P<mon>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = [
    re.compile(_MONTH + r"[\s-]*(?P<d>[0-9]{1,2})(?:\s*,\s*|[\s-]+)(?P<y>[0-9]{4})"),
    re.compile(r"(?P<d>[0-9]{1,2})[\s-]+" + _MONTH + r"[\s,-]+(?P<y>[0-9]{4})"),
    re.compile(r"(?P<y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})"),
    re.compile(r"(?P<y>[0-9]{4})\s*年\s*(?P<m>[0-9]{1,2})\s*月\s*(?P<d>[0-9]{1,2})\s*日"),
    re.compile(r"(?<![0-9.,])(?P<y>(?:19|20)[0-9]{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12][0-9]|3[01])(?![0-9.,%])"),
    re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})"),
]
_MONTH_YEARS = [
    re.compile(_MONTH + r"[\s,-]+(?P<y>[0-9]{4})(?![0-9])"),
    re.compile(_MONTH + r"[-'](?P<y>[0-9]{2})(?![0-9])"),
    re.compile(r"(?P<y>[0-9]{4})\s*年\s*(?P<m>[0-9]{1,2})\s*月(?!\s*[0-9])"),
]
_MONTH_DAY = re.compile(_MONTH + r"\s*(?P<d>[0-9]{1,2})(?![0-9])")
_COUNT_NAMES = "zero one two three four five six seven eight nine ten eleven twelve thirteen"
_COUNTS = _COUNT_NAMES.split()
_COUNT = rf"(?P<n>[0-9]{{1,2}}|{'|'.join(_COUNTS[1:])}|twenty-six|thirty-nine|fifty-two|fifty-three)"
_LONG_COUNTS = {"twenty-six": 26, "thirty-nine": 39, "fifty-two": 52, "fifty-three": 53}
_DURATION = re.compile(_COUNT + r"[\s-]+(?P<unit>month|week)s?\b")
_QUARTERS = [
    re.compile(r"\bq(?P<q>[1-4])[\s,'-]*(?:fy|fiscal)?[\s']*(?P<y>[0-9]{4}|[0-9]{2})\b"),
    re.compile(r"\b(?P<q>[1-4])q[\s']*(?:fy)?[\s']*(?P<y>[0-9]{4}|[0-9]{2})\b"),
    re.compile(r"\b(?:fy)?(?P<y>[0-9]{4})[\s-]*q(?P<q>[1-4])\b"),
    re.compile(r"\b(?P<q>first|second|third|fourth) quarter,?\s*(?:of|fiscal|fy|\s)*\s*(?P<y>[0-9]{4})"),
    re.compile(r"(?P<y>[0-9]{4})\s*年?\s*(?:第)?(?P<q>[一二三四1-4])季度?"),
]
_QUARTER_WORDS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "一": 1, "二": 2, "三": 3, "四": 4}
_YEAR_TO_DATE = re.compile(r"(?P<y>[0-9]{4})\s*年?\s*1\s*月?\s*[-~至]\s*(?P<m>[0-9]{1,2})\s*月")
_HALF = re.compile(r"\b(?:h1|1h)[\s']*(?P<y>[0-9]{4}|[0-9]{2})\b|(?P<cy>[0-9]{4})\s*年?\s*(?:上半年|半年度|中期)")
_YEARS = [
    re.compile(r"\bfy[\s']*(?P<y>[0-9]{4}|[0-9]{2})\b"),
    re.compile(r"(?P<y>(?:19|20)[0-9]{2})\s*年(?:度|年度)?"),
    re.compile(r"(?<![0-9.,])(?P<y>(?:19|20)[0-9]{2})a?(?![0-9.,%])"),
]
_SKIPPED = re.compile(
    r"change|growth|variance|\bvs\b|% of|\byoy\b|\by/y\b|increase|decrease|增减|同比|环比|变动|占比|比例|^notes?\b|"
    r"^ref\b|^附注|^注释|^行次"
)
_ESTIMATE = re.compile(r"\b20[0-9]{2}\s?[ef]\b|estimate|forecast|budget|guidance|预测|预算|预计")
_RELATIVE = [
    ("opening", re.compile(r"期初|年初|上年年?末|上年度末")),
    ("closing", re.compile(r"期末|年末")),
    ("prior", re.compile(r"上期|上年|去年")),
    ("current", re.compile(r"本期|本年|本报告期|报告期")),
]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a header cell says about the period of its column; parts may come from several cells.

    Args:
        end: last day.
        month_day: month and day without a year.
        year: calendar or fiscal year, without a day.
        months, weeks: length of the period.
        quarter: of the year.
        is_instant: whether it says `as of`.
        relative: `closing`, `opening`, `current` or `prior`: counted from the document's own date.
        skip: why the column holds no reported values; empty when it may.
    """

    end: date | None = None
    month_day: tuple[int, int] | None = None
    year: int | None = None
    months: int | None = None
    weeks: int | None = None
    quarter: int | None = None
    is_instant: bool = False
    relative: str = ""
    skip: str = ""

    def __or__(self, below: Mark) -> Mark:
        """Join the mark of a cell with that of the cell below it, which has the last word."""
        changes = {item.name: getattr(below, item.name) for item in fields(Mark) if getattr(below, item.name)}
        return replace(self, **changes)

    @property
    def has_time(self) -> bool:
        """Whether it tells when the period ends."""
        return bool(self.end or self.year or self.relative)


def month_end(year: int, month: int) -> date:
    """Return the last day of a month."""
    return date(year, month, calendar.monthrange(year, month)[1])


def read_mark(text: str) -> Mark | None:
    """Read a header cell, or return None when it says nothing about a period."""
    plain = fold(text)
    if not plain or len(plain) > 120:
        return None
    if _ESTIMATE.search(plain):
        return Mark(skip="estimates are not reported values")
    if _SKIPPED.search(plain):
        return Mark(skip="not a period")
    mark = _length(plain) | (moment_of(plain) or _relative(plain) or Mark())
    if re.match(r"(?:as of|as at|at|balance)\b", plain):
        mark = replace(mark, is_instant=True)
    return mark if mark != Mark() and mark != Mark(is_instant=True) else None


def moment_of(plain: str) -> Mark | None:
    """Find the day, month, quarter or year that a folded text names first."""
    for pattern in _DATES:
        if match := pattern.search(plain):
            return _full_date(match)
    if match := _YEAR_TO_DATE.search(plain):
        months = int(match["m"])
        return Mark(end=month_end(int(match["y"]), months), months=months) if 1 <= months <= 12 else None
    for pattern in _QUARTERS:
        if match := pattern.search(plain):
            quarter = match["q"]
            number = int(quarter) if quarter.isdigit() else _QUARTER_WORDS[quarter]
            if "前三季" in plain or "前3季" in plain:
                return Mark(end=month_end(int(match["y"]), 9), months=9)
            return Mark(year=_full_year(match["y"]), quarter=number, months=3)
    if match := re.search(r"(?P<y>[0-9]{4})\s*年?\s*前三季度?", plain):
        return Mark(end=month_end(int(match["y"]), 9), months=9)
    if match := _HALF.search(plain):
        return Mark(end=month_end(_full_year(match["y"] or match["cy"]), 6), months=6)
    for pattern in _MONTH_YEARS:
        if match := pattern.search(plain):
            month = _month(match)
            return Mark(end=month_end(_full_year(match["y"]), month)) if 1 <= month <= 12 else None
    if match := _MONTH_DAY.search(plain):
        return Mark(month_day=(_month(match), int(match["d"])))
    for pattern in _YEARS:
        if match := pattern.search(plain):
            return Mark(year=_full_year(match["y"]))
    return None


def _month(match: re.Match[str]) -> int:
    groups = match.groupdict()
    return _MONTHS.index(groups["mon"]) + 1 if groups.get("mon") else int(groups["m"])


def _full_year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)


def _full_date(match: re.Match[str]) -> Mark | None:
    month, day = _month(match), int(match["d"])
    if month > 12 and match.re is _DATES[-1]:
        month, day = day, month  # 31/12/2024: the day comes first
    try:
        return Mark(end=date(int(match["y"]), month, day))
    except ValueError:
        return None


def _length(plain: str) -> Mark:
    if match := _DURATION.search(plain):
        word = match["n"]
        count = int(word) if word.isdigit() else _LONG_COUNTS.get(word) or _COUNTS.index(word)
        return Mark(months=count) if match["unit"] == "month" else Mark(weeks=count)
    if re.search(r"\bquarters? (?:ended|ending)", plain):
        return Mark(months=3)
    if re.search(r"\byears? (?:ended|ending)|\bannual\b|twelve months", plain):
        return Mark(months=12)
    if re.search(r"half[\s-]year", plain):
        return Mark(months=6)
    return Mark()


def _relative(plain: str) -> Mark | None:
    for name, pattern in _RELATIVE:
        if pattern.search(plain):
            return Mark(relative=name)
    return None
