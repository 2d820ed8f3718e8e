"""One row an effect. Nothing here forbids the same effect twice, so that doubles would show."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from trivium.service.database import UtcDateTime
from trivium.service.tables import metadata

__all__ = ["effect"]

effect = Table(
    "chaos_effect",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(32), nullable=False, index=True),
    Column("step", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
