"""Signed reports on their way to the archive."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "medical_0007"
down_revision = "medical_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "medical_sending",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("job_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column("sop_uid", sa.String(length=64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "number"],
            ["medical_version.study_id", "medical_version.number"],
            name="fk_medical_sending_study_id_number",
        ),
        sa.PrimaryKeyConstraint("study_id", "number", name="pk_medical_sending"),
    )
    op.create_index("ix_medical_sending_state_next_at", "medical_sending", ["state", "next_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("medical_sending")
