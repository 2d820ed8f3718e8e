"""Studies from before their day was kept: it stands in the sealed identity, which the sweeper opens (`days.py`)."""

import sqlalchemy as sa
from alembic import op

revision = "medical_0009"
down_revision = "medical_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and list them."""
    op.create_table(
        "medical_undated",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_undated_study_id"),
        sa.PrimaryKeyConstraint("study_id", name="pk_medical_undated"),
    )
    op.execute(
        "INSERT INTO medical_undated (study_id) SELECT s.id FROM medical_study s "
        "JOIN medical_identity i ON i.study_id = s.id WHERE s.moved_day IS NULL"
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("medical_undated")
