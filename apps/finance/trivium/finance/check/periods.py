"""Periods in a sentence: fiscal labels and dates, in the forms that English and Chinese research notes use."""

from __future__ import annotations

import re
from datetime import date

from trivium.finance.check.numerals import ORDINALS, chinese_number, english_number

__all__ = ["read_period"]

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = "|".join([name.capitalize() for name in _MONTHS] + [name[:3].capitalize() for name in _MONTHS])
_YEAR = r"(?P<year>(?:19|20)\d{2})(?!\d)"
_END = r"(?![A-Za-z\d]|[.,]\d|%)"

_DATES = (
    re.compile(rf"{_YEAR}-(?P<month>\d{{2}})-(?P<day>\d{{2}})(?!\d)"),
    re.compile(rf"(?P<name>{_MONTH})\.? (?P<day>\d{{1,2}}), {_YEAR}"),
    re.compile(rf"(?P<day>\d{{1,2}}) (?P<name>{_MONTH})\.? {_YEAR}"),
    re.compile(rf"{_YEAR}年(?P<month>\d{{1,2}})月(?P<day>\d{{1,2}})日"),
)
_ENGLISH = (
    re.compile(
        rf"(?P<ttm>TTM )?(?:Q(?P<quarter>[1-4]) |(?P<months>\d{{1,2}})M )?(?:FY ?|fiscal (?:year )?){_YEAR}{_END}"
    ),
    re.compile(rf"Q(?P<quarter>[1-4])(?: of)? (?:fiscal )?{_YEAR}{_END}"),
    re.compile(
        rf"(?P<quarter_word>first|second|third|fourth) quarter of (?:fiscal (?:year )?|FY ?)?{_YEAR}{_END}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:first )?(?P<months_word>three|six|nine|3|6|9) months of (?:fiscal (?:year )?|FY ?)?{_YEAR}{_END}",
        re.IGNORECASE,
    ),
    re.compile(rf"{_YEAR}{_END}(?! (?:thousand|million|billion|times|days|weeks|companies|shares))"),
)
_FISCAL = r"(?:财年|财政年度|会计年度|年度|年)"
_CHINESE = (
    re.compile(rf"截至{_YEAR}{_FISCAL}第?(?P<ttm_quarter>[一二三四1-4])季度的过去十二个月"),
    re.compile(rf"{_YEAR}{_FISCAL}第?(?P<quarter_sign>[一二三四1-4])季度"),
    re.compile(rf"{_YEAR}{_FISCAL}前(?P<months_sign>三|六|九|3|6|9)个月"),
    re.compile(rf"{_YEAR}{_FISCAL}前(?P<quarters_sign>三|两|二|一|3|2|1)季度"),
    re.compile(rf"FY ?{_YEAR}{_END}"),
    re.compile(rf"{_YEAR}{_FISCAL}(?!\d{{1,2}}月)"),
)


def read_period(text: str, place: int, language: str) -> tuple[str | date, int] | None:
    """Read a period at `place`: a fiscal label in the issuer's form (`FY2024`, `Q3 FY2025`, `9M FY2025`) or a date."""
    readings = [
        (made, len(found[0]))
        for patterns, make in ((_DATES, _date), (_ENGLISH if language == "en" else _CHINESE, _label))
        for pattern in patterns
        if (found := pattern.match(text, place)) and (made := make(found)) is not None
    ]
    return max(readings, key=lambda reading: reading[1], default=None)


def _date(found: re.Match[str]) -> date | None:
    parts = found.groupdict()
    name = (parts.get("name") or "").lower()
    month = int(parts["month"]) if parts.get("month") else next(
        place for place, full in enumerate(_MONTHS, start=1) if full.startswith(name)
    )  # fmt: skip
    day = int(parts["day"])
    return (
        date(int(parts["year"]), month, day)
        if 1 <= month <= 12 and 1 <= day <= _days(int(parts["year"]), month)
        else None
    )


def _days(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days


def _label(found: re.Match[str]) -> str:
    parts = {name: text for name, text in found.groupdict().items() if text}
    year = f"FY{parts['year']}"
    if "ttm_quarter" in parts:
        return f"TTM Q{_digit(parts['ttm_quarter'])} {year}"
    quarter = parts.get("quarter") or parts.get("quarter_sign")
    if "quarter_word" in parts:
        quarter = str(ORDINALS[parts["quarter_word"].lower()])
    if quarter:
        return f"{'TTM ' if 'ttm' in parts else ''}Q{_digit(quarter)} {year}"
    if "quarters_sign" in parts:
        return f"{_digit(parts['quarters_sign']) * 3}M {year}"
    months = parts.get("months") or parts.get("months_sign") or parts.get("months_word")
    prefix = "TTM " if "ttm" in parts else ""
    return f"{prefix}{_digit(months)}M {year}" if months else f"{prefix}{year}"


def _digit(text: str) -> int:
    if text.isdigit():
        return int(text)
    return chinese_number(text) or english_number(text) or 0
