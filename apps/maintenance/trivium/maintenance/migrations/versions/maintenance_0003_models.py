"""The history of a plant's models."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0003"
down_revision = "maintenance_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "maintenance_model_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_model_change"),
    )
    op.create_index("ix_maintenance_model_change_plant", "maintenance_model_change", ["plant"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("maintenance_model_change")
