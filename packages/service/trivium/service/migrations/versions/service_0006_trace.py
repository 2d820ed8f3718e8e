"""The trace that a job belongs to, so that a start after a worker's death goes on with it."""

import sqlalchemy as sa
from alembic import op

revision = "service_0006"
down_revision = "service_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; jobs that are there have no trace."""
    op.add_column("service_job", sa.Column("trace", sa.String(55), nullable=False, server_default=""))


def downgrade() -> None:
    """Take the column away, not in a batch: that would drop the table of jobs, and SQLite their history."""
    op.drop_column("service_job", "trace")
