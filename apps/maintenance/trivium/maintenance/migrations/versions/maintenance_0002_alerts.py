"""Alerts with their history and webhooks, work orders, and blocks that are packed together."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "maintenance_0002"
down_revision = "maintenance_0001"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "maintenance_alert",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("open_key", sa.String(64)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("raised_us", sa.BigInteger(), nullable=False),
        sa.Column("returned_us", sa.BigInteger()),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False, server_default=""),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("until", UtcDateTime()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_alert"),
        sa.UniqueConstraint("open_key", name="uq_maintenance_alert_open_key"),
    )
    op.create_index("ix_maintenance_alert_plant_state", "maintenance_alert", ["plant", "state"])
    op.create_index("ix_maintenance_alert_plant_asset_raised_us", "maintenance_alert", ["plant", "asset", "raised_us"])
    op.create_table(
        "maintenance_alert_event",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_alert_event"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["maintenance_alert.id"], name="fk_maintenance_alert_event_alert_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_maintenance_alert_event_alert_id", "maintenance_alert_event", ["alert_id"])
    op.create_table(
        "maintenance_outbox",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sent_at", UtcDateTime()),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_outbox"),
    )
    op.create_index("ix_maintenance_outbox_due_at", "maintenance_outbox", ["due_at"])
    op.create_table(
        "maintenance_work_order",
        sa.Column("plant", sa.String(120), nullable=False),
        sa.Column("number", sa.String(120), nullable=False),
        sa.Column("asset", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("to_us", sa.BigInteger()),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("plant", "number", name="pk_maintenance_work_order"),
    )
    op.create_index(
        "ix_maintenance_work_order_plant_asset_from_us", "maintenance_work_order", ["plant", "asset", "from_us"]
    )
    op.add_column("maintenance_state", sa.Column("trackers", sa.JSON(), nullable=False, server_default="{}"))
    for name in ("block", "prediction"):
        packed: sa.Column[bool] = sa.Column("is_packed", sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(f"maintenance_{name}", packed)
        columns = ["is_packed", "plant", "asset"]
        op.create_index(f"ix_maintenance_{name}_is_packed_plant_asset", f"maintenance_{name}", columns)


def downgrade() -> None:
    """Remove them."""
    for name in ("block", "prediction"):
        op.drop_index(f"ix_maintenance_{name}_is_packed_plant_asset", f"maintenance_{name}")
        op.drop_column(f"maintenance_{name}", "is_packed")
    op.drop_column("maintenance_state", "trackers")
    for name in ("work_order", "outbox", "alert_event", "alert"):
        op.drop_table(f"maintenance_{name}")
