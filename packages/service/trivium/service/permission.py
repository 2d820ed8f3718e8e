"""What each route of the web server needs: stated beside the route, checked before it runs, listed for the door.

    @router.post("/batches", dependencies=[needs("maintenance.ingest")])
    def post(request: Request, plant: Annotated[Principal, needs("maintenance.ingest")]) -> ...

Every route states one of `needs(...)`, `SIGNED_IN`, `PERSON` or `OPEN`; the server does not start with one that states
nothing. Who lacks the permission gets the answer for what does not exist. Gradio's mounts are checked by the door.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from trivium.service.jobs import Job
from trivium.service.roles import Principal
from trivium.service.runtime import Runtime
from trivium.service.security_log import SecurityLog
from trivium.service.visitor import principal_of

__all__ = [
    "OPEN",
    "PERSON",
    "SIGNED_IN",
    "Door",
    "Needs",
    "NeedsNothing",
    "check_app",
    "current_principal",
    "doors",
    "needs",
    "own_job",
    "readable_apps",
]

# For the API's description: the door (`guard.py`) has read the key already.
_BEARER = HTTPBearer(auto_error=False, description="An API key, as made by `trivium keys create`.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key, for clients that prefer it.")


class Needs:
    """A dependency that lets a request through or answers 404, and says what it looks at.

    Args:
        permissions: any one of them is enough; none for everybody who is logged in.
        is_for_persons: whether API keys are turned away.
    """

    def __init__(self, *permissions: str, is_for_persons: bool = False) -> None:
        self.permissions = permissions
        self.is_for_persons = is_for_persons

    async def __call__(  # not in a thread: plants post hundreds of requests a second
        self, request: Request, _bearer: Annotated[Any, Depends(_BEARER)], _key: Annotated[Any, Depends(_HEADER)]
    ) -> Principal:
        """Return who asks."""
        principal = principal_of(request)
        is_permitted = principal.may(*self.permissions) if self.permissions else True
        if not is_permitted or (self.is_for_persons and not principal.is_person):
            await anyio.to_thread.run_sync(_deny, principal, request, self.permissions)
        return principal


class NeedsNothing:
    """The dependency of what strangers may ask for."""

    async def __call__(self) -> None:
        """Let everybody through."""


def needs(*permissions: str) -> Any:
    """Return a dependency for a route or a parameter: any one of the permissions is needed."""
    assert permissions, "name a permission, or use SIGNED_IN"
    return Depends(Needs(*permissions))


def current_principal(request: Request) -> Principal:
    """Return who asks, for handlers that look at more than one permission."""
    return principal_of(request)


SIGNED_IN: Any = Depends(Needs())
PERSON: Any = Depends(Needs(is_for_persons=True))
OPEN: Any = Depends(NeedsNothing())


@dataclass(frozen=True, slots=True)
class Door:
    """One route with what it states that it needs; None when it states nothing."""

    path: str
    methods: tuple[str, ...]
    needs: Needs | NeedsNothing | None


def doors(shell: FastAPI) -> list[Door]:
    """List every route of the server but its mounts, those of the apps' routers included."""
    found = []
    for context in iter_route_contexts(shell.routes):
        if not isinstance(context.original_route, Mount):
            dependant = getattr(context, "dependant", None)
            stated = next(_stated(dependant), None) if dependant else None
            found.append(Door(context.path or "", tuple(sorted(context.methods or ())), stated))
    return found


def readable_apps(request: Request) -> list[str]:
    """Return the names of the enabled apps that the visitor may read."""
    runtime: Runtime = request.app.state.runtime
    principal = principal_of(request)
    return [spec.name for spec in runtime.apps if principal.may(spec.read_permission)]


def own_job(request: Request, job_id: str, *, to_run: bool = False) -> Job:
    """Return a job of the visitor's own, in an app that they may read, and run where something is to be done.

    Raises:
        NotFoundError: if there is none, or it is another owner's.
        HTTPException: with 404, if the app is not for their roles.
    """
    runtime: Runtime = request.app.state.runtime
    principal = principal_of(request)
    job = runtime.jobs.get(job_id, owner=principal.id)
    check_app(request, job.app, to_run=to_run)
    return job


def check_app(request: Request, app: str, *, to_run: bool = False) -> None:
    """Refuse, as what does not exist, an app that is not for the visitor's roles."""
    principal = principal_of(request)
    wanted = f"{app}.run" if to_run else f"{app}.read"
    if not principal.may(wanted):
        _deny(principal, request, (wanted,))


def _deny(principal: Principal, request: Request, permissions: tuple[str, ...]) -> None:
    runtime: Runtime = request.app.state.runtime
    SecurityLog(runtime.audit).record(
        "access.denied", actor=principal.id, path=request.url.path, needed=list(permissions)
    )
    raise HTTPException(404)


def _stated(dependant: Dependant) -> Iterator[Needs | NeedsNothing]:
    for part in dependant.dependencies:
        if isinstance(part.call, Needs | NeedsNothing):
            yield part.call
        yield from _stated(part)
