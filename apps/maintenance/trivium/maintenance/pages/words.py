"""What pages say in the visitor's language: states, times, numbers, units."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from trivium.maintenance.ingest.stored import to_time
from trivium.service.database import utc_now
from trivium.service.text import Catalogue, catalogue

__all__ = ["Words", "zone_of"]

_PACKAGE = "trivium.maintenance"


def zone_of(name: str) -> tzinfo:
    """Return a plant's time zone; UTC when it has none."""
    return ZoneInfo(name) if name and name != "UTC" else UTC


class Words:
    """Texts of the maintenance catalogue in one language, with times in a plant's zone."""

    def __init__(self, language: str, zone: tzinfo) -> None:
        self.language = language
        self.zone = zone
        self._texts: Catalogue = catalogue(_PACKAGE, language)

    def say(self, key: str, /, **values: object) -> str:
        """Return a text with its fields filled in."""
        return self._texts.say(key, **values)

    def moment(self, at: datetime | int | str | None) -> str:
        """Return a time in the plant's zone to the second; a dash for none.

        Args:
            at: aware, or microseconds since 1970, or ISO 8601 with an offset.
        """
        if at is None:
            return "-"
        moment = to_time(at) if isinstance(at, int) else datetime.fromisoformat(at) if isinstance(at, str) else at
        local = moment.astimezone(self.zone)
        return f"{local:%Y-%m-%d %H:%M:%S}" + (" UTC" if self.zone is UTC else "")

    def age(self, at: datetime) -> str:
        """Return how long ago something was: `12 s`, `4 min`, `3 h`, `2 d`."""
        seconds = (utc_now() - at).total_seconds()
        if seconds < -1:
            return self.say("age.ahead", time=self._span(-seconds))
        return self.say("age.ago", time=self._span(max(seconds, 0.0)))

    def span(self, microseconds: int) -> str:
        """Return a length of time."""
        return self._span(microseconds / 1e6)

    def number(self, value: float | None, digits: int = 1) -> str:
        """Return a number, a dash for none."""
        return "-" if value is None else f"{value:,.{digits}f}"

    def life_unit(self, unit: str) -> str:
        """Return the unit of a remaining life."""
        return self._texts.get(f"unit.{unit}", unit)

    def about(self, told: Mapping[str, object]) -> str:
        """Return what a model's folder says of its data or measures, as one line."""
        return "; ".join(f"{self._plain(name)} {self._value(name, value)}" for name, value in told.items())

    def _value(self, name: str, value: object) -> str:
        if isinstance(value, float):
            return f"{value:.4g}"
        return str(value)[:12] if name == "sha256" else self._plain(str(value))

    def _plain(self, text: str) -> str:
        """Say the parts between commas, each as it stands where the catalogue does not know it."""
        return ", ".join(self._texts.get(f"about.{part.replace(' ', '_')}", part) for part in text.split(", "))

    def _span(self, seconds: float) -> str:
        for unit, size, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
            if seconds < most:
                return self.say(f"age.{unit}", count=int(seconds // size))
        return self.say("age.d", count=int(seconds // 86_400))
