"""The one place through which security events go: who did what to whom, as structured log lines and in the audit log.

Never a secret among the details. What must not be overlooked (break-glass) is a warning, and so is what failed.
Attempts that the throttle turns away at once are all log lines, and in the audit log once in 15 seconds for each
account and address: strangers could otherwise fill it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection

from trivium.service.audit import Audit, Entry
from trivium.service.short_memory import ShortMemory

__all__ = ["OPERATOR", "SecurityLog"]

log = structlog.get_logger("trivium.security")

OPERATOR = "operator"
"""Who acts when somebody types a command on the machine itself."""

_LOUD = frozenset({"login.failed", "login.throttled", "login.break_glass", "link.break_glass", "access.denied"})
_SPARSE = frozenset({"login.throttled"})


class SecurityLog:
    """The security events of one deployment.

    Args:
        audit: the log that they go into.
    """

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._recorded: ShortMemory[bool] = ShortMemory()

    def record(self, event: str, *, actor: str, subject: str = "", **details: object) -> None:
        """Record one event by itself, and return once it is on the disk.

        Args:
            event: `login.done`, `roles.changed`, `key.created` and so on.
            actor: id of the account or plant that did it, or `OPERATOR`.
            subject: account or key that it was done to; the actor when empty.
        """
        key = f"{event} {actor} {details.get('address', '')}" if event in _SPARSE else ""
        if not key or not self._recorded.get(key):
            self.audit.record(_entry(event, actor, subject, details))
            if key:
                self._recorded.put(key, True)
        _say(event, actor, subject, details)

    @contextmanager
    def act(self, event: str, *, actor: str, subject: str = "", **details: object) -> Iterator[Connection]:
        """Open a write transaction for an act that is recorded in it; the block rolls back with both when it raises.

        Args:
            event: as for `record`, with what follows it.
        """
        with self.audit.database.write(is_durable=True) as connection:
            yield connection
            self.audit.append(connection, _entry(event, actor, subject, details))
        _say(event, actor, subject, details)


def _entry(event: str, actor: str, subject: str, details: dict[str, object]) -> Entry:
    kind = "key" if event.startswith("key.") else "account"
    return Entry(event, actor, kind, subject or actor, detail=details)


def _say(event: str, actor: str, subject: str, details: dict[str, object]) -> None:
    say = log.warning if event in _LOUD else log.info
    say(event, kind="security", actor=actor, subject=subject or actor, **details)
