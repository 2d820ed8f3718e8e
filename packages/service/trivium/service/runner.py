"""Run one job: the single place where an error in a task becomes a job's state.

    @shared_task(name="finance.compare")
    def compare(job_id: str) -> None:
        run_job(job_id, lambda context: pipeline.run(context.request, store=context.store, progress=context.progress))

A thread renews the lease while the function works. A message for a job that runs elsewhere or has ended is dropped.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any

import structlog
from sqlalchemy import Connection

from trivium.service import tracing
from trivium.service.disk import space_errors
from trivium.service.errors import TriviumError
from trivium.service.evidence import Report
from trivium.service.holders import this_process
from trivium.service.jobs import Job, JobInput, Jobs, LeaseLostError
from trivium.service.phrase import pack
from trivium.service.runtime import Runtime, current_runtime
from trivium.service.store import BlobStore

__all__ = ["JobCancelledError", "JobContext", "report_to_json", "run_job"]

log = structlog.get_logger(__name__)

_PROGRESS_INTERVAL_S = 0.25


class JobCancelledError(Exception):
    """Someone asked the job to stop; raised from `progress`, to be let through."""


class JobContext:
    """What a job's function works with.

    Attributes:
        job: the job as it was when it started.
        store: the blob store with its inputs, and for its result files.
    """

    def __init__(self, job: Job, store: BlobStore, jobs: Jobs) -> None:
        self.job = job
        self.store = store
        self._jobs = jobs
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._reported = ("", 0.0)
        self._end_stage = tracing.begin("stage.start")

    @property
    def request(self) -> Mapping[str, Any]:
        """What the user asked for."""
        return self.job.request

    @property
    def inputs(self) -> tuple[JobInput, ...]:
        """The job's files, by hash."""
        return self.job.inputs

    def progress(self, stage: str, share: float) -> None:
        """Say how far the whole job is; cheap enough to call for every file or table.

        Args:
            stage: key of the stage, such as `parse`; the app's catalogue holds its text as `stage.<key>`.
            share: share of the whole job, 0 to 1.

        Raises:
            JobCancelledError: if someone asked the job to stop. Let it through.
            LeaseLostError: if another worker has the job now. Let it through.
        """
        if self._lost.is_set():
            raise LeaseLostError(f"job {self.job.id}")
        if self._stop.is_set():
            raise JobCancelledError(self.job.id)
        last_stage, last_time = self._reported
        now = time.monotonic()
        if stage == last_stage and now - last_time < _PROGRESS_INTERVAL_S:
            return
        self._jobs.report_progress(self.job, stage, min(max(share, 0.0), 1.0), is_new_stage=stage != last_stage)
        if stage != last_stage:
            self.end_stage()
            self._end_stage = tracing.begin(f"stage.{stage}")
        self._reported = (stage, now)

    def end_stage(self) -> None:
        """End the stage that the job is in, for its trace."""
        self._end_stage()
        self._end_stage = tracing.NOTHING

    def once(self, name: str, write: Callable[[Connection], object], *, is_durable: bool = False) -> bool:
        """Write to the database once in the job's life, however often it is started.

        Args:
            name: of this effect within the job.
            write: makes the changes on the connection it is given; they are committed together with the name.
            is_durable: whether the commit waits for the disk, as it must where `write` adds to the audit log.

        Returns:
            Whether it was written now; False when an earlier start of the job had done it.

        Raises:
            LeaseLostError: if another worker has the job now. Let it through.
        """
        return self._jobs.once(self.job, name, write, is_durable=is_durable)


def run_job(job_id: str, function: Callable[[JobContext], Report], *, runtime: Runtime | None = None) -> None:
    """Claim the job, call the function, and record its report or its error.

    Args:
        function: does the work; may raise a `TriviumError`, whose line becomes the job's message. It must be safe
            to run twice: its effects are blobs, what it does `once`, and the rows that `finish` writes under the fence.
        runtime: None for the one of this process.
    """
    runtime = runtime or current_runtime()
    job = runtime.jobs.claim(job_id, this_process())
    with structlog.contextvars.bound_contextvars(job_id=job_id, **({"user": job.owner} if job else {})):
        if job is None:
            log.info("job.dropped")
            return
        log.info("job.started", app=job.app, kind=job.kind, attempt=job.attempts)
        if not tracing.headers():  # the sweeper's message names no trace: go on with that of the request
            tracing.take_up({tracing.TRACEPARENT: job.trace})
        with tracing.span("job.run", {"job.id": job.id, "job.task": job.task, "job.attempt": job.attempts}):
            context = JobContext(job, runtime.store, runtime.jobs)
            try:
                _work(context, function, runtime)
            except LeaseLostError:
                log.warning("job.lease_lost", fence=job.fence)
            finally:
                context.end_stage()


def report_to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON data: title, language, claims, sentences, files, problems."""
    claims = [
        {
            "id": claim.id,
            "value": str(claim.value),
            "is_text": isinstance(claim.value, str),
            "unit": claim.unit,
            "evidence": [evidence.to_json() for evidence in claim.evidence],
            "formula": claim.formula,
            "inputs": list(claim.inputs),
        }
        for claim in report.claims.values()
    ]
    return {
        "title": report.title,
        "language": report.language,
        "claims": claims,
        "sentences": [asdict(sentence) for sentence in report.sentences],
        "files": [asdict(file) for file in report.files],
        "problems": [pack(problem) for problem in report.problems],
    }


def _work(context: JobContext, function: Callable[[JobContext], Report], runtime: Runtime) -> None:
    job, jobs = context.job, runtime.jobs
    try:
        with _LeaseRenewal(context, jobs), space_errors():
            report = function(context)
            content = json.dumps(report_to_json(report), ensure_ascii=False, separators=(",", ":")).encode()
            stored = runtime.store.put(content)
        jobs.finish(job, title=report.title, report_sha256=stored.sha256, files=report.files)
    except LeaseLostError:
        raise
    except JobCancelledError:
        jobs.stop(job)
        log.info("job.cancelled")
    except TriviumError as error:
        log.warning("job.failed", error=error.line, reference=error.reference)
        jobs.fail(job, error=error.line, reference=error.reference)
    except Exception:
        reference = secrets.token_hex(4)
        log.exception("job.crashed", reference=reference)
        jobs.fail(job, error="something went wrong inside Trivium; the log has the details", reference=reference)
    else:
        log.info("job.done", files=len(report.files))


class _LeaseRenewal:
    """Renews the lease every `renew_s` until the block ends, and passes on cancellation and loss."""

    def __init__(self, context: JobContext, jobs: Jobs) -> None:
        self._context = context
        self._jobs = jobs
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{context.job.id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _renew(self) -> None:
        context = self._context
        while not self._ended.wait(self._jobs.policy.renew_s):
            try:
                if self._jobs.renew(context.job):
                    context._stop.set()
            except LeaseLostError:
                context._lost.set()
                return
            except TriviumError as error:  # the database is away for a moment; the lease may still hold
                log.warning("job.renew_failed", job_id=context.job.id, reference=error.reference, error=error.line)
