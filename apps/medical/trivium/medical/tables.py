"""The medical app's tables, prefixed `medical_`. Their history is the Alembic branch `medical` in `migrations/`.

Nothing here names a patient but `medical_identity.sealed`, which is encrypted. Whatever a page shows of a study carries
`study.version`: it grows with every write, and a write that states an older one is refused. Signed versions and
signatures are only added.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from trivium.service.database import UtcDateTime
from trivium.service.tables import metadata

__all__ = [
    "critical", "draft", "evidence", "fetch", "identity", "image", "instance", "look", "pin", "prior", "quarantine",
    "sending", "signature", "step_up", "study", "undated", "version", "working",
]  # fmt: skip


study = Table(
    "medical_study",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("study_key", String(64), nullable=False, unique=True),  # keyed hash of the study's UID: resends meet here
    Column("pseudonym", String(32), nullable=False),  # keyed hash of the patient's number: priors meet here
    Column("received_by", String(120), nullable=False),
    Column("arrived_at", UtcDateTime, nullable=False),
    Column("priority", Integer, nullable=False),  # 0 STAT, 2 routine; a model could only raise 2 to 1, and none does
    Column("modality", String(16), nullable=False, server_default=""),
    Column("view", String(16), nullable=False, server_default=""),
    Column("sex", String(4), nullable=False, server_default=""),
    Column("age_years", Float),
    Column("moved_day", Integer),  # of the study, moved by as much for all of a patient's (`Vault.moved_day`)
    Column("state", String(12), nullable=False),
    Column("is_closed", Boolean, nullable=False),  # nobody's work any more: what the worklist shows last
    Column("version", Integer, nullable=False, server_default="1"),  # grows with every write
    Column("signed_versions", Integer, nullable=False, server_default="0"),
    Column("late_films", Integer, nullable=False, server_default="0"),  # came when the report was over, not looked at
    Column("draft_state", String(10), nullable=False),  # waiting, ready, refused, failed, off
    Column("job_id", String(32), nullable=False, server_default=""),
    Column("lock_owner", String(120), nullable=False, server_default=""),
    Column("lock_name", String(64), nullable=False, server_default=""),
    Column("lock_until", UtcDateTime),
    CheckConstraint("state NOT IN ('signed', 'amended', 'amending', 'retracted') OR signed_versions > 0", "person"),
    # The worklist: open ones first, STAT before others, and whoever waits longest before whoever came later.
    Index("ix_medical_study_worklist", "is_closed", "priority", "arrived_at", "id"),
    Index(None, "pseudonym", "arrived_at"),
    Index(None, "state", "arrived_at"),
)

image = Table(
    "medical_image",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", String(16), ForeignKey("medical_study.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("image_key", String(64), nullable=False),  # keyed hash of the image's UID
    Column("sha256", String(64), nullable=False),  # the de-identified file
    Column("pixels_sha256", String(64), nullable=False),  # gzip of little-endian pixels, for the viewer
    Column("columns", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("bits", Integer, nullable=False),  # of a pixel as stored, 1 to 16
    Column("is_inverted", Boolean, nullable=False),  # MONOCHROME1: the lowest value is white
    Column("window_center", Float, nullable=False),  # in values of the pixels
    Column("window_width", Float, nullable=False),
    Column("row_mm", Float),
    Column("column_mm", Float),
    Column("spacing", String(10), nullable=False),  # detector, patient, none
    Column("view", String(16), nullable=False, server_default=""),
    Column("side", String(4), nullable=False, server_default=""),  # marker of laterality in the header: L, R
    Column("texts_covered", Integer, nullable=False, server_default="0"),  # burned into the pixels; the reader is told
    UniqueConstraint("study_id", "position"),
    UniqueConstraint("study_id", "image_key"),
)

instance = Table(  # UIDs of a de-identified DICOM file; they are keyed hashes and name nobody
    "medical_instance",
    metadata,
    Column("image_id", Integer, ForeignKey("medical_image.id"), primary_key=True),
    Column("study_uid", String(64), nullable=False, index=True),
    Column("series_uid", String(64), nullable=False, index=True),
    Column("sop_uid", String(64), nullable=False, index=True),
    Column("sop_class", String(64), nullable=False),
)

prior = Table(  # studies that were asked for at an archive, to be compared with; they are nobody's work
    "medical_prior",
    metadata,
    Column("study_key", String(64), primary_key=True),  # as in medical_study, which need not hold it yet
    Column("for_study", String(16), ForeignKey("medical_study.id"), nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("days_before", Integer),  # days from it to that study: dates are sealed, and this is what a reader needs
)

fetch = Table(  # the last time that an archive was asked for a study's priors, and what came
    "medical_fetch",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
    Column("job_id", String(32), nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("studies", Integer),
    Column("films", Integer),
    Column("problem", Text, nullable=False, server_default=""),
)

identity = Table(
    "medical_identity",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
    Column("key_id", String(16), nullable=False),
    Column("nonce", LargeBinary(12), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # AES-GCM of JSON, bound to the study's id
)

draft = Table(
    "medical_draft",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("image_position", Integer, nullable=False),
    Column("documents", JSON, nullable=False),  # by language, each as draft.json: the same findings in other words
    Column("sha256", String(64), nullable=False),
    Column("model", String(120), nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("limits_sha256", String(64), nullable=False),
    Column("job_id", String(32), nullable=False, unique=True),  # a job makes one draft, however often it is started
    Column("made_at", UtcDateTime, nullable=False),
)

evidence = Table(  # where the scores come from: one picture in the store, beside the draft and not in it
    "medical_evidence",
    metadata,
    Column("study_id", String(16), primary_key=True),
    Column("draft_number", Integer, primary_key=True),
    Column("findings", JSON, nullable=False),  # names, in the order in which their maps lie below each other
    Column("sha256", String(64), nullable=False),
    ForeignKeyConstraint(["study_id", "draft_number"], ["medical_draft.study_id", "medical_draft.number"]),
)

working = Table(  # the text being written, one row a study
    "medical_working",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
    Column("content", JSON, nullable=False),
    Column("draft_number", Integer, nullable=False, server_default="0"),  # the draft it began with; 0 for none
    Column("saved_by", String(120), nullable=False),
    Column("saved_at", UtcDateTime, nullable=False),
)

version = Table(  # what was submitted or signed; rows are only added
    "medical_version",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),  # submitted, signed, retracted, committed
    Column("content", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("draft_number", Integer, nullable=False, server_default="0"),
    Column("author", String(120), nullable=False),
    Column("author_name", String(64), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("made_at", UtcDateTime, nullable=False),
)

signature = Table(
    "medical_signature",
    metadata,
    Column("study_id", String(16), primary_key=True),
    Column("version_number", Integer, primary_key=True),
    Column("signer", String(120), ForeignKey("service_account.id"), nullable=False),  # a person, by the schema too
    Column("signer_name", String(64), nullable=False),
    Column("step_up", String(10), nullable=False),  # password, pin, or grace after one of them
    Column("text_sha256", String(64), nullable=False),
    Column("images", JSON, nullable=False),  # hashes, in order
    Column("model", String(120), nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("limits_sha256", String(64), nullable=False),
    Column("bound_sha256", String(64), nullable=False),  # of all of these together
    Column("signed_at", UtcDateTime, nullable=False),
    CheckConstraint("signer_name <> ''", "named"),
)

critical = Table(  # a critical finding in a report: who was told of it, when, and whether it was read back
    "medical_critical",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", String(16), ForeignKey("medical_study.id"), nullable=False, index=True),
    Column("finding", String(60), nullable=False),
    Column("told", String(120), nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("is_read_back", Boolean, nullable=False),
    Column("noted_by", String(120), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

sending = Table(  # versions on their way to the archive; with the UID of each the next one says what it replaces
    "medical_sending",
    metadata,
    Column("study_id", String(16), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("destination", String(16), nullable=False),
    Column("state", String(10), nullable=False),  # waiting, sent, refused, replaced
    Column("attempts", Integer, nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("problem", Text, nullable=False, server_default=""),
    Column("job_id", String(32), nullable=False, server_default=""),  # of the attempt that is being made
    Column("sop_uid", String(64), nullable=False, server_default=""),  # of what was last sent; empty before
    ForeignKeyConstraint(["study_id", "number"], ["medical_version.study_id", "medical_version.number"]),
    Index(None, "state", "next_at"),
)

look = Table(  # that somebody looked at films that came when the report was signed, and says that it stands
    "medical_look",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", String(16), ForeignKey("medical_study.id"), nullable=False, index=True),
    Column("num_films", Integer, nullable=False),  # of the study by then
    Column("looked_by", String(120), nullable=False),
    Column("name", String(64), nullable=False),
    Column("looked_at", UtcDateTime, nullable=False),
)

undated = Table(  # studies whose day has still to be read from their sealed identity, listed by a migration
    "medical_undated",
    metadata,
    Column("study_id", String(16), ForeignKey("medical_study.id"), primary_key=True),
)

quarantine = Table(  # what was brought and could not be used; nothing of its content is kept but the hash
    "medical_quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("brought_by", String(120), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

pin = Table(
    "medical_pin",
    metadata,
    Column("account_id", String(120), ForeignKey("service_account.id"), primary_key=True),
    Column("hash", String(255), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

step_up = Table(  # when somebody last gave PIN or password to sign, by the hash of their session
    "medical_step_up",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("account_id", String(120), nullable=False),
    Column("how", String(10), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
