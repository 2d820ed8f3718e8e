"""What a deployment tells Prometheus: jobs, queues, streams, leases, audit log, disk, and the requests of this process.

Everything but the requests is read from database and broker when somebody asks, so that it is right whichever process
answers, after any restart, and for workers that are on other machines. Queue lengths are Celery's own lists on the
broker; no exporter beside it is needed. Labels are names of ours, never of a person, a file or a path.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC
from importlib.metadata import version
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import RedisError
from sqlalchemy import Connection, func, select

from trivium.service import tables
from trivium.service.broker import broker_url, connect
from trivium.service.celery_app import queue_names
from trivium.service.database import utc_now
from trivium.service.disk import usage_of
from trivium.service.errors import TriviumError
from trivium.service.job import JobState
from trivium.service.runtime import Runtime

__all__ = ["Measures"]

log = structlog.get_logger(__name__)

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Measures:
    """The figures of one web server's deployment.

    Args:
        runtime: whose database, broker and disk are looked at.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "trivium_http_request_seconds",
            "Requests that this process answered, by method and first digit of the status.",
            ("method", "status"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._registry.register(_Deployment(runtime))

    def count_request(self, method: str, status: int, seconds: float) -> None:
        """Count one request; methods that nobody defined are counted together."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS") else "other"
        self._requests.labels(known, f"{status // 100}xx").observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Deployment:
    """Reads database, broker and disk anew for every scrape; what cannot be asked is `up 0`, and the rest goes on."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def describe(self) -> list[Metric]:
        """Say nothing beforehand, so that nothing is asked when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        began = time.perf_counter()
        yield _gauge("trivium_build", "Always 1; the release is the label.", {"release": version("trivium")}, 1)
        yield from self._disk()
        up = GaugeMetricFamily("trivium_up", "Whether a part answers.", labels=("part",))
        for part, read in (("database", self._database), ("broker", self._broker)):
            try:
                found = list(read())
            except (TriviumError, RedisError, OSError) as error:
                log.warning("metrics.failed", part=part, error=str(error))
                found = []
                up.add_metric((part,), 0)
            else:
                up.add_metric((part,), 1)
            yield from found
        yield up
        took_s = time.perf_counter() - began
        yield _gauge("trivium_scrape_seconds", "How long it took to read these.", {}, took_s)

    def _disk(self) -> Iterator[Metric]:
        usage = usage_of(self._runtime.settings.home)
        yield _gauge("trivium_disk_used_ratio", "Share of the home folder's disk that is in use.", {}, usage.share)
        yield _gauge("trivium_disk_free_bytes", "Bytes that are free there.", {}, usage.free)

    def _database(self) -> Iterator[Metric]:
        with self._runtime.database.read() as connection:
            yield from _jobs(connection)
            yield from _leases(connection)
            rows = connection.execute(select(func.max(tables.audit.c.seq))).scalar_one() or 0
            yield CounterMetricFamily("trivium_audit_rows", "Rows of the audit log.", rows)
            since = select(func.count()).select_from(tables.session).where(tables.session.c.expires_at > utc_now())
            yield _gauge(
                "trivium_sessions", "Sessions that have not ended.", {}, connection.execute(since).scalar_one()
            )

    def _broker(self) -> Iterator[Metric]:
        client = connect(broker_url(self._runtime.settings))
        names = [name for spec in self._runtime.apps for name in queue_names(spec)]
        waiting = GaugeMetricFamily("trivium_queue_messages", "Messages on the broker that wait.", labels=("queue",))
        for name in names:
            waiting.add_metric((name,), client.llen(name))
        yield waiting
        streams = GaugeMetricFamily("trivium_stream_entries", "Entries of readings that wait.", labels=("stream",))
        for key in sorted(client.scan_iter(_type="stream")):
            streams.add_metric((key.decode(errors="replace"),), client.xlen(key))
        yield streams
        about: Any = client.info("memory")
        yield _gauge("trivium_broker_memory_bytes", "Memory that the broker uses.", {}, about["used_memory"])


def _jobs(connection: Connection) -> Iterator[Metric]:
    job, event = tables.job, tables.job_event
    jobs = GaugeMetricFamily("trivium_jobs", "Jobs that are kept, by state.", labels=("app", "state"))
    counted = select(job.c.app, job.c.state, func.count()).group_by(job.c.app, job.c.state)
    for app, state, count in connection.execute(counted):
        jobs.add_metric((app, state), count)
    yield jobs
    oldest = GaugeMetricFamily("trivium_job_oldest_wait_seconds", "How long the oldest job waits.", labels=("queue",))
    waiting = select(job.c.queue, func.min(job.c.created_at)).where(job.c.state == JobState.QUEUED)
    for queue, since in connection.execute(waiting.group_by(job.c.queue)):
        moment = since if since.tzinfo else since.replace(tzinfo=UTC)
        oldest.add_metric((queue,), max((utc_now() - moment).total_seconds(), 0.0))
    yield oldest
    late = select(func.count()).where(job.c.state == JobState.RUNNING, job.c.lease_until < utc_now())
    yield _gauge(
        "trivium_job_leases_expired", "Running jobs that nobody renews.", {}, connection.execute(late).scalar_one()
    )
    recovered = select(func.count()).where(event.c.what == "recovered")
    text = "Starts of kept jobs after their worker was lost."
    yield CounterMetricFamily("trivium_jobs_recovered", text, connection.execute(recovered).scalar_one())


def _leases(connection: Connection) -> Iterator[Metric]:
    held = GaugeMetricFamily("trivium_lease_held", "Whether somebody holds an elected role.", labels=("name",))
    lease = tables.lease
    for name, until in connection.execute(select(lease.c.name, lease.c.until)):
        held.add_metric((name,), 1 if until > utc_now() else 0)
    yield held


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), value)
    return family
