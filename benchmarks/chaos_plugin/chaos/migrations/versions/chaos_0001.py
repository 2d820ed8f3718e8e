"""The table of effects."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "chaos_0001"
down_revision = None
branch_labels = ("chaos",)
depends_on = "service_0002"


def upgrade() -> None:
    op.create_table(
        "chaos_effect",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chaos_effect"),
    )
    op.create_index("ix_chaos_effect_job_id", "chaos_effect", ["job_id"])


def downgrade() -> None:
    op.drop_table("chaos_effect")
