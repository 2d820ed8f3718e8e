"""The medical app's first tables: studies, images, identities, drafts, reports and their signatures."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "medical_0001"
down_revision = None
branch_labels = ("medical",)
depends_on = "service_0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "medical_quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("brought_by", sa.String(length=120), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_medical_quarantine"),
    )
    op.create_index("ix_medical_quarantine_at", "medical_quarantine", ["at"], unique=False)
    op.create_table(
        "medical_step_up",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name="pk_medical_step_up"),
    )
    op.create_table(
        "medical_study",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("pseudonym", sa.String(length=32), nullable=False),
        sa.Column("received_by", sa.String(length=120), nullable=False),
        sa.Column("arrived_at", UtcDateTime(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("modality", sa.String(length=16), server_default="", nullable=False),
        sa.Column("view", sa.String(length=16), server_default="", nullable=False),
        sa.Column("sex", sa.String(length=4), server_default="", nullable=False),
        sa.Column("age_years", sa.Float(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("signed_versions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("draft_state", sa.String(length=10), nullable=False),
        sa.Column("job_id", sa.String(length=32), server_default="", nullable=False),
        sa.Column("lock_owner", sa.String(length=120), server_default="", nullable=False),
        sa.Column("lock_name", sa.String(length=64), server_default="", nullable=False),
        sa.Column("lock_until", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('signed', 'amended', 'amending', 'retracted') OR signed_versions > 0",
            name="ck_medical_study_person",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_medical_study"),
        sa.UniqueConstraint("study_key", name="uq_medical_study_study_key"),
    )
    op.create_index("ix_medical_study_pseudonym_arrived_at", "medical_study", ["pseudonym", "arrived_at"], unique=False)
    op.create_index("ix_medical_study_state_arrived_at", "medical_study", ["state", "arrived_at"], unique=False)
    op.create_index(
        "ix_medical_study_worklist", "medical_study", ["is_closed", "priority", "arrived_at", "id"], unique=False
    )
    op.create_table(
        "medical_critical",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("finding", sa.String(length=60), nullable=False),
        sa.Column("told", sa.String(length=120), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=False),
        sa.Column("is_read_back", sa.Boolean(), nullable=False),
        sa.Column("noted_by", sa.String(length=120), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_critical_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_medical_critical"),
    )
    op.create_index("ix_medical_critical_study_id", "medical_critical", ["study_id"], unique=False)
    op.create_table(
        "medical_draft",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("image_position", sa.Integer(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("limits_sha256", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_draft_study_id"),
        sa.PrimaryKeyConstraint("study_id", "number", name="pk_medical_draft"),
        sa.UniqueConstraint("job_id", name="uq_medical_draft_job_id"),
    )
    op.create_table(
        "medical_identity",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_identity_study_id"),
        sa.PrimaryKeyConstraint("study_id", name="pk_medical_identity"),
    )
    op.create_table(
        "medical_image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_key", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pixels_sha256", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("is_inverted", sa.Boolean(), nullable=False),
        sa.Column("window_center", sa.Float(), nullable=False),
        sa.Column("window_width", sa.Float(), nullable=False),
        sa.Column("row_mm", sa.Float(), nullable=True),
        sa.Column("column_mm", sa.Float(), nullable=True),
        sa.Column("spacing", sa.String(length=10), nullable=False),
        sa.Column("view", sa.String(length=16), server_default="", nullable=False),
        sa.Column("side", sa.String(length=4), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_image_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_medical_image"),
        sa.UniqueConstraint("study_id", "image_key", name="uq_medical_image_study_id_image_key"),
        sa.UniqueConstraint("study_id", "position", name="uq_medical_image_study_id_position"),
    )
    op.create_table(
        "medical_pin",
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("hash", sa.String(length=255), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["service_account.id"], name="fk_medical_pin_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_medical_pin"),
    )
    op.create_table(
        "medical_signature",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.Column("signer", sa.String(length=120), nullable=False),
        sa.Column("signer_name", sa.String(length=64), nullable=False),
        sa.Column("step_up", sa.String(length=10), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("limits_sha256", sa.String(length=64), nullable=False),
        sa.Column("bound_sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("signer_name <> ''", name="ck_medical_signature_named"),
        sa.ForeignKeyConstraint(["signer"], ["service_account.id"], name="fk_medical_signature_signer"),
        sa.PrimaryKeyConstraint("study_id", "version_number", name="pk_medical_signature"),
    )
    op.create_table(
        "medical_version",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_sha256", sa.String(length=64), nullable=False),
        sa.Column("draft_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("author_name", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_version_study_id"),
        sa.PrimaryKeyConstraint("study_id", "number", name="pk_medical_version"),
    )
    op.create_table(
        "medical_working",
        sa.Column("study_id", sa.String(length=16), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("draft_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("saved_by", sa.String(length=120), nullable=False),
        sa.Column("saved_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["medical_study.id"], name="fk_medical_working_study_id"),
        sa.PrimaryKeyConstraint("study_id", name="pk_medical_working"),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("medical_working")
    op.drop_table("medical_version")
    op.drop_table("medical_signature")
    op.drop_table("medical_pin")
    op.drop_table("medical_image")
    op.drop_table("medical_identity")
    op.drop_table("medical_draft")
    op.drop_index("ix_medical_critical_study_id", table_name="medical_critical")
    op.drop_table("medical_critical")
    op.drop_index("ix_medical_study_worklist", table_name="medical_study")
    op.drop_index("ix_medical_study_state_arrived_at", table_name="medical_study")
    op.drop_index("ix_medical_study_pseudonym_arrived_at", table_name="medical_study")
    op.drop_table("medical_study")
    op.drop_table("medical_step_up")
    op.drop_index("ix_medical_quarantine_at", table_name="medical_quarantine")
    op.drop_table("medical_quarantine")
