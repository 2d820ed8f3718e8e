"""What a model learned from and how good it was, kept with each change of models."""

import sqlalchemy as sa
from alembic import op

revision = "maintenance_0006"
down_revision = "maintenance_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("maintenance_model_change", sa.Column("about", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("maintenance_model_change", "about")
