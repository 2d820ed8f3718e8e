"""The web shell behind its door, with the test app's real Gradio page."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.service.suite import PLUGINS

from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps
from trivium.service.evidence import Report, ReportFile
from trivium.service.permission import OPEN
from trivium.service.runner import run_job
from trivium.service.runtime import LOCAL_USER, open_runtime
from trivium.service.settings import Settings
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
HTML = {"accept": "text/html", "accept-language": "en"}


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
