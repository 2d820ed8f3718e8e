"""The maintenance app's first tables: registry, ledger of batches, readings, predictions."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0001"
down_revision = None
branch_labels = ("maintenance",)
depends_on = "service_0001"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "maintenance_batch",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("batch_id", sa.String(200), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("lane", sa.String(10), nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False, server_default=""),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("num_rows", sa.Integer(), nullable=False),
        sa.Column("num_parts", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("verdicts", sa.LargeBinary(), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("key", name="pk_maintenance_batch"),
        sa.UniqueConstraint("plant", "batch_id", name="uq_maintenance_batch_plant_batch_id"),
    )
    op.create_index("ix_maintenance_batch_plant_received_at", "maintenance_batch", ["plant", "received_at"])
    op.create_index("ix_maintenance_batch_state_received_at", "maintenance_batch", ["state", "received_at"])
    op.create_table(
        "maintenance_block",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("num_rows", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_block"),
    )
    op.create_index("ix_maintenance_block_plant_asset_to_us", "maintenance_block", ["plant", "asset", "to_us"])
    op.create_table(
        "maintenance_dead_letter",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("batch_id", sa.String(200), nullable=False),
        sa.Column("batch_key", sa.String(64), nullable=False),
        sa.Column("shard", sa.String(160), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("failed_at", UtcDateTime(), nullable=False),
        sa.Column("replayed_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_dead_letter"),
    )
    op.create_index("ix_maintenance_dead_letter_plant_failed_at", "maintenance_dead_letter", ["plant", "failed_at"])
    op.create_table(
        "maintenance_gateway",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("gateway", sa.String(120), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("skew_s", sa.Float()),
        sa.Column("num_batches", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("num_rows", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("plant", "gateway", name="pk_maintenance_gateway"),
    )
    op.create_table(
        "maintenance_outage",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_outage"),
    )
    op.create_index("ix_maintenance_outage_plant_asset", "maintenance_outage", ["plant", "asset"])
    op.create_table(
        "maintenance_part",
        sa.Column("batch_key", sa.String(64), nullable=False),
        sa.Column("shard", sa.String(160), nullable=False),
        sa.Column("num_late", sa.Integer(), nullable=False),
        sa.Column("num_duplicate", sa.Integer(), nullable=False),
        sa.Column("num_readings", sa.Integer(), nullable=False),
        sa.Column("verdicts", sa.LargeBinary(), nullable=False),
        sa.Column("committed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("batch_key", "shard", name="pk_maintenance_part"),
    )
    op.create_table(
        "maintenance_plant",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("rows_per_s", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("model", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_maintenance_plant"),
    )
    op.create_table(
        "maintenance_prediction",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("stored_at", UtcDateTime(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_prediction"),
    )
    op.create_index(
        "ix_maintenance_prediction_plant_asset_to_us", "maintenance_prediction", ["plant", "asset", "to_us"]
    )
    op.create_table(
        "maintenance_shard",
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_maintenance_shard"),
    )
    op.create_table(
        "maintenance_state",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("watermark_us", sa.BigInteger(), nullable=False),
        sa.Column("complete_us", sa.BigInteger(), nullable=False),
        sa.Column("tail", sa.LargeBinary(), nullable=False),
        sa.Column("latest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("plant", "asset", name="pk_maintenance_state"),
    )
    op.create_table(
        "maintenance_asset",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("running", sa.Text(), nullable=False, server_default=""),
        sa.Column("startup_s", sa.Float(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(
            ["plant"], ["maintenance_plant.name"], name="fk_maintenance_asset_plant", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("plant", "asset", name="pk_maintenance_asset"),
    )
    op.create_table(
        "maintenance_tag",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("tag", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("unit", sa.String(40), nullable=False, server_default=""),
        sa.Column("low", sa.Float()),
        sa.Column("high", sa.Float()),
        sa.Column("rate_s", sa.Float()),
        sa.Column("deadband", sa.Float(), nullable=False, server_default="0"),
        sa.Column("staleness_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plant", "asset"],
            ["maintenance_asset.plant", "maintenance_asset.asset"],
            name="fk_maintenance_tag_plant_asset",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("plant", "asset", "tag", name="pk_maintenance_tag"),
    )
    op.create_index("ix_maintenance_tag_plant_tag", "maintenance_tag", ["plant", "tag"])


def downgrade() -> None:
    """Remove the tables, those that refer to others first."""
    for name in (
        "tag",
        "asset",
        "state",
        "shard",
        "prediction",
        "plant",
        "part",
        "outage",
        "gateway",
        "dead_letter",
        "block",
        "batch",
    ):
        op.drop_table(f"maintenance_{name}")
