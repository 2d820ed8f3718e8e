"""The audit log."""

import sqlalchemy as sa
from alembic import op

revision = "service_0004"
down_revision = "service_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; the chain begins with what happens next."""
    op.create_table(
        "service_audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject_kind", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("subject_version", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_service_audit"),
    )
    op.create_index("ix_service_audit_actor", "service_audit", ["actor"])
    op.create_index("ix_service_audit_subject_kind_subject_id", "service_audit", ["subject_kind", "subject_id"])


def downgrade() -> None:
    """Take the log away; export its head and keep a copy of the table first."""
    op.drop_index("ix_service_audit_subject_kind_subject_id", "service_audit")
    op.drop_index("ix_service_audit_actor", "service_audit")
    op.drop_table("service_audit")
