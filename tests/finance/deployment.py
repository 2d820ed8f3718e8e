"""A deployment of the finance app in a temporary folder, with a broker of paper; jobs are run when a test says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trivium.finance import tasks
from trivium.finance.app import SPEC
from trivium.service import migrate
from trivium.service.jobs import Job, JobInput
from trivium.service.runner import run_job
from trivium.service.runtime import Runtime, open_runtime
from trivium.service.settings import Settings

OWNER = "ann"


@contextmanager
def deployed(home: Path) -> Iterator[Runtime]:
    """A runtime with its schema; what it publishes goes nowhere."""
    runtime = open_runtime(Settings(home=home), apps=(SPEC,), publish=lambda task, job_id, queue: None)
    migrate.upgrade(runtime.database)
    try:
        yield runtime
    finally:
        runtime.close()


def submit(runtime: Runtime, paths: Sequence[Path], kind: str = "compare", **request: Any) -> Job:
    """Submit a job on files; unless told otherwise it writes JSON only."""
    blobs = [(path.name, runtime.store.put_file(path)) for path in paths]
    inputs = [JobInput(name, blob.sha256, blob.size) for name, blob in blobs]
    return runtime.jobs.submit(
        app="finance", kind=kind, owner=OWNER, request={"formats": ["json"]} | request, inputs=inputs
    )


def work(runtime: Runtime, job: Job) -> Job:
    """Run a job in this process and read it again."""
    function = {"compare": tasks.compare_files, "fetch": tasks.fetch_and_compare}[job.kind]
    run_job(job.id, function, runtime=runtime)
    return runtime.jobs.get(job.id)
