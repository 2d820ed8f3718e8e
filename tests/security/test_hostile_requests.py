"""What a request can try against the running server: read other files, have us ask elsewhere, put HTML into a page.

Every row goes through the real door to the real pages of all apps, Gradio's included, from one who may use them all.
"""

from __future__ import annotations

import socket
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps
from trivium.service.evidence import Report, ReportFile, Sentence
from trivium.service.roles import LOCAL_USER
from trivium.service.runner import run_job
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HOST = "http://127.0.0.1:7860"
NAMED = '"><img src=x onerror=alert(1)>.html'
SECRET = "the quick brown fox that nobody may read"  # in a file beside the deployment
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'

UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e%252f", "..%00/", "..;/")
DOORS = (
    "/static/{}secret.txt",
    "/medical/static/{}secret.txt",
    "/maintenance/static/{}secret.txt",
    "/files/{}secret.txt/a",
    "/files/JOB/{}secret.txt",
    "/jobs/{}secret.txt",
    "/medical/studies/{}secret.txt",
    "/finance/assets/{}secret.txt",
    "/finance/static/{}secret.txt",
    "/finance/gradio_api/file={}secret.txt",
)
ELSEWHERE = (
    "http://127.0.0.1:9/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]:9/",
    "http://2130706433/",
    "//evil.example/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:9/_",
    "ftp://evil.example/x",
)
ASKING = (
    "/finance/gradio_api/file={}",
    "/finance/gradio_api/proxy={}",
    "/finance/proxy={}",
    "/finance/file={}",
    "/static/{}",
    "/login?target={}",
    "/login/oidc?target={}",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole server, a job whose names are HTML, and a file that is not for anybody."""
    home = tmp_path_factory.mktemp("place") / "home"
    runtime = open_runtime(Settings(home=home), apps=enabled_apps(""), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    for folder in (home, home.parent, home / "blobs"):
        (folder / "secret.txt").write_text(SECRET)
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST, raise_server_exceptions=False, follow_redirects=False)
    client.get("/login", params={"token": access.sessions.make_link_token(LOCAL_USER)})
    uploaded = client.post("/api/uploads", params={"name": f"../../{EVIL}.htm"}, content=b"x").json()
    body = {
        "app": "finance",
        "kind": "compare",
        "title": EVIL,
        "inputs": [{"name": EVIL, "sha256": uploaded["sha256"]}],
    }
    job = client.post("/api/jobs", json=body).json()

    def said(context):
        context.progress(EVIL, 0.5)
        kept = context.store.put(EVIL.encode())
        files = (
            ReportFile(NAMED, "text/html", kept.sha256, kept.size),
            ReportFile("a.txt", EVIL, kept.sha256, kept.size),
        )
        return Report(EVIL, "en", {}, (Sentence(EVIL, ()),), files, (EVIL,))

    run_job(job["id"], said, runtime=runtime)
    yield client, job["id"], runtime
    runtime.close()


@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("door", DOORS)
def test_no_path_leads_out(site, door, up):
    client, job, _ = site
    for depth in (1, 2, 6):
        answer = client.get(door.replace("JOB", job).format(up * depth))
        assert SECRET not in answer.text
        assert 300 <= answer.status_code < 500
        assert not answer.headers.get("location", "/").startswith(("//", "http://evil"))


def test_absolute_paths_and_names_of_the_store_are_refused(site):
    client, _, runtime = site
    for path in ("/etc/passwd", f"{runtime.settings.home}/secret.txt", f"{runtime.settings.home}/trivium.db"):
        for door in ("/finance/gradio_api/file={}", "/finance/file={}", "/static/{}"):
            answer = client.get(door.format(path))
            assert answer.status_code in (403, 404, 405), door
            assert "root:" not in answer.text
    for name in ("../secret.txt", "0" * 63, "0" * 65, "g" * 64, f"{'0' * 64}/../secret.txt", "secret.txt"):
        body = {"app": "finance", "kind": "compare", "inputs": [{"name": "a", "sha256": name}]}
        assert client.post("/api/jobs", json=body).status_code == 422


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("door", ASKING)
def test_nothing_is_asked_for_elsewhere(site, monkeypatch, door, address):
    asked = []
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, place: asked.append(place) or (_ for _ in ()).throw(OSError)
    )
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *where, **_: asked.append(where) or (_ for _ in ()).throw(OSError)
    )
    client, _, _ = site
    answer = client.get(door.format(address))
    assert asked == []
    assert 300 <= answer.status_code < 500
    location = answer.headers.get("location", "/")
    assert location.startswith(("/", HOST))
    assert not location.startswith("//")


@pytest.mark.parametrize(
    "ticker", [*ELSEWHERE, "../../x", "AAPL@evil.example", "A?x=http://evil.example", "AAPL#", "A\r\nHost: x"]
)
def test_a_ticker_leads_to_the_sec_or_nowhere(site, monkeypatch, ticker):
    from trivium.finance.tasks import fetch_and_compare

    asked = []
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or (_ for _ in ()).throw(OSError)
    )
    _, _, runtime = site
    request = {"ticker": ticker, "forms": ["10-K"], "years": 1, "contact": "a@example.org"}
    job = runtime.jobs.submit(app="finance", kind="fetch", owner=LOCAL_USER, request=request)
    run_job(job.id, fetch_and_compare, runtime=runtime)
    assert runtime.jobs.get(job.id).state == "failed"
    assert set(asked) <= {"www.sec.gov"}


class _Elements(HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag == "script" and not names.get("src") and names.get("type") != "application/json":
            self.found.append("script")
        self.found += [name for name in names if name.startswith("on")]
        self.found += [f"{tag} {names['src']}" for _ in [0] if names.get("src") == "x"]


@pytest.mark.parametrize(
    "path", ["/jobs", "/jobs/JOB", "/jobs?lang=%22%3E%3Cscript%3E", "/no%3Cscript%3Ealert(1)%3C/script%3E"]
)
def test_html_in_names_titles_stages_and_problems_stays_text(site, path):
    client, job, _ = site
    page = client.get(path.replace("JOB", job), headers={"accept": "text/html"})
    elements = _Elements()
    elements.feed(page.text)
    assert elements.found == []
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    if path.endswith("JOB"):
        assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page.text  # it is shown, as text


def test_result_files_run_nowhere_near_us(site):
    client, job, _ = site
    files = client.get(f"/api/jobs/{job}").json()["files"]
    assert [file["name"] for file in files] == [NAMED, "a.txt"]
    for file in files:
        for query in ("", "?inline=1"):
            answer = client.get(file["url"] + query)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert policy == "default-src 'none'" or policy.startswith("sandbox allow-scripts")
            assert "allow-same-origin" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "\n" not in answer.headers["content-disposition"]
            assert "<" not in answer.headers["content-disposition"]


def test_what_a_model_says_is_escaped_on_the_finance_page(site):
    """Gradio takes HTML from us: titles, names and problems of a job must come as text."""
    from trivium.finance.ui import views
    from trivium.finance.ui.words import Words

    _, job_id, runtime = site
    job = runtime.jobs.get(job_id)
    words = Words("en")
    for made in (
        views.progress(job, words, {"page.names_unread": (EVIL,)}),
        views.past_jobs([job], words),
        views.frame(job, words),
        views.alert(EVIL, EVIL, words),
        views.head(words, EVIL),
    ):
        elements = _Elements()
        elements.feed(made)
        assert elements.found == []
