"""What came out of inspections."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0005"
down_revision = "maintenance_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "maintenance_inspection",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), server_default="", nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_inspection"),
    )
    columns = ["plant", "asset", "at"]
    op.create_index("ix_maintenance_inspection_plant_asset_at", "maintenance_inspection", columns)


def downgrade() -> None:
    """Remove it."""
    op.drop_table("maintenance_inspection")
