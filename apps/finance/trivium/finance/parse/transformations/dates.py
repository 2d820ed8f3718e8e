"""Rules that give a date, a month of a year (`2024-09`) or a day of any year (`--09-28`), checked against the calendar.

The fields are named by letters in the order they are printed: d day, m month in digits, M month by name, y year,
e year of a Japanese era. A year of one or two digits is of this century, as the registries say (2000 to 2099).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from trivium.finance.parse.transformations import months

__all__ = ["REGISTRY_1", "REGISTRY_2", "REGISTRY_3", "REGISTRY_4", "REGISTRY_5"]

Rule = Callable[[str], str | None]

_DIGITS = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f",
    "01234567890123456789",
)
_FIELD = {
    "d": r"(?P<d>[0-9]{1,2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "y": r"(?P<y>[0-9]{4}|[0-9]{1,2})",
    "M": r"(?P<M>[^0-9]+)",
}
_MONTHS = "January February March April May June July August September October November December"
_LONG = _MONTHS.split()
_SHORT = [name[:3] for name in _LONG]
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERA = "|".join([*_ERAS, *(name[0] for name in _ERAS)])


def _iso(year: int | None, month: int, day: int | None) -> str | None:
    """Return the ISO form, or None where the calendar has no such day."""
    try:
        # A leap year stands in for a missing year: --02-29 exists.
        checked = date(2000 if year is None else year, month, 1 if day is None else day)
    except ValueError:
        return None
    text = checked.isoformat()
    if year is None:
        return f"-{text[4:]}"
    return text[:7] if day is None else text


def _year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) <= 2 else 0)


def _read(match: re.Match[str] | None, month: Callable[[re.Match[str]], int | None]) -> str | None:
    if match is None:
        return None
    fields = match.groupdict()
    number = month(match)
    if number is None:
        return None
    year, day = fields.get("y"), fields.get("d")
    return _iso(_year(year) if year else None, number, int(day) if day else None)


def _digits(order: str, *, translate: bool = False, tail: str = "") -> Rule:
    """Make a rule for fields in digits with anything but digits between them."""
    pattern = "[^0-9]+".join(_FIELD[field] for field in order) + tail

    def rule(text: str) -> str | None:
        match = re.fullmatch(pattern, text.translate(_DIGITS) if translate else text)
        return _read(match, lambda match: int(match["m"]))

    return rule


def _named(order: str, language: str, *, translate: bool = False) -> Rule:
    """Make a rule for fields with the month by name; a name at the edge of the text must be its outermost word."""
    pattern = "[^0-9]+".join(_FIELD[field] for field in order).replace("[^0-9]+(?P<M>", "(?P<M>")
    pattern = pattern.replace(_FIELD["M"] + "[^0-9]+", _FIELD["M"])
    if order.endswith("d"):
        pattern += r"[^0-9\s]*(?:\s?d\.?)?"  # 1st, Hungarian 2-an, Lithuanian 2 d.
    is_first, is_last = order.startswith("M"), order.endswith("M") and language != "lt"

    def rule(text: str) -> str | None:
        match = re.fullmatch(pattern, text.translate(_DIGITS) if translate else text)
        return _read(match, lambda match: months.find_month(match["M"], language, first=is_first, last=is_last))

    return rule


def _exact(template: str, names: list[str] | None = None) -> Rule:
    """Make a rule of registry 1: fixed separators, English names with a capital letter."""
    fields = {**_FIELD, "y": "(?P<y>[0-9]{4}|[0-9]{2})", "M": f"(?P<M>{'|'.join(names or [])})"}
    pattern = "".join(fields.get(char, re.escape(char)) for char in template)

    def rule(text: str) -> str | None:
        month = (lambda match: names.index(match["M"]) + 1) if names else (lambda match: int(match["m"]))
        return _read(re.fullmatch(pattern, text), month)

    return rule


def _marked(pattern: str) -> Rule:
    """Make a rule for a Chinese or Japanese date whose fields are followed by their signs."""

    def rule(text: str) -> str | None:
        match = re.fullmatch(pattern, text.translate(_DIGITS))
        if match is None or "era" not in match.groupdict():
            return _read(match, lambda match: int(match["m"]))
        base = next(year for name, year in _ERAS.items() if name.startswith(match["era"]))
        year = base + (1 if match["e"] == "元" else int(match["e"]))
        return _iso(year, int(match["m"]), int(match["d"]) if "d" in match.groupdict() else None)

    return rule


def _saka(text: str) -> str | None:
    """Read a date of the Indian national calendar: a year from 22 March (21 in leap years); two digits mean 19xx."""
    match = re.fullmatch(_FIELD["d"] + _FIELD["M"] + _FIELD["y"], text.translate(_DIGITS))
    month = months.find_month(match["M"], months.SAKA) if match else None
    if match is None or month is None:
        return None
    year = int(match["y"]) + (1900 if len(match["y"]) <= 2 else 0) + 78
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31 if is_leap else 30] + [31] * 5 + [30] * 6
    day = int(match["d"])
    if not 1 <= day <= lengths[month - 1] or not 1 <= year < 9999:
        return None
    return (date(year, 3, 21 if is_leap else 22) + timedelta(days=sum(lengths[: month - 1]) + day - 1)).isoformat()


def _hindi_or_digits(text: str) -> str | None:
    return _named("dMy", "hi", translate=True)(text) or _digits("dmy", translate=True)(text)


_CJK_MONTH = r"(?P<y>[0-9]{4}|[0-9]{1,2}) ?年 ?(?P<m>[0-9]{1,2}) ?月"
_ERA_MONTH = rf"(?P<era>{_ERA}) ?(?P<e>[0-9]{{1,2}}|元) ?年 ?(?P<m>[0-9]{{1,2}}) ?月"
_CJK_DAY = r" ?(?P<d>[0-9]{1,2}) ?日"

REGISTRY_1: Mapping[str, Rule] = {
    "datedoteu": _exact("d.m.y"),
    "datedotus": _exact("m.d.y"),
    "datelongdaymonthuk": _exact("d M", _LONG),
    "datelongmonthdayus": _exact("M d", _LONG),
    "datelongmonthyear": _exact("M y", _LONG),
    "datelonguk": _exact("d M y", _LONG),
    "datelongus": _exact("M d, y", _LONG),
    "datelongyearmonth": _exact("y M", _LONG),
    "dateshortdaymonthuk": _exact("d M", _SHORT),
    "dateshortmonthdayus": _exact("M d", _SHORT),
    "dateshortmonthyear": _exact("M y", _SHORT),
    "dateshortuk": _exact("d M y", _SHORT),
    "dateshortus": _exact("M d, y", _SHORT),
    "dateshortyearmonth": _exact("y M", _SHORT),
    "dateslashdaymontheu": _exact("d/m"),
    "dateslasheu": _exact("d/m/y"),
    "dateslashmonthdayus": _exact("m/d"),
    "dateslashus": _exact("m/d/y"),
}
REGISTRY_2: Mapping[str, Rule] = {
    "datedaymonth": _digits("dm"),
    "datedaymonthen": _named("dM", "en"),
    "datedaymonthyear": _digits("dmy"),
    "datedaymonthyearen": _named("dMy", "en"),
    "dateerayearmonthdayjp": _marked(_ERA_MONTH + _CJK_DAY),
    "dateerayearmonthjp": _marked(_ERA_MONTH),
    "datemonthday": _digits("md"),
    "datemonthdayen": _named("Md", "en"),
    "datemonthdayyear": _digits("mdy"),
    "datemonthdayyearen": _named("Mdy", "en"),
    "datemonthyearen": _named("My", "en"),
    "dateyearmonthcjk": _marked(_CJK_MONTH),
    "dateyearmonthdaycjk": _marked(_CJK_MONTH + _CJK_DAY),
    "dateyearmonthen": _named("yM", "en"),
}
REGISTRY_3: Mapping[str, Rule] = {
    **REGISTRY_2,
    "calindaymonthyear": _saka,
    "datedaymonthdk": _named("dM", "da"),
    "datedaymonthyeardk": _named("dMy", "da"),
    "datedaymonthyearin": _hindi_or_digits,
    "datemonthyear": _digits("my"),
    "datemonthyeardk": _named("My", "da"),
    "datemonthyearin": _named("My", "hi", translate=True),
    "dateyearmonthday": _digits("ymd", translate=True, tail="[^0-9]*"),
}

_ORDERS = {
    "date-day-monthname": "dM",
    "date-day-monthname-year": "dMy",
    "date-monthname-day": "Md",
    "date-monthname-day-year": "Mdy",
    "date-monthname-year": "My",
    "date-year-day-monthname": "ydM",
    "date-year-monthname": "yM",
    "date-year-monthname-day": "yMd",
}
_DAY_FIRST = ("date-day-monthname", "date-day-monthname-year", "date-monthname-year")
_FORMS = {
    **dict.fromkeys(sorted(set(months.LANGUAGES) - {"cy", "hi", "hu", "lt", "lv"}), _DAY_FIRST),
    "hi": ("date-day-monthname-year", "date-monthname-year"),
    "hu": ("date-monthname-day", "date-year-monthname", "date-year-monthname-day"),
    "lt": ("date-monthname-day", "date-year-monthname", "date-year-monthname-day"),
    "lv": ("date-day-monthname", "date-year-day-monthname", "date-year-monthname"),
}
_FORMS["en"] = (*_DAY_FIRST, "date-monthname-day", "date-monthname-day-year", "date-year-monthname")


def _by_language(forms: Mapping[str, tuple[str, ...]]) -> dict[str, Rule]:
    return {
        f"{form}-{language}": _named(_ORDERS[form], language, translate=language == "hi")
        for language, names in forms.items()
        for form in names
    }


REGISTRY_4: Mapping[str, Rule] = {
    **_by_language(_FORMS),
    "date-day-month": _digits("dm"),
    "date-day-month-year": _digits("dmy", translate=True),
    "date-day-monthroman": _named("dM", months.ROMAN),
    "date-day-monthroman-year": _named("dMy", months.ROMAN),
    "date-ind-day-monthname-year-hi": _saka,
    "date-jpn-era-year-month": _marked(_ERA_MONTH),
    "date-jpn-era-year-month-day": _marked(_ERA_MONTH + _CJK_DAY),
    "date-month-day": _digits("md"),
    "date-month-day-year": _digits("mdy"),
    "date-month-year": _digits("my", translate=True),
    "date-monthroman-year": _named("My", months.ROMAN),
    "date-year-month": _digits("ym", translate=True, tail="[^0-9]*"),
    "date-year-month-day": _digits("ymd", translate=True, tail="[^0-9]*"),
}
REGISTRY_5: Mapping[str, Rule] = {**REGISTRY_4, **_by_language({"cy": _DAY_FIRST})}
