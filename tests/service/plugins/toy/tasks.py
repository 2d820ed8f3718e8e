"""The test app's tasks."""

import os
import time
from pathlib import Path

from celery import shared_task

from trivium.service.errors import InputError
from trivium.service.evidence import Report, ReportFile
from trivium.service.runner import JobContext, run_job


@shared_task(name="toy.count")
def count(job_id: str) -> None:
    run_job(job_id, count_to)


@shared_task(name="toy.fail")
def fail(job_id: str) -> None:
    run_job(job_id, _fail)


def count_to(context: JobContext) -> Report:
    """Count to `to`, `pause_s` apart; notes its process in the file `notes` when it starts."""
    to, pause_s = context.request["to"], context.request.get("pause_s", 0.0)
    if "notes" in context.request:
        with Path(context.request["notes"]).open("a") as notes:
            notes.write(f"{os.getpid()}\n")
    for number in range(to):
        context.progress("counting", number / to)
        time.sleep(pause_s)
    text = "<h1>" + ", ".join(str(number) for number in range(to)) + "</h1>"
    blob = context.store.put(text.encode())
    return Report(f"Counted to {to}", "en", files=(ReportFile("count.html", "text/html", blob.sha256, blob.size),))


def _fail(context: JobContext) -> Report:
    raise InputError("is empty", where="a.htm")
