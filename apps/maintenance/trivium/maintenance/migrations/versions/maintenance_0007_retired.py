"""Since when an asset is retired: nothing is taken in for it, and its history stays."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0007"
down_revision = "maintenance_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("maintenance_asset", sa.Column("retired_at", UtcDateTime()))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("maintenance_asset", "retired_at")
