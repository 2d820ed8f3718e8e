"""Webhooks: what is to be told is written with the alert, and sent by a worker until somebody takes it.

Addresses are the operator's (`TRIVIUM_WEBHOOK_URLS`), never a user's; redirects are not followed. Each message is
signed with `TRIVIUM_WEBHOOK_SECRET`:

    X-Trivium-Signature: t=1772366400,v1=<HMAC-SHA256 of "1772366400." and the body, in hex>

A receiver compares the signature, refuses a time that is more than five minutes off, and knows a repetition by `id`:
delivery is at least once. `verify` does the first two.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from sqlalchemy import Connection, func, insert, select, update

from trivium.maintenance.alerts.alert import Alert
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.ingest.stored import to_time
from trivium.maintenance.tables import outbox as table
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError

__all__ = ["deliver", "is_due", "page_of", "put", "signature", "urls_of", "verify", "waiting"]

log = structlog.get_logger(__name__)

_TIMEOUT_S = 10.0
_LEASE = timedelta(seconds=60)
_FIRST_RETRY_S = 10.0
_LONGEST_RETRY_S = 3600.0
_MOST_ATTEMPTS = 30  # about a day
_MOST_AT_ONCE = 50
_TOLERANCE_S = 300.0


def urls_of(text: str) -> tuple[str, ...]:
    """Return the addresses that webhooks go to.

    Raises:
        InputError: if one is no http or https address.
    """
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for url in found:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise InputError(f"{url!r} is no http or https address", where="TRIVIUM_WEBHOOK_URLS")
    return found


def put(connection: Connection, what: str, alert: Alert, urls: Sequence[str]) -> None:
    """Put what happened to an alert into the outbox, for each address, on the caller's transaction."""
    if not urls:
        return
    event_id, now = secrets.token_hex(16), utc_now()
    body = json.dumps({"id": event_id, "event": f"alert.{what}", "alert": _told(alert)}, ensure_ascii=False)
    rows = [{"event_id": event_id, "url": url, "body": body, "created_at": now, "due_at": now} for url in urls]
    connection.execute(insert(table), rows)


def is_due(database: Database) -> bool:
    """Tell whether something waits to be sent now."""
    with database.read() as connection:
        return connection.execute(select(table.c.id).where(table.c.due_at <= utc_now()).limit(1)).first() is not None


def deliver(database: Database, secret: str, urls: Sequence[str]) -> int:
    """Send what is due; return how many were taken. Whoever sends a message holds it for a minute.

    Args:
        urls: that are configured now; what was written for another address is given up.
    """
    taken = 0
    for _ in range(_MOST_AT_ONCE):
        row = _claim(database)
        if row is None:
            break
        error = _send(row.url, row.body.encode(), row.event_id, secret) if row.url in urls else "no longer configured"
        _settle(database, row, error, is_given_up=row.url not in urls)
        taken += not error
    return taken


def signature(body: bytes, secret: str, at: int) -> str:
    """Return the header that a message sent at this time (seconds since 1970) carries."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def verify(header: str, body: bytes, secret: str, *, now: float | None = None) -> bool:
    """Tell whether a message is ours and not older than five minutes; for receivers written in Python."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    if not parts.get("t", "").isdecimal():
        return False
    at = int(parts["t"])
    is_ours = hmac.compare_digest(signature(body, secret, at), header)
    return is_ours and abs((time.time() if now is None else now) - at) <= _TOLERANCE_S


def waiting(database: Database) -> dict[str, int]:
    """Count messages that wait, and those that were given up."""
    given_up = select(func.count()).where(table.c.due_at.is_(None), table.c.sent_at.is_(None))
    with database.read() as connection:
        left = connection.execute(select(func.count()).where(table.c.due_at.is_not(None))).scalar_one()
        return {"waiting": left, "given_up": connection.execute(given_up).scalar_one()}


def _claim(database: Database) -> Any:
    with database.write() as connection:
        query = select(table).where(table.c.due_at <= utc_now()).order_by(table.c.due_at, table.c.id).limit(1)
        row = connection.execute(query.with_for_update(skip_locked=True)).first()
        if row is not None:
            held = {"due_at": utc_now() + _LEASE, "attempts": row.attempts + 1}
            connection.execute(update(table).where(table.c.id == row.id).values(**held))
        return row


def _settle(database: Database, row: Any, error: str, *, is_given_up: bool) -> None:
    attempts, now = row.attempts + 1, utc_now()
    wait_s = min(_FIRST_RETRY_S * 2.0 ** min(row.attempts, 20), _LONGEST_RETRY_S)
    is_over = not error or is_given_up or attempts >= _MOST_ATTEMPTS
    values = {
        "due_at": None if is_over else now + timedelta(seconds=wait_s),
        "sent_at": None if error else now,
        "error": error[:500],
    }
    if error:
        log.warning("webhook.not_taken", event_id=row.event_id, attempts=attempts, error=error)
    with database.write() as connection:
        connection.execute(update(table).where(table.c.id == row.id).values(**values))


def _send(url: str, body: bytes, event_id: str, secret: str) -> str:
    """Post a message; return what went wrong, or nothing."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Trivium-Event": event_id}
    if secret:
        headers["X-Trivium-Signature"] = signature(body, secret, int(time.time()))
    try:
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"not reached ({type(error).__name__})"
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"answered {status}"


def page_of(alert: Alert) -> str:
    """Return the address of an alert's page, below that of the deployment."""
    return f"/maintenance/p/{quote(alert.plant, safe='')}/alerts/{alert.id}"


def _told(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "plant": alert.plant,
        "asset": alert.asset,
        "cause": alert.cause,
        "severity": alert.severity,
        "state": alert.state,
        "since": to_time(alert.since_us).isoformat(),
        "raised": to_time(alert.raised_us).isoformat(),
        "outputs": dict(alert.finding.outputs),
        "text": {language: sentences(alert.finding, language, asset=alert.asset) for language in ("en", "zh")},
        "page": page_of(alert),
    }
