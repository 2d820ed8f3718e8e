"""Accounts on SQLite and PostgreSQL: names, passwords, roles, the last admin, the first user."""

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from trivium.service.errors import InputError, NotFoundError
from trivium.service.people import People
from trivium.service.roles import Roles
from trivium.service.tables import account

GOOD = "giraffe-lamp-seven"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def test_an_account_has_a_name_in_any_case_and_a_hash(people, runtime):
    made = people.add(" Ann ", ["player"], actor="boss", password=GOOD, language="zh")
    assert (made.id, made.name, made.roles, made.language) == ("ann", "ann", ("toy:player",), "zh")
    with runtime.database.read() as connection:
        stored = connection.execute(select(account.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$")
    assert people.authenticate("ANN", GOOD).id == "ann"
    assert people.authenticate("ann", GOOD + "x") is None
    assert people.named("aNN") == people.get("ann")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ann", "ann: there is an account of this name already"),
        ("local", "local: there is an account of this name already"),
        ("two words", "'two words': cannot be the name of an account; use up to 64 letters"),
        ("plant:p7", "'plant:p7': cannot be the name of an account"),
        ("", "'': cannot be the name of an account"),
        ("<b>", "'<b>': cannot be the name of an account"),
    ],
)
def test_names_that_cannot_be_used(people, name, message):
    people.add("ann", actor="boss")
    with pytest.raises(InputError) as refused:
        people.add(name, actor="boss")
    assert refused.value.line.startswith(message)


def test_unknown_disabled_and_passwordless_accounts_cost_the_same_work(people, monkeypatch):
    people.add("ann", actor="boss", password=GOOD)
    people.add("bob", ["admin"], actor="boss")
    people.set_disabled("ann", True, actor="boss")
    verified = []
    matches = people._passwords._hasher.verify

    class Counting:
        def __getattr__(self, name):
            return getattr(original, name)

        def verify(self, stored, password):
            verified.append(stored)
            return matches(stored, password)

    original = people._passwords._hasher
    monkeypatch.setattr(people._passwords, "_hasher", Counting())
    assert [people.authenticate(name, GOOD) for name in ("ann", "bob", "nobody")] == [None, None, None]
    assert len(verified) == 3


def test_the_last_admin_stays(people):
    people.add("ann", ["admin"], actor="boss", password=GOOD)
    people.add("bob", ["player"], actor="boss")
    for change in (
        lambda: people.set_roles("ann", ["player"], actor="x"),
        lambda: people.set_disabled("ann", True, actor="x"),
    ):
        with pytest.raises(InputError, match="ann: is the last account with the role admin; give somebody else"):
            change()
    people.set_roles("bob", ["admin"], actor="ann")
    assert people.set_disabled("ann", True, actor="bob").is_disabled
    with pytest.raises(InputError, match="bob: is the last account"):
        people.set_disabled("bob", True, actor="bob")


def test_roles_of_apps_that_are_switched_off_are_kept(people, runtime, clock):
    people.add("ann", ["admin", "player"], actor="boss")
    without = People(runtime.database, Roles(()), now=clock)
    without.set_roles("ann", ["admin"], actor="boss")
    assert people.get("ann").roles == ("admin", "toy:player")


def test_the_first_user_holds_every_role_and_then_makes_an_account(people, sessions):
    first = people.ensure_first()
    assert (first.id, first.name, first.roles) == ("local", "local", ("admin", "toy:player", "toy:watcher"))
    assert people.ensure_first() == first
    assert not people.can_anybody_log_in()
    token = sessions.start("local", via="first")
    people.set_password("local", GOOD, actor="local", name="Ann")
    assert (people.get("local").name, people.can_anybody_log_in()) == ("ann", True)
    assert people.authenticate("ann", GOOD).id == "local"  # jobs stay theirs
    assert people.ensure_first() is None
    assert sessions.principal_of(token) is None  # a new password ends old sessions
    with pytest.raises(InputError, match="local: there is an account of this name already"):
        people.add("local", actor="ann")


def test_there_is_no_first_user_where_others_were_made_before(people):
    people.add("ann", ["admin"], actor="operator", password=GOOD)
    assert people.ensure_first() is None
    assert [one.name for one in people.all()] == ["ann"]


def test_an_apps_roles_reach_the_first_user_when_it_comes(people, runtime, clock):
    People(runtime.database, Roles(()), now=clock).ensure_first()
    assert people.ensure_first().roles == ("admin", "toy:player", "toy:watcher")


def test_a_reset_takes_password_sessions_and_links(people, sessions):
    people.add("ann", actor="boss", password=GOOD)
    session, link = sessions.start("ann", via="password"), sessions.make_link_token("ann")
    with capture_logs() as logged:
        people.invite("ann", actor="boss")
    assert people.authenticate("ann", GOOD) is None
    assert (sessions.principal_of(session), sessions.use_link(link)) == (None, None)
    assert [(line["event"], line["actor"], line["subject"]) for line in logged] == [("password.reset", "boss", "ann")]


def test_an_external_account_follows_its_groups_and_never_takes_a_name(people):
    people.add("bob", ["admin"], actor="boss", password=GOOD)
    made = people.external("https://idp#1", "Ann@example.org", ("toy:watcher",))
    assert (made.name, made.roles, made.is_external) == ("ann@example.org", ("toy:watcher",), True)
    again = people.external("https://idp#1", "renamed", ("toy:player",))
    assert (again.id, again.roles) == (made.id, ("toy:player",))
    with pytest.raises(InputError, match="bob: there is an account of this name already"):
        people.external("https://idp#2", "bob", ("admin",))
    with pytest.raises(InputError, match="logs in with the identity provider"):
        people.set_password(made.id, GOOD, actor="boss")
    people.set_disabled(made.id, True, actor="boss")
    with pytest.raises(NotFoundError, match="the account is disabled"):
        people.external("https://idp#1", "ann", ("toy:player",))


def test_every_change_is_recorded_without_a_secret(people):
    with capture_logs() as logged:
        people.add("ann", ["admin"], actor="boss", password=GOOD)
        people.set_roles("ann", ["admin", "player"], actor="boss")
        people.set_password("ann", "lantern-orbit-cheese", actor="ann")
        people.add("bob", actor="ann")
        people.set_disabled("bob", True, actor="ann")
        people.set_disabled("bob", False, actor="ann")
    assert [(line["event"], line["actor"], line["subject"]) for line in logged] == [
        ("account.created", "boss", "ann"),
        ("roles.changed", "boss", "ann"),
        ("password.changed", "ann", "ann"),
        ("account.created", "ann", "bob"),
        ("account.disabled", "ann", "bob"),
        ("account.enabled", "ann", "bob"),
    ]
    assert {line["kind"] for line in logged} == {"security"}
    assert GOOD not in str(logged)
    assert "lantern" not in str(logged)


def test_what_is_not_there(people):
    with pytest.raises(NotFoundError, match="nose: no such account; see: trivium people list"):
        people.named("nose")
