"""Where each asset of a plant stands, the one that needs attention most first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.rules import CRITICAL, DEFAULTS
from trivium.maintenance.ingest.stored import to_time
from trivium.maintenance.registry import Asset, Registry
from trivium.service.database import Database, utc_now

__all__ = ["OPEN_STATES", "RETIRED", "Standing", "read_standings"]

OPEN_STATES = (book.UNACKNOWLEDGED, book.ACKNOWLEDGED, book.RETURNED, book.SHELVED, book.OUT_OF_SERVICE)
RETIRED = "retired"
_SILENT_S = 300.0
_SILENT_CYCLES_S = 7 * 86_400.0  # a model of cycles hears from an asset once a flight or a day
_ORDER = (book.UNACKNOWLEDGED, book.ACKNOWLEDGED, book.RETURNED, book.SHELVED, book.OUT_OF_SERVICE, "")


@dataclass(frozen=True, slots=True)
class Standing:
    """One asset.

    Args:
        condition: `scored`, or why it is not: `stopped`, `startup`, `outage`, `silent` (nothing comes), `no_model`,
            `retired`, ...
        risk: smoothed indicator: times the limit, or a probability; None where nothing was scored.
        kind: `score` or `p_fail`, what the risk is.
        why: tags that stand out, the strongest first.
        critical_at: from which risk on it is critical.
        life_unit: of a remaining life among the outputs.
    """

    asset: str
    condition: str
    risk: float | None
    kind: str
    outputs: Mapping[str, float | None]
    why: tuple[str, ...]
    newest: datetime | None
    stuck: tuple[str, ...]
    model: str
    alert: book.Alert | None
    critical_at: float
    life_unit: str = ""

    @property
    def share(self) -> float:
        """Risk as a share of what is critical, 0 to 1, for a bar."""
        if self.risk is None:
            return 0.0
        return min(max(self.risk / self.critical_at, 0.0), 1.0)


def read_standings(database: Database, registry: Registry) -> list[Standing]:
    """Return every asset that is registered or sends; retired ones, as such, at the end."""
    alerts: dict[str, book.Alert] = {}
    for one in book.find_alerts(database, registry.plant, states=OPEN_STATES):
        if one.asset not in alerts or _urgency(one) < _urgency(alerts[one.asset]):
            alerts[one.asset] = one
    table = tables.state
    query = select(table.c.asset, table.c.watermark_us, table.c.latest, table.c.trackers)
    with database.read() as connection:
        rows = {row.asset: row for row in connection.execute(query.where(table.c.plant == registry.plant))}
    names = sorted(set(registry.assets) | set(registry.retired) | set(rows))
    found = (_standing(registry.asset_of(name), rows.get(name), alerts.get(name)) for name in names)
    told = (replace(one, condition=RETIRED) if one.asset in registry.retired else one for one in found)
    return sorted(told, key=_order)


def _standing(asset: Asset, row: Any, alert: book.Alert | None) -> Standing:
    levels = DEFAULTS | dict(asset.levels)
    if row is None:
        return Standing(asset.name, "silent", None, "score", {}, (), None, (), "", alert, levels["anomaly"].critical_at)
    latest, newest = row.latest, to_time(row.watermark_us)
    outputs = latest.get("outputs", {})
    kind = "score" if "score" in outputs else "p_fail"
    cause = "anomaly" if kind == "score" else "failure"
    condition = latest.get("reason", "no_model")
    tracked = row.trackers.get(cause, {}).get("level")
    risk = tracked if condition == "scored" and tracked is not None else outputs.get(kind)
    if (utc_now() - newest).total_seconds() > (_SILENT_CYCLES_S if kind == "p_fail" else _SILENT_S):
        condition = "silent"
    return Standing(
        asset.name, condition, risk, kind, outputs, tuple(latest.get("why", {})), newest,
        tuple(latest.get("stuck", ())), latest.get("model", ""), alert, levels[cause].critical_at,
        latest.get("life_unit", ""),
    )  # fmt: skip


def _urgency(alert: book.Alert) -> tuple[int, bool]:
    return _ORDER.index(alert.state), alert.severity != CRITICAL


def _order(one: Standing) -> tuple[bool, int, bool, float, str]:
    state = one.alert.state if one.alert is not None and one.alert.is_active else ""
    is_mild = one.alert is None or one.alert.severity != CRITICAL
    return one.condition == RETIRED, _ORDER.index(state), is_mild, -one.share, one.asset
