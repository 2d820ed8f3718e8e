"""The finance app's tables, prefixed `finance_`. Their history is the Alembic branch `finance` in `migrations/`."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from trivium.service.database import UtcDateTime
from trivium.service.tables import metadata

__all__ = ["override"]

override = Table(
    "finance_override",
    metadata,
    Column("owner", String(120), primary_key=True),
    Column("company", String(120), primary_key=True),  # key of the company: its ticker, else a slug of its name
    Column("metric", String(80), primary_key=True),
    Column("concept", String(300), nullable=False),  # as printed: us-gaap:Revenues
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", String(120), nullable=False),
)
