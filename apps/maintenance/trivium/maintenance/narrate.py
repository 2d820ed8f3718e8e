"""Say in plant words what an alert rests on: tag, description, value, what is usual, and since when.

Templates only; no digit that is not a claim's, and never a feature's name. `check` reads each sentence again.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from trivium.maintenance.alerts.finding import Finding, SensorFinding
from trivium.service.evidence import Sentence
from trivium.service.text import Catalogue, catalogue

__all__ = ["moment_text", "narrate", "number_text"]

_PACKAGE = "trivium.maintenance"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def narrate(finding: Finding, language: str, zone: tzinfo = UTC) -> list[Sentence]:
    """Return the sentences of an alert, the most general first, each bound to the claims of `claims.claims_of`.

    Args:
        language: `en` or `zh`.
        zone: of the times in them.
    """
    texts = catalogue(_PACKAGE, language)
    since = moment_text(finding.since_us, zone)
    found = [_headline(finding, texts, since)]
    found += [_of_sensor(one, place, texts, since) for place, one in enumerate(finding.sensors)]
    return found


def number_text(value: float, width: float | None = None) -> str:
    """Write a number as exactly as its usual range is wide; with four digits when there is none."""
    if width is None or width <= 0:
        digits = 3 - math.floor(math.log10(abs(value))) if value else 0
    else:
        digits = math.ceil(-math.log10(width / 10))
    return f"{value:.{min(max(digits, 0), 6)}f}"


def moment_text(time_us: int, zone: tzinfo) -> str:
    """Write a time to the minute; a zone other than UTC is the plant's own and goes without saying."""
    local = (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M}" + (" UTC" if zone is UTC else "")


def _headline(finding: Finding, texts: Catalogue, since: str) -> Sentence:
    if finding.cause == "anomaly":
        text = texts.say("reason.anomaly", level=f"{finding.level:.1f}", since=since)
        return Sentence(text, ("level", "since"))
    percent = f"{100 * finding.outputs['p_fail']:.0f}"
    if "rul" not in finding.outputs:
        return Sentence(texts.say("reason.failure", percent=percent, since=since), ("p_fail", "since"))
    rest = {name: f"{finding.outputs[name]:.0f}" for name in ("rul", "rul_low", "rul_high")}
    unit = texts.get(f"unit.{finding.life_unit}", finding.life_unit)
    text = texts.say("reason.failure_life", percent=percent, since=since, unit=unit, **rest)
    return Sentence(text, ("p_fail", "since", *rest))


def _of_sensor(one: SensorFinding, place: int, texts: Catalogue, since: str) -> Sentence:
    name = f"{one.tag} {one.description}".strip()
    group = f"s{place}"
    if one.low is None or one.high is None:
        text = texts.say("reason.sensor", name=name, value=_with_unit(number_text(one.value), one.unit), since=since)
        return Sentence(text, (f"{group}.value", "since"))
    width = one.high - one.low
    where = "below" if one.value < one.low else "above" if one.value > one.high else "within"
    text = texts.say(
        f"reason.sensor_{where}",
        name=name,
        value=_with_unit(number_text(one.value, width), one.unit),
        low=number_text(one.low, width),
        high=number_text(one.high, width),
        since=since,
    )
    return Sentence(text, (f"{group}.value", f"{group}.low", f"{group}.high", "since"))


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}".strip()
