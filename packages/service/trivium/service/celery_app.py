"""Celery, made from the settings and the apps' specs: messages are JSON with a job id, and results are not kept.

Recovery never waits for the broker: the lease sweeper publishes lost jobs again, so the visibility timeout is only a
backstop and stays longer than any task may run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import OperationalError as CeleryOperationalError
from celery.signals import task_prerun, worker_process_shutdown
from kombu import Queue
from kombu.exceptions import OperationalError as KombuOperationalError
from redis.exceptions import RedisError

from trivium.service import tracing
from trivium.service.app_spec import AppSpec
from trivium.service.broker import broker_url
from trivium.service.errors import UpstreamError
from trivium.service.jobs import Publish
from trivium.service.phrase import Phrase
from trivium.service.recovery import again
from trivium.service.settings import Settings

__all__ = ["TASK_TIME_LIMIT_S", "broker_queues", "create_celery", "publisher", "queue_names"]

TASK_TIME_LIMIT_S = 3000
_VISIBILITY_TIMEOUT_S = 3600
_SOCKET_TIMEOUT_S = 5.0
_REQUEST_ID = "trivium_request_id"


def create_celery(url: str, specs: Iterable[AppSpec] = (), *, processes: int = 2) -> Celery:
    """Make a Celery application on a broker.

    Args:
        url: of the broker, with its password.
        specs: the apps whose tasks and queues a worker takes; none for a process that only sends.
        processes: children of a worker.
    """
    specs = tuple(specs)
    app = Celery("trivium", broker=url, set_as_current=bool(specs), include=[spec.tasks for spec in specs])
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        # A lost child's message is acknowledged: the lease sweeper runs the job again, and counts its attempts.
        task_reject_on_worker_lost=False,
        worker_lost_wait=1.0,  # then a dead child's place takes the next message; its job is the sweeper's
        task_time_limit=TASK_TIME_LIMIT_S,
        task_create_missing_queues=False,
        task_queues=[Queue(name, routing_key=name) for spec in specs for name in queue_names(spec)],
        worker_prefetch_multiplier=1,
        worker_concurrency=processes,
        worker_max_tasks_per_child=200,
        worker_hijack_root_logger=False,
        worker_soft_shutdown_timeout=10.0,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(),
    )
    return app


def queue_names(spec: AppSpec) -> list[str]:
    """List the broker's queues of an app in the order in which they are served."""
    return [name for queue in spec.queues for name in broker_queues(queue.name)]


def broker_queues(queue: str) -> tuple[str, str, str]:
    """Return the broker's queues of a queue: jobs that were interrupted, that people wait for, that can wait."""
    return again(queue), queue, f"{queue}.low"


def publisher(settings: Settings) -> Publish:
    """Return a function that sends `(task, job id, queue)` to the deployment's broker.

    The broker is looked up when the first message is sent, and again after a failure, so that a web server survives
    a broker that starts later or moves.
    """
    return _Publisher(settings)


@task_prerun.connect(weak=False)
def _take_up_ids(task: Any, **_: object) -> None:
    """Let a worker's log lines and spans name the request that asked for the work; the sweeper's message names none."""
    sent = getattr(task.request, "headers", None) or {}
    ids = {name: sent.get(name) or getattr(task.request, name, "") for name in (_REQUEST_ID, tracing.TRACEPARENT)}
    structlog.contextvars.clear_contextvars()
    if ids[_REQUEST_ID]:
        structlog.contextvars.bind_contextvars(request_id=ids[_REQUEST_ID])
    tracing.take_up(ids)


@worker_process_shutdown.connect(weak=False)
def _send_spans(**_: object) -> None:
    """Send a child's last spans: it ends without what other processes do at their end."""
    tracing.stop()


class _Publisher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = functools.cache(self._connect)

    def __call__(self, task: str, job_id: str, queue: str) -> None:
        try:
            request_id = structlog.contextvars.get_contextvars().get("request_id", "")
            headers = {_REQUEST_ID: request_id, **tracing.headers()}
            self._app().send_task(
                task, args=(job_id,), queue=Queue(queue, routing_key=queue), retry=False, headers=headers
            )
        except (CeleryOperationalError, KombuOperationalError, RedisError, OSError) as error:
            self._app.cache_clear()
            raise UpstreamError(
                Phrase("the broker did not take the message ({reason})", reason=error), where="broker"
            ) from error

    def _connect(self) -> Celery:
        return create_celery(broker_url(self._settings))


def _transport_options() -> dict[str, Any]:
    return {
        "visibility_timeout": _VISIBILITY_TIMEOUT_S,
        "queue_order_strategy": "priority",
        "socket_timeout": _SOCKET_TIMEOUT_S,
        "socket_connect_timeout": _SOCKET_TIMEOUT_S,
        "health_check_interval": 10,
        "retry_on_timeout": True,
    }
