"""Rules that give a number: separators removed, a dot before the fraction, no sign (inline XBRL signs by attribute)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ["REGISTRY_1", "REGISTRY_2", "REGISTRY_3", "REGISTRY_4", "REGISTRY_5"]

Rule = Callable[[str], str | None]

_DASHES = "-\u058a\u05be\u2010\u2011\u2012\u2013\u2014\u2015\ufe58\ufe63\uff0d"
_APOSTROPHES = "'`\u00b4\u2019\u2032"
_FULL_WIDTH = str.maketrans("\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19", "0123456789")


def _plain(whole: str, fraction: str) -> str | None:
    """Join digits, or return None where anything else is left among them."""
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit():
        return None
    return f"{whole or '0'}.{fraction}" if fraction else whole


def _free(separators: str, point: str) -> Rule:
    """Make a rule for digits with separators anywhere before the decimal point (registries 4 and 5)."""
    drop = str.maketrans("", "", separators + " ")

    def rule(text: str) -> str | None:
        if text.isdigit() and text.isascii():
            return text
        whole, has_fraction, fraction = text.partition(point)
        fraction = fraction.replace(" ", "")
        if has_fraction and not fraction:
            return None
        return _plain(whole.translate(drop), fraction)

    return rule


def _grouped(pattern: str, point: str) -> Rule:
    """Make a rule for digits in groups that `pattern` spells out, with an optional fraction (registries 1 to 3)."""
    matcher = re.compile(rf"({pattern})(?:{re.escape(point)}([0-9]+))?")

    def rule(text: str) -> str | None:
        match = matcher.fullmatch(text)
        return _plain(re.sub("[^0-9]", "", match[1]), match[2] or "") if match else None

    return rule


def _with_units(pattern: str, separators: str = ".,") -> Rule:
    """Make a rule for an amount in two units, such as `5 dollars 7 cents`: 5.07."""
    matcher = re.compile(rf"({pattern})([^0-9]+)([0-9]{{1,2}})[^0-9]*")

    def rule(text: str) -> str | None:
        match = matcher.fullmatch(text.translate(_FULL_WIDTH))
        # `1,234.5` has no unit between its numbers: an amount in the wrong format, not 1,234 and 05.
        if match is None or match[2] in separators:
            return None
        return _plain(re.sub("[^0-9]", "", match[1]), match[3].zfill(2))

    return rule


def _with_units_free(separators: str) -> Rule:
    return _with_units(rf"[0-9](?:[{re.escape(separators)} ]*[0-9])*", separators)


def _dash(dashes: str) -> Rule:
    return lambda text: "0" if len(text) == 1 and text in dashes else None


REGISTRY_1: Mapping[str, Rule] = {
    "numcomma": _grouped("[0-9]+", ","),
    "numcommadot": _grouped("[0-9]{1,3}(?:,[0-9]{3})*", "."),
    "numdash": _dash("-"),
    "numdotcomma": _grouped(r"[0-9]{1,3}(?:\.[0-9]{3})*", ","),
    "numspacecomma": _grouped("[0-9]{1,3}(?: [0-9]{3})*", ","),
    "numspacedot": _grouped("[0-9]{1,3}(?: [0-9]{3})*", "."),
}
REGISTRY_2: Mapping[str, Rule] = {
    "numcommadecimal": _grouped("[0-9]{1,3}(?:[. ]?[0-9]{3})*", ","),
    "numdotdecimal": _grouped("[0-9]{1,3}(?:[, ]?[0-9]{3})*", "."),
    "numunitdecimal": _with_units("[0-9]{1,3}(?:[., ]?[0-9]{3})*"),
    "zerodash": _dash(_DASHES),
}
_INDIAN = "[0-9]{1,3}|[0-9]{1,2}(?:[, ]?[0-9]{2})*[, ]?[0-9]{3}"
REGISTRY_3: Mapping[str, Rule] = {
    **REGISTRY_2,
    "numdotdecimalin": _grouped(_INDIAN, "."),
    "numunitdecimalin": _with_units(_INDIAN),
}
REGISTRY_4: Mapping[str, Rule] = {
    "num-comma-decimal": _free(".", ","),
    "num-dot-decimal": _free(",", "."),
    "num-unit-decimal": _with_units_free(".,"),
}
REGISTRY_5: Mapping[str, Rule] = {
    **REGISTRY_4,
    "num-comma-decimal-apos": _free("." + _APOSTROPHES, ","),
    "num-dot-decimal-apos": _free("," + _APOSTROPHES, "."),
    "num-unit-decimal-apos": _with_units_free(".," + _APOSTROPHES),
}
