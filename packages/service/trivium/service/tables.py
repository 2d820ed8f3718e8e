"""The platform's tables, prefixed `service_`. Their history is the Alembic branch `service` in `migrations/`.

Apps add their own tables to the same `metadata` (foreign keys only to tables here) in `<owner>/tables.py`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import false as sql_false
from sqlalchemy.types import Boolean

from trivium.service.database import UtcDateTime

__all__ = [
    "account",
    "api_key",
    "audit",
    "blob_expiry",
    "hold",
    "job",
    "job_effect",
    "job_event",
    "job_file",
    "lease",
    "login_token",
    "metadata",
    "session",
    "throttle",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

job = Table(
    "service_job",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("app", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("queue", String(60), nullable=False),
    Column("owner", String(120), nullable=False),
    Column("idempotency_key", String(120), nullable=False),
    Column("title", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("inputs", JSON, nullable=False),  # [{name, sha256, size}]
    Column("state", String(12), nullable=False),
    Column("stage", String(60), nullable=False, server_default=""),
    Column("progress", Float, nullable=False, server_default="0"),  # 0 to 1
    Column("attempts", Integer, nullable=False, server_default="0"),  # starts so far
    Column("fence", Integer, nullable=False, server_default="0"),  # grows with every claim and every recovery
    Column("lease_owner", String(120), nullable=False, server_default=""),
    Column("lease_until", UtcDateTime),
    Column("cancel_requested", Boolean, nullable=False, server_default=sql_false()),
    Column("report_sha256", String(64), nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("error_reference", String(16), nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),  # grows with every change that a page shows
    Column("created_at", UtcDateTime, nullable=False),
    Column("published_at", UtcDateTime),  # null: not known to be on the broker
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("origin", String(32), nullable=False, server_default=""),  # job that this one replays, which may be gone
    Column("stage_at", UtcDateTime),  # when the stage began
    Column("sends", Integer, nullable=False, server_default="1"),  # messages on the broker since it last began to wait
    Column("trace", String(55), nullable=False, server_default=""),  # W3C trace context of who asked; empty for none
    UniqueConstraint("app", "owner", "idempotency_key"),
    Index(None, "state", "lease_until"),
    Index(None, "state", "published_at"),
    Index(None, "owner", "created_at"),
    Index(None, "app", "kind", "finished_at"),
)

job_event = Table(
    "service_job_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", String(32), ForeignKey("service_job.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(20), nullable=False),  # a state, or `stage`, `recovered`, `cancel`, `retry`
    Column("detail", Text, nullable=False, server_default=""),
    Column("stage", String(60), nullable=False, server_default=""),
    Column("worker", String(120), nullable=False, server_default=""),
)

job_file = Table(
    "service_job_file",
    metadata,
    Column("job_id", String(32), ForeignKey("service_job.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
)

job_effect = Table(  # what a job has done and must not do again, whoever runs it next
    "service_job_effect",
    metadata,
    Column("job_id", String(32), ForeignKey("service_job.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

blob_expiry = Table(  # blobs of purged jobs, which go unless something else refers to them
    "service_blob_expiry",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
)

hold = Table(  # jobs that retention leaves alone
    "service_hold",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("scope", String(8), nullable=False),  # job, owner, app
    Column("subject", String(120), nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", String(120), nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),  # null: in force
)

lease = Table(
    "service_lease",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

audit = Table(  # who did what to which version: rows are added and never change; `audit_chain.py` has the hash
    "service_audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),  # 1, 2, 3
    Column("at", String(27), nullable=False),  # UTC as 2026-01-02T03:04:05.000006Z: the very text that is hashed
    Column("actor", String(120), nullable=False, index=True),
    Column("action", String(60), nullable=False),
    Column("subject_kind", String(40), nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("subject_version", String(64), nullable=False),
    Column("detail", Text, nullable=False),  # canonical JSON
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "subject_kind", "subject_id"),
)

account = Table(
    "service_account",
    metadata,
    Column("id", String(120), primary_key=True),  # owner of jobs; stays when the name changes
    Column("name", String(64), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False, server_default=""),  # argon2id; empty: no login by password
    Column("oidc_subject", String(255), unique=True),  # issuer and subject, when the identity provider vouches
    Column("roles", JSON, nullable=False),  # ["admin", "finance:analyst"]
    Column("language", String(8), nullable=False, server_default=""),
    Column("is_disabled", Boolean, nullable=False, server_default=sql_false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("logged_in_at", UtcDateTime),
)

api_key = Table(
    "service_api_key",
    metadata,
    Column("id", String(16), primary_key=True),  # the prefix that the key shows
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("plant", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),  # permissions
    Column("account_id", String(120), ForeignKey("service_account.id")),  # who answers for it; null: the operator
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("used_at", UtcDateTime),  # last, to the minute
    Column("replaces", String(16), nullable=False, server_default=""),
)

throttle = Table(  # failed logins, by hashes of account and address
    "service_throttle",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("free_at", UtcDateTime, nullable=False),  # when the next attempt is looked at
)

login_token = Table(
    "service_login_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("subject", String(120), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("via", String(16), nullable=False, server_default="link"),
)

session = Table(
    "service_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("subject", String(120), nullable=False, index=True),  # id of the account
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("via", String(16), nullable=False, server_default="link"),
)
