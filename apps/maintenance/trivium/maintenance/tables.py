"""The maintenance app's tables, prefixed `maintenance_`. Their history is the Alembic branch in `migrations/`.

Readings and predictions are kept in blocks: one row of a table holds many of one asset, packed by `ingest/codec.py`.
Blocks are only added. Of two readings at one time the one stored first counts, of two predictions the last one.
Times in blocks are microseconds since 1970 in UTC (`..._us`), so that a block is found without unpacking it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from trivium.service.database import UtcDateTime
from trivium.service.tables import metadata

__all__ = [
    "alert",
    "alert_event",
    "asset",
    "batch",
    "block",
    "dead_letter",
    "drift",
    "gateway",
    "inspection",
    "model_change",
    "outage",
    "outbox",
    "part",
    "plant",
    "prediction",
    "shadow_alert",
    "shadow_prediction",
    "shard",
    "state",
    "tag",
    "threshold",
    "work_order",
]

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in INTEGER columns only

plant = Table(
    "maintenance_plant",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("zone", String(64), nullable=False, server_default=""),  # of times without an offset; empty refuses them
    Column("version", Integer, nullable=False, server_default="1"),  # grows with every change of the registry
    Column("rows_per_s", Integer, nullable=False, server_default="0"),  # quota; 0 for the deployment's
    Column("model", Text, nullable=False, server_default=""),  # folder of the active model; empty scores nothing
    Column("shadow", Text, nullable=False, server_default=""),  # folder of a model that scores beside it
    Column("created_at", UtcDateTime, nullable=False),
)

asset = Table(
    "maintenance_asset",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("asset", String(200), primary_key=True),
    Column("running", Text, nullable=False, server_default=""),  # expression over its tags; empty: always running
    Column("startup_s", Float, nullable=False, server_default="0"),  # not scored for so long after it begins to run
    Column("asset_class", String(80), nullable=False, server_default=""),  # assets with thresholds of their own
    Column("retired_at", UtcDateTime),  # since when nothing is taken in for it; its history stays
    ForeignKeyConstraint(["plant"], ["maintenance_plant.name"], ondelete="CASCADE"),
)

tag = Table(
    "maintenance_tag",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("asset", String(200), primary_key=True),
    Column("tag", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("unit", String(40), nullable=False, server_default=""),
    Column("low", Float),
    Column("high", Float),
    Column("rate_s", Float),  # seconds between two readings
    Column("deadband", Float, nullable=False, server_default="0"),
    Column("staleness_s", Float, nullable=False),  # a reading is held for so long
    ForeignKeyConstraint(
        ["plant", "asset"], ["maintenance_asset.plant", "maintenance_asset.asset"], ondelete="CASCADE"
    ),
    Index(None, "plant", "tag"),
)

outage = Table(  # a turnaround or overhaul: nothing is scored from `from_us` to `to_us`
    "maintenance_outage",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Index(None, "plant", "asset"),
)

gateway = Table(
    "maintenance_gateway",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("gateway", String(120), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("skew_s", Float),  # its newest reading against our arrival time; above 0 its clock is ahead
    Column("num_batches", BigInteger, nullable=False, server_default="0"),
    Column("num_rows", BigInteger, nullable=False, server_default="0"),
)

batch = Table(  # the ledger: every batch that was acknowledged
    "maintenance_batch",
    metadata,
    Column("key", String(64), primary_key=True),  # hash of plant and batch id
    Column("plant", String(120), nullable=False),
    Column("batch_id", String(200), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("lane", String(10), nullable=False),
    Column("gateway", String(120), nullable=False, server_default=""),
    Column("received_at", UtcDateTime, nullable=False),
    Column("num_rows", Integer, nullable=False),
    Column("num_parts", Integer, nullable=False),
    Column("answer", JSON, nullable=False),  # what the sender was told
    Column("verdicts", LargeBinary, nullable=False),  # of each row, at the door
    Column("entries", JSON, nullable=False),  # [[shard, entry of its stream]]
    Column("state", String(10), nullable=False),  # accepted, done, dead, lost
    Column("finished_at", UtcDateTime),
    UniqueConstraint("plant", "batch_id"),
    Index(None, "plant", "received_at"),
    Index(None, "state", "received_at"),
)

part = Table(  # what a worker has done of a batch: one row for each shard that the batch touches
    "maintenance_part",
    metadata,
    Column("batch_key", String(64), primary_key=True),
    Column("shard", String(160), primary_key=True),
    Column("num_late", Integer, nullable=False),
    Column("num_duplicate", Integer, nullable=False),
    Column("num_readings", Integer, nullable=False),
    Column("verdicts", LargeBinary, nullable=False),  # rows that were late or duplicate
    Column("committed_at", UtcDateTime, nullable=False),
)

block = Table(
    "maintenance_block",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("num_rows", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("is_packed", Boolean, nullable=False, server_default=false()),  # made of many by `ingest/packing.py`
    Index(None, "plant", "asset", "to_us"),
    Index(None, "is_packed", "plant", "asset"),
)


def _predictions(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", _ROW_ID, primary_key=True),
        Column("plant", String(120), nullable=False),
        Column("asset", String(200), nullable=False),
        Column("from_us", BigInteger, nullable=False),
        Column("to_us", BigInteger, nullable=False),
        Column("model", String(120), nullable=False),
        Column("stored_at", UtcDateTime, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("is_packed", Boolean, nullable=False, server_default=false()),
        Index(None, "plant", "asset", "to_us"),
        Index(None, "is_packed", "plant", "asset"),
    )


prediction = _predictions("maintenance_prediction")
shadow_prediction = _predictions("maintenance_shadow_prediction")  # of the model that scores beside the active one

shadow_alert = Table(  # what that model would have raised
    "maintenance_shadow_alert",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("model", String(120), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("raised_us", BigInteger, nullable=False),
    Column("returned_us", BigInteger),
    Index(None, "plant", "asset"),
)

drift = Table(  # how far the newest readings and predictions are from those that the model learned from
    "maintenance_drift",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("asset", String(200), primary_key=True),  # empty: all assets together
    Column("kind", String(10), primary_key=True),  # sensor, output
    Column("name", String(200), primary_key=True),
    Column("model", String(120), nullable=False),
    Column("psi", Float, nullable=False),
    Column("psi_limit", Float, nullable=False),
    Column("ks", Float, nullable=False),
    Column("median", Float, nullable=False),
    Column("low", Float, nullable=False),  # 5 % and 95 % of what the model learned from
    Column("high", Float, nullable=False),
    Column("num_rows", Integer, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
)

threshold = Table(  # levels of a plant's own, for a class of assets or, without one, for all
    "maintenance_threshold",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("asset_class", String(80), primary_key=True),
    Column("cause", String(40), primary_key=True),
    Column("raise_at", Float, nullable=False),
    Column("critical_at", Float, nullable=False),
    Column("clear_at", Float, nullable=False),
)

state = Table(  # where an asset stands: what its next prediction needs
    "maintenance_state",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("asset", String(200), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("watermark_us", BigInteger, nullable=False),  # newest reading
    Column("complete_us", BigInteger, nullable=False),  # from here on the tail has every reading
    Column("tail", LargeBinary, nullable=False),
    Column("latest", JSON, nullable=False),  # the newest prediction
    Column("trackers", JSON, nullable=False, server_default="{}"),  # where each cause of an alert stands
)

shard = Table(  # who drains a stream; every commit carries the fence
    "maintenance_shard",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("holder", String(120), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

dead_letter = Table(
    "maintenance_dead_letter",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("batch_id", String(200), nullable=False),
    Column("batch_key", String(64), nullable=False),
    Column("shard", String(160), nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("failed_at", UtcDateTime, nullable=False),
    Column("replayed_at", UtcDateTime),
    Index(None, "plant", "failed_at"),
)

alert = Table(
    "maintenance_alert",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("asset", String(200), nullable=False),
    Column("cause", String(40), nullable=False),  # anomaly, failure
    Column("open_key", String(64), unique=True),  # of plant, asset and cause while it is open: one at a time
    Column("state", String(20), nullable=False),  # `alerts/book.py`
    Column("severity", String(10), nullable=False),  # warning, critical
    Column("is_active", Boolean, nullable=False, server_default=true()),  # whether its cause still holds
    Column("since_us", BigInteger, nullable=False),  # when its cause began to show
    Column("raised_us", BigInteger, nullable=False),  # time of the prediction that raised it
    Column("returned_us", BigInteger),
    Column("raised_at", UtcDateTime, nullable=False),  # by our clock
    Column("changed_at", UtcDateTime, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),  # times that its cause came back
    Column("model", String(120), nullable=False),
    Column("finding", JSON, nullable=False),  # `alerts/finding.py`: what its sentences are made from
    Column("actor", String(120), nullable=False, server_default=""),  # of the last human act
    Column("why", Text, nullable=False, server_default=""),
    Column("until", UtcDateTime),  # end of a shelf
    Column("version", Integer, nullable=False, server_default="1"),
    Index(None, "plant", "state"),
    Index(None, "plant", "asset", "raised_us"),
)

alert_event = Table(  # what happened to an alert, by itself and by people
    "maintenance_alert_event",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("alert_id", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(20), nullable=False),
    Column("actor", String(120), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(["alert_id"], ["maintenance_alert.id"], ondelete="CASCADE"),
    Index(None, "alert_id"),
)

outbox = Table(  # webhooks that wait to be sent, written in the transaction of what they tell
    "maintenance_outbox",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("event_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),  # null: sent, or given up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("sent_at", UtcDateTime),
    Column("error", Text, nullable=False, server_default=""),
    Index(None, "due_at"),
)

work_order = Table(
    "maintenance_work_order",
    metadata,
    Column("plant", String(120), primary_key=True),
    Column("number", String(120), primary_key=True),
    Column("asset", String(200), nullable=False),
    Column("kind", String(20), nullable=False),  # failure, preventive, other
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger),
    Column("description", Text, nullable=False, server_default=""),
    Index(None, "plant", "asset", "from_us"),
)

model_change = Table(  # which model scored a plant from when on
    "maintenance_model_change",
    metadata,
    Column("id", _ROW_ID, primary_key=True),
    Column("plant", String(120), nullable=False),
    Column("folder", Text, nullable=False),  # empty: none
    Column("model", String(120), nullable=False),  # its version
    Column("what", String(20), nullable=False),  # activated, rolled_back, shadowed
    Column("about", JSON, nullable=False, server_default="{}"),  # what it learned from, and its measures
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(120), nullable=False),
    Index(None, "plant"),
)

inspection = Table(  # what came out of an inspection; its files are blobs
    "maintenance_inspection",
    metadata,
    Column("id", String(40), primary_key=True),  # the job's that made it
    Column("plant", String(120), nullable=False),
    Column("asset", String(200), nullable=False, server_default=""),  # empty: of no asset
    Column("kind", String(20), nullable=False),  # inspect, wear, people
    Column("title", Text, nullable=False),
    Column("outcome", String(20), nullable=False),  # pass, fail, undecided, incomplete, untrusted
    Column("told", JSON, nullable=False),  # what the page shows, in every language
    Column("files", JSON, nullable=False),  # name, media_type, sha256, size
    Column("actor", String(120), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "plant", "asset", "at"),
)
