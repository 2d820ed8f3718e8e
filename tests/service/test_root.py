"""Under a path of a proxy's: what comes in loses it, what goes out gets it, and nothing in between knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import Headers, MutableHeaders
from tests.service.conftest import TOY

from trivium.service import root
from trivium.service.access import open_access
from trivium.service.errors import InputError
from trivium.service.roles import LOCAL_USER
from trivium.service.runtime import open_runtime
from trivium.service.settings import load_settings
from trivium.service.web import create_web

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HOST = "http://plant.example"


@pytest.mark.parametrize(
    ("path", "inner"),
    [("/trivium/jobs", "/jobs"), ("/trivium", "/"), ("/trivium/", "/"), ("/jobs", "/jobs"), ("/triviums", "/triviums")],
)
def test_the_root_goes_from_what_comes_in(path, inner):
    scope = root.inward({"type": "http", "path": path, "raw_path": path.encode()}, "/trivium")
    assert (scope["path"], scope["raw_path"]) == (inner, inner.encode())


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/jobs/1", "/trivium/jobs/1"),
        ("/", "/trivium/"),
        ("http://plant.example/finance/?job=1", "http://plant.example/trivium/finance/?job=1"),
        ("https://idp.example/authorize?x=/", "https://idp.example/authorize?x=/"),
        ("?lang=zh", "?lang=zh"),
        ("//evil.example/x", "//evil.example/x"),
    ],
)
def test_redirects_stay_under_the_root(sent, seen):
    headers = MutableHeaders({"location": sent})
    root.outward(headers, "/trivium", Headers({"host": "plant.example"}))
    assert headers["location"] == seen


def test_links_of_a_page_stay_under_the_root_and_its_text_is_left_alone():
    html = '<a class="b" href="/jobs">/jobs</a> <a href="//x"> <a href="#main"> <input value="/jobs"> <p data-url="/a">'
    assert root.in_links(html, "/trivium") == html.replace('href="/jobs"', 'href="/trivium/jobs"').replace(
        'data-url="/a"', 'data-url="/trivium/a"'
    )
    forward = '<meta http-equiv="refresh" content="0;url=/jobs">'
    assert root.in_links(forward, "/trivium") == forward.replace("/jobs", "/trivium/jobs")
    assert root.in_links(html, "") == html


def test_a_login_and_what_follows_stay_under_the_root(migrated, outbox):
    runtime = open_runtime(migrated.model_copy(update={"root_path": "/trivium"}), apps=(TOY,), publish=outbox)
    access = open_access(runtime.settings, (TOY,), runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST, follow_redirects=False, headers={"accept": "text/html"})
    answer = client.get("/trivium/login", params={"token": access.sessions.make_link_token(LOCAL_USER)})
    assert 'content="0;url=/trivium/"' in answer.text
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("trivium_session"))
    assert "; Path=/trivium/;" in cookie
    page = client.get("/trivium/jobs").text
    addresses = re.findall(r'(?:href|src|action)="([^"#]*)"', page)
    assert len(addresses) > 5
    assert [address for address in addresses if not address.startswith("/trivium/")] == []
    assert 'href="/trivium/jobs?lang=zh"' in page
    job = client.post("/trivium/api/jobs", json={"app": "toy", "kind": "count"}).json()
    assert job["url"] == f"/trivium/jobs/{job['id']}"
    assert client.post(f"{job['url']}/cancel").headers["location"] == job["url"]
    assert client.get("/trivium/api/openapi.json").json()["servers"] == [{"url": "/trivium"}]
    assert client.get("/trivium/nothing").status_code == 404
    runtime.close()


def test_a_root_that_is_no_path_is_refused(monkeypatch):
    for bad in ("trivium", "/a b", "/a/../b", "http://x/y", '/"x', "//x"):
        monkeypatch.setenv("TRIVIUM_ROOT_PATH", bad)
        with pytest.raises(InputError, match=r"TRIVIUM_ROOT_PATH: .* is not a path such as /trivium"):
            load_settings()
    monkeypatch.setenv("TRIVIUM_ROOT_PATH", "/plant/trivium/")
    assert load_settings().root_path == "/plant/trivium"
    monkeypatch.setenv("TRIVIUM_ROOT_PATH", "/")
    assert load_settings().root_path == ""


def test_scripts_take_no_address_for_the_servers_root():
    """A page's script starts from its own address, or puts the path into `at(...)`, which does."""
    folders = Path(__file__).parents[2]
    scripts = [*folders.glob("packages/*/trivium/**/*.js"), *folders.glob("apps/*/trivium/**/*.js")]
    assert len(scripts) > 10
    found = [
        f"{path.name}: {line.strip()}"
        for path in scripts
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""(?<!\bat\()["'`]/[a-z]""", line)
    ]
    assert found == []
