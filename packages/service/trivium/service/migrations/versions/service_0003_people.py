"""Accounts, API keys, the count of failed logins; how a session began."""

import sqlalchemy as sa
from alembic import op

from trivium.service.database import UtcDateTime

revision = "service_0003"
down_revision = "service_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; sessions and links of before came from the link in the terminal."""
    op.create_table(
        "service_account",
        sa.Column("id", sa.String(120), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False, server_default=""),
        sa.Column("oidc_subject", sa.String(255)),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False, server_default=""),
        sa.Column("is_disabled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("logged_in_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_service_account"),
        sa.UniqueConstraint("name", name="uq_service_account_name"),
        sa.UniqueConstraint("oidc_subject", name="uq_service_account_oidc_subject"),
    )
    op.create_table(
        "service_api_key",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("plant", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("account_id", sa.String(120)),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("revoked_at", UtcDateTime()),
        sa.Column("used_at", UtcDateTime()),
        sa.Column("replaces", sa.String(16), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_service_api_key"),
        sa.UniqueConstraint("secret_hash", name="uq_service_api_key_secret_hash"),
        sa.ForeignKeyConstraint(["account_id"], ["service_account.id"], name="fk_service_api_key_account_id"),
    )
    op.create_table(
        "service_throttle",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("free_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_service_throttle"),
    )
    for table in ("service_login_token", "service_session"):
        op.add_column(table, sa.Column("via", sa.String(16), nullable=False, server_default="link"))
    op.create_index("ix_service_session_subject", "service_session", ["subject"])


def downgrade() -> None:
    """Take all of it away; sessions stay."""
    op.drop_index("ix_service_session_subject", "service_session")
    for table in ("service_session", "service_login_token"):
        op.drop_column(table, "via")
    for name in ("throttle", "api_key", "account"):
        op.drop_table(f"service_{name}")
