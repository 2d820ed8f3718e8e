"""The day of a study, moved by as much as is its patient's own: it places priors, and is no date."""

import sqlalchemy as sa
from alembic import op

revision = "medical_0006"
down_revision = "medical_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("medical_study", sa.Column("moved_day", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("medical_study") as table:
        table.drop_column("moved_day")
