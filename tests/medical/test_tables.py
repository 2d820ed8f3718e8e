"""The medical branch of the schema: up, down and up again beside the platform's, with no drift."""

import pytest
from sqlalchemy import inspect, text

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


def test_films_that_came_late_before_there_was_a_column_are_counted(database):
    migrate.upgrade(database, targets=("medical_0007",))
    with database.write() as connection:

        def add(table, **values):
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

        at = "2026-01-02 03:04:05.000000"
        add("service_account", id="ann", name="ann", roles="[]", created_at=at)
        for study_id, state in (("late", "signed"), ("whole", "amended"), ("open", "in_review")):
            add(
                "medical_study", id=study_id, study_key=study_id, pseudonym="p", received_by="tom", arrived_at=at,
                priority=2, state=state, is_closed=state != "in_review", draft_state="off", signed_versions=1,
            )  # fmt: skip
            for position in range(1, 3):
                add(
                    "medical_image", study_id=study_id, position=position, image_key=f"{study_id}{position}",
                    sha256="a", pixels_sha256="b", columns=1, rows=1, bits=8, is_inverted=False, window_center=1,
                    window_width=1, spacing="none",
                )  # fmt: skip
        for study_id, images in (("late", '["a"]'), ("whole", '["a", "a"]')):
            add(
                "medical_version", study_id=study_id, number=1, kind="signed", content="{}", text="t", text_sha256="a",
                author="ann", author_name="ann", made_at=at,
            )  # fmt: skip
            add(
                "medical_signature", study_id=study_id, version_number=1, signer="ann", signer_name="ann",
                step_up="pin", text_sha256="a", images=images, model="", weights_sha256="", limits_sha256="",
                bound_sha256="a", signed_at=at,
            )  # fmt: skip
    migrate.upgrade(database)
    with database.read() as connection:
        found = connection.execute(text("SELECT id, late_films, is_closed FROM medical_study ORDER BY id")).all()
    assert [(row[0], row[1], bool(row[2])) for row in found] == [
        ("late", 1, False),
        ("open", 0, False),
        ("whole", 0, True),
    ]
