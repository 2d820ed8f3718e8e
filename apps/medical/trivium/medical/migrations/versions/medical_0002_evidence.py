"""Evidence maps of a draft's findings."""

import sqlalchemy as sa
from alembic import op

revision = "medical_0002"
down_revision = "medical_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "medical_evidence",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("draft_number", sa.Integer(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "draft_number"],
            ["medical_draft.study_id", "medical_draft.number"],
            name="fk_medical_evidence_study_id",
        ),
        sa.PrimaryKeyConstraint("study_id", "draft_number", name="pk_medical_evidence"),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("medical_evidence")
