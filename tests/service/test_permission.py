"""Every route states what it needs, and holds to it: each route times each kind of visitor."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from tests.service.suite import PLUGINS

from trivium.service import migrate
from trivium.service.app_spec import AppSpec, Queue
from trivium.service.permission import Needs, NeedsNothing, doors
from trivium.service.runtime import open_runtime
from trivium.service.sessions import BREAK_GLASS
from trivium.service.settings import Settings
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
COOKIE = "trivium_session_7860"
SPEC = AppSpec(
    name="toy",
    help="Toy.",
    package="toy",
    roles={"player": ("toy.read", "toy.run"), "watcher": ("toy.read",), "signer": ("toy.sign",)},
    permissions=("toy.read", "toy.run", "toy.post", "toy.sign"),
    persons_only=("toy.sign",),
    queues=(Queue("toy"),),
    api="toy.api:router",
    api_prefix="/v1",
)
OPEN = {"/login", "/healthz", "/readyz", "/favicon.ico"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        settings = Settings(home=tmp_path_factory.mktemp("home"))
        runtime = open_runtime(settings, apps=(SPEC,), publish=lambda *message: None)
        migrate.upgrade(runtime.database)
        door = create_web(runtime)
        access = door._access
        for name, roles in {"boss": ["admin"], "pat": ["player"], "wim": ["watcher"], "nil": []}.items():
            access.people.add(name, roles, actor="test")
        yield runtime, access, door
        runtime.close()


@pytest.fixture(scope="module")
def credentials(site):
    """One way in per kind of visitor, made once: headers of each."""
    _runtime, access, _door = site
    found = {
        name: {"cookie": f"{COOKIE}={access.sessions.start(name, via='password')}"}
        for name in ("boss", "pat", "wim", "nil")
    }
    for plant, scopes in {"poster": ["toy.post"], "robot": ["toy.read", "toy.run", "toy.post"]}.items():
        found[plant] = {"authorization": f"Bearer {access.keys.create(plant, scopes, actor='test')[1]}"}
    return found | {"stranger": {}}


@pytest.fixture
def ask(site, credentials):
    client = TestClient(site[2], base_url=HOST, raise_server_exceptions=False, follow_redirects=False)
    return lambda who, method, path, **more: client.request(method, path, headers=credentials[who], **more)


def permissions_of(site, who):
    _runtime, access, _door = site
    held = {"poster": {"toy.post"}, "robot": {"toy.read", "toy.run", "toy.post"}, "stranger": set()}
    return held[who] if who in held else access.roles.permissions(access.people.get(who).roles)


def test_what_is_open_is_this_and_nothing_else(site):
    stated = doors(site[2].app)
    assert {door.path for door in stated if isinstance(door.needs, NeedsNothing)} == OPEN
    assert [door for door in stated if door.needs is None] == []
    assert len(stated) > 30


@pytest.mark.parametrize("who", ["stranger", "nil", "wim", "pat", "boss", "poster", "robot"])
def test_every_route_lets_in_whom_it_says_and_nobody_else(site, ask, who):
    """A request without its form or body: past the door it is anything but 401, and 404 only for lack of a thing."""
    held, is_person = permissions_of(site, who), who in ("nil", "wim", "pat", "boss")
    missing = {"error": "There is no such page, or it is not yours.", "code": "not_found"}
    for door in doors(site[2].app):
        path = re.sub(r"\{\w+\}", "none", door.path)
        for method in door.methods:
            if path == "/logout":  # would end the session of this visitor
                continue
            answer = ask(who, method, path)
            what = (who, method, path, answer.status_code, answer.text[:200])
            if isinstance(door.needs, NeedsNothing):
                assert answer.status_code != 401, what
            elif who == "stranger":
                assert answer.status_code == 401, what
            else:
                assert isinstance(door.needs, Needs)
                is_welcome = not door.needs.permissions or bool(held & set(door.needs.permissions))
                is_welcome = is_welcome and (is_person or not door.needs.is_for_persons)
                if is_welcome:
                    assert answer.status_code not in (401, 500), what
                    assert answer.status_code != 404 or answer.json() != missing, what
                else:
                    assert (answer.status_code, answer.json()) == (404, missing), what


def test_a_route_that_states_nothing_keeps_the_server_from_starting(site, monkeypatch):
    router = APIRouter()
    router.get("/leak")(lambda: None)
    monkeypatch.setattr("toy.api.router", router)
    with pytest.raises(RuntimeError, match=r"routes that state no permission .*GET /v1/leak"):
        create_web(site[0])


def test_routes_of_routers_in_routers_are_listed():
    inner, outer, shell = APIRouter(), APIRouter(), FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    inner.get("/c")(lambda: None)
    outer.include_router(inner, prefix="/b")
    shell.include_router(outer, prefix="/a")
    assert [(door.path, door.methods, door.needs) for door in doors(shell)] == [("/a/b/c", ("GET",), None)]


@pytest.mark.parametrize(
    ("who", "status"), [("poster", 202), ("robot", 202), ("pat", 404), ("boss", 404), ("nil", 404), ("stranger", 401)]
)
def test_a_plant_posts_where_the_app_says(ask, who, status):
    answer = ask(who, "POST", "/v1/batches")
    assert answer.status_code == status
    if status == 202:
        assert answer.json() == {"owner": f"plant:{who}"}


def test_nobody_signs_by_key_and_no_admin_signs(ask):
    assert {ask(who, "POST", "/v1/signatures").status_code for who in ("poster", "robot", "boss")} == {404}


def test_who_has_the_role_signs_but_not_through_the_operators_door(site, ask, credentials):
    access = site[1]
    access.people.add("sam", ["admin", "signer"], actor="test")
    credentials["sam"] = {"cookie": f"{COOKIE}={access.sessions.start('sam', via='password')}"}
    credentials["glass"] = {"cookie": f"{COOKIE}={access.sessions.start('sam', via=BREAK_GLASS)}"}
    assert (ask("sam", "POST", "/v1/signatures").status_code, ask("sam", "GET", "/people").status_code) == (200, 200)
    assert (ask("glass", "POST", "/v1/signatures").status_code, ask("glass", "GET", "/people").status_code) == (
        404,
        200,
    )


def test_jobs_need_the_apps_permission_and_are_ones_own(site, ask):
    body = {"app": "toy", "kind": "count", "request": {}}
    assert {who: ask(who, "POST", "/api/jobs", json=body).status_code for who in ("wim", "nil", "boss", "poster")} == {
        "wim": 404, "nil": 404, "boss": 404, "poster": 404,
    }  # fmt: skip
    made = {who: ask(who, "POST", "/api/jobs", json=body).json()["id"] for who in ("pat", "robot")}
    assert site[0].jobs.get(made["robot"]).owner == "plant:robot"
    for who, other in (("pat", "robot"), ("robot", "pat"), ("wim", "pat"), ("boss", "pat")):
        for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("POST", "/replay")):
            assert ask(who, method, f"/api/jobs/{made[other]}{path}").status_code == 404
        assert ask(who, "GET", f"/files/{made[other]}/a.html").status_code == 404
    assert [job["id"] for job in ask("pat", "GET", "/api/jobs").json()] == [made["pat"]]
    assert ask("poster", "GET", "/api/jobs").json() == []


def test_jobs_of_an_app_whose_role_was_taken_are_not_there_any_more(site, ask):
    access = site[1]
    job = site[0].jobs.submit(app="toy", kind="count", owner="wim", request={})
    assert ask("wim", "GET", f"/api/jobs/{job.id}").status_code == 200
    assert ask("wim", "POST", f"/api/jobs/{job.id}/cancel").status_code == 404  # may look, not do
    access.people.set_roles("wim", [], actor="test")
    access.forget()
    assert ask("wim", "GET", f"/api/jobs/{job.id}").status_code == 404
    assert ask("wim", "GET", "/api/jobs").json() == []
    access.people.set_roles("wim", ["watcher"], actor="test")
    access.forget()


def test_uploads_need_an_app_to_give_files_to(ask):
    statuses = {
        who: ask(who, "POST", "/api/uploads?name=a", content=b"a").status_code for who in ("pat", "wim", "robot")
    }
    assert statuses == {"pat": 201, "wim": 404, "robot": 201}


def test_a_wrong_key_is_not_saved_by_a_session(site, credentials):
    client = TestClient(site[2], base_url=HOST)
    headers = credentials["pat"] | {"authorization": "Bearer tvk_guess"}
    answer = client.get("/api/jobs", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_description_of_the_api_names_keys_and_the_apps_routes(ask):
    described = ask("robot", "GET", "/api/openapi.json").json()
    assert {"/v1/batches", "/api/jobs", "/api/uploads"} <= set(described["paths"])
    assert described["paths"]["/v1/batches"]["post"]["security"] == [{"HTTPBearer": []}, {"APIKeyHeader": []}]
    assert not [path for path in described["paths"] if path.startswith(("/people", "/keys", "/login", "/account"))]
