"""A first PIN: for somebody who logged in a moment ago, not for whoever finds their screen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from tests.medical.deployment import START, Clock, deployed, radiologist

from trivium.medical.app import SPEC
from trivium.medical.workflow.step_up import StepUp
from trivium.service.errors import InputError
from trivium.service.passwords import Passwords
from trivium.service.people import People
from trivium.service.roles import Roles
from trivium.service.throttle import Throttle


@pytest.fixture
def step_up(tmp_path):
    """What ann signs with, who has neither PIN nor password, and a clock."""
    cheap, clock = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)), Clock()
    with deployed(tmp_path) as runtime:
        radiologist(runtime, "ann")
        people = People(runtime.database, Roles((SPEC,)))
        throttle = Throttle(runtime.database, now=clock)
        yield StepUp(
            runtime.database, people, throttle, grace=timedelta(minutes=5), passwords=cheap, now=clock
        ), clock  # fmt: skip


def set_pin(one, pin, *, secret="", logged_in_at=START):
    one.set_pin("ann", "ann", pin, secret=secret, logged_in_at=logged_in_at, address="here")


def test_a_first_pin_needs_a_login_of_a_moment_ago(step_up):
    one, clock = step_up
    clock.forward(11 * 60)
    for logged_in_at in (START, None):
        with pytest.raises(InputError, match="log in again, then choose a PIN within 10 minutes"):
            set_pin(one, "482913", logged_in_at=logged_in_at)
    assert not one.has_pin("ann")
    set_pin(one, "482913", logged_in_at=clock.time - timedelta(minutes=9))
    assert one.has_pin("ann")


def test_a_second_pin_needs_the_first_one_however_late(step_up):
    one, clock = step_up
    set_pin(one, "482913")
    clock.forward(3600)
    with pytest.raises(InputError, match="give your present PIN or password first"):
        set_pin(one, "775301")
    set_pin(one, "775301", secret="482913")
    assert one.prove("ann", "ann", "session", "775301", address="here").how == "pin"
