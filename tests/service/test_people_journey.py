"""People in a real browser on a real server: the first account, a colleague, an API key, out again.

By keyboard alone, in both languages, light and dark.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import httpx
import pytest
from tests.service.suite import started, trivium, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="the suite needs Linux or macOS"),
]

PICTURES = os.environ.get("TRIVIUM_TEST_PICTURES", "")  # a folder for screenshots, to look at by eye
GOOD, OTHER = "giraffe-lamp-seven", "lantern-orbit-cheese"


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    with started(tmp_path_factory.mktemp("people") / "home") as suite:
        yield suite


@pytest.fixture(scope="module")
def revoked(suite):
    """Headers with a plant's key that the terminal made, and revoked once it had been used."""
    made = trivium("keys", "create", "plant-8", "--scope", "toy.post", home=suite.home)
    headers = {"authorization": f"Bearer {made.stdout.strip()}"}
    assert httpx.post(f"{suite.url}/v1/batches", headers=headers).status_code == 202
    assert trivium("keys", "revoke", made.stdout[4:12], home=suite.home).stdout.endswith("of plant-8 is revoked\n")
    return headers


class Visit:
    """One browser of one person, which notes requests to elsewhere and errors of scripts."""

    def __init__(self, browser, suite, *, locale="en-GB", scheme="light") -> None:
        self.context = browser.new_context(locale=locale, color_scheme=scheme)
        self.page = self.context.new_page()
        self.url, self.name = suite.url, f"{locale[:2]}-{scheme}"
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.on(
            "request",
            lambda asked: None if asked.url.startswith((self.url, "data:")) else self.faults.append(asked.url),
        )

    def open(self, path):
        self.page.goto(self.url + path)
        self.page.get_by_role("heading", level=1).wait_for()

    def type(self, label, text):
        """Go to a field with the Tab key alone, and fill it."""
        field = self.page.get_by_label(label, exact=True)
        self._tab_to(field)
        self.page.keyboard.type(text)

    def press(self, name):
        self._tab_to(self.page.get_by_role("button", name=name, exact=True))
        self.page.keyboard.press("Enter")

    def tick(self, label):
        self._tab_to(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Space")

    def check(self, name):
        """Hold the page to axe, and keep its picture where one was asked for."""
        axe = pytest.importorskip("axe_core_python.sync_playwright")
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}-{self.name}.png"), full_page=True)
        found = axe.Axe().run(self.page)["violations"]
        grave = [item for item in found if item["impact"] in ("serious", "critical")]
        assert [f"{item['id']}: {item['nodes'][0]['html']}" for item in grave] == [], name

    def _tab_to(self, element):
        for _ in range(60):
            if element.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        pytest.fail(f"the Tab key does not reach {element}")


def test_from_the_first_link_to_a_colleague_and_a_plant_by_keyboard(browser, suite):
    boss = Visit(browser, suite)
    page = boss.page
    assert "to log in and make your account" in "".join(suite.printed)
    page.goto(suite.link)
    page.get_by_role("heading", name="Make your account").wait_for()
    boss.check("welcome")
    boss.type("Name", "Ann")
    boss.type("New password", GOOD)
    boss.type("New password again", GOOD)
    boss.press("Make the account")
    page.get_by_role("link", name="Open Toy").wait_for()

    boss.open("/people")
    boss.type("Name", "bob")
    boss.tick("Toy: player")
    boss.press("Add and make a link")
    invitation = page.locator(".notice code").inner_text()
    boss.check("people-invited")

    bob = Visit(browser, suite, locale="zh-CN", scheme="dark")
    bob.page.goto(invitation)
    bob.page.get_by_role("heading", name="创建您的账户").wait_for()
    bob.check("welcome-invited")
    bob.type("新密码", OTHER)
    bob.type("再次输入新密码", OTHER)
    bob.press("创建账户")
    bob.page.get_by_role("link", name="打开玩具").wait_for()
    assert bob.page.get_by_role("link", name="人员").count() == 0
    bob.open("/toy/")  # an app's page, Gradio's, with the bar of bob's rights
    bob.page.get_by_role("link", name="bob").wait_for()

    boss.open("/keys")
    boss.type("Plant", "plant-7")
    boss.tick("toy.post")
    boss.press("Make a key")
    secret = page.locator(".notice code").first.inner_text()
    boss.check("keys-made")
    post = lambda: httpx.post(f"{suite.url}/v1/batches", headers={"x-api-key": secret})  # noqa: E731
    assert (post().status_code, post().json()) == (202, {"owner": "plant:plant-7"})
    boss.press(f"Revoke {secret[4:12]}")
    page.get_by_text("revoked", exact=True).wait_for()
    assert post().status_code == 401

    boss.open("/people/bob")
    boss.check("person")
    boss.press("Disable")
    page.get_by_text("disabled.").wait_for()
    assert bob.context.request.get(f"{suite.url}/jobs").status == 401
    assert boss.faults + bob.faults == []

    boss.press("Log out")
    page.get_by_role("heading", name="Log in").wait_for()
    boss.type("Name", "ann")
    boss.type("Password", GOOD)
    boss.press("Log in")
    page.get_by_role("link", name="Open Toy").wait_for()
    assert boss.faults == []


PATHS = ("/", "/people", "/people/local", "/people/bob", "/keys", "/account")


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "dark"), ("zh-CN", "light"), ("zh-CN", "dark")])
def test_every_page_of_people_is_accessible_and_quiet(browser, suite, revoked, locale, scheme):
    """After the journey: ann is admin, by the link that the operator prints for an emergency."""
    visit = Visit(browser, suite, locale=locale, scheme=scheme)
    visit.open("/login")
    visit.check("login")
    shown = trivium("login", "--break-glass", "ann", home=suite.home)
    assert "with the role admin alone" in shown.stderr
    visit.page.goto(shown.stdout.strip())
    visit.page.wait_for_url(f"{suite.url}/")
    for path in PATHS:
        visit.open(path)
        visit.check(f"page{path.replace('/', '-')}")
    visit.page.set_viewport_size({"width": 390, "height": 800})  # of a telephone: wide tables scroll by themselves
    for path in PATHS:
        visit.open(path)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 390, path
    assert visit.faults == []
    texts = [(suite.home / "logs" / f"{name}.log").read_text() for name in ("web", "security")]
    logged = [json.loads(line) for line in "".join(texts).splitlines()]
    loud = {line["event"] for line in logged if line["level"] == "warning" and line.get("kind") == "security"}
    assert {"link.break_glass", "login.break_glass"} <= loud


def test_the_terminal_sees_and_stops_the_same_people(suite, revoked):
    """After the journey: what the operator does reaches a running server; a revoked key within 15 seconds."""
    home = suite.home
    assert re.search(
        r"^ann +password +last login .* admin, toy:player, toy:watcher, absent:nobody$",
        trivium("people", "list", home=home).stdout,
        re.M,
    )
    wait_for(lambda: httpx.post(f"{suite.url}/v1/batches", headers=revoked).status_code == 401, seconds=20)
