"""The claims of an alert: each number that its sentences may state, with its place in the readings.

`resolve` goes back from a claim's evidence to the readings and computes the value again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from trivium.maintenance.alerts.finding import Finding, SensorFinding, window_sha256
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import held_at, times_of
from trivium.maintenance.registry import Asset
from trivium.service.errors import NotFoundError
from trivium.service.evidence import Claim, Evidence, SensorWindow

__all__ = ["Claims", "claims_of", "resolve"]


@dataclass(frozen=True)
class Claims:
    """Claims by id, and the sensor that those of each group (`s0`, `s1`, ...) are about."""

    claims: Mapping[str, Claim]
    sensors: Mapping[str, SensorFinding]


def claims_of(finding: Finding, asset: str) -> Claims:
    """Return what an alert of this asset may state."""
    claims: dict[str, Claim] = {}
    sensors: dict[str, SensorFinding] = {}
    for place, one in enumerate(finding.sensors):
        group = f"s{place}"
        window = SensorWindow(asset, one.tag, one.from_us, one.to_us)
        sensors[group] = one
        claims[f"{group}.value"] = _claim(f"{group}.value", one.value, one.unit, Evidence(one.sha256, window))
        for name, number in (("low", one.low), ("high", one.high)):
            if number is not None:
                claims[f"{group}.{name}"] = Claim(
                    f"{group}.{name}", _decimal(number), one.unit,
                    formula="the model's usual range, given the other sensors", inputs=(f"{group}.value",),
                )  # fmt: skip
    inputs = tuple(name for name in claims if name.endswith(".value")) or ("readings",)
    rest = {"level": finding.level, **finding.outputs}
    for name, number in rest.items():
        unit = {"p_fail": "pure", "level": "pure"}.get(name, finding.life_unit or "pure")
        claims[name] = Claim(name, _decimal(number), unit, formula="the model's output", inputs=inputs)
    since = Decimal(finding.since_us) / 1_000_000
    claims["since"] = Claim("since", since, "s", formula="first prediction beyond the limit", inputs=inputs)
    return Claims(claims, sensors)


def resolve(evidence: Evidence, asset: Asset, rows: AssetRows, step_s: float) -> float:
    """Compute the value that a claim's evidence points to anew from stored readings.

    Args:
        rows: the asset's readings, from the longest staleness limit before the window on.
        step_s: of the model's clock.

    Raises:
        NotFoundError: if the readings are not those that the claim was made from.
    """
    window = evidence.locator
    assert isinstance(window, SensorWindow)
    limits = {tag.name: tag.staleness_s for tag in asset.tags}
    longest = max(limits.values(), default=0.0)
    times = times_of(rows, step_s, longest)
    times = times[(times >= window.from_us) & (times <= window.to_us)]
    values = held_at(rows, times, {window.sensor: limits.get(window.sensor, longest)})[:, 0]
    if window_sha256(times, values) != evidence.source_sha256:
        raise NotFoundError("the readings are no longer those of the claim", where=f"{window.asset} {window.sensor}")
    return float(np.nanmean(values))


def _claim(name: str, value: float, unit: str, evidence: Evidence) -> Claim:
    return Claim(name, _decimal(value), unit, evidence=(evidence,))


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))
