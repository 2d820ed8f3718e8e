"""A small app on a database in a temporary folder, as the platform's own tests have it."""

from tests.service.conftest import cheap_hashes, clock, database_kind, migrated, outbox, runtime, settings

__all__ = ["cheap_hashes", "clock", "database_kind", "migrated", "outbox", "runtime", "settings"]
