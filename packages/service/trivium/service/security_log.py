"""The one place through which security events go: who did what to whom, as structured log lines.

Never a secret among the details. What must not be overlooked (break-glass) is a warning, and so is what failed.
"""

from __future__ import annotations

import structlog

__all__ = ["OPERATOR", "record"]

log = structlog.get_logger("trivium.security")

OPERATOR = "operator"
"""Who acts when somebody types a command on the machine itself."""

_LOUD = frozenset({"login.failed", "login.throttled", "login.break_glass", "link.break_glass", "access.denied"})


def record(event: str, *, actor: str, subject: str = "", **details: object) -> None:
    """Record one event.

    Args:
        event: `login.done`, `role.changed`, `key.created` and so on.
        actor: id of the account or plant that did it, or `OPERATOR`.
        subject: account or key that it was done to; the actor when empty.
    """
    say = log.warning if event in _LOUD else log.info
    say(event, kind="security", actor=actor, subject=subject or actor, **details)
