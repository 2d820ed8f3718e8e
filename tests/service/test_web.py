"""The web shell behind its door, with the test app's real Gradio page."""

from __future__ import annotations

import hashlib
import html
import itertools
import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from tests.service.suite import PLUGINS

from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps
from trivium.service.database import utc_now
from trivium.service.errors import InputError, UpstreamError
from trivium.service.estimate import Estimate
from trivium.service.evidence import Report, ReportFile
from trivium.service.pages import remaining_text
from trivium.service.permission import OPEN
from trivium.service.runner import run_job
from trivium.service.runtime import LOCAL_USER, open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
HTML = {"accept": "text/html", "accept-language": "en"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One server for the module: gradio takes seconds to import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        settings = Settings(home=tmp_path_factory.mktemp("home"), max_upload_mib=1)
        runtime = open_runtime(settings, apps=enabled_apps("toy,absent"), publish=lambda *message: None)
        migrate.upgrade(runtime.database)
        door = create_web(runtime)
        shell = door.app

        @shell.get("/toy-crash", dependencies=[OPEN])
        def crash() -> None:
            raise ZeroDivisionError("secret detail")

        yield runtime, door
        runtime.close()


@pytest.fixture
def runtime(site):
    return site[0]


@pytest.fixture
def stranger(site):
    return TestClient(site[1], base_url=HOST, raise_server_exceptions=False)


@pytest.fixture
def access(runtime):
    opened = open_access(runtime.settings, runtime.apps, runtime.database)
    opened.first()
    return opened


@pytest.fixture
def visitor(site, access):
    client = TestClient(site[1], base_url=HOST, raise_server_exceptions=False, headers={"accept-language": "en"})
    token = access.sessions.make_link_token(LOCAL_USER)
    assert client.get("/login", params={"token": token}).status_code == 200
    return client


@pytest.fixture
def job(runtime):
    """A job that is done, with an HTML file."""

    def work(context):
        blob = context.store.put(b"<h1>3</h1><script>1</script>")
        files = (
            ReportFile("r\u00e9sum\u00e9 1.html", "text/html", blob.sha256, blob.size),
            ReportFile("data.bin", "application/octet-stream", blob.sha256, blob.size),
        )
        return Report("Counted <to> 3", "en", files=files)

    submitted = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    run_job(submitted.id, work, runtime=runtime)
    return runtime.jobs.get(submitted.id)


# -- the door -------------------------------------------------------------------------------------------------------


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


# -- uploads --------------------------------------------------------------------------------------------------------


def test_an_upload_streams_into_the_store(visitor, runtime):
    answer = visitor.post("/api/uploads?name=a.htm", content=iter([b"ab", b"c"]))
    assert answer.json() == {"name": "a.htm", "sha256": hashlib.sha256(b"abc").hexdigest(), "size": 3}
    assert runtime.store.read(answer.json()["sha256"]) == b"abc"


def test_a_stated_length_over_the_limit_is_refused_unread(visitor):
    def body():
        pytest.fail("the body was read")
        yield b""

    answer = visitor.post("/api/uploads?name=a", content=body(), headers={"content-length": str(1024 * 1024 + 1)})
    assert answer.status_code == 413
    assert "TRIVIUM_MAX_UPLOAD_MIB" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/uploads?name=a", "/toy/gradio_api/upload"])
def test_an_unstated_length_is_counted(visitor, runtime, path):
    chunks = iter([b"x" * 65536] * 17)
    answer = visitor.post(path, content=chunks, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 413
    assert list((runtime.store.root / "incoming").iterdir()) == []


# -- jobs -----------------------------------------------------------------------------------------------------------


def test_state_by_polling_costs_nothing_while_nothing_changes(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={}, title="Two")
    first = visitor.get(f"/api/jobs/{job.id}")
    assert (first.json()["state"], first.json()["title"], first.json()["is_final"]) == ("queued", "Two", False)
    same = visitor.get(f"/api/jobs/{job.id}", headers={"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    held = runtime.jobs.claim(job.id, "w")
    runtime.jobs.report_progress(held, "counting", 0.25, is_new_stage=True)
    changed = visitor.get(f"/api/jobs/{job.id}?lang=zh", headers={"if-none-match": first.headers["etag"]}).json()
    assert (changed["state_text"], changed["stage_text"], changed["progress"]) == ("运行中", "计数", 0.25)
    assert visitor.post(f"/api/jobs/{job.id}/cancel").json()["cancel_requested"] is True


def test_a_job_by_api(visitor, runtime):
    sha256 = visitor.post("/api/uploads?name=a.htm", content=b"abc").json()["sha256"]
    body = {"app": "toy", "kind": "count", "request": {"to": 2}, "inputs": [{"name": "a.htm", "sha256": sha256}]}
    first = visitor.post("/api/jobs", json=body, headers={"idempotency-key": "k"})
    again = visitor.post("/api/jobs", json=body, headers={"idempotency-key": "k"})
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    job = runtime.jobs.get(first.json()["id"], owner=LOCAL_USER)
    assert (job.request, job.inputs[0].size) == ({"to": 2}, 3)
    assert job.id in [found["id"] for found in visitor.get("/api/jobs").json()]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"app": "nose"}, 400, "no app is called 'nose'; enabled: toy, absent"),
        ({"inputs": [{"name": "a", "sha256": "0" * 64}]}, 404, "0000000000000000: no such content in the store"),
        ({"inputs": [{"name": "a", "sha256": "../x"}]}, 422, "body.inputs.0.sha256: does not have the form ^"),
        ({"kind": "../x"}, 422, "body.kind: does not have the form ^"),
    ],
)
def test_a_wrong_job_is_refused_in_one_line(visitor, change, status, message):
    answer = visitor.post("/api/jobs", json={"app": "toy", "kind": "count", "request": {}} | change)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)


def test_what_is_someone_elses_is_not_there(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    for path in (f"/jobs/{job.id}", f"/api/jobs/{job.id}", f"/files/{job.id}/a.html"):
        assert visitor.get(path).status_code == 404
    assert visitor.post(f"/api/jobs/{job.id}/cancel").status_code == 404
    assert job.id not in visitor.get("/jobs", headers=HTML).text


def test_files_are_sent_as_downloads_or_in_a_sandbox(visitor, job):
    assert len(job.files) == 2
    url = visitor.get(f"/api/jobs/{job.id}").json()["files"][0]["url"]
    download = visitor.get(url)
    assert download.content == b"<h1>3</h1><script>1</script>"
    assert download.headers["content-disposition"] == "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%201.html"
    assert download.headers["x-content-type-options"] == "nosniff"
    shown = visitor.get(url + "?inline=1")
    assert shown.headers["content-disposition"].startswith("inline;")
    assert shown.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in shown.headers["content-security-policy"]
    binary = visitor.get(f"/files/{job.id}/data.bin?inline=1")
    assert binary.headers["content-disposition"].startswith("attachment;")
    assert visitor.get(f"/files/{job.id}/..%2f..%2ftrivium.db").status_code == 404


# -- pages ----------------------------------------------------------------------------------------------------------


def test_home_shows_apps_and_greys_what_is_missing(visitor):
    text = visitor.get("/", headers=HTML).text
    assert '<a class="button" href="/toy/">Open Toy</a>' in text
    assert "pip install &#39;trivium[absent]&#39;" in text
    assert 'href="/absent/"' not in text


def test_language_is_kept(visitor):
    chinese = visitor.get("/?lang=zh", headers=HTML)
    assert '<html lang="zh-CN">' in chinese.text
    assert "打开玩具" in chinese.text
    assert "任务" in visitor.get("/jobs", headers=HTML).text
    assert "Jobs" in visitor.get("/jobs?lang=en", headers=HTML).text


def test_a_jobs_page_is_permanent_and_escaped(visitor, job):
    text = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    assert "<h1>Counted &lt;to&gt; 3</h1>" in text
    assert f'href="/toy/?job={job.id}"' in text
    assert f'href="/files/{job.id}/r%C3%A9sum%C3%A9%201.html?inline=1"' in text
    assert f'href="/jobs/{job.id}"' in visitor.get("/jobs", headers=HTML).text


def button(text: str, action: str) -> bool:
    return re.search(rf'<form method="post" action="{re.escape(action)}"(?![^>]* hidden)', text) is not None


def test_forms_cancel_retry_and_replay_without_a_script(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={"to": 2}, title="Two")
    url = f"/jobs/{job.id}"
    waiting = visitor.get(url, headers=HTML).text
    assert [button(waiting, f"{url}/{verb}") for verb in ("cancel", "retry", "replay")] == [True, False, False]
    listed = visitor.get("/jobs", headers=HTML).text
    assert [button(listed, f"{url}/{verb}") for verb in ("cancel", "retry")] == [True, False]
    answer = visitor.post(f"{url}/cancel", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, url)
    ended = visitor.get(url, headers=HTML).text
    assert [button(ended, f"{url}/{verb}") for verb in ("cancel", "retry", "replay")] == [False, True, True]
    assert button(visitor.get("/jobs", headers=HTML).text, f"{url}/retry")
    assert "tried again by its owner" in visitor.post(f"{url}/retry", headers=HTML).text
    assert runtime.jobs.get(job.id).state == "queued"


def test_a_double_click_on_replay_gives_one_job(visitor, runtime, job):
    page = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    key = re.search(r'name="key" value="([0-9a-f]{32})"', page).group(1)
    places = {
        visitor.post(f"/jobs/{job.id}/replay", data={"key": key}, follow_redirects=False).headers["location"]
        for _ in range(2)
    }
    assert len(places) == 1
    again = visitor.get(places.pop(), headers=HTML).text
    assert f'<a href="/jobs/{job.id}">A replay of an earlier job</a>' in again


@pytest.mark.parametrize("verb", ["cancel", "retry", "replay"])
def test_forms_of_other_sites_and_for_other_owners_do_nothing(visitor, runtime, verb):
    other = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    own = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    assert visitor.post(f"/jobs/{other.id}/{verb}").status_code == 404
    assert visitor.post(f"/jobs/{own.id}/{verb}", headers={"origin": "http://evil.example"}).status_code == 403
    assert visitor.post(f"/api/jobs/{other.id}/{verb}").status_code == 404
    assert {runtime.jobs.get(other.id).version, runtime.jobs.get(own.id).version} == {1}


def test_a_done_job_is_replayed_by_api_but_not_retried(visitor, runtime, job):
    refused = visitor.post(f"/api/jobs/{job.id}/retry")
    assert refused.status_code == 400
    assert refused.json()["error"].endswith("the job is done; replay it to do the same work as a new job")
    again = visitor.post(f"/api/jobs/{job.id}/replay", headers={"idempotency-key": "again"})
    assert (again.status_code, again.json()["origin"]) == (201, job.id)


def test_the_remaining_time_is_told_once_three_jobs_are_done(visitor, runtime):
    for _ in range(3):
        earlier = runtime.jobs.submit(app="toy", kind="wait", owner=LOCAL_USER, request={})
        run_job(earlier.id, lambda context: Report("", "en"), runtime=runtime)
    job = runtime.jobs.submit(app="toy", kind="wait", owner=LOCAL_USER, request={})
    state = visitor.get(f"/api/jobs/{job.id}")
    assert state.json()["remaining_text"] == "takes about 10 s once it starts"
    assert 0 <= state.json()["remaining_s"] < 5
    assert visitor.get(f"/api/jobs/{job.id}", headers={"if-none-match": state.headers["etag"]}).status_code == 304
    assert "开始后约需 10 秒" in visitor.get(f"/jobs/{job.id}?lang=zh", headers=HTML).text
    visitor.get("/?lang=en")


@pytest.mark.parametrize(
    ("seconds", "is_late", "text"),
    [
        (0.0, False, "about 10 s left"),
        (41.0, False, "about 50 s left"),
        (60.1, False, "about 2 min left"),
        (3601.0, False, "about 2 h left"),
        (5.0, True, "takes longer than usual, at least 10 s more"),
    ],
)
def test_times_are_rounded_up(runtime, seconds, is_late, text):
    job = runtime.jobs.claim(runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}).id, "w")
    assert remaining_text(job, Estimate(seconds, 3, is_late=is_late), "en") == text


def test_history_is_told_in_the_visitors_language(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    held = runtime.jobs.claim(job.id, "w-1")
    runtime.jobs.report_progress(held, "counting", 0.5, is_new_stage=True)
    runtime.jobs.cancel(job.id)
    text = " ".join(re.sub(r"<[^>]+>", " ", visitor.get(f"/jobs/{job.id}?lang=zh", headers=HTML).text).split())
    assert "UTC 等待中" in text
    assert "UTC 运行中 w-1" in text
    assert "UTC 阶段 计数" in text
    assert "UTC 已请求停止" in text


def test_an_apps_page_fetches_the_bar(visitor):
    assert "/static/bar.js" in visitor.get("/toy/").text
    assert visitor.get("/bar?lang=en").text.startswith('<header class="bar">')


def test_a_failed_job_shows_its_line_and_reference(visitor, runtime):
    def work(context):
        raise InputError("is empty", where="a.htm")

    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    run_job(job.id, work, runtime=runtime)
    text = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    assert "a.htm: is empty" in text
    assert f"Reference {runtime.jobs.get(job.id).error_reference}" in text


def test_a_job_that_was_set_aside_names_its_stage_as_the_app_does(visitor, runtime, monkeypatch):
    hours = itertools.count()
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    monkeypatch.setattr(runtime.jobs, "_now", lambda: utc_now() + timedelta(hours=next(hours)))  # every lease is over
    for _ in range(runtime.jobs.policy.max_attempts):
        held = runtime.jobs.claim(job.id, "w-1")
        runtime.jobs.report_progress(held, "counting", 0.5, is_new_stage=True)
        runtime.jobs.recover()
    for language, line in (
        ("zh", "3 次，最近一次在“计数”阶段"),
        ("en", "ran this job, the last time in the stage 'Counting'"),
    ):
        assert line in html.unescape(visitor.get(f"/jobs/{job.id}?lang={language}", headers=HTML).text)
        assert line in visitor.get(f"/api/jobs/{job.id}").json()["error_text"]


def test_pages_may_load_nothing_from_elsewhere(visitor, job):
    for path in ("/", "/jobs", f"/jobs/{job.id}"):
        answer = visitor.get(path, headers=HTML)
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)


def test_a_crash_is_a_page_with_a_reference_that_the_log_has(visitor):
    with capture_logs() as logged:
        answer = visitor.get("/toy-crash", headers=HTML)
    reference = next(line["reference"] for line in logged if line["event"] == "request.crashed")
    assert answer.status_code == 500
    assert f"Reference {reference}" in answer.text
    assert "secret detail" not in answer.text


def test_ready_means_database_and_broker(visitor, monkeypatch):
    def away(settings):
        raise UpstreamError("no broker runs")

    monkeypatch.setattr("trivium.service.web.broker_url", away)
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "broker": "not available"})


def test_an_app_submits_in_its_visitors_name(visitor, runtime):
    """The whole way of a click: Gradio's queue, behind the door, knows who is there."""
    page = visitor.get("/toy/")
    assert page.status_code == 200
    with visitor:
        started = visitor.post("/toy/gradio_api/call/submit", json={"data": [4]})
        stream = visitor.get(f"/toy/gradio_api/call/submit/{started.json()['event_id']}").text
    job_id = re.search(r'data: \["([0-9a-f]{16})"\]', stream).group(1)
    assert runtime.jobs.get(job_id, owner=LOCAL_USER).request == {"to": 4}


def test_a_mounted_page_is_for_its_apps_roles_with_all_its_routes(site, access):
    """The door asks for `toy.read` in front of Gradio; the handler behind it for `toy.run`."""
    access.people.add("wim", ["watcher"], actor="test")
    access.people.add("nil", ["admin"], actor="test")
    wim, nil = (TestClient(site[1], base_url=HOST, raise_server_exceptions=False) for _ in range(2))
    for client, name in ((wim, "wim"), (nil, "nil")):
        client.cookies.set("trivium_session_7860", access.sessions.start(name, via="password"))
    for path in (
        "/toy",
        "/toy/",
        "/toy/config",
        "/toy/theme.css",
        "/toy/gradio_api/info",
        "/toy/gradio_api/file=/etc/passwd",
    ):
        assert nil.get(path).status_code == 404
    assert nil.post("/toy/gradio_api/upload", files={"files": b"a"}).status_code == 404
    assert 'href="/toy/"' not in nil.get("/", headers=HTML).text
    assert wim.get("/toy/").status_code == 200
    with wim:
        started = wim.post("/toy/gradio_api/call/submit", json={"data": [4]})
        stream = wim.get(f"/toy/gradio_api/call/submit/{started.json()['event_id']}").text
    assert "event: error" in stream
    assert access.people.get("wim").id not in [job.owner for job in site[0].jobs.recent()]


def test_a_database_that_is_away_is_an_answer_not_a_crash(site, access, monkeypatch):
    def away(*_arguments, **_named):
        raise UpstreamError("the database could not be used")

    client = TestClient(site[1], base_url=HOST, raise_server_exceptions=False)
    client.cookies.set("trivium_session_7860", "anything")
    monkeypatch.setattr("trivium.service.sessions.Sessions.principal_of", away)
    answer = client.get("/jobs")
    assert (answer.status_code, answer.json()["error"]) == (503, "this cannot be looked up at the moment")


def test_a_session_that_ended_is_out(visitor, access):
    token = visitor.cookies["trivium_session_7860"]
    assert access.sessions.principal_of(token).id == LOCAL_USER
    access.sessions.end(token)
    assert access.sessions.principal_of(token) is None


def test_files_that_leave_are_in_the_audit_log(visitor, runtime, job):
    page = job.files[0]
    before = len(list(runtime.audit.rows(subject_kind="file")))  # other tests of this module look at files, too
    for query in ("", "?inline=1"):
        assert visitor.get(f"/files/{job.id}/{page.name}{query}").status_code == 200
    assert visitor.get(f"/files/{job.id}/none.html").status_code == 404
    downloaded, shown = list(runtime.audit.rows(subject_kind="file"))[before:]
    assert (downloaded.action, shown.action) == ("file.downloaded", "file.shown")
    assert (shown.actor, shown.subject_id, shown.subject_version) == (LOCAL_USER, f"{job.id}/{page.name}", page.sha256)


def test_a_browser_keeps_what_a_page_links(visitor):
    style = re.search(r'href="(/static/trivium\.css\?v=[0-9a-f]{12})"', visitor.get("/jobs", headers=HTML).text)[1]
    bar = re.search(r"(/static/bar\.js\?v=[0-9a-f]{12})\W", visitor.get("/toy/").text)[1]
    for address in (style, bar):
        assert visitor.get(address).headers["cache-control"] == "private, max-age=31536000, immutable"
        assert "immutable" not in visitor.get(f"{address}0").headers.get("cache-control", "")
    assert visitor.get("/jobs", headers=HTML).headers["cache-control"] == "no-store"
