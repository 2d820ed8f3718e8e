"""The finance branch of the schema: up, down and up again beside the platform's, with no drift."""

import pytest
from sqlalchemy import inspect

from trivium.finance import tables
from trivium.service import migrate
from trivium.service.database import Database


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'trivium.db'}")
    yield opened
    opened.close()


def test_the_branch_goes_up_and_down_on_its_own(database):
    assert "finance_0001" in migrate.pending(database)
    migrate.upgrade(database)
    assert migrate.pending(database) == []
    assert migrate.drift(database) == []
    migrate.downgrade(database, "finance@base")
    assert migrate.pending(database) == ["finance_0001"]
    assert "service_job" in inspect(database.engine).get_table_names()
    migrate.upgrade(database)
    migrate.check(database)
    migrate.downgrade(database, "base")
    assert "finance_0001" in migrate.pending(database)


def test_tables_carry_the_owners_name():
    assert tables.override.name == "finance_override"
    assert [column.name for column in tables.override.primary_key] == ["owner", "company", "metric"]
