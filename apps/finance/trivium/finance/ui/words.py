"""The page's words in the visitor's language."""

from __future__ import annotations

import re
from datetime import datetime

from trivium.service.text import catalogue

__all__ = ["Words"]


class Words:
    """Texts of the finance catalogue, and names of metrics and units, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = catalogue("trivium.finance", language)
        self._platform = catalogue("trivium.service", language)

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    def say(self, key: str, /, **values: object) -> str:
        """Return a text with its fields filled in."""
        return self._texts.say(key, **values)

    def state(self, state: str) -> str:
        """Return a job's state in words."""
        return self._platform[f"state.{state}"]

    def metric(self, metric: str, name: str = "") -> str:
        """Return a metric's or ratio's name; what the report calls it where the catalogue has none."""
        for section in ("metric", "ratio"):
            if f"{section}.{metric}" in self._texts:
                return self._texts[f"{section}.{metric}"]
        return name or metric.replace("_", " ").capitalize()

    def unit(self, unit: str, scale: str) -> str:
        """Return what an amount is in: `USD million`, `USD per share`; empty for what a number says itself (%, x)."""
        if re.fullmatch(r"[A-Z]{3}/shares", unit):
            return self.say("page.per_share", currency=self._currency(unit[:3]))
        if not re.fullmatch(r"[A-Z]{3}|shares", unit):
            return ""
        code = self["unit.shares_name"] if unit == "shares" else self._currency(unit)
        if scale == "full":
            return self.say("unit.header_full", code=code)
        return self.say("unit.header_scaled", code=code, scale=self[f"unit.scale_{scale}"].strip())

    def moment(self, at: datetime) -> str:
        """Return a moment in UTC."""
        return at.strftime("%Y-%m-%d %H:%M UTC")

    def _currency(self, code: str) -> str:
        return self._texts.get(f"unit.name_{code}", code)
