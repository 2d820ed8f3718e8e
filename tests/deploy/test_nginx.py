"""The suite behind the real nginx: on a host name of its own, and all apps under a path of another site."""

from __future__ import annotations

import re

import httpx
import pytest
from tests.deploy.nginx import in_front_of

from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps
from trivium.service.roles import LOCAL_USER
from trivium.service.runtime import open_runtime

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
PASSWORD = "four unrelated words here"


def test_login_forms_and_large_uploads_work_behind_nginx(runtime, tmp_path):
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    access.people.set_password(LOCAL_USER, PASSWORD, actor=LOCAL_USER, name="ann")
    with in_front_of(runtime, "trivium.conf", tmp_path) as address:
        headers = {"origin": address, "accept": "text/html"}
        with httpx.Client(base_url=address, headers=headers, timeout=20) as client:
            form = re.search(r'name="form" value="([^"]+)"', client.get("/login").text)
            sent = {"name": "ann", "password": PASSWORD, "form": form[1] if form else ""}
            assert client.post("/login", data=sent).status_code == 200
            content = b"x" * (3 << 20)  # nginx takes one megabyte unless told otherwise
            uploaded = client.post("/api/uploads", params={"name": "a.bin"}, content=content)
            assert (uploaded.status_code, uploaded.json()["size"]) == (201, len(content))
            evil = {"origin": "http://evil.example"}
            assert client.post("/api/uploads", params={"name": "a"}, content=b"x", headers=evil).status_code == 403


@pytest.mark.slow
@pytest.mark.browser
def test_every_page_of_every_app_lives_under_a_path(browser, settings, tmp_path):
    """Real pages in a real browser: nothing is asked for outside of the path, nothing is missing, nothing complains."""
    settings = settings.model_copy(update={"root_path": "/trivium"})
    runtime = open_runtime(settings, apps=enabled_apps(""), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    access = open_access(settings, runtime.apps, runtime.database)
    access.first()
    token = access.sessions.make_link_token(LOCAL_USER)
    with in_front_of(runtime, "under-a-path.conf", tmp_path) as site:
        page = browser.new_context(locale="en-GB").new_page()
        asked, faults = [], []
        page.on("response", lambda answer: asked.append((answer.url, answer.status)))
        page.on("console", lambda line: faults.append((line.text, line.location)) if line.type == "error" else None)
        page.goto(f"{site}/trivium/login?token={token}")
        page.wait_for_url(f"{site}/trivium/")
        for path in ("", "jobs", "people", "keys", "account", "medical/", "medical/check", "maintenance/"):
            page.goto(f"{site}/trivium/{path}")
            page.get_by_role("heading", level=1).first.wait_for()
        page.get_by_role("link", name="Jobs", exact=True).click()
        page.wait_for_url(f"{site}/trivium/jobs")
        page.goto(f"{site}/trivium/finance/")
        page.get_by_role("navigation").get_by_role("link", name="Jobs").wait_for()  # the platform's bar, fetched
        page.locator(".tf-zone input").set_input_files(
            {"name": "a.csv", "mimeType": "text/csv", "buffer": b"item,2023\nRevenue,1\n"}
        )
        with page.expect_response(f"{site}/trivium/api/jobs/*"):  # uploaded, submitted, and followed by the page
            page.get_by_role("button", name="Compare", exact=True).click()
        page.get_by_role("link", name="中文").click()  # the bar on an app's page keeps the choice in a cookie
        page.get_by_role("navigation").get_by_role("link", name="任务").wait_for()
        cookies = page.context.cookies()
        page.context.close()
    runtime.close()
    # a page of Gradio has no icon at first, so the browser asks the site for one
    assert [fault for fault in faults if fault[1]["url"] != f"{site}/favicon.ico"] == []
    assert [found for found in asked if not found[0].startswith((f"{site}/trivium/", "data:", "blob:"))] == []
    assert [found for found in asked if found[1] >= 400] == []
    assert {cookie["path"] for cookie in cookies} == {"/trivium/"}
