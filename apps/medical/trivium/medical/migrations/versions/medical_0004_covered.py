"""How many texts in a film were covered at the door."""

import sqlalchemy as sa
from alembic import op

revision = "medical_0004"
down_revision = "medical_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("medical_image", sa.Column("texts_covered", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("medical_image") as table:
        table.drop_column("texts_covered")
