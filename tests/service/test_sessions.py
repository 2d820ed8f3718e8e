"""Links and sessions: once, for a while, gone with the account, and never more than an hour of nothing for an admin."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from trivium.service import tables
from trivium.service.sessions import BREAK_GLASS, Lifetime, Sessions


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


@pytest.fixture(autouse=True)
def ann(people):
    people.add("ann", ["admin", "player"], actor="boss")


def fresh(sessions):
    """As another process sees it: nothing is remembered."""
    sessions.forget()
    return sessions


def test_a_link_works_once_within_its_life(sessions, clock):
    link = sessions.make_link_token("ann", via="invite")
    assert sessions.use_link(link) == ("ann", "invite")
    assert sessions.use_link(link) is None
    late = sessions.make_link_token("ann", life=timedelta(minutes=15))
    clock.forward(15 * 60)
    assert sessions.use_link(late) is None
    assert sessions.use_link("guess") is None


def test_a_link_of_a_disabled_or_missing_account_opens_nothing(sessions, people):
    people.add("bob", ["admin"], actor="boss")
    link = sessions.make_link_token("bob")
    people.set_disabled("bob", True, actor="ann")
    after = sessions.make_link_token("bob")
    assert [sessions.use_link(token) for token in (link, after, sessions.make_link_token("nobody"))] == [None] * 3


def test_tokens_are_kept_as_hashes(sessions, runtime):
    token = sessions.start("ann", via="password")
    with runtime.database.read() as connection:
        kept = connection.execute(select(tables.session.c.token_hash)).scalars().all()
    assert token not in str(kept)


def test_a_principal_is_who_the_account_is_now(sessions, people):
    token = sessions.start("ann", via="password")
    assert sessions.principal_of(token).permissions >= {"service.people", "toy.run"}
    people.set_roles("ann", ["admin", "watcher"], actor="boss")
    assert fresh(sessions).principal_of(token).permissions == {
        "service.people", "service.keys", "service.metrics", "service.operations", "toy.read",
    }  # fmt: skip


def test_break_glass_opens_the_door_and_nothing_of_the_apps(sessions):
    token = sessions.start("ann", via=BREAK_GLASS)
    assert sessions.principal_of(token).permissions == {
        "service.people",
        "service.keys",
        "service.metrics",
        "service.operations",
    }


def test_break_glass_lasts_an_hour_whatever_is_done(sessions, clock):
    token = sessions.start("ann", via=BREAK_GLASS)
    clock.forward(3599)
    assert fresh(sessions).principal_of(token).id == "ann"
    clock.forward(1)
    assert fresh(sessions).principal_of(token) is None


def test_a_disabled_account_is_out_for_every_process_within_15_seconds(runtime, roles, people, sessions, clock):
    ticks = [0.0]
    other = Sessions(runtime.database, roles, now=clock)
    other._memory._clock = lambda: ticks[0]
    people.add("bob", ["player"], actor="boss")
    token = sessions.start("bob", via="password")
    assert other.principal_of(token).id == "bob"
    people.set_disabled("bob", True, actor="ann")
    ticks[0] = 14.9
    assert other.principal_of(token).id == "bob"  # what it remembers
    ticks[0] = 15.0
    assert other.principal_of(token) is None
    people.set_disabled("bob", False, actor="ann")
    assert fresh(other).principal_of(token) is None  # let in again, but by a new login


@pytest.mark.parametrize(("role", "idle_minutes"), [("watcher", 720), ("admin", 60), ("player", 720)])
def test_idle_time_is_that_of_the_strictest_role(runtime, roles, people, clock, role, idle_minutes):
    lifetime = Lifetime(timedelta(days=7), timedelta(minutes=720), {"admin": timedelta(minutes=60)})
    sessions = Sessions(runtime.database, roles, lifetime=lifetime, now=clock)
    people.add("bob", [role, "watcher"], actor="boss")
    token = sessions.start("bob", via="password")
    clock.forward(idle_minutes * 60)
    assert fresh(sessions).principal_of(token).id == "bob"
    clock.forward(idle_minutes * 60 + 1)
    assert fresh(sessions).principal_of(token) is None
    clock.forward(-60)
    assert sessions.principal_of(token) is None  # it is gone, not asleep


def test_polling_by_an_open_page_keeps_no_session_alive(runtime, roles, people, clock):
    sessions = Sessions(runtime.database, roles, lifetime=Lifetime(idle=timedelta(minutes=10)), now=clock)
    token = sessions.start("ann", via="password")
    for _ in range(10):
        clock.forward(60)
        assert fresh(sessions).principal_of(token, is_action=False).id == "ann"
    clock.forward(1)
    assert fresh(sessions).principal_of(token, is_action=False) is None


def test_an_action_counts_though_polling_has_just_refreshed_what_is_remembered(runtime, roles, clock):
    sessions = Sessions(runtime.database, roles, lifetime=Lifetime(idle=timedelta(minutes=10)), now=clock)
    token = sessions.start("ann", via="password")
    clock.forward(9 * 60)
    assert sessions.principal_of(token, is_action=False)
    assert sessions.principal_of(token)
    clock.forward(9 * 60)
    assert fresh(sessions).principal_of(token)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 12), max_size=12))
def test_a_session_lives_while_used_and_never_past_its_absolute_life(runtime, roles, clock, pauses):
    """Against a plain model in hours: idle limit 8, absolute life 24."""
    lifetime = Lifetime(timedelta(hours=24), timedelta(hours=8))
    sessions = Sessions(runtime.database, roles, lifetime=lifetime, now=clock)
    token, age, is_alive = sessions.start("ann", via="password"), 0, True
    for pause in pauses:
        clock.forward(pause * 3600)
        age += pause
        is_alive = is_alive and pause <= 8 and age < 24
        assert (fresh(sessions).principal_of(token) is not None) is is_alive


def test_log_out_here_and_everywhere(sessions, clock):
    here, there = sessions.start("ann", via="password"), sessions.start("ann", via="link")
    listed = sessions.of("ann", own_token=here)
    assert sorted((one.via, one.is_own) for one in listed) == [("link", False), ("password", True)]
    sessions.end(here)
    assert (sessions.principal_of(here), sessions.principal_of(there).id) == (None, "ann")
    sessions.end_all("ann")
    assert sessions.principal_of(there) is None
    assert sessions.of("ann") == []


def test_sessions_that_are_over_are_removed(sessions, runtime, clock):
    sessions.start("ann", via="password")
    clock.forward(8 * 24 * 3600)
    sessions.start("ann", via="password")
    with runtime.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.session)).scalar_one() == 1
