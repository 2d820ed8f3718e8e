"""How good a plant's data are: verdicts, gateways and their clocks, tags that are stale or stuck, what was wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from trivium.maintenance import tables
from trivium.maintenance.ingest.codec import unpack_block
from trivium.maintenance.ingest.quality import UNCERTAIN
from trivium.maintenance.ingest.stored import to_time
from trivium.maintenance.ingest.verdicts import NAMES
from trivium.maintenance.registry import Registry
from trivium.service.database import Database, utc_now
from trivium.service.phrase import Phrase, translate

__all__ = ["TagHealth", "count_issues", "count_verdicts", "read_tags"]

_MOST_BATCHES = 5_000


@dataclass(frozen=True, slots=True)
class TagHealth:
    """A tag that is not as it should be.

    Args:
        tag: empty for all tags of an asset that nothing ever came of.
        what: `stale` (older than its limit, while others of the asset are newer), `stuck` or `never`.
        newest: good reading; None for none.
    """

    asset: str
    tag: str
    description: str
    what: str
    newest: datetime | None


def count_verdicts(database: Database, plant: str) -> tuple[int, dict[str, int], datetime | None]:
    """Count rows by verdict in the newest batches of the last day.

    Returns:
        Number of batches, rows by verdict, and since when.
    """
    batch, part = tables.batch, tables.part
    query = (
        select(batch.c.key, batch.c.answer, batch.c.received_at)
        .where(batch.c.plant == plant, batch.c.received_at > utc_now() - timedelta(days=1), batch.c.lane == "live")
        .order_by(batch.c.received_at.desc())
        .limit(_MOST_BATCHES)
    )
    counts: Counter[str] = Counter()
    with database.read() as connection:
        rows = connection.execute(query).all()
        keys = [row.key for row in rows]
        for start in range(0, len(keys), 500):
            chosen = part.c.batch_key.in_(keys[start : start + 500])
            for late, again in connection.execute(select(part.c.num_late, part.c.num_duplicate).where(chosen)):
                counts.update({"late": late, "duplicate": again, "accepted": -late - again})
    for row in rows:
        counts.update(row.answer["verdicts"])
    return len(rows), {name: counts[name] for name in NAMES}, rows[-1].received_at if rows else None


def count_issues(database: Database, plant: str, language: str, most: int = 20) -> list[dict[str, Any]]:
    """Return what was wrong most often in the newest batches: verdict, column and what, with rows.

    Args:
        language: in which `what` is told.
    """
    batch = tables.batch
    query = select(batch.c.answer).where(batch.c.plant == plant).order_by(batch.c.received_at.desc()).limit(500)
    counts: Counter[tuple[str, str, str]] = Counter()
    with database.read() as connection:
        for answer in connection.execute(query).scalars():
            for issue in answer.get("issues", ()):
                what = Phrase(issue["template"], **issue["values"]) if "template" in issue else issue["what"]
                counts[issue["verdict"], issue["column"], translate(what, language)] += issue["rows"]
    return [
        {"verdict": verdict, "column": column, "what": what, "rows": rows}
        for (verdict, column, what), rows in counts.most_common(most)
    ]


def read_tags(database: Database, registry: Registry) -> list[TagHealth]:
    """Return the tags that are stale, stuck, or never came, by asset."""
    table, found = tables.state, []
    query = select(table.c.asset, table.c.watermark_us, table.c.tail, table.c.latest)
    with database.read() as connection:
        rows = {row.asset: row for row in connection.execute(query.where(table.c.plant == registry.plant))}
    for asset in registry.assets.values():
        row = rows.get(asset.name)
        if row is None:
            found.append(TagHealth(asset.name, "", "", "never", None))
            continue
        tail = unpack_block(row.tail)
        is_running = row.latest.get("reason", "scored") == "scored"  # a machine that stands still may well be flat
        stuck = set(row.latest.get("stuck", ())) if is_running else set()
        for tag in asset.tags:
            newest = None
            if tag.name in tail.tags:
                good = np.flatnonzero(tail.quality[:, tail.tags.index(tag.name)] <= UNCERTAIN)
                newest = int(tail.times_us[good[-1]]) if len(good) else None
            is_stale = newest is not None and row.watermark_us - newest > 1e6 * tag.staleness_s
            what = "never" if newest is None else "stale" if is_stale else "stuck" if tag.name in stuck else ""
            if what:
                at = None if newest is None else to_time(newest)
                found.append(TagHealth(asset.name, tag.name, tag.description, what, at))
    return found
