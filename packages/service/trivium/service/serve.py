"""Serve the web application with uvicorn on the port of the settings. Started by the supervisor."""

from __future__ import annotations

import os

import structlog
import uvicorn

from trivium.service import tracing
from trivium.service.access import check_listening, open_access
from trivium.service.lifeline import follow_parent
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

__all__ = ["serve_web"]

log = structlog.get_logger(__name__)

_DRAIN_S = 5


def serve_web(settings: Settings, *, parent: int = 0) -> None:
    """Serve until told to stop, or until the process `parent` is gone.

    Raises:
        InputError: if the database's schema is not this release's, nobody could log in on an open address, or a
            setting needs an extra that is missing.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    follow_parent(parent)
    tracing.configure(settings.traces_url)
    runtime = open_runtime(settings)
    try:
        check_listening(settings, open_access(settings, runtime.apps, runtime.database).people)
        uvicorn.run(
            create_web(runtime),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_DRAIN_S,
            server_header=False,
        )
    finally:
        runtime.close()
        tracing.stop()
