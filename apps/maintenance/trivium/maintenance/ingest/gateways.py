"""Gateways of a plant: when each was last heard, and how its clock stands against ours.

The newest reading of a batch is taken against its arrival. Transport and collecting make it lag a little; a clock that
is ahead shows as a skew above 0, one that is behind as a lag that never shrinks.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from trivium.maintenance.tables import gateway as table
from trivium.service.database import Database

__all__ = ["list_gateways"]


def list_gateways(database: Database, plant: str) -> list[dict[str, Any]]:
    """Return a plant's gateways by name; the one without a name sent no `X-Gateway`."""
    query = select(table).where(table.c.plant == plant).order_by(table.c.gateway)
    with database.read() as connection:
        return [
            {
                "gateway": row.gateway,
                "seen_at": row.seen_at.isoformat(),
                "skew_s": None if row.skew_s is None else round(row.skew_s, 3),
                "batches": row.num_batches,
                "rows": row.num_rows,
            }
            for row in connection.execute(query)
        ]
