"""An asset that is sold, scrapped or renamed: nothing is taken in for it any more, and its history stays."""

from __future__ import annotations

from sqlalchemy import update

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.registry import registered, touch_plant
from trivium.service.audit import Audit, Entry
from trivium.service.database import utc_now
from trivium.service.errors import NotFoundError
from trivium.service.phrase import Phrase

__all__ = ["retire_asset"]


def retire_asset(audit: Audit, plant: str, asset: str, *, actor: str, why: str = "") -> int:
    """Take nothing in for an asset any more: it was sold, scrapped, or renamed.

    Its readings, predictions, alerts, work orders and inspections stay and can be read. Alerts that are open are
    closed. Who registers its tags again has it back.

    Returns:
        How many alerts were closed.

    Raises:
        NotFoundError: if the plant has no such asset, or it is retired already.
    """
    with audit.database.write(is_durable=True) as connection:
        change = update(tables.asset).where(*registered(plant, asset)).values(retired_at=utc_now())
        if not connection.execute(change).rowcount:
            raise NotFoundError(Phrase("the plant {plant} has no such asset", plant=plant), where=asset)
        touch_plant(connection, plant, None)
        state = tables.state
        connection.execute(update(state).where(state.c.plant == plant, state.c.asset == asset).values(trackers={}))
        closed = book.close_all(connection, plant, asset, actor=actor, why=why)
        detail = {"plant": plant, "asset": asset, "why": why, "alerts": closed}
        audit.append(connection, Entry("asset.retired", actor, "asset", f"{plant}/{asset}"[:200], "", detail))
    return len(closed)
