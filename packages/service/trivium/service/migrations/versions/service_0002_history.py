"""What a job's history, estimate, replay and retention need; effects that happen once; blobs that may go."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "service_0002"
down_revision = "service_0001"
branch_labels = None
depends_on = None

_EVENT = sa.table("service_job_event", *(sa.column(name, sa.String) for name in ("what", "detail", "stage", "worker")))


def upgrade() -> None:
    """Add the columns and tables; the stage and the worker of an event leave its detail."""
    op.add_column("service_job", sa.Column("origin", sa.String(32), nullable=False, server_default=""))
    op.add_column("service_job", sa.Column("stage_at", UtcDateTime()))
    op.add_column("service_job", sa.Column("sends", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_service_job_state_published_at", "service_job", ["state", "published_at"])
    op.create_index("ix_service_job_app_kind_finished_at", "service_job", ["app", "kind", "finished_at"])
    op.add_column("service_job_event", sa.Column("stage", sa.String(60), nullable=False, server_default=""))
    op.add_column("service_job_event", sa.Column("worker", sa.String(120), nullable=False, server_default=""))
    for what, column in (("stage", _EVENT.c.stage), ("running", _EVENT.c.worker)):
        op.execute(sa.update(_EVENT).where(_EVENT.c.what == what).values({column: _EVENT.c.detail, "detail": ""}))
    op.create_table(
        "service_job_effect",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_service_job_effect"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["service_job.id"], name="fk_service_job_effect_job_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "service_blob_expiry",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_service_blob_expiry"),
    )


def downgrade() -> None:
    """Take the tables and columns away; stage and worker go back into the detail."""
    op.drop_table("service_blob_expiry")
    op.drop_table("service_job_effect")
    for what, column in (("stage", _EVENT.c.stage), ("running", _EVENT.c.worker)):
        op.execute(sa.update(_EVENT).where(_EVENT.c.what == what).values(detail=column))
    op.drop_index("ix_service_job_app_kind_finished_at", "service_job")
    op.drop_index("ix_service_job_state_published_at", "service_job")
    # Columns one by one, not in Alembic's batches: a batch would drop the table of jobs, and SQLite their history.
    for table, name in (("_event", "worker"), ("_event", "stage"), ("", "sends"), ("", "stage_at"), ("", "origin")):
        op.drop_column(f"service_job{table}", name)
