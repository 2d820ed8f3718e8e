"""Log in with a real OpenID Connect provider on loopback: the way there and back, and everything that must not pass."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import delete
from tests.service import provider as idp
from tests.service.conftest import TOY

from trivium.service import migrate, tables
from trivium.service.access import check_listening, open_access, open_provider
from trivium.service.errors import InputError
from trivium.service.oidc import Attempt
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
COOKIE = "trivium_session_7860"


@pytest.fixture(scope="module")
def server():
    with idp.running() as provider:
        yield provider


@pytest.fixture
def provider(server):
    fresh = idp.Provider()
    keep = {"issuer": server.issuer, "keys": server.keys, "signer": server.keys[0]}
    server.__dict__.update(fresh.__dict__ | keep)
    return server


def settings_of(server, home):
    return Settings(
        home=home,
        oidc_issuer=server.issuer,
        oidc_client_id=idp.CLIENT,
        oidc_client_secret=SecretStr(idp.SECRET),
        oidc_roles="it=admin; readers=watcher",
    )


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    settings = settings_of(server, tmp_path_factory.mktemp("home"))
    runtime = open_runtime(settings, apps=(TOY,), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    yield create_web(runtime)
    runtime.close()


@pytest.fixture
def browser(site):
    with site._access.throttle._database.write() as connection:
        connection.execute(delete(tables.throttle))  # the tests' failures all come from one address
    headers = {"accept": "text/html", "accept-language": "en"}
    return TestClient(site, base_url=HOST, headers=headers, follow_redirects=False)


def go(browser, target="/jobs"):
    """Walk to the provider and back; return the answer to the browser that came back."""
    leave = browser.get("/login/oidc", params={"target": target})
    assert leave.status_code == 303, leave.text
    back = httpx.get(leave.headers["location"], follow_redirects=False).headers["location"]
    assert urlsplit(back).path == "/login/oidc/callback"
    return browser.get(back)


def test_the_way_there_and_back(browser, provider, site):
    assert '<a class="button" href="/login/oidc?target=/jobs">' in browser.get("/jobs").text
    answer = go(browser)
    assert answer.status_code == 200
    assert 'content="0;url=/jobs"' in answer.text
    account = site._access.people.named("ann")
    assert (account.roles, account.is_external) == (("admin", "toy:watcher"), True)
    assert browser.get("/jobs").status_code == 200
    assert browser.get("/people").status_code == 200


def test_state_cookie_and_challenge_of_the_way_there(browser, provider):
    leave = browser.get("/login/oidc?target=//evil.example")
    query = httpx.URL(leave.headers["location"]).params
    assert (query["client_id"], query["scope"], query["code_challenge_method"]) == (
        idp.CLIENT,
        "openid profile email",
        "S256",
    )
    assert query["redirect_uri"] == f"{HOST}/login/oidc/callback"
    cookie = leave.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/login/oidc", "Max-Age=600"))
    attempt = Attempt.unpacked(cookie.split(";")[0].partition("=")[2].strip('"'))
    assert (attempt.state, attempt.nonce, attempt.target) == (query["state"], query["nonce"], "/")
    assert attempt.verifier not in leave.headers["location"]


def test_the_roles_of_today_count_at_every_login(browser, provider, site):
    provider.claims = {"sub": "9", "preferred_username": "cho", "groups": ["it"]}
    go(browser)
    provider.claims |= {"groups": ["readers"]}
    go(browser)
    assert site._access.people.named("cho").roles == ("toy:watcher",)


def test_groups_that_only_userinfo_tells(browser, provider, site):
    provider.claims = {"sub": "10", "preferred_username": "dee", "groups": None}
    provider.userinfo = {"sub": "10", "groups": "readers"}
    assert go(browser).status_code == 200
    provider.claims = {"sub": "11", "preferred_username": "eve", "groups": None}
    provider.userinfo = {"sub": "10", "groups": "it"}  # another person's
    assert go(browser).status_code == 403


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"nonce": "another"}, "cannot be trusted (InvalidClaimError: nonce)"),
        ({"nonce": None}, "cannot be trusted (MissingClaimError: nonce)"),
        ({"aud": "another-client"}, "cannot be trusted (InvalidClaimError: aud)"),
        ({"aud": [idp.CLIENT, "other"]}, "several audiences"),
        ({"aud": [idp.CLIENT, "other"], "azp": "other"}, "made for another client"),
        ({"iss": "http://evil.example"}, "cannot be trusted (InvalidClaimError: iss)"),
        ({"exp": NOW - 3600}, "cannot be trusted (ExpiredTokenError"),
        ({"exp": None}, "cannot be trusted (MissingClaimError: exp)"),
        ({"iat": NOW + 3600}, "cannot be trusted (InvalidClaimError: iat)"),
        ({"sub": None}, "cannot be trusted (MissingClaimError: sub)"),
        ({"groups": ["strangers"]}, "no group of this account has a role here"),
        ({"groups": []}, "ask an administrator"),
        ({"preferred_username": "boss", "sub": "77"}, "boss: there is an account of this name already"),
    ],
)
def test_a_token_that_is_not_right_logs_nobody_in(browser, provider, site, claims, problem):
    people = site._access.people
    if not any(account.name == "boss" for account in people.all()):
        people.add("boss", ["admin"], actor="test")
    provider.claims = claims
    answer = go(browser)
    assert answer.status_code == 403
    assert problem in answer.text
    assert browser.cookies.get(COOKIE) is None


def test_several_audiences_with_us_as_the_party(browser, provider):
    provider.claims = {"aud": [idp.CLIENT, "other"], "azp": idp.CLIENT}
    assert go(browser).status_code == 200


def test_a_signature_of_somebody_else_and_weak_algorithms(browser, provider):
    provider.signer = RSAKey.generate_key(2048, {"kid": "1"})
    assert "cannot be trusted (BadSignatureError)" in go(browser).text
    provider.signer, provider.algorithm = idp.symmetric_key(), "HS256"
    answer = go(browser)
    assert (answer.status_code, "cannot be trusted" in answer.text) == (403, True)


def test_a_new_key_of_the_provider_is_asked_for_once(browser, provider, site, monkeypatch):
    go(browser)
    new = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    provider.keys, provider.signer = [new], new
    now = time.monotonic() + 61
    monkeypatch.setattr("trivium.service.oidc.time.monotonic", lambda: now)
    provider.asked.clear()
    assert [go(browser).status_code for _ in range(2)] == [200, 200]
    provider.signer = RSAKey.generate_key(2048, {"kid": "3"})
    assert [go(browser).status_code for _ in range(2)] == [403, 403]
    assert provider.asked.count("/keys") == 1


def test_made_up_ways_back_are_slowed_down_and_the_provider_is_not_asked(browser, provider, site):
    def come_back():
        attempt = Attempt("s", "n", "v", "/")
        browser.cookies.set("trivium_oidc", attempt.packed(), path="/login/oidc")
        return browser.get("/login/oidc/callback", params={"state": "s", "code": "made-up"})

    assert {come_back().status_code for _ in range(6)} == {403}  # five are free, the sixth begins a wait
    provider.asked.clear()
    late = come_back()
    assert (late.status_code, late.headers["retry-after"], provider.asked) == (429, "1", [])
    assert "Too many attempts" in late.text
    assert go(browser).status_code == 429  # a right one waits as well, and then counts for nothing
    site._access.throttle.clear("(provider)", "testclient")
    assert go(browser).status_code == 200


def test_a_browser_that_did_not_leave_does_not_come_back(site, browser, provider):
    leave = browser.get("/login/oidc")
    back = httpx.get(leave.headers["location"], follow_redirects=False).headers["location"]
    other = TestClient(site, base_url=HOST, headers={"accept": "text/html", "accept-language": "en"})
    answer = other.get(back)
    assert (answer.status_code, "was not started in this browser" in answer.text) == (403, True)
    assert browser.get(f"{back}x").status_code == 403  # another state
    assert "/token" not in provider.asked


def test_the_providers_refusals_are_told(browser, provider):
    leave = browser.get("/login/oidc")
    state = httpx.URL(leave.headers["location"]).params["state"]
    answer = browser.get("/login/oidc/callback", params={"state": state, "error": "access_denied<b>"})
    assert (answer.status_code, "access_denied&lt;b&gt;" in answer.text) == (403, True)
    leave = browser.get("/login/oidc")
    state = httpx.URL(leave.headers["location"]).params["state"]
    answer = browser.get("/login/oidc/callback", params={"state": state, "code": "made-up"})
    assert (answer.status_code, "refused the login (invalid_grant)" in answer.text) == (403, True)


def test_a_provider_that_is_away_is_not_a_refusal(provider, tmp_path):
    runtime = open_runtime(settings_of(provider, tmp_path / "home"), apps=(TOY,), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    browser = TestClient(create_web(runtime), base_url=HOST, headers={"accept": "text/html"}, follow_redirects=False)
    provider.is_away = True
    answer = browser.get("/login/oidc")
    assert (answer.status_code, "identity provider: answered with status 503" in answer.text) == (503, True)
    runtime.close()


def test_a_disabled_account_stays_out(browser, provider, site):
    provider.claims = {"sub": "12", "preferred_username": "fay"}
    go(browser)
    site._access.people.set_disabled("fay", True, actor="test")
    site._access.forget()
    assert browser.get("/jobs").status_code == 401
    answer = go(browser)
    assert (answer.status_code, "the account is disabled" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"oidc_client_id": ""}, "TRIVIUM_OIDC_CLIENT_ID: is empty, but TRIVIUM_OIDC_ISSUER is set"),
        ({"oidc_roles": ""}, "TRIVIUM_OIDC_ROLES: is empty, so nobody could come in"),
        ({"oidc_roles": "it=boss"}, "TRIVIUM_OIDC_ROLES: no role is called 'boss'; known: admin"),
    ],
)
def test_settings_that_could_not_work_stop_the_start(provider, tmp_path, change, message):
    with pytest.raises(InputError) as refused:
        open_provider(settings_of(provider, tmp_path).model_copy(update=change), (TOY,))
    assert refused.value.line.startswith(message)


def test_a_missing_extra_is_one_line(provider, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "joserfc", None)
    with pytest.raises(
        InputError, match=r"TRIVIUM_OIDC_ISSUER: needs the module joserfc; pip install 'trivium\[oidc\]'"
    ):
        open_provider(settings_of(provider, tmp_path), (TOY,))


def test_other_machines_are_listened_to_once_somebody_can_log_in(migrated, runtime):
    access = open_access(migrated, (TOY,), runtime.database)
    wide = migrated.model_copy(update={"host": "0.0.0.0"})
    access.first()
    check_listening(migrated, access.people)
    with pytest.raises(InputError, match=r"TRIVIUM_HOST: listens on 0\.0\.0\.0, for other machines too, only once"):
        check_listening(wide, access.people)
    check_listening(wide.model_copy(update={"oidc_issuer": "https://idp.example"}), access.people)
    access.people.add("ann", ["admin"], actor="operator", password="giraffe-lamp-seven")
    check_listening(wide, access.people)
