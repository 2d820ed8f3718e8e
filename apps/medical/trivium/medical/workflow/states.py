"""The states of a report, and who may lead from one to the next: the whole law of the workflow in one table.

`final` states (signed, amended) are entered by `SIGN` alone, and `SIGN` asks for a person who holds the permission to
sign and has just shown again who they are. The model has two events, and both leave the state where it is. A test
goes through every state, event and actor, and through every path.

                      submit                      amend
    draft -> in review -> submitted -> signed  <=======>  amending -> amended -> (amending)
      |          |  ^________|           |      abandon       |
      +-> rejected (reopen: in review)   +-> retracted <------+

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "FINAL", "OPEN", "PUBLISHED", "REVIEW", "SIGN", "Actor", "ActorKind", "Event", "RefusedError", "ReportState",
    "allowed_events", "next_state",
]  # fmt: skip

REVIEW = "medical.review"
SIGN = "medical.sign"


class ReportState(StrEnum):
    """Where a report stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SUBMITTED = "submitted"
    SIGNED = "signed"
    AMENDING = "amending"
    AMENDED = "amended"
    RETRACTED = "retracted"
    REJECTED = "rejected"


FINAL = frozenset({ReportState.SIGNED, ReportState.AMENDED})
PUBLISHED = FINAL | {ReportState.AMENDING}
"""States in which a signed version stands; while a change is being written, the version before it does."""
OPEN = frozenset({ReportState.DRAFT, ReportState.IN_REVIEW, ReportState.SUBMITTED, ReportState.AMENDING})
"""States that are somebody's work."""


class Event(StrEnum):
    """What can happen to a report."""

    DRAFT_MADE = "draft_made"
    DRAFT_FAILED = "draft_failed"
    BEGIN = "begin"
    EDIT = "edit"
    SUBMIT = "submit"
    SEND_BACK = "send_back"
    REJECT = "reject"
    REOPEN = "reopen"
    SIGN = "sign"
    AMEND = "amend"
    ABANDON = "abandon"
    RETRACT = "retract"


class ActorKind(StrEnum):
    """Who does something: a model's job, an API key, or a person at the door."""

    MODEL = "model"
    KEY = "key"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Args:
        kind: a model, a key or a person.
        id: of the account, the key's plant, or the job.
        name: as a signature shows it; a person without one cannot sign.
        permissions: what a person holds.
        has_stepped_up: whether the person gave PIN or password within the site's time of grace.
        is_nameless: whether it is the first user of a deployment who has not made an account of their own yet.
    """

    kind: ActorKind
    id: str = ""
    name: str = ""
    permissions: frozenset[str] = field(default_factory=frozenset)
    has_stepped_up: bool = False
    is_nameless: bool = False

    @property
    def can_review(self) -> bool:
        """Whether this is a person who may write in reports."""
        return self.kind == ActorKind.PERSON and bool(self.id) and REVIEW in self.permissions

    @property
    def can_sign(self) -> bool:
        """Whether this is a named person who may sign, and has shown so a moment ago."""
        is_person = self.kind == ActorKind.PERSON and bool(self.id)
        is_named = bool(self.name.strip()) and not self.is_nameless
        return is_person and is_named and SIGN in self.permissions and self.has_stepped_up


class RefusedError(Exception):
    """What was asked is not possible; `reason` is a key of the catalogue below `refused`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


_S, _E = ReportState, Event
_BY_MODEL: dict[Event, frozenset[ReportState]] = {
    # A draft may come late: whatever the report has become meanwhile stays as it is, and the draft is offered.
    _E.DRAFT_MADE: frozenset(_S),
    _E.DRAFT_FAILED: frozenset(_S),
}
_BY_REVIEWER: dict[tuple[ReportState, Event], ReportState] = {
    (_S.DRAFT, _E.BEGIN): _S.IN_REVIEW,
    (_S.IN_REVIEW, _E.BEGIN): _S.IN_REVIEW,
    (_S.SUBMITTED, _E.BEGIN): _S.SUBMITTED,
    (_S.AMENDING, _E.BEGIN): _S.AMENDING,
    (_S.IN_REVIEW, _E.EDIT): _S.IN_REVIEW,
    (_S.SUBMITTED, _E.EDIT): _S.SUBMITTED,
    (_S.AMENDING, _E.EDIT): _S.AMENDING,
    (_S.IN_REVIEW, _E.SUBMIT): _S.SUBMITTED,
    (_S.SUBMITTED, _E.SEND_BACK): _S.IN_REVIEW,
    (_S.DRAFT, _E.REJECT): _S.REJECTED,
    (_S.IN_REVIEW, _E.REJECT): _S.REJECTED,
    (_S.SUBMITTED, _E.REJECT): _S.REJECTED,
    (_S.REJECTED, _E.REOPEN): _S.IN_REVIEW,
    (_S.SIGNED, _E.AMEND): _S.AMENDING,
    (_S.AMENDED, _E.AMEND): _S.AMENDING,
}
_BY_SIGNER: dict[tuple[ReportState, Event], ReportState] = {
    (_S.IN_REVIEW, _E.SIGN): _S.SIGNED,
    (_S.SUBMITTED, _E.SIGN): _S.SIGNED,
    (_S.AMENDING, _E.SIGN): _S.AMENDED,
    (_S.SIGNED, _E.RETRACT): _S.RETRACTED,
    (_S.AMENDED, _E.RETRACT): _S.RETRACTED,
    (_S.AMENDING, _E.RETRACT): _S.RETRACTED,
}


def next_state(state: ReportState, event: Event, actor: Actor, *, signed_versions: int = 0) -> ReportState:
    """Return the state that an event leads to.

    Args:
        signed_versions: how many versions of the report have been signed; an abandoned change goes back to the last.

    Raises:
        RefusedError: if it does not, or not for this actor.
    """
    if event in _BY_MODEL:
        if actor.kind != ActorKind.MODEL:
            raise RefusedError("model_only")
        return state
    if (state, event) in _BY_SIGNER:
        if not actor.can_sign:
            may_try = actor.kind == ActorKind.PERSON and SIGN in actor.permissions
            if may_try and actor.is_nameless:
                raise RefusedError("nameless")
            raise RefusedError("step_up" if may_try and not actor.has_stepped_up else "not_permitted")
        return _BY_SIGNER[state, event]
    is_back = (state, event) == (ReportState.AMENDING, Event.ABANDON)
    if not is_back and (state, event) not in _BY_REVIEWER:
        raise RefusedError("not_from_here")
    if not actor.can_review:
        raise RefusedError("not_permitted")
    if not is_back:
        return _BY_REVIEWER[state, event]
    if signed_versions < 1:
        raise RefusedError("not_from_here")  # nothing was signed that it could go back to
    return ReportState.SIGNED if signed_versions == 1 else ReportState.AMENDED


def allowed_events(state: ReportState, actor: Actor, *, signed_versions: int = 0) -> frozenset[Event]:
    """Return what the actor can do now; what only lacks a PIN, a password or an account of
    one's own counts as possible.
    """
    found = set()
    for event in Event:
        try:
            next_state(state, event, actor, signed_versions=signed_versions)
        except RefusedError as refusal:
            if refusal.reason not in ("step_up", "nameless"):
                continue
        found.add(event)
    return frozenset(found)
