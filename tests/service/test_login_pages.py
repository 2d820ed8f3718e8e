"""In and out by form, link and emergency link; the account, people and keys pages; what their forms refuse."""

from __future__ import annotations

import re
import shutil

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from tests.service.conftest import TOY

from trivium.service import migrate
from trivium.service.database import Database
from trivium.service.forms import local_path
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
COOKIE = "trivium_session_7860"
GOOD, OTHER = "giraffe-lamp-seven", "lantern-orbit-cheese"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database at this release's schema, to be copied: migrating takes longer than a test."""
    home = tmp_path_factory.mktemp("empty")
    database = Database(f"sqlite:///{home}/trivium.db")
    migrate.upgrade(database)
    database.close()
    return home / "trivium.db"


@pytest.fixture
def site(tmp_path, empty):
    settings = Settings(home=tmp_path / "home")
    shutil.copy(empty, settings.prepare_home())
    runtime = open_runtime(settings, apps=(TOY,), publish=lambda *message: None)
    door = create_web(runtime)
    yield door
    runtime.close()


@pytest.fixture
def access(site):
    site._access.people.add("boss", ["admin"], actor="test", password=GOOD)
    site._access.people.add("ann", ["player"], actor="test", password=GOOD)
    return site._access


class Browser:
    """A client that reads a page's form token as a browser would, and sends it along."""

    def __init__(self, site) -> None:
        headers = {"accept": "text/html", "accept-language": "en", "sec-fetch-mode": "navigate"}
        self.client = TestClient(site, base_url=HOST, raise_server_exceptions=False, headers=headers)

    def get(self, path, **more):
        return self.client.get(path, **more)

    def send(self, page, action, **fields):
        found = re.search(r'name="form" value="([0-9a-f]{64})"', self.get(page).text)
        data = {"form": found.group(1) if found else ""} | fields
        return self.client.post(action, data=data, follow_redirects=False)

    def log_in(self, name, password=GOOD, **more):
        return self.send("/login", "/login", name=name, password=password, **more)

    @property
    def session(self):
        return self.client.cookies.get(COOKIE)


@pytest.fixture
def browser(site):
    return Browser(site)


def texts(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# -- the form -------------------------------------------------------------------------------------------------------


def test_the_form_stands_in_place_of_the_page_and_leads_back_to_it(browser, access):
    asked = browser.get("/jobs?lang=en&app=toy")
    assert asked.status_code == 401
    assert 'name="target" value="/jobs?lang=en&amp;app=toy"' in asked.text
    answer = browser.log_in("Ann", target="/jobs?app=toy")
    assert answer.status_code == 200
    assert 'content="0;url=/jobs?app=toy"' in answer.text
    cookie = answer.headers["set-cookie"]
    assert re.search(COOKIE + r"=\S{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict", cookie)
    assert browser.get("/jobs").status_code == 200
    assert browser.get("/login", follow_redirects=False).headers["location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong-wrong-wrong"), ("nobody", GOOD), ("ann", ""), ("", "")])
def test_whatever_is_wrong_the_answer_is_the_same(browser, access, name, password):
    answer = browser.log_in(name, password)
    assert (answer.status_code, browser.session) == (401, None)
    assert "Name and password do not belong together." in answer.text
    if password:
        assert password not in answer.text


def test_a_disabled_account_gets_that_answer_too(browser, access):
    access.people.set_disabled("ann", True, actor="boss")
    assert "do not belong together" in browser.log_in("ann").text


def test_guessing_is_slowed_down_and_the_right_password_waits_its_turn(browser, access, clock):
    access.throttle._now = clock
    statuses = [browser.log_in("ann", "wrong-wrong-wrong").status_code for _ in range(7)]
    assert statuses == [401] * 6 + [429]
    with capture_logs() as logged:
        answer = browser.log_in("ann")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "The next one is looked at in 1 seconds." in answer.text
    assert ("login.throttled", "warning") in [(line["event"], line["log_level"]) for line in logged]
    clock.forward(1)
    assert browser.log_in("ann").status_code == 200
    # of what is turned away at once the audit log has one row in 15 seconds, or a stranger could fill it
    tried = access.security.audit.rows(actor="ann", action="login")
    assert [row.action for row in tried] == ["login.failed"] * 6 + ["login.throttled", "login.done"]


def test_guessing_links_is_slowed_down_and_audited(browser, access, clock):
    access.throttle._now = clock
    statuses = [browser.get("/login", params={"token": f"guess-{n}"}).status_code for n in range(9)]
    assert statuses == [401] * 6 + [429] * 3
    rows = access.security.audit.rows(actor="link")
    assert [row.action for row in rows] == ["login.failed"] * 6 + ["login.throttled"]
    assert "guess" not in "".join(row.detail for row in rows)
    clock.forward(1)
    good = access.sessions.make_link_token("ann")
    assert browser.get("/login", params={"token": good}).status_code == 200
    assert browser.get("/login", params={"token": "x"}).status_code != 429  # counted anew


def test_one_account_has_one_count_however_its_name_is_written(browser, access, clock):
    access.throttle._now = clock
    spelled = ["ann", "ANN", " ann", "ann ", "\uff41nn", "Ann", "aNN"]
    assert [browser.log_in(name, "wrong-wrong-wrong").status_code for name in spelled] == [401] * 6 + [429]


def test_a_password_typed_as_a_name_is_not_in_the_log(browser, access):
    with capture_logs() as logged:
        browser.log_in(GOOD, "ann")
    failed = [line for line in logged if line["event"] == "login.failed"]
    assert [line["actor"] for line in failed] == ["unknown"]
    assert GOOD not in str(logged)


def test_the_session_is_a_new_one_at_every_login(browser, access):
    browser.log_in("ann")
    first = browser.session
    browser.client.cookies.delete(COOKIE)
    browser.client.cookies.set(COOKIE, first)
    page = Browser.send(browser, "/account", "/login", name="boss", password=GOOD)
    assert page.status_code == 200
    assert browser.client.cookies.get(COOKIE, domain="127.0.0.1") != first
    assert access.sessions.principal_of(first) is None


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_that_is_not_ours_does_nothing(browser, access, headers):
    fields = {"name": "ann", "password": GOOD, "form": "0" * 64}
    answer = browser.client.post("/login", data=fields, headers=headers)
    assert (answer.status_code, browser.session) == (403, None)
    browser.log_in("boss")
    for action in ("/logout", "/account/logout-everywhere", "/people", "/people/ann/disable", "/keys"):
        assert browser.client.post(action, data={"form": "0" * 64, "name": "x"}, headers=headers).status_code == 403
    assert not access.people.get("ann").is_disabled
    assert access.sessions.principal_of(browser.session) is not None


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/jobs?a=1", "/jobs?a=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\\b", "/"),
        ("/a\nb", "/"),
        ("/login?token=x", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_pages_of_this_server_only(path, safe):
    assert local_path(path) == safe


def test_who_logs_out_is_out(browser, access):
    browser.log_in("ann")
    token = browser.session
    answer = browser.send("/jobs", "/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert access.sessions.principal_of(token) is None
    assert browser.get("/jobs").status_code == 401


def test_log_out_everywhere(site, browser, access):
    elsewhere = Browser(site)
    browser.log_in("ann")
    elsewhere.log_in("ann")
    page = texts(browser.get("/account").text)
    assert page.count("password (this one)") == 1
    browser.send("/account", "/account/logout-everywhere")
    assert (browser.get("/").status_code, elsewhere.get("/").status_code) == (401, 401)


def test_a_disabled_account_is_out_at_once_on_the_server_that_did_it(site, browser, access):
    browser.log_in("ann")
    boss = Browser(site)
    boss.log_in("boss")
    assert boss.send("/people/ann", "/people/ann/disable").status_code == 303
    assert browser.get("/jobs").status_code == 401
    assert "disabled" in texts(boss.get("/people/ann").text)


# -- links ----------------------------------------------------------------------------------------------------------


def test_the_first_link_leads_to_an_account_of_ones_own(site, browser):
    access = site._access
    first = access.first()
    job = site.app.state.runtime.jobs.submit(app="toy", kind="count", owner=first.id, request={}, title="Before")
    token = access.sessions.make_link_token(first.id, via="first")
    assert 'content="0;url=/welcome"' in browser.get(f"/login?token={token}").text
    assert "has no password yet" not in browser.get("/").text
    assert "You came in by a link and have no password yet." in browser.get("/").text
    page = browser.get("/welcome").text
    assert "Make your account" in page
    before = browser.session
    for fields, problem in (
        ({"name": "Ann", "password": GOOD, "again": OTHER}, "The two passwords differ."),
        ({"name": "", "password": GOOD, "again": GOOD}, "Choose a name."),
        ({"name": "Ann", "password": "short", "again": "short"}, "at least 12 are needed"),
        ({"name": "Ann", "password": "password1234", "again": "password1234"}, "would be guessed"),
    ):
        answer = browser.send("/welcome", "/welcome", **fields)
        assert (answer.status_code, problem in texts(answer.text)) == (400, True), fields
    answer = browser.send("/welcome", "/welcome", name="Ann", password=GOOD, again=GOOD, language="zh")
    assert 'content="0;url=/"' in answer.text
    assert access.sessions.principal_of(before) is None
    browser.client.headers["accept-language"] = "de"
    assert '<html lang="zh-CN">' in browser.get("/").text  # the language of the account
    assert "Before" in browser.get(f"/jobs/{job.id}").text
    assert access.people.get("local").name == "ann"
    assert browser.get("/welcome", follow_redirects=False).headers["location"] == "/"


def test_an_invitation_fixes_the_name(site, browser, access):
    boss = Browser(site)
    boss.log_in("boss")
    made = boss.send("/people", "/people", name="Bob", role="toy:watcher")
    link = re.search(r"<code>http://127\.0\.0\.1:7860(/login\?token=\S+)</code>", made.text).group(1)
    assert 'content="0;url=/welcome"' in browser.get(link).text
    assert "You are bob." in browser.get("/welcome").text
    browser.send("/welcome", "/welcome", name="mallory", password=GOOD, again=GOOD)
    assert access.people.authenticate("bob", GOOD).roles == ("toy:watcher",)
    assert browser.get(link).status_code == 401


def test_break_glass_manages_people_and_neither_reads_nor_sets_a_password(site, browser, access):
    access.people.set_roles("boss", ["admin", "player"], actor="test")
    runtime = site.app.state.runtime
    job = runtime.jobs.submit(app="toy", kind="count", owner="boss", request={})
    with capture_logs() as logged:
        browser.get(f"/login?token={access.sessions.make_link_token('boss', via='break-glass')}")
    assert ("login.break_glass", "warning") in [(line["event"], line["log_level"]) for line in logged]
    assert browser.get("/people").status_code == 200
    assert browser.get(f"/jobs/{job.id}").status_code == 404
    assert browser.get("/welcome", follow_redirects=False).status_code == 303
    browser.send("/account", "/account/password", current="", password=OTHER, again=OTHER)
    assert access.people.authenticate("boss", OTHER) is None


# -- the account page -----------------------------------------------------------------------------------------------


def test_a_password_is_changed_with_the_present_one_and_ends_other_sessions(site, browser, access):
    elsewhere = Browser(site)
    elsewhere.log_in("ann")
    browser.log_in("ann")
    for fields, problem in (
        ({"current": "wrong", "password": OTHER, "again": OTHER}, "The present password is not right."),
        ({"current": GOOD, "password": OTHER, "again": GOOD}, "The two passwords differ."),
        ({"current": GOOD, "password": "ann-ann-ann-ann", "again": "ann-ann-ann-ann"}, "would be guessed"),
    ):
        answer = browser.send("/account", "/account/password", **fields)
        assert (answer.status_code, problem in texts(answer.text)) == (400, True), fields
    before = browser.session
    answer = browser.send("/account", "/account/password", current=GOOD, password=OTHER, again=OTHER)
    assert answer.status_code == 200
    assert access.sessions.principal_of(before) is None
    assert (browser.get("/account").status_code, elsewhere.get("/account").status_code) == (200, 401)
    assert access.people.authenticate("ann", OTHER).id == "ann"


def test_a_borrowed_session_cannot_guess_the_password_quickly(browser, access, clock):
    access.throttle._now = clock
    browser.log_in("ann")
    fields = {"current": "wrong-wrong-wrong", "password": OTHER, "again": OTHER}
    statuses = [browser.send("/account", "/account/password", **fields).status_code for _ in range(7)]
    assert statuses == [400] * 6 + [429]


def test_the_language_of_an_account(browser, access):
    browser.log_in("ann")
    assert browser.send("/account", "/account/language", language="zh").status_code == 303
    assert '<html lang="zh-CN">' in browser.get("/account").text
    assert browser.send("/account", "/account/language", language="xx").status_code == 400


# -- people and keys ------------------------------------------------------------------------------------------------


def test_an_admin_manages_people(site, browser, access):
    browser.log_in("boss")
    page = texts(browser.get("/people").text)
    assert "ann toy: player can log in" in page
    assert "toy: watcher" in page
    answer = browser.send("/people/ann", "/people/ann/roles", role=["toy:watcher", "admin"])
    assert answer.headers["location"] == "/people/ann"
    assert access.people.get("ann").roles == ("toy:watcher", "admin")
    browser.send("/people/ann", "/people/ann/roles")
    assert access.people.get("ann").roles == ()
    refused = browser.send("/people/boss", "/people/boss/roles")
    assert (refused.status_code, "is the last account with the role admin" in texts(refused.text)) == (400, True)
    reset = browser.send("/people/ann", "/people/ann/invite")
    assert "Give this link to ann." in texts(reset.text)
    assert access.people.authenticate("ann", GOOD) is None
    assert "has not set a password yet" in texts(browser.get("/people/ann").text)
    taken = browser.send("/people", "/people", name="ann", role="toy:watcher")
    assert (taken.status_code, "there is an account of this name already" in taken.text) == (400, True)
    assert browser.get("/people/nobody").status_code == 404


def test_roles_are_listed_as_the_language_lists(browser, access):
    access.people.set_roles("ann", ["toy:watcher", "admin"], actor="boss")
    browser.log_in("boss")
    assert "ann toy: watcher, Administrator can log in" in texts(browser.get("/people").text)
    assert "ann toy：watcher、管理员 可以登录" in texts(browser.get("/people?lang=zh").text)


def test_what_a_person_is_called_is_escaped(site, browser, access):
    access.people.external("https://idp#1", "a.b@c", ("toy:player",))
    browser.log_in("boss")
    assert "logs in with the organisation&#39;s account" in browser.get("/people").text
    refused = browser.send("/people", "/people", name="<script>alert(1)</script>")
    assert "<script>alert" not in refused.text


def test_keys_are_made_rotated_and_revoked_on_their_page(browser, access):
    browser.log_in("boss")
    made = browser.send("/keys", "/keys", plant="plant-7", scope=["toy.post"], days="30")
    secret = re.search(r"<code>(tvk_[0-9a-f]{8}_[\w-]{43})</code>", made.text).group(1)
    assert access.keys.principal_of(secret).id == "plant:plant-7"
    assert secret not in browser.get("/keys").text
    key_id = secret[4:12]
    assert access.keys.get(key_id).maker == "boss"
    assert f"<li>{key_id} (plant-7)</li>" in browser.get("/people/boss").text
    rotated = browser.send("/keys", f"/keys/{key_id}/rotate")
    after = re.search(r"<code>(tvk_[0-9a-f]{8}_[\w-]{43})</code>", rotated.text).group(1)
    assert browser.send("/keys", f"/keys/{key_id}/revoke").headers["location"] == "/keys"
    assert (access.keys.principal_of(secret), access.keys.principal_of(after).id) == (None, "plant:plant-7")
    refused = browser.send("/keys", "/keys", plant="plant-8", scope=["toy.sign"])
    assert (refused.status_code, "toy.sign is no permission of a key" in texts(refused.text)) == (400, True)


def test_who_is_no_admin_sees_no_such_pages(browser, access):
    browser.log_in("ann")
    assert [browser.get(path).status_code for path in ("/people", "/people/boss", "/keys")] == [404, 404, 404]
    bar = browser.get("/bar").text
    assert ('href="/account"' in bar, 'href="/people"' in bar, 'href="/keys"' in bar) == (True, False, False)


def test_home_shows_the_apps_of_ones_roles(browser, access):
    access.people.set_roles("ann", [], actor="test")
    browser.log_in("ann")
    assert "There is no app here for your roles." in browser.get("/").text
