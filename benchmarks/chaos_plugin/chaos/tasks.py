"""The app's task: `steps` effects, each written once, `pause_s` apart."""

from __future__ import annotations

import time

from celery import shared_task
from sqlalchemy import Connection, insert

from chaos.tables import effect
from trivium.service.database import utc_now
from trivium.service.evidence import Report, ReportFile
from trivium.service.runner import JobContext, run_job


@shared_task(name="chaos.work")
def work(job_id: str) -> None:
    run_job(job_id, _work)


def _work(context: JobContext) -> Report:
    steps, pause_s = context.request["steps"], context.request["pause_s"]
    for step in range(steps):
        context.progress(f"step-{step}", step / steps)
        time.sleep(pause_s)

        def write(connection: Connection, step: int = step) -> None:
            row = {"job_id": context.job.id, "step": step, "fence": context.job.fence, "at": utc_now()}
            connection.execute(insert(effect).values(row))

        context.once(f"step-{step}", write)
    blob = context.store.put(context.job.id.encode())
    return Report(f"{steps} effects", "en", files=(ReportFile("effects.txt", "text/plain", blob.sha256, blob.size),))
