"""Studies from before the day was kept: filled in from their sealed identity, on record, and once."""

from __future__ import annotations

from sqlalchemy import insert, update
from tests.medical.deployment import deployed
from tests.medical.intake.test_door import planted

from trivium.medical import tables
from trivium.medical.intake.days import fill_days
from trivium.medical.intake.door import receive
from trivium.medical.intake.vault import Vault, open_vault
from trivium.medical.workflow.studies import priors, study_of
from trivium.service import migrate


def test_an_old_study_lies_by_its_day_after_the_upgrade(tmp_path):
    with deployed(tmp_path) as runtime:
        vault, own = open_vault(runtime.settings), {}
        for number, (name, day) in enumerate((("newer", "20250607"), ("older", "20250501"), ("foreign", "20250101"))):
            data = planted(f"1.9.{number}", StudyInstanceUID=f"1.8.{number}", StudyDate=day)
            own[name] = receive(runtime, vault, data, brought_by="tom", language="en").study_id
        migrate.downgrade(runtime.database, "medical@medical_0008")
        row = tables.study
        with runtime.database.write() as connection:
            connection.execute(update(row).values(moved_day=None))
            sealed = Vault(b"k" * 32).seal(own["foreign"], {"study_date": "20250101"})
            values = dict(zip(("key_id", "nonce", "sealed"), sealed, strict=True))
            connection.execute(
                update(tables.identity).where(tables.identity.c.study_id == own["foreign"]).values(**values)
            )
        migrate.upgrade(runtime.database)
        fill_days(runtime)
        with runtime.database.read() as connection:
            beside = priors(connection, study_of(connection, own["newer"]))
            days = {name: study_of(connection, one).moved_day for name, one in own.items()}
        assert (beside[0].study.id, beside[0].days_before) == (own["older"], 37)  # though it arrived later
        assert days["newer"] - days["older"] == 37
        assert days["foreign"] is None
        fill_days(runtime)
        read = [row for row in runtime.audit.rows(action="identity.read") if row.actor == "upgrade"]
        assert len(read) == 3  # once each
        with runtime.database.write() as connection:
            connection.execute(insert(tables.undated).values(study_id=own["newer"]))
        fill_days(runtime)  # known already: nothing is opened
        assert len(runtime.audit.rows(action="identity.read")) == 3
