"""Numbers as text: the one formatter that every export and every sentence uses, and its inverse for checks.

Policy, the same everywhere:

- rounding: half away from zero, as Excel rounds, so that a live workbook shows the same digits as the prose;
- sign: parentheses in tables, a leading minus sign in prose; what rounds to zero has no sign;
- digits: groups of three; decimals fixed by unit (`places`): amounts by their scale, per-share amounts 2, percentages
  and percentage points 1, multiples 2, days 0.

Not for reading numbers out of filings: that is `parse`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal

from trivium.finance.analyze.model import Comparison, Message
from trivium.service.phrase import translate
from trivium.service.text import Catalogue, catalogue

__all__ = [
    "Admitted",
    "Kind",
    "Scale",
    "admitted",
    "cell",
    "cell_points",
    "header",
    "kind_of",
    "message_text",
    "metric_names",
    "mid_sentence",
    "number",
    "places",
    "prose",
    "prose_points",
    "rounded",
    "usual_scale",
]


class Scale(StrEnum):
    """In what amounts and share counts are shown; `wan` is 10^4, `yi` is 10^8."""

    FULL = "full"
    THOUSAND = "thousand"
    WAN = "wan"
    MILLION = "million"
    YI = "yi"
    BILLION = "billion"

    @property
    def exponent(self) -> int:
        """Power of ten: 6 for a million."""
        return {"full": 0, "thousand": 3, "wan": 4, "million": 6, "yi": 8, "billion": 9}[self.value]


Kind = Literal["money", "per_share", "shares", "ratio", "points", "times", "days", "other"]

_SCALES_BY_SIZE = {
    "en": ((Decimal("1e8"), Scale.MILLION), (Decimal("1e5"), Scale.THOUSAND)),
    "zh": ((Decimal("1e9"), Scale.YI), (Decimal("1e6"), Scale.WAN)),
}
"""Least size of the largest company, and the scale whose rounding then hides nothing that a reader asks for."""
_AMOUNTS = ("money", "shares", "other")
_SCALE_PLACES = {0: 0, 3: 0, 4: 2, 6: 0, 8: 2, 9: 2}
_SMALL_PER_SHARE = Decimal("0.1")
_MOST_PER_SHARE = 4
_KIND_PLACES = {"per_share": 2, "ratio": 1, "points": 1, "times": 2, "days": 0}


@functools.lru_cache(maxsize=1024)
def kind_of(unit: str) -> Kind:
    """Return what a value's unit (`USD`, `USD/shares`, `shares`, `pure`, `times`, `days`, ...) is shown as."""
    named: dict[str, Kind] = {"shares": "shares", "pure": "ratio", "times": "times", "days": "days"}
    if unit in named:
        return named[unit]
    if re.fullmatch(r"[A-Z]{3}", unit):
        return "money"
    return "per_share" if re.fullmatch(r"[A-Z]{3}/shares", unit) else "other"


def places(kind: Kind, exponent: int = 0) -> int:
    """Return the decimals shown at least for a kind of number; `exponent` is the scale's power of ten, for amounts."""
    return _SCALE_PLACES[exponent] if kind in _AMOUNTS else _KIND_PLACES[kind]


def _places_of(value: Decimal, kind: Kind) -> int:
    """Return the decimals shown for one number: a per-share value below 0.1 keeps up to four (a dividend of $0.016)."""
    if kind != "per_share" or abs(value) >= _SMALL_PER_SHARE:
        return places(kind)
    exponent = value.normalize().as_tuple().exponent
    return min(max(places(kind), -exponent if isinstance(exponent, int) else 0), _MOST_PER_SHARE)


def usual_scale(comparison: Comparison, language: str) -> Scale:
    """Return in what readers expect the amounts of companies of this size: millions, thousands of a small one.

    The size is the largest revenue, else the largest total of assets.
    """
    for metric in ("revenue", "total_assets"):
        values = (value for one in comparison.series for (key, _), value in one.values.items() if key == metric)
        size = max((abs(value.amount) for value in values if value.amount is not None), default=Decimal(0))
        if size:
            return next((scale for least, scale in _SCALES_BY_SIZE[language] if size >= least), Scale.FULL)
    return _SCALES_BY_SIZE[language][0][1]


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Round half away from zero to `decimals` places."""
    result = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return abs(result) if result.is_zero() else result


def number(value: Decimal, decimals: int) -> str:
    """Return `-1,234.50`: grouped digits with a minus sign where the rounded value is below zero."""
    return f"{rounded(value, decimals):,.{decimals}f}"


def prose(value: Decimal, unit: str, scale: Scale, language: str) -> str:
    """Return a value as prose prints it: `-$1.20 billion`, `12.30亿美元`, `46.2%`, `0.87 times`.

    Args:
        value: in full units; a ratio as 0.462.
        unit: the value's unit, as in `Value.unit`.
        scale: for amounts and share counts; other kinds ignore it.
        language: `en` or `zh`.
    """
    texts = catalogue("trivium.finance", language)
    kind = kind_of(unit)
    if kind in _AMOUNTS:
        sign, digits = _parts(value.scaleb(-scale.exponent), places(kind, scale.exponent))
        fill = {"sign": sign, "number": digits, "scale": texts[f"unit.scale_{scale}"]}
        return _amount(texts, kind, unit, fill)
    shown = value * 100 if kind == "ratio" else value
    sign, digits = _parts(shown, _places_of(shown, kind))
    if kind == "per_share":
        return _amount(texts, "money", unit.removesuffix("/shares"), {"sign": sign, "number": digits, "scale": ""})
    key = {"ratio": "percent", "times": "times", "days": "day" if digits == "1" else "days"}[kind]
    return texts.say(f"unit.{key}", sign=sign, number=digits)


def prose_points(difference: Decimal, language: str) -> str:
    """Return a difference of two ratios (0.013) as `1.3 percentage points` or `1.3个百分点`."""
    sign, digits = _parts(difference * 100, places("points"))
    return catalogue("trivium.finance", language).say("unit.points", sign=sign, number=digits)


def cell(value: Decimal, unit: str, scale: Scale) -> str:
    """Return a value as a table prints it: `1,234`, `(1,234)`, `46.2%`, `0.87x`; the scale is in the header."""
    kind = kind_of(unit)
    if kind in _AMOUNTS:
        return _in_parentheses(*_parts(value.scaleb(-scale.exponent), places(kind, scale.exponent)))
    shown = value * 100 if kind == "ratio" else value
    sign, digits = _parts(shown, _places_of(shown, kind))
    return _in_parentheses(sign, digits + {"ratio": "%", "times": "x"}.get(kind, ""))


def cell_points(difference: Decimal, language: str) -> str:
    """Return a difference of two ratios as a table prints it: `1.3 pp`, `(1.3 pp)`, `1.3个百分点`."""
    sign, digits = _parts(difference * 100, places("points"))
    return _in_parentheses(sign, digits + catalogue("trivium.finance", language)["unit.points_suffix"])


def header(unit: str, scale: Scale, language: str) -> str:
    """Return what stands over a table of amounts: `USD million`, `百万美元`, `亿元`."""
    texts = catalogue("trivium.finance", language)
    code = texts["unit.shares_name"] if unit == "shares" else texts.get(f"unit.name_{unit}", unit)
    if scale is Scale.FULL:
        return texts.say("unit.header_full", code=code)
    return texts.say("unit.header_scaled", code=code, scale=texts[f"unit.scale_{scale}"].strip())


@functools.cache
def metric_names(metric: str, language: str) -> tuple[str, ...]:
    """Return the catalogue's name of a metric or ratio, in a tuple; empty where it has none."""
    texts = catalogue("trivium.finance", language)
    return tuple(texts[key] for key in (f"metric.{metric}", f"ratio.{metric}") if key in texts)[:1]


def mid_sentence(name: str) -> str:
    """Return an English name as it stands inside a sentence: `gross margin`, but `EBITDA` and `SG&A`."""
    return name if name[1:2].isupper() or name[1:2] == "&" else name[:1].lower() + name[1:]


def message_text(message: Message, language: str) -> str:
    """Return a message in the reader's language; keys of metrics, statements and templates are printed as names.

    Words of the mapping policy, such as how a concept differs from the metric, are told by the catalogue of phrases.

    Raises:
        KeyError: if the catalogue lacks the message.
    """
    texts = catalogue("trivium.finance", language)
    values = {
        name: texts.get(f"{name}.{text}") or (*metric_names(text, language), translate(text, language))[0]
        for name, text in message.values.items()
    }
    return texts.say(message.key, **values)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The exact values that a displayed number stands for: `low <= |value| < high`, on the side of `sign`.

    Args:
        sign: 1 or -1; a displayed zero admits both sides.
        low: smallest magnitude, in full units.
        high: the magnitude just above the largest one.
    """

    sign: int
    low: Decimal
    high: Decimal

    def contains(self, value: Decimal) -> bool:
        """Whether `value`, in full units, is shown by that text."""
        if not self.low <= abs(value) < self.high:
            return False
        return self.low == 0 or value == 0 or (value > 0) == (self.sign > 0)


def admitted(shown: Decimal, decimals: int, exponent: int = 0) -> Admitted:
    """Return which exact values are displayed as `shown`: the inverse of the rounding above.

    Args:
        shown: the number as printed, with its sign: 391.04 for `$391.04 billion`.
        decimals: decimals as printed.
        exponent: power of ten of what follows the number: 9 for billion, -2 for percent.
    """
    half = Decimal(5).scaleb(-decimals - 1)
    low, high = abs(shown) - half, abs(shown) + half
    return Admitted(-1 if shown < 0 else 1, max(low, Decimal(0)).scaleb(exponent), high.scaleb(exponent))


def _named(texts: Catalogue, text: str, inside: str) -> str:
    for key in (f"metric.{text}", f"ratio.{text}", f"template.{text}"):
        if key in texts and key != inside:
            return texts[key] if texts.language == "zh" else mid_sentence(texts[key])
    return text


def _parts(value: Decimal, decimals: int) -> tuple[str, str]:
    text = number(value, decimals)
    return ("-", text[1:]) if text.startswith("-") else ("", text)


def _in_parentheses(sign: str, digits: str) -> str:
    return f"({digits})" if sign else digits


def _amount(texts: Catalogue, kind: str, unit: str, fill: dict[str, str]) -> str:
    if kind == "shares":
        return texts.say("unit.shares", **fill)
    key = f"unit.money_{unit}"
    if key in texts:
        return texts.say(key, **fill)
    return texts.say("unit.other", code=unit, **fill)
