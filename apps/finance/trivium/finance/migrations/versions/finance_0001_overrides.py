"""The finance app's first table: concepts that users chose in place of the mapping policy's."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "finance_0001"
down_revision = None
branch_labels = ("finance",)
depends_on = "service_0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "finance_override",
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("company", sa.String(120), nullable=False),
        sa.Column("metric", sa.String(80), nullable=False),
        sa.Column("concept", sa.String(300), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("owner", "company", "metric", name="pk_finance_override"),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("finance_override")
