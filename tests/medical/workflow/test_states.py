"""No path from the model to a final report without a named person: every state, event and actor, and every path."""

from __future__ import annotations

import itertools

import pytest

from trivium.medical.app import SPEC
from trivium.medical.workflow.states import (
    FINAL,
    PUBLISHED,
    REVIEW,
    SIGN,
    Actor,
    ActorKind,
    Event,
    RefusedError,
    ReportState,
    allowed_events,
    next_state,
)
from trivium.service.roles import Roles

PERMISSIONS = [frozenset(), frozenset({REVIEW}), frozenset({SIGN}), frozenset({REVIEW, SIGN}), frozenset({"admin"})]
ACTORS = [
    Actor(*fields)
    for fields in itertools.product(ActorKind, ("", "ann"), ("", " ", "Ann"), PERMISSIONS, (False, True), (False, True))
]
COUNTS = (0, 1, 2)


def leads(actor: Actor, state: ReportState, event: Event, count: int) -> ReportState | None:
    try:
        return next_state(state, event, actor, signed_versions=count)
    except RefusedError:
        return None


def is_signer(actor: Actor) -> bool:
    """Written apart from `Actor.can_sign`, as the law has it: a person, named, permitted, who has just shown it."""
    return (
        actor.kind == ActorKind.PERSON
        and actor.id != ""
        and actor.name.strip() != ""
        and SIGN in actor.permissions
        and actor.has_stepped_up
        and not actor.is_nameless
    )


def test_final_is_entered_by_signing_alone_and_by_a_named_person():
    entered = 0
    for state, event, actor, count in itertools.product(ReportState, Event, ACTORS, COUNTS):
        target = leads(actor, state, event, count)
        if target in FINAL and state not in FINAL and event not in (Event.DRAFT_MADE, Event.DRAFT_FAILED):
            if event == Event.ABANDON:  # back to what was signed before
                assert state == ReportState.AMENDING
                assert count >= 1
                continue
            assert event == Event.SIGN
            assert is_signer(actor)
            entered += 1
    assert entered == 3 * 2 * len(COUNTS)  # from three states, by two of the actors


def test_no_path_leads_from_the_model_to_final_without_a_signer():
    """Walk everything that all actors but signers can do together, from a fresh report, in any order."""
    others = [actor for actor in ACTORS if not is_signer(actor)]
    assert len(others) == len(ACTORS) - 2
    reached, front = {ReportState.DRAFT}, [ReportState.DRAFT]
    while front:
        state = front.pop()
        for actor, event in itertools.product(others, Event):
            target = leads(actor, state, event, 0)  # nothing was signed: the count grows by signing alone
            if target is not None and target not in reached:
                reached.add(target)
                front.append(target)
    assert reached == {ReportState.DRAFT, ReportState.IN_REVIEW, ReportState.SUBMITTED, ReportState.REJECTED}
    assert not reached & (PUBLISHED | {ReportState.RETRACTED})


def test_the_model_moves_nothing():
    for state, event, count in itertools.product(ReportState, Event, COUNTS):
        for actor in (one for one in ACTORS if one.kind != ActorKind.PERSON):
            target = leads(actor, state, event, count)
            if target is not None:
                assert event in (Event.DRAFT_MADE, Event.DRAFT_FAILED)
                assert actor.kind == ActorKind.MODEL
                assert target == state


def test_what_was_signed_is_never_unsaid():
    """From a published report every way leads to a published or a retracted one."""
    for state, event, actor in itertools.product(PUBLISHED, Event, ACTORS):
        target = leads(actor, state, event, 1)
        assert target is None or target in PUBLISHED | {ReportState.RETRACTED}
    for event, actor in itertools.product(Event, ACTORS):
        assert leads(actor, ReportState.RETRACTED, event, 1) in (None, ReportState.RETRACTED)


def test_no_role_but_the_radiologists_may_sign_and_no_key_may():
    roles = Roles((SPEC,))
    assert [name for name in roles.names if SIGN in roles.permissions([name])] == ["medical:radiologist"]
    assert SIGN not in roles.permissions(["admin"])
    assert not {SIGN, REVIEW, "medical.identity"} & set(roles.scopes)


def test_why_something_is_refused():
    radiologist = Actor(ActorKind.PERSON, "ann", "Ann", frozenset({REVIEW, SIGN}))
    with pytest.raises(RefusedError, match="step_up"):
        next_state(ReportState.IN_REVIEW, Event.SIGN, radiologist)
    first_user = Actor(ActorKind.PERSON, "local", "local", frozenset({REVIEW, SIGN}), True, is_nameless=True)
    with pytest.raises(RefusedError, match="nameless"):
        next_state(ReportState.IN_REVIEW, Event.SIGN, first_user)
    resident = Actor(ActorKind.PERSON, "bob", "Bob", frozenset({REVIEW}), has_stepped_up=True)
    with pytest.raises(RefusedError, match="not_permitted"):
        next_state(ReportState.IN_REVIEW, Event.SIGN, resident)
    with pytest.raises(RefusedError, match="not_from_here"):
        next_state(ReportState.DRAFT, Event.SIGN, radiologist)
    with pytest.raises(RefusedError, match="not_from_here"):
        next_state(ReportState.AMENDING, Event.ABANDON, radiologist, signed_versions=0)
    assert Event.SIGN in allowed_events(ReportState.IN_REVIEW, radiologist)
    assert Event.SIGN not in allowed_events(ReportState.IN_REVIEW, resident)
