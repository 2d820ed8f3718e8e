"""The book of alerts: which are open, in which state, and what people did with them.

    unacknowledged --acknowledge--> acknowledged --returns--> closed
         |  ^  \\--returns--> returned --acknowledge--> closed
         |  '--comes back, or gets worse--'
       shelve (who, why, until)   out of service (who, why)      both end in unacknowledged, or closed when it returned

An asset has one open alert of a cause at most, held by a unique key. What a model changes is written in the transaction
of its predictions; what a person does is in the audit log within the same transaction. While an alert is shelved or out
of service it is kept up to date, and tells nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from trivium.maintenance.alerts import outbox
from trivium.maintenance.alerts.alert import Alert
from trivium.maintenance.alerts.finding import Finding
from trivium.maintenance.alerts.watch import Noted
from trivium.maintenance.tables import alert as table
from trivium.maintenance.tables import alert_event
from trivium.service.audit import Audit, Entry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import Phrase

__all__ = [
    "ACKNOWLEDGED",
    "CLOSED",
    "OUT_OF_SERVICE",
    "RETURNED",
    "SHELVED",
    "UNACKNOWLEDGED",
    "Alert",
    "acknowledge",
    "close_all",
    "end_shelves",
    "events_of",
    "find_alert",
    "find_alerts",
    "note",
    "put_back",
    "shelve",
    "take_out_of_service",
]

UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED = "unacknowledged", "acknowledged", "returned"
SHELVED, OUT_OF_SERVICE, CLOSED = "shelved", "out_of_service", "closed"
_SILENT = (SHELVED, OUT_OF_SERVICE)
LONGEST_SHELF = timedelta(days=7)
_MOST_WORDS = 1000


# -- what a model changes -----------------------------------------------------------------------------------------


def note(
    connection: Connection, plant: str, asset: str, model: str, noted: Sequence[Noted], urls: Sequence[str]
) -> None:
    """Write what changed of an asset's alerts, and what is to be told of it, on the caller's transaction.

    Args:
        urls: that webhooks go to.
    """
    for one in noted:
        key = _open_key(plant, asset, one.cause)
        row = connection.execute(select(table).where(table.c.open_key == key).with_for_update()).first()
        if one.finding is None:
            if row is not None:
                _let_return(connection, row, one, urls)
        elif row is None:
            _open(connection, plant, asset, model, key, one, urls)
        else:
            _go_on(connection, row, model, one, urls)


def _open(
    connection: Connection, plant: str, asset: str, model: str, key: str, one: Noted, urls: Sequence[str]
) -> None:
    assert one.finding is not None
    now = utc_now()
    values = {
        "plant": plant, "asset": asset, "cause": one.cause, "open_key": key, "state": UNACKNOWLEDGED,
        "severity": one.change.severity, "since_us": one.change.since_us, "raised_us": one.at_us, "raised_at": now,
        "changed_at": now, "model": model, "finding": one.finding.to_json(),
    }  # fmt: skip
    (alert_id,) = connection.execute(insert(table).values(**values)).inserted_primary_key or (0,)
    _add_event(connection, alert_id, "raised", one.change.severity)
    outbox.put(connection, "raised", _read(connection, alert_id), urls)


def _go_on(connection: Connection, row: Row[Any], model: str, one: Noted, urls: Sequence[str]) -> None:
    """An alert that is open comes back, or gets worse: it asks for attention anew."""
    assert one.finding is not None
    is_back = one.change.what == "raised"
    values: dict[str, Any] = {
        "severity": one.change.severity, "is_active": True, "returned_us": None, "model": model,
        "finding": one.finding.to_json(), "count": row._mapping["count"] + is_back, "changed_at": utc_now(),
        "version": row.version + 1,
    }  # fmt: skip
    if row.state not in _SILENT:
        values["state"] = UNACKNOWLEDGED
    connection.execute(update(table).where(table.c.id == row.id).values(**values))
    event = "came_back" if is_back else "worsened"
    _add_event(connection, row.id, event, one.change.severity)
    if row.state not in _SILENT:
        outbox.put(connection, event, _read(connection, row.id), urls)


def _let_return(connection: Connection, row: Row[Any], one: Noted, urls: Sequence[str]) -> None:
    state = {UNACKNOWLEDGED: RETURNED, ACKNOWLEDGED: CLOSED}.get(row.state, row.state)
    values = {"is_active": False, "returned_us": one.at_us}
    _change(connection, row, state, values)
    _add_event(connection, row.id, "returned")
    if row.state not in _SILENT:
        outbox.put(connection, "returned", _read(connection, row.id), urls)


def end_shelves(database: Database, urls: Sequence[str]) -> list[int]:
    """Take alerts off their shelf whose time is over; return which."""
    due = (table.c.state == SHELVED, table.c.until <= utc_now())
    with database.read() as connection:
        ids = list(connection.execute(select(table.c.id).where(*due)).scalars())
    for alert_id in ids:
        with database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == alert_id, *due).with_for_update()).first()
            if row is not None:
                _end_silence(connection, row, "shelf_ended", "", "")
                if row.is_active:
                    outbox.put(connection, "shelf_ended", _read(connection, alert_id), urls)
    return ids


# -- what people do -----------------------------------------------------------------------------------------------


def acknowledge(audit: Audit, plant: str, alert_id: int, *, actor: str, note: str = "", version: int = 0) -> Alert:
    """Say that somebody has seen it. What has returned is closed by this.

    Args:
        version: that the person saw; 0 for whichever.

    Raises:
        NotFoundError: if the plant has no such alert.
        InputError: if it is in a state that cannot be acknowledged, or was changed since.
    """
    return _act(audit, plant, alert_id, version, "acknowledged", actor, note, (UNACKNOWLEDGED, RETURNED), {})


def shelve(
    audit: Audit, plant: str, alert_id: int, *, actor: str, why: str, until: datetime, version: int = 0
) -> Alert:
    """Put an alert aside until a time, a week from now at the latest.

    Raises:
        NotFoundError: if the plant has no such alert.
        InputError: if there is no reason, the time does not fit, or the alert's state or version does not.
    """
    if not why.strip():
        raise InputError("gives no reason", where="why", hint="say why it may wait")
    if not utc_now() < until <= utc_now() + LONGEST_SHELF:
        raise InputError(Phrase("{time} is not within the next 7 days", time=until.isoformat()), where="until")
    states = (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED)
    return _act(audit, plant, alert_id, version, "shelved", actor, why, states, {"until": until})


def take_out_of_service(audit: Audit, plant: str, alert_id: int, *, actor: str, why: str, version: int = 0) -> Alert:
    """Silence an alert until somebody puts it back: its asset or sensor is out of service.

    Raises:
        NotFoundError: if the plant has no such alert.
        InputError: if there is no reason, or the alert's state or version does not fit.
    """
    if not why.strip():
        raise InputError("gives no reason", where="why", hint="say what is out of service")
    states = (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, SHELVED)
    return _act(audit, plant, alert_id, version, "out_of_service", actor, why, states, {"until": None})


def put_back(audit: Audit, plant: str, alert_id: int, *, actor: str, note: str = "", version: int = 0) -> Alert:
    """End a shelf or an alert's time out of service.

    Raises:
        NotFoundError: if the plant has no such alert.
        InputError: if it is neither shelved nor out of service, or was changed since.
    """
    return _act(audit, plant, alert_id, version, "put_back", actor, note, _SILENT, {"until": None})


def close_all(connection: Connection, plant: str, asset: str, *, actor: str, why: str) -> list[int]:
    """Close an asset's open alerts, as it is retired, on the caller's transaction; return which."""
    open_ones = (table.c.plant == plant, table.c.asset == asset, table.c.state != CLOSED)
    rows = connection.execute(select(table).where(*open_ones).with_for_update()).all()
    for row in rows:
        _change(connection, row, CLOSED, {"actor": actor, "why": why[:_MOST_WORDS], "until": None, "is_active": False})
        _add_event(connection, row.id, "retired", why, actor)
    return [row.id for row in rows]


# -- what is read -------------------------------------------------------------------------------------------------


def find_alert(database: Database, plant: str, alert_id: int) -> Alert:
    """Return one alert.

    Raises:
        NotFoundError: if the plant has no such alert.
    """
    with database.read() as connection:
        row = connection.execute(select(table).where(table.c.id == alert_id, table.c.plant == plant)).first()
    if row is None:
        raise NotFoundError("the plant has no such alert", where=str(alert_id))
    return _alert(row)


def find_alerts(
    database: Database,
    plant: str,
    *,
    states: Sequence[str] = (),
    asset: str = "",
    limit: int = 500,
    before: tuple[int, int] | None = None,
) -> list[Alert]:
    """Return a plant's alerts, newest first; those in any state when none are named.

    Args:
        before: time raised, in microseconds, and id of an alert; only those that come after it in this order.
    """
    query = select(table).where(table.c.plant == plant).order_by(table.c.raised_us.desc(), table.c.id.desc())
    if states:
        query = query.where(table.c.state.in_(states))
    if asset:
        query = query.where(table.c.asset == asset)
    if before is not None:
        query = query.where(tuple_(table.c.raised_us, table.c.id) < before)
    with database.read() as connection:
        return [_alert(row) for row in connection.execute(query.limit(limit))]


def events_of(database: Database, alert_id: int) -> list[dict[str, Any]]:
    """Return what happened to an alert, oldest first."""
    query = select(alert_event).where(alert_event.c.alert_id == alert_id).order_by(alert_event.c.id)
    with database.read() as connection:
        return [
            {"at": row.at, "what": row.what, "actor": row.actor, "note": row.note} for row in connection.execute(query)
        ]


# -- private ------------------------------------------------------------------------------------------------------


def _act(
    audit: Audit,
    plant: str,
    alert_id: int,
    version: int,
    what: str,
    actor: str,
    words: str,
    states: Sequence[str],
    values: dict[str, Any],
) -> Alert:
    with audit.database.write(is_durable=True) as connection:
        query = select(table).where(table.c.id == alert_id, table.c.plant == plant).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            raise NotFoundError("the plant has no such alert", where=str(alert_id))
        if version not in (0, row.version):
            raise InputError(
                "was changed meanwhile", where=Phrase("alert {number}", number=alert_id), hint="look at it again"
            )
        if row.state not in states:
            raise InputError(
                Phrase("is {state}, so that it cannot be {act}", state=row.state, act=what),
                where=Phrase("alert {number}", number=alert_id),
            )
        if what == "put_back":
            state = _end_silence(connection, row, what, actor, words)
        else:
            state = {"acknowledged": CLOSED if row.state == RETURNED else ACKNOWLEDGED}.get(what, what)
            said = {"actor": actor, "why": words[:_MOST_WORDS]}
            _change(connection, row, state, values | said)
            _add_event(connection, row.id, what, words, actor)
        detail = {"plant": plant, "asset": row.asset, "cause": row.cause, "from": row.state, "to": state, "why": words}
        if until := values.get("until"):
            detail["until"] = until.isoformat()
        entry = Entry(f"alert.{what}", actor, "alert", str(row.id), str(row.version + 1), detail)
        audit.append(connection, entry)
        return _read(connection, alert_id)


def _end_silence(connection: Connection, row: Row[Any], what: str, actor: str, words: str) -> str:
    state = UNACKNOWLEDGED if row.is_active else CLOSED
    _change(connection, row, state, {"actor": actor, "why": words[:_MOST_WORDS], "until": None})
    _add_event(connection, row.id, what, words, actor)
    return state


def _change(connection: Connection, row: Row[Any], state: str, values: dict[str, Any]) -> None:
    key = {"open_key": None} if state == CLOSED else {}
    common = {"state": state, "changed_at": utc_now(), "version": row.version + 1}
    connection.execute(update(table).where(table.c.id == row.id).values(**values, **common, **key))


def _add_event(connection: Connection, alert_id: int, what: str, words: str = "", actor: str = "") -> None:
    values = {"alert_id": alert_id, "at": utc_now(), "what": what, "actor": actor, "note": words[:_MOST_WORDS]}
    connection.execute(insert(alert_event).values(**values))


def _read(connection: Connection, alert_id: int) -> Alert:
    return _alert(connection.execute(select(table).where(table.c.id == alert_id)).one())


def _alert(row: Row[Any]) -> Alert:
    values = {name: row._mapping[name] for name in Alert.__dataclass_fields__ if name != "finding"}
    return Alert(**values, finding=Finding.from_json(row.finding))


def _open_key(plant: str, asset: str, cause: str) -> str:
    return hashlib.sha256(f"{plant}\0{asset}\0{cause}".encode()).hexdigest()
