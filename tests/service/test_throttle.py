"""Guessing gets slow, nobody is locked out for ever, and strangers cannot keep an owner out."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivium.service.throttle import Throttle


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


@pytest.fixture
def throttle(runtime, clock):
    return Throttle(runtime.database, now=clock)


def waits(throttle, name, address, count):
    return [throttle.charge(name, address) for _ in range(count)]


def test_five_guesses_are_free_then_each_waits_twice_as_long(throttle, clock):
    seen = []
    for _ in range(16):
        while wait_s := throttle.charge("ann", "10.0.0.1"):
            seen.append(wait_s)
            clock.forward(wait_s)
    assert seen == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]  # after the sixth to the fifteenth failure


def test_attempts_during_a_wait_lengthen_nothing(throttle, clock):
    assert waits(throttle, "ann", "10.0.0.1", 9) == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    clock.forward(1)
    assert throttle.charge("ann", "10.0.0.1") == 0


def test_an_hour_without_failures_is_forgotten(throttle, clock):
    waits(throttle, "ann", "10.0.0.1", 6)
    clock.forward(3601)
    assert waits(throttle, "ann", "10.0.0.1", 6) == [0] * 6


def test_the_right_password_starts_anew(throttle):
    waits(throttle, "ann", "10.0.0.1", 5)
    throttle.clear("ann", "10.0.0.1")
    assert waits(throttle, "ann", "10.0.0.1", 6) == [0] * 6


def test_one_address_is_slowed_down_over_all_names(throttle):
    assert [throttle.charge(f"name{number}", "10.0.0.1") for number in range(22)] == [0] * 21 + [1]
    assert throttle.charge("name0", "10.0.0.2") == 0


def test_an_own_account_does_not_clear_the_address(throttle):
    for number in range(21):
        assert throttle.charge(f"name{number}", "10.0.0.1") == 0
        if throttle.charge("mallory", "10.0.0.1") == 0:
            throttle.clear("mallory", "10.0.0.1")
    assert throttle.charge("name99", "10.0.0.1") == 1


def test_strangers_everywhere_slow_an_account_but_not_its_owner(throttle, clock):
    throttle.charge("ann", "10.9.9.9")
    throttle.clear("ann", "10.9.9.9")
    clock.forward(24 * 3600)
    for number in range(60):
        while wait_s := throttle.charge("ann", f"10.0.{number}.1"):
            clock.forward(wait_s)
    assert throttle.charge("ann", "10.7.7.7") == 30  # an unknown address waits, at most half a minute
    assert throttle.charge("ann", "10.9.9.9") == 0  # the owner's does not


def test_a_hundred_guesses_at_once_count_as_a_hundred(throttle):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(throttle.charge("ann", "10.0.0.1"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(0) == 6


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["charge", "wait", "clear"]), max_size=40), st.integers(0, 10**9))
def test_a_wait_is_never_over_five_minutes_and_ends(throttle, clock, steps, number):
    name = f"name{number}"
    for step in steps:
        if step == "charge":
            assert throttle.charge(name, name) <= 300
        elif step == "wait":
            clock.forward(20)
        else:
            throttle.clear(name, name)
    clock.forward(300)
    assert throttle.charge(name, name) == 0
