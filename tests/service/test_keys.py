"""API keys: shown once, hashed, scoped, rotated with an overlap, out within 15 seconds."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs

from trivium.service.errors import InputError, NotFoundError
from trivium.service.keys import ApiKeys, key_in
from trivium.service.roles import Roles
from trivium.service.tables import api_key


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


@pytest.fixture
def keys(runtime, roles, clock):
    return ApiKeys(runtime.database, roles, now=clock)


def test_a_key_is_its_plants_with_its_scopes_and_kept_as_a_hash(keys, runtime):
    made, secret = keys.create("plant-7", ["toy.post", "toy.read"], actor="boss")
    assert secret.startswith(f"tvk_{made.id}_")
    principal = keys.principal_of(secret)
    assert (principal.id, principal.via, principal.is_person) == ("plant:plant-7", "key", False)
    assert principal.permissions == {"toy.post", "toy.read"}
    with runtime.database.read() as connection:
        row = connection.execute(select(api_key)).one()
    assert secret not in str(row)
    assert secret[13:] not in str(row)


@pytest.mark.parametrize(
    ("plant", "scopes", "message"),
    [
        ("two words", ["toy.post"], "'two words': cannot be the name of a plant"),
        ("a:b", ["toy.post"], "'a:b': cannot be the name of a plant"),
        ("p7", ["toy.sign"], "scope: toy.sign is no permission of a key"),
        ("p7", ["service.people"], "scope: service.people is no permission of a key"),
        ("p7", [], "scope: a key needs a scope"),
    ],
)
def test_what_no_key_is_made_for(keys, plant, scopes, message):
    with pytest.raises(InputError) as refused:
        keys.create(plant, scopes, actor="boss")
    assert refused.value.line.startswith(message)


@pytest.mark.parametrize("wrong", ["", "guess", "tvk_00000000_" + "x" * 43, "tvk_" + "x" * 5000])
def test_other_secrets_are_nobodys(keys, wrong):
    keys.create("p7", ["toy.post"], actor="boss")
    assert keys.principal_of(wrong) is None


def test_a_key_that_is_in_use_costs_no_statement(keys, runtime):
    _made, secret = keys.create("p7", ["toy.post"], actor="boss")
    keys.principal_of(secret)
    statements = []
    event.listen(runtime.database.engine, "before_cursor_execute", lambda *what: statements.append(what[2]))
    assert {keys.remembered(secret).id for _ in range(1000)} == {"plant:p7"}
    assert keys.principal_of(secret).id == "plant:p7"
    assert statements == []


def test_last_use_is_noted_to_the_minute(keys, clock):
    made, secret = keys.create("p7", ["toy.post"], actor="boss")
    assert made.used_at is None
    first = clock()
    for seconds in (0, 30, 29, 2):
        clock.forward(seconds)
        keys.forget()
        keys.principal_of(secret)
    assert keys.get(made.id).used_at - first == timedelta(seconds=61)


def test_rotation_lets_both_in_for_the_overlap(keys, clock):
    old, before = keys.create("p7", ["toy.post"], actor="boss", days=30)
    clock.forward(29 * 86400)
    new, after = keys.rotate(old.id, actor="boss", overlap=timedelta(hours=2))
    assert (new.plant, new.scopes, new.expires_at - clock()) == ("p7", ("toy.post",), timedelta(days=30))
    assert [keys.principal_of(secret).id for secret in (before, after)] == ["plant:p7"] * 2
    clock.forward(2 * 3600)
    keys.forget()
    assert keys.principal_of(before) is None
    assert keys.principal_of(after).id == "plant:p7"
    assert keys.get(old.id).state(clock()) == "expired"
    with pytest.raises(InputError, match=f"{old.id}: is expired; make a new key"):
        keys.rotate(old.id, actor="boss")


def test_an_overlap_never_lengthens_a_key(keys, clock):
    old, _secret = keys.create("p7", ["toy.post"], actor="boss", days=1)
    keys.rotate(old.id, actor="boss", overlap=timedelta(days=30))
    assert keys.get(old.id).expires_at == clock() + timedelta(days=1)


def test_a_revoked_key_is_out_within_15_seconds_elsewhere_and_at_once_here(keys, runtime, roles, clock):
    ticks = [0.0]
    other = ApiKeys(runtime.database, roles, now=clock)
    other._memory._clock = lambda: ticks[0]
    made, secret = keys.create("p7", ["toy.post"], actor="boss")
    assert keys.principal_of(secret)
    assert other.principal_of(secret)
    assert keys.revoke(made.id, actor="boss").state(clock()) == "revoked"
    assert keys.principal_of(secret) is None
    ticks[0] = 15.0
    assert other.principal_of(secret) is None


def test_a_key_goes_with_its_maker_unless_handed_over(keys, people, clock):
    people.add("ann", ["admin"], actor="operator")
    people.add("bob", ["admin"], actor="operator")
    made, secret = keys.create("p7", ["toy.post"], actor="bob", account_id="bob")
    assert (made.maker, made.state(clock())) == ("bob", "active")
    people.set_disabled("bob", True, actor="ann")
    keys.forget()
    assert keys.principal_of(secret) is None
    assert keys.get(made.id).state(clock()) == "orphaned"
    _new, handed_over = keys.rotate(made.id, actor="ann", account_id="ann")
    assert keys.principal_of(handed_over).id == "plant:p7"


def test_a_key_holds_nothing_of_an_app_that_is_switched_off(keys, runtime, clock):
    _made, secret = keys.create("p7", ["toy.post"], actor="boss")
    assert ApiKeys(runtime.database, Roles(()), now=clock).principal_of(secret).permissions == frozenset()


def test_what_happens_to_keys_is_recorded_without_the_secret(keys):
    with capture_logs() as logged:
        made, secret = keys.create("p7", ["toy.post"], actor="boss")
        new, _ = keys.rotate(made.id, actor="boss")
        keys.revoke(new.id, actor="boss")
    assert [line["event"] for line in logged] == ["key.created", "key.rotated", "key.revoked"]
    assert secret[13:] not in str(logged)


def test_what_is_not_there(keys):
    with pytest.raises(NotFoundError, match="nose: no such key; see: trivium keys list"):
        keys.revoke("nose", actor="boss")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"x-api-key": "abc"}, "abc"),
        ({"authorization": "Basic abc"}, None),
        ({"authorization": "Bearer"}, ""),
        ({}, None),
    ],
)
def test_where_a_request_brings_its_key(headers, found):
    assert key_in(headers) == found
