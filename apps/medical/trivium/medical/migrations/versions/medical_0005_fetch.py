"""What became of asking an archive for priors, and how many days before a study its priors were made."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "medical_0005"
down_revision = "medical_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, add the column."""
    op.create_table(
        "medical_fetch",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("studies", sa.Integer(), nullable=True),
        sa.Column("films", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_fetch_study_id"),
        sa.PrimaryKeyConstraint("study_id", name="pk_medical_fetch"),
    )
    op.add_column("medical_prior", sa.Column("days_before", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("medical_prior") as table:
        table.drop_column("days_before")
    op.drop_table("medical_fetch")
