"""What the handlers of a request work with, and who asks, as the workflow knows them."""

from __future__ import annotations

from datetime import datetime, timedelta

from anyio import CapacityLimiter
from starlette.requests import Request

from trivium.medical.intake.door import FILMS_AT_ONCE
from trivium.medical.intake.vault import Vault, open_vault
from trivium.medical.workflow.drafts import Drafts
from trivium.medical.workflow.reports import Reports
from trivium.medical.workflow.sendings import destination_title
from trivium.medical.workflow.states import Actor, ActorKind
from trivium.medical.workflow.step_up import StepUp
from trivium.service.people import People
from trivium.service.roles import LOCAL_USER, Roles
from trivium.service.runtime import Runtime
from trivium.service.sessions import Sessions
from trivium.service.throttle import Throttle
from trivium.service.visitor import principal_of

__all__ = [
    "actor_of", "address_of", "door_of", "drafts_of", "logged_in_at", "reports_of", "runtime_of", "session_of",
    "step_up_of", "vault_of",
]  # fmt: skip


def runtime_of(request: Request) -> Runtime:
    """Return the server's parts."""
    found: Runtime = request.app.state.runtime
    return found


def reports_of(request: Request) -> Reports:
    """Return the reports of this deployment."""
    runtime = runtime_of(request)
    settings = runtime.settings
    hides_drafts, sends_to = settings.medical_second_reader, destination_title(settings)
    return Reports(runtime.database, hides_drafts=hides_drafts, sends_to=sends_to)


def actor_of(request: Request, *, has_stepped_up: bool = False) -> Actor:
    """Return who asks; a key is never a person, whatever it may do."""
    principal = principal_of(request)
    kind = ActorKind.PERSON if principal.is_person else ActorKind.KEY
    is_nameless = principal.id == LOCAL_USER and principal.name == LOCAL_USER
    return Actor(kind, principal.id, principal.name, principal.permissions, has_stepped_up, is_nameless)


def drafts_of(request: Request) -> Drafts:
    """Return the drafts of this deployment."""
    return Drafts(runtime_of(request).database)


def session_of(request: Request) -> str:
    """Return the token of the visitor's session; empty for none."""
    return str(getattr(request.state, "session_token", ""))


def logged_in_at(request: Request) -> datetime | None:
    """Return when the visitor's session began; None for none."""
    runtime = runtime_of(request)
    held = Sessions(runtime.database, Roles(runtime.apps)).of(principal_of(request).id, own_token=session_of(request))
    return next((one.created_at for one in held if one.is_own), None)


def address_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else "unknown"


def door_of(request: Request) -> CapacityLimiter:
    """Return what lets a few films in at a time: more would only make all of them late, and hold more memory."""
    kept = request.app.state
    if not hasattr(kept, "medical_door"):
        kept.medical_door = CapacityLimiter(FILMS_AT_ONCE)
    found: CapacityLimiter = kept.medical_door
    return found


def vault_of(request: Request) -> Vault:
    """Return the deployment's vault, opened once a process."""
    kept = request.app.state
    if not hasattr(kept, "medical_vault"):
        kept.medical_vault = open_vault(runtime_of(request).settings)
    found: Vault = kept.medical_vault
    return found


def step_up_of(request: Request) -> StepUp:
    """Return what checks PINs and passwords."""
    kept, runtime = request.app.state, runtime_of(request)
    if not hasattr(kept, "medical_step_up"):
        people = People(runtime.database, Roles(runtime.apps))
        grace = timedelta(minutes=runtime.settings.medical_step_up_minutes)
        kept.medical_step_up = StepUp(runtime.database, people, Throttle(runtime.database), grace=grace)
    found: StepUp = kept.medical_step_up
    return found
