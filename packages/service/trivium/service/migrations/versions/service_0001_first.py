"""The platform's first tables: jobs with history and files, leases, login tokens, sessions."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "service_0001"
down_revision = None
branch_labels = ("service",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "service_job",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("app", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("queue", sa.String(60), nullable=False),
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("idempotency_key", sa.String(120), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("stage", sa.String(60), nullable=False, server_default=""),
        sa.Column("progress", sa.Float(), nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("fence", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.String(120), nullable=False, server_default=""),
        sa.Column("lease_until", UtcDateTime()),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("report_sha256", sa.String(64), nullable=False, server_default=""),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.Column("error_reference", sa.String(16), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime()),
        sa.Column("started_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_service_job"),
        sa.UniqueConstraint("app", "owner", "idempotency_key", name="uq_service_job_app_owner_idempotency_key"),
    )
    op.create_index("ix_service_job_state_lease_until", "service_job", ["state", "lease_until"])
    op.create_index("ix_service_job_owner_created_at", "service_job", ["owner", "created_at"])
    op.create_table(
        "service_job_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_service_job_event"),
        sa.ForeignKeyConstraint(["job_id"], ["service_job.id"], name="fk_service_job_event_job_id", ondelete="CASCADE"),
    )
    op.create_index("ix_service_job_event_job_id", "service_job_event", ["job_id"])
    op.create_table(
        "service_job_file",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(120), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_service_job_file"),
        sa.ForeignKeyConstraint(["job_id"], ["service_job.id"], name="fk_service_job_file_job_id", ondelete="CASCADE"),
    )
    op.create_table(
        "service_lease",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_service_lease"),
    )
    op.create_table(
        "service_login_token",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("token_hash", name="pk_service_login_token"),
    )
    op.create_table(
        "service_session",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_service_session"),
    )


def downgrade() -> None:
    """Remove the tables, those that refer to others first."""
    for name in ("session", "login_token", "lease", "job_file", "job_event", "job"):
        op.drop_table(f"service_{name}")
