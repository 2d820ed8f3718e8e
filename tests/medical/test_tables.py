"""The medical branch of the schema: up, down and up again beside the platform's, with no drift."""

import pytest
from sqlalchemy import inspect

from trivium.service import migrate
from trivium.service.database import Database


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'trivium.db'}")
    yield opened
    opened.close()


def test_the_branch_goes_up_and_down_on_its_own(database):
    migrate.upgrade(database)
    assert migrate.pending(database) == []
    assert migrate.drift(database) == []
    migrate.downgrade(database, "medical@base")
    left = inspect(database.engine).get_table_names()
    assert "service_job" in left
    assert not [name for name in left if name.startswith("medical_")]
    migrate.upgrade(database)
    migrate.check(database)
