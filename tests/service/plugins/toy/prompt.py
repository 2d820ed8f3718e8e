"""The task of the test app whose jobs must be on time."""

from celery import shared_task

from toy.tasks import count_to
from trivium.service.runner import run_job


@shared_task(name="prompt.count")
def count(job_id: str) -> None:
    run_job(job_id, count_to)
