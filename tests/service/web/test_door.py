"""The door of the web shell: who comes in, what is open, what other sites cannot do."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from tests.service.web.conftest import HOST, HTML

from trivium.service.errors import UpstreamError
from trivium.service.runtime import LOCAL_USER

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/jobs"),
        ("GET", "/jobs/abc"),
        ("GET", "/api/jobs"),
        ("GET", "/api/openapi.json"),
        ("POST", "/api/jobs"),
        ("POST", "/api/uploads?name=a"),
        ("GET", "/files/abc/a.html"),
        ("GET", "/toy/"),
        ("GET", "/toy/config"),
        ("GET", "/toy/theme.css"),
        ("GET", "/toy/gradio_api/startup-events"),
        ("POST", "/toy/gradio_api/upload"),
        ("POST", "/toy/gradio_api/queue/join"),
        ("GET", "/static"),
        ("GET", "/loginx"),
        ("GET", "/nothing"),
    ],
)
def test_nothing_is_open_to_a_stranger(stranger, method, path):
    assert stranger.request(method, path).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/static/trivium.css", "/static/trivium.svg"])
def test_what_is_open(stranger, path):
    assert stranger.get(path).status_code == 200


def test_a_stranger_is_told_how_to_log_in(stranger):
    answer = stranger.get("/", headers=HTML)
    assert answer.status_code == 401
    assert "trivium login" in answer.text
    assert stranger.get("/api/jobs").json() == {"error": "This page needs a login.", "code": "login_needed"}


def test_a_login_link_works_once(stranger, access):
    token = access.sessions.make_link_token(LOCAL_USER)
    answer = stranger.get("/login", params={"token": token}, headers=HTML)
    cookie = answer.headers["set-cookie"]
    assert re.match(r"trivium_session_7860=\S{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict$", cookie)
    assert 'content="0;url=/"' in answer.text
    assert stranger.get("/", headers=HTML).status_code == 200
    stranger.cookies.clear()
    again = stranger.get("/login", params={"token": token}, headers=HTML)
    assert (again.status_code, "used already" in again.text) == (401, True)
    assert stranger.get("/login", params={"token": "guess"}).status_code == 401


def test_a_made_up_cookie_opens_nothing(stranger):
    stranger.cookies.set("trivium_session_7860", "guess")
    assert stranger.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:7861"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": HOST}, 201),
        ({}, 201),
    ],
)
def test_unsafe_requests_from_other_sites_are_refused(visitor, headers, status):
    assert visitor.post("/api/uploads?name=a.txt", content=b"a", headers=headers).status_code == status


def test_a_session_that_ended_is_out(visitor, access):
    token = visitor.cookies["trivium_session_7860"]
    assert access.sessions.principal_of(token).id == LOCAL_USER
    access.sessions.end(token)
    assert access.sessions.principal_of(token) is None


def test_a_database_that_is_away_is_an_answer_not_a_crash(site, access, monkeypatch):
    def away(*_arguments, **_named):
        raise UpstreamError("the database could not be used")

    client = TestClient(site[1], base_url=HOST, raise_server_exceptions=False)
    client.cookies.set("trivium_session_7860", "anything")
    monkeypatch.setattr("trivium.service.sessions.Sessions.principal_of", away)
    answer = client.get("/jobs")
    assert (answer.status_code, answer.json()["error"]) == (503, "this cannot be looked up at the moment")
