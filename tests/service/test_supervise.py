"""The whole suite as a user starts it: demo to a finished job, restarts, a clean end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest
from tests.service.suite import LINK, is_alive, needs_embedded_broker, running, trivium, wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")


WITHOUT_PAGES = "holder"  # an app whose suite starts without Gradio


def descendants(pid: int) -> set[int]:
    """Return all processes below one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, waiting = set(), {pid}
    while waiting:
        waiting = {child for child, parent in parents.items() if parent in waiting} - found
        found |= waiting
    return found


class Output:
    """What a command prints, read as it comes."""

    def __init__(self, process) -> None:
        self.text = ""
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, stream) -> None:
        for line in stream:
            self.text += line


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A running `trivium demo` whose first port is taken; yields its home, its process and what it printed."""
    needs_embedded_broker()
    home = tmp_path_factory.mktemp("demo") / "home"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("demo", "--port", str(port), home=home) as process:
            output = Output(process)
            wait_for(lambda: LINK.search(output.text) or process.poll() is not None, seconds=90)
            assert process.poll() is None, output.text
            yield home, process, output, port


@pytest.fixture(scope="module")
def visitor(demo):
    link = LINK.search(demo[2].text).group()
    with httpx.Client(base_url=link.partition("/login")[0], headers={"accept": "text/html"}) as client:
        assert client.get(link).status_code == 200
        yield client


@pytest.mark.slow
def test_demo_names_the_taken_port_and_the_missing_app(demo):
    home, _process, output, port = demo
    assert f"Port {port} is taken; trying {port + 1}." in output.text
    assert "absent is not installed: pip install 'trivium[absent]'" in output.text
    assert f"Sample files for toy: {home / 'samples' / 'toy'} (1 files)" in output.text


@pytest.mark.slow
def test_demo_has_worked_on_the_samples_once(demo, visitor):
    def finished():
        jobs = visitor.get("/api/jobs").json()
        return jobs if jobs and jobs[0]["is_final"] else None

    jobs = wait_for(finished, seconds=30)
    assert [(job["title"], job["state"]) for job in jobs] == [("Counted to 3", "done")]
    page = visitor.get(jobs[0]["url"]).text
    assert "<h1>Counted to 3</h1>" in page
    files = visitor.get(f"/api/jobs/{jobs[0]['id']}").json()["files"]
    assert visitor.get(files[0]["url"]).text == "<h1>0, 1, 2</h1>"


@pytest.mark.slow
def test_everything_answers_and_health_says_so(visitor):
    told = visitor.get("/readyz").json()
    assert (told["database"], told["broker"]) == ("ok", "ok")
    if sys.platform == "linux":
        assert 20 < told["memory_mib"]["web"]["largest"] < told["memory_mib"]["web"]["planned"] == 600
    assert visitor.get("/toy/").status_code == 200


@pytest.mark.slow
def test_a_second_suite_on_the_same_home_is_refused(demo):
    home, process, _output, _port = demo
    second = trivium("up", home=home)
    assert second.returncode == 1
    assert f"{home}: Trivium runs here already (process {process.pid}); stop it, or set TRIVIUM_HOME" in second.stderr


@pytest.mark.slow
def test_login_prints_a_fresh_link(demo):
    home, _process, output, _port = demo
    link = LINK.search(trivium("login", home=home).stdout).group()
    assert link != LINK.search(output.text).group()
    assert httpx.get(link).status_code == 200


@pytest.mark.slow
def test_a_web_server_that_dies_comes_back(demo, visitor):
    home, process, _output, _port = demo
    servers = [
        pid for pid in descendants(process.pid) if "\0web\0" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    ]
    assert len(servers) == 1
    os.kill(servers[0], signal.SIGKILL)

    def answers():
        try:
            return visitor.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(lambda: not is_alive(servers[0]), seconds=5)
    wait_for(answers, seconds=60)
    assert visitor.get("/api/jobs").status_code == 200  # the session is in the database
    assert '"child.died"' in (home / "logs" / "supervisor.log").read_text()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_quiet(demo, visitor, browser, language, scheme):
    """No serious axe finding on the shell's pages and on a Gradio page, no error, no request to elsewhere."""
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    job = next(job for job in visitor.get("/api/jobs").json() if job["title"] == "Counted to 3")
    body = {"app": "toy", "kind": "fail", "title": "Fails"}
    failing = visitor.post("/api/jobs", json=body, headers={"idempotency-key": "axe"}).json()
    wait_for(lambda: visitor.get(f"/api/jobs/{failing['id']}").json()["is_final"], seconds=30)
    base = str(visitor.base_url).rstrip("/")
    cookie = {"name": next(iter(visitor.cookies)), "value": next(iter(visitor.cookies.values())), "url": base}
    with browser.new_context(locale="zh-CN" if language == "zh" else "en-GB", color_scheme=scheme) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        requests, errors = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        for path in ("/", "/jobs", job["url"], failing["url"], "/toy/"):
            page.goto(base + path)
            page.get_by_role("heading", level=1).wait_for()
            page.get_by_role("navigation").get_by_role("link", name="任务" if language == "zh" else "Jobs").wait_for()
            found = axe.Axe().run(page)["violations"]
            serious = [
                f"{item['id']}: {item['nodes'][0]['html']}"
                for item in found
                if item["impact"] in ("serious", "critical")
            ]
            assert serious == [], path
        page.goto(base + job["url"])
        _press(page, "作为新任务重做" if language == "zh" else "Replay as a new job")
        page.wait_for_url(lambda url: url.startswith(f"{base}/jobs/") and url != base + job["url"])
        page.get_by_role(
            "link", name="这是较早任务的重做" if language == "zh" else "A replay of an earlier job"
        ).wait_for()
    assert [url for url in requests if not url.startswith((base, "data:", "blob:"))] == []
    assert errors == []


def _press(page, name: str) -> None:
    """Find a button with the Tab key alone, and press it with Enter."""
    button = page.get_by_role("button", name=name)
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            page.keyboard.press("Enter")
            return
    pytest.fail(f"the Tab key does not reach {name!r}")


@pytest.mark.slow
def test_ctrl_c_stops_every_process_and_keeps_the_data(tmp_path):
    needs_embedded_broker()
    home = tmp_path / "home"
    with running("up", "--port", "17860", home=home, TRIVIUM_APPS=WITHOUT_PAGES) as process:
        output = Output(process)
        wait_for(lambda: LINK.search(output.text), seconds=90)
        children = descendants(process.pid)
        assert len(children) >= 4  # broker, web, worker, its children, sweeper
        process.send_signal(signal.SIGINT)
        wait_for(lambda: process.poll() is not None, seconds=30)
    assert process.returncode == 0
    assert output.text.endswith("Stopping.\n")
    assert [pid for pid in children if is_alive(pid)] == []
    assert (home / "trivium.db").exists()


@pytest.mark.slow
def test_nothing_survives_a_supervisor_that_is_killed(tmp_path):
    needs_embedded_broker()
    with running("up", "--port", "17960", home=tmp_path / "home", TRIVIUM_APPS=WITHOUT_PAGES) as process:
        output = Output(process)
        wait_for(lambda: LINK.search(output.text), seconds=90)
        children = descendants(process.pid)
        assert children
        process.kill()
        wait_for(lambda: not [pid for pid in children if is_alive(pid)], seconds=30)


def test_a_free_port_is_found_behind_a_taken_one():
    from trivium.service.supervise import free_port

    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port("127.0.0.1", port, said.append)
    assert found > port
    assert said[0] == f"Port {port} is taken; trying {port + 1}."
