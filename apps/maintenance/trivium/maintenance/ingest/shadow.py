"""A model that scores beside the active one, so that both can be compared before it counts.

It sees the same rows in the same transaction. What it says is kept apart: predictions and the alerts that it would have
raised in tables of their own, where its rules stand under `shadow` in the asset's state. It tells nobody, and whatever
goes wrong in it is logged and changes nothing else. It scores live rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, insert, update

from trivium.maintenance import tables
from trivium.maintenance.alerts.watch import Noted, watch
from trivium.maintenance.ingest.advance import Advanced
from trivium.maintenance.ingest.codec import AssetRows, pack_block, span_of
from trivium.maintenance.ingest.predict import predict_all
from trivium.maintenance.registry import Registry
from trivium.maintenance.scorer import Scorer
from trivium.service.database import utc_now

__all__ = ["Beside", "score", "store"]

log = structlog.get_logger(__name__)

_KEY = "shadow"


@dataclass(frozen=True)
class Beside:
    """What a shadow model says of one asset's new rows."""

    model: str
    predicted: AssetRows
    noted: Sequence[Noted]


def score(scorers: Mapping[str, Scorer | None], registry: Registry, scored: Mapping[str, Advanced]) -> list[Beside]:
    """Predict what is due, and follow the rules; the states take in where these stand. Nothing is raised."""
    due = {name: one.shadow for name, one in scored.items() if one.shadow is not None}
    found = []
    for name, predicted in predict_all(scorers, due).items():
        scorer, state = scorers[name], scored[name].state
        assert scorer is not None
        asset = registry.asset_of(name)
        before = state.trackers.get(_KEY, {})
        causes = before.get("causes", {}) if before.get("model") == scorer.version else {}
        try:
            causes, noted = watch(scorer, asset, due[name].frames, predicted, causes)
        except Exception:  # as for the active model: it must not keep readings from being stored
            log.exception("shadow.failed", model=scorer.version, asset=name)
            noted = []
        state.trackers = {**state.trackers, _KEY: {"model": scorer.version, "causes": causes}}
        found.append(Beside(scorer.version, predicted, noted))
    return found


def store(connection: Connection, plant: str, beside: Sequence[Beside]) -> None:
    """Keep predictions and would-be alerts on the caller's transaction."""
    now = utc_now()
    rows = [
        span_of(plant, one.predicted) | {"model": one.model, "stored_at": now, "data": pack_block(one.predicted)}
        for one in beside
    ]
    if rows:
        connection.execute(insert(tables.shadow_prediction), rows)
    for one in beside:
        for noted in one.noted:
            _note(connection, plant, one.predicted.asset, one.model, noted)


def _note(connection: Connection, plant: str, asset: str, model: str, noted: Noted) -> None:
    table, change = tables.shadow_alert, noted.change
    if change.what == "raised":
        values = {
            "plant": plant, "asset": asset, "model": model, "cause": noted.cause, "severity": change.severity,
            "since_us": change.since_us, "raised_us": noted.at_us,
        }  # fmt: skip
        connection.execute(insert(table).values(**values))
        return
    values = {"returned_us": noted.at_us} if change.what == "returned" else {"severity": change.severity}
    is_open = (table.c.model == model, table.c.cause == noted.cause, table.c.returned_us.is_(None))
    connection.execute(update(table).where(table.c.plant == plant, table.c.asset == asset, *is_open).values(**values))
