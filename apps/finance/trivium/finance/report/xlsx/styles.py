"""How cells look: number formats by unit and scale, colours by where a number comes from, roles of rows and heads.

Amounts are stored in full; only the number format shows thousands, millions, billions, 万 or 亿. Formats divide by
powers of a thousand only, so 万 and 亿 show a literal point: one decimal of 万, two of 亿.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from trivium.finance.display import Scale, kind_of

__all__ = ["BLACK", "BLUE", "GREEN", "NAVY", "Look", "Styles", "number_format"]

BLUE, BLACK, GREEN, GREY, NAVY = "#0000FF", "#000000", "#007A33", "#6B7280", "#14304F"
_RULE, _BAND = "#B8C2CC", "#EEF2F6"

Role = Literal["row", "total", "head", "title", "subtitle", "section", "note", "key", "sentence", "link"]

_SCALED = {
    Scale.FULL: "#,##0",
    Scale.THOUSAND: "#,##0,",
    Scale.MILLION: "#,##0,,",
    Scale.BILLION: "#,##0.00,,,",
    Scale.WAN: r"0\.0,",
    Scale.YI: r"0\.00,,",
}
_FIXED = {"per_share": "#,##0.00", "ratio": "0.0%", "times": '0.00"x"', "days": "#,##0"}


def number_format(unit: str, scale: Scale, *, points: str = "") -> str:
    """Return the Excel number format of a unit: parentheses for what is negative, no sign for zero.

    Args:
        points: what stands behind a difference of two ratios in percentage points; empty for any other number.
    """
    if unit == "rank":
        return "0"
    if points:
        shown = f'0.0"{points}"'
    else:
        kind = kind_of(unit)
        shown = _SCALED[scale] if kind in ("money", "shares", "other") else _FIXED[kind]
    return f"{shown}_);({shown});{shown}_)"


class Look(NamedTuple):
    """What decides a cell's format.

    Args:
        ink: colour of the text; empty for the role's own.
        format: Excel number format; empty for text.
        level: indentation.
        is_right: whether text is set to the right, over and among numbers.
    """

    role: Role = "row"
    ink: str = ""
    format: str = ""
    level: int = 0
    is_right: bool = False
    is_wrapped: bool = False
    is_quoted: bool = False


class Styles:
    """Makes each format of a workbook once."""

    def __init__(self, workbook: Any, language: str) -> None:
        self._workbook = workbook
        self._font = "Microsoft YaHei" if language == "zh" else "Arial"
        self._made: dict[Look, Any] = {}

    def __call__(self, look: Look) -> Any:
        """Return the workbook's format for a look."""
        made = self._made.get(look)
        if made is None:
            made = self._made[look] = self._workbook.add_format(self._properties(look))
        return made

    def quoted(self, look: Look) -> Any:
        """Return the format of a text that starts like a formula: Excel keeps it a text when it is edited."""
        return self(look._replace(is_quoted=True))

    def _properties(self, look: Look) -> dict[str, Any]:
        found: dict[str, Any] = {"font_name": self._font, "font_size": 9, "valign": "vcenter", **_ROLES[look.role]}
        if look.ink:
            found["font_color"] = look.ink
        if look.format:
            found |= {"num_format": look.format, "align": "right"}
        if look.level:
            found["indent"] = look.level
        if look.is_right:
            found["align"] = "right"
        if look.is_wrapped:
            found |= {"text_wrap": True, "valign": "top"}
        if look.is_quoted:
            found["quote_prefix"] = True
        return found


_ROLES: dict[str, dict[str, Any]] = {
    "row": {},
    "total": {"bold": True, "top": 1, "top_color": _RULE},
    "head": {"bold": True, "font_color": "#FFFFFF", "bg_color": NAVY, "text_wrap": True},
    "title": {"bold": True, "font_size": 15, "font_color": NAVY},
    "subtitle": {"font_color": GREY},
    "section": {"bold": True, "font_color": NAVY, "bg_color": _BAND},
    "note": {"italic": True, "font_color": GREY},
    "key": {"font_color": GREY, "font_size": 8},
    "sentence": {"text_wrap": True, "valign": "top"},
    "link": {"font_color": NAVY, "underline": 1},
}
