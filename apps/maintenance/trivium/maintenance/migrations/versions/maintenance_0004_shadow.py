"""A model that scores beside the active one, drift, thresholds of a plant's own, and classes of assets."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0004"
down_revision = "maintenance_0003"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("maintenance_plant", sa.Column("shadow", sa.Text(), nullable=False, server_default=""))
    op.add_column("maintenance_asset", sa.Column("asset_class", sa.String(80), nullable=False, server_default=""))
    op.create_table(
        "maintenance_shadow_prediction",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("stored_at", UtcDateTime(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("is_packed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_shadow_prediction"),
    )
    for columns in (("plant", "asset", "to_us"), ("is_packed", "plant", "asset")):
        name = f"ix_maintenance_shadow_prediction_{'_'.join(columns)}"
        op.create_index(name, "maintenance_shadow_prediction", list(columns))
    op.create_table(
        "maintenance_shadow_alert",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("raised_us", sa.BigInteger(), nullable=False),
        sa.Column("returned_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_shadow_alert"),
    )
    op.create_index("ix_maintenance_shadow_alert_plant_asset", "maintenance_shadow_alert", ["plant", "asset"])
    op.create_table(
        "maintenance_drift",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("psi", sa.Float(), nullable=False),
        sa.Column("psi_limit", sa.Float(), nullable=False),
        sa.Column("ks", sa.Float(), nullable=False),
        sa.Column("median", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("num_rows", sa.Integer(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("plant", "asset", "kind", "name", name="pk_maintenance_drift"),
    )
    op.create_table(
        "maintenance_threshold",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset_class", sa.String(80), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("raise_at", sa.Float(), nullable=False),
        sa.Column("critical_at", sa.Float(), nullable=False),
        sa.Column("clear_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("plant", "asset_class", "cause", name="pk_maintenance_threshold"),
    )


def downgrade() -> None:
    """Remove them."""
    for name in ("threshold", "drift", "shadow_alert", "shadow_prediction"):
        op.drop_table(f"maintenance_{name}")
    op.drop_column("maintenance_asset", "asset_class")
    op.drop_column("maintenance_plant", "shadow")
