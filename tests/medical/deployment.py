"""A deployment of the medical app in a temporary folder, a broker of paper, invented people and drafts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from trivium.medical import tables
from trivium.medical.app import SPEC
from trivium.medical.workflow.drafts import Drafts
from trivium.medical.workflow.states import REVIEW, SIGN, Actor, ActorKind
from trivium.service import migrate
from trivium.service.roles import Roles
from trivium.service.runtime import Runtime, open_runtime
from trivium.service.settings import Settings
from trivium.service.tables import account

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MODEL = {
    "name": "toy",
    "weights_sha256": "ab" * 32,
    "limits": {"Effusion": {"present_from": 0.3, "uncertain_from": 0.1}},
}


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@contextmanager
def deployed(home: Path, **settings: Any) -> Iterator[Runtime]:
    """A runtime with its schema; what it publishes goes nowhere."""
    runtime = open_runtime(Settings(home=home, **settings), apps=(SPEC,), publish=lambda task, job_id, queue: None)
    migrate.upgrade(runtime.database)
    try:
        yield runtime
    finally:
        runtime.close()


def person(runtime: Runtime, name: str, role: str, *, has_stepped_up: bool = False) -> Actor:
    """Add an account with one role of the app, and return it as an actor."""
    roles = Roles((SPEC,))
    with runtime.database.write() as connection:
        row = {"id": name, "name": name, "roles": [role], "created_at": START}
        connection.execute(insert(account).values(**row))
    return Actor(ActorKind.PERSON, name, name, roles.permissions([role]), has_stepped_up)


def resident(runtime: Runtime, name: str = "rita") -> Actor:
    found = person(runtime, name, "medical:resident")
    assert REVIEW in found.permissions
    assert SIGN not in found.permissions
    return found


def radiologist(runtime: Runtime, name: str = "ann", *, has_stepped_up: bool = True) -> Actor:
    return person(runtime, name, "medical:radiologist", has_stepped_up=has_stepped_up)


def add_study(runtime: Runtime, study_id: str = "5tudy", **columns: Any) -> str:
    """Add a study with one image, as the door would."""
    values = {
        "study_key": f"key-{study_id}", "pseudonym": "p1", "received_by": "tom", "arrived_at": START, "priority": 2,
        "state": "draft", "is_closed": False, "draft_state": "waiting",
    } | columns  # fmt: skip
    film = {
        "position": 1, "image_key": f"image-{study_id}", "sha256": "cd" * 32, "pixels_sha256": "ef" * 32,
        "columns": 500, "rows": 400, "bits": 12, "is_inverted": False, "window_center": 2048, "window_width": 4096,
        "spacing": "none",
    }  # fmt: skip
    with runtime.database.write() as connection:
        connection.execute(insert(tables.study).values(id=study_id, **values))
        connection.execute(insert(tables.image).values(study_id=study_id, **film))
    return study_id


def document(**changes: Any) -> dict[str, Any]:
    """A draft as `draft.json` has it."""
    said = {
        "exam": ["Chest radiograph, PA view."],
        "findings": ["Suspected pleural effusion (probability 41%).", "No mass suspected (probability 3%)."],
        "impression": ["Suspected pleural effusion."],
    }
    sections = {
        name: [{"text": text, "claims": ["finding/Effusion"]} for text in sentences] for name, sentences in said.items()
    }
    return {"language": "en", "refused": None, "sections": sections, "findings": [], "model": MODEL} | changes


def make_draft(runtime: Runtime, study_id: str, job: str = "job1", **changes: Any) -> None:
    """Let the model's draft arrive."""
    model = Actor(ActorKind.MODEL, job)
    with runtime.database.write(is_durable=True) as connection:
        Drafts(runtime.database).record(connection, study_id, model, {"en": document(**changes)}, image_position=1)


def decided(content: dict[str, Any], status: str = "accepted") -> dict[str, Any]:
    """The content with every sentence of the draft decided alike."""
    sections = {
        name: [{**one, "status": status} if one["status"] == "draft" else one for one in sentences]
        for name, sentences in content["sections"].items()
    }
    return {**content, "sections": sections}
