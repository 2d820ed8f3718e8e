"""What `drift.py` found the last time: how far sensors and outputs are from those that the model learned from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from trivium.maintenance.tables import drift as table
from trivium.service.database import Database

__all__ = ["Moved", "find_drift"]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one sensor or output is from its reference.

    Args:
        asset: empty for all of them together.
        median: of what is compared.
        low, high: 5 % and 95 % of the reference.
    """

    asset: str
    kind: str
    name: str
    model: str
    psi: float
    psi_limit: float
    ks: float
    median: float
    low: float
    high: float
    num_rows: int
    from_us: int
    to_us: int

    @property
    def is_moved(self) -> bool:
        """Whether it is told."""
        return self.psi > self.psi_limit


def find_drift(database: Database, plant: str) -> list[Moved]:
    """Return what was found the last time, what is furthest off first."""
    with database.read() as connection:
        rows = connection.execute(select(table).where(table.c.plant == plant)).all()
    found = [Moved(**{name: row._mapping[name] for name in Moved.__slots__}) for row in rows]
    return sorted(found, key=lambda one: -one.psi / one.psi_limit)
