"""The day of studies that came before it was kept, read from their sealed identity once, a few a second.

A migration lists them, for it has no key; here there is one. Until a study's day is known its priors lie by arrival.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update

from trivium.medical import tables
from trivium.medical.workflow.studies import sealed_identity, study_of
from trivium.service.audit import Entry
from trivium.service.errors import InputError
from trivium.service.runtime import Runtime

__all__ = ["ACTOR", "fill_days"]

ACTOR = "upgrade"
_AT_ONCE = 20


def fill_days(runtime: Runtime) -> None:
    """Fill in the days of some studies that a migration listed, each opening of an identity on record.

    One that was sealed with another key, or has no date, keeps its place by arrival.
    """
    listed, study = tables.undated, tables.study
    with runtime.database.read() as connection:
        found = connection.execute(select(listed.c.study_id).limit(_AT_ONCE)).scalars().all()
    if not found:
        return
    from trivium.medical.intake.vault import open_vault  # what decrypts is loaded where there is something to open

    vault = open_vault(runtime.settings)
    for study_id in found:
        with runtime.database.write(is_durable=True) as connection:
            its, sealed = study_of(connection, study_id, to_write=True), sealed_identity(connection, study_id)
            if sealed is not None and its.moved_day is None:
                detail = {"for": "study day"}
                runtime.audit.append(
                    connection, Entry("identity.read", ACTOR, "study", study_id, str(its.version), detail)
                )
                try:
                    day = vault.moved_day(its.pseudonym, vault.open(study_id, sealed).get("study_date", ""))
                except InputError:
                    day = None
                connection.execute(update(study).where(study.c.id == study_id).values(moved_day=day))
            connection.execute(delete(listed).where(listed.c.study_id == study_id))
