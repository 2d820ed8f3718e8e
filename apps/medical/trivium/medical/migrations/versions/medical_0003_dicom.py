"""UIDs of de-identified films, and studies that were asked for as priors."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "medical_0003"
down_revision = "medical_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "medical_instance",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("series_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["medical_image.id"], name="fk_medical_instance_image_id"),
        sa.PrimaryKeyConstraint("image_id", name="pk_medical_instance"),
    )
    for column in ("study_uid", "series_uid", "sop_uid"):
        op.create_index(f"ix_medical_instance_{column}", "medical_instance", [column], unique=False)
    op.create_table(
        "medical_prior",
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("for_study", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["for_study"], ["medical_study.id"], name="fk_medical_prior_for_study"),
        sa.PrimaryKeyConstraint("study_key", name="pk_medical_prior"),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("medical_prior")
    op.drop_table("medical_instance")
