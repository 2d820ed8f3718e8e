"""The task of the test app that holds a model."""

from celery import shared_task

from toy.tasks import count_to
from trivium.service.runner import run_job


@shared_task(name="holder.count")
def count(job_id: str) -> None:
    run_job(job_id, count_to)
