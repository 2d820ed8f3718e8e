"""What lies in `deploy/`: files that can be read, name what there is, and, for nginx, work with the real one."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
import typer
import uvicorn
import yaml
from tests.service.suite import missing, wait_for

from trivium.service import cli, metrics
from trivium.service.access import open_access
from trivium.service.app_spec import installed_apps
from trivium.service.metrics import Measures
from trivium.service.roles import LOCAL_USER
from trivium.service.settings import Settings
from trivium.service.web import create_web

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")
VARIABLES = {f"TRIVIUM_{name.upper()}" for name in Settings.model_fields} | {
    "TRIVIUM_DB_PASSWORD",
    "TRIVIUM_BROKER_PASSWORD",
}


def commands() -> set[str]:
    return set(typer.main.get_command(cli.app).commands)


@pytest.fixture
def exported(runtime, monkeypatch):
    """Names of everything that `/metrics` can tell, with a broker that has a stream, and a job of each kind."""

    class Broker:
        def llen(self, name):
            return 1

        def scan_iter(self, _type):
            return [b"s"]

        def xlen(self, key):
            return 1

        def info(self, section):
            return {"used_memory": 1}

    monkeypatch.setattr(metrics, "broker_url", lambda settings: "redis://x")
    monkeypatch.setattr(metrics, "connect", lambda url: Broker())
    runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    runtime.jobs.hold("sweeper", "x", seconds=1)
    measures = Measures(runtime)
    measures.count_request("GET", 200, 0.1)
    return {line.split("{")[0].split(" ")[0] for line in measures.text().decode().splitlines() if line[0] != "#"}


def test_systemd_units_start_what_there_is():
    read = {}
    for path in sorted((DEPLOY / "systemd").iterdir()):
        read[path.name] = unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string(path.read_text(encoding="utf-8"))
        assert "Unit" in unit
        for word in re.findall(r"bin/trivium (\w+)", path.read_text(encoding="utf-8")):
            assert word in commands()
    assert read["trivium-backup.timer"]["Timer"]["Persistent"] == "true"
    assert read["trivium.service"]["Service"]["KillMode"] == "mixed"


def test_compose_names_commands_queues_and_settings_that_there_are():
    text = (DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    queues = {queue.name for spec in installed_apps() for queue in spec.queues}
    served = set()
    for service in services.values():
        command = service.get("command", [""])
        if command[0] == "trivium":
            assert command[1] in commands()
            served |= {command[3]} if command[1] == "worker" else set()
    assert served == queues
    assert set(re.findall(r"TRIVIUM_\w+", text)) <= VARIABLES
    assert services["web"]["ports"] == ["127.0.0.1:7860:7860"]
    docker = (DEPLOY / "compose" / "Dockerfile").read_text(encoding="utf-8")
    assert "USER trivium" in docker


def test_alerts_and_dashboard_ask_for_figures_that_there_are(exported):
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    board = json.loads((DEPLOY / "grafana" / "trivium.json").read_text(encoding="utf-8"))
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in asked:
        names = set(re.findall(r"\btrivium_\w+", expression)) - {"trivium"}
        assert names <= exported or 'job="trivium"' in expression, expression
    assert all({"summary", "action"} <= set(rule["annotations"]) for rule in rules)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def behind_nginx(runtime, tmp_path):
    """Our web server with the real nginx before it, on ports of their own; without TLS, which needs a certificate."""
    if not NGINX:
        missing("nginx")
    front, back = free_port(), free_port()
    text = (DEPLOY / "nginx" / "trivium.conf").read_text(encoding="utf-8")
    text = re.sub(r"    ssl_\w+ [^;]+;\n", "", text).replace("listen 443 ssl", f"listen 127.0.0.1:{front}")
    text = text.replace("127.0.0.1:7860", f"127.0.0.1:{back}")
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    head = f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}"
    whole = f"{head} http {{ access_log off; {temporary}\n{text}}}"
    (tmp_path / "nginx.conf").write_text(whole)
    server = uvicorn.Server(uvicorn.Config(create_web(runtime), port=back, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    process = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")], stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{front}"
    try:
        wait_for(lambda: _answers(address) or process.poll() is not None, seconds=20)
        assert process.poll() is None, process.stderr.read().decode()
        yield address
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()
        server.should_exit = True
        thread.join(20)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_login_forms_and_large_uploads_work_behind_nginx(behind_nginx, runtime):
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    access.people.set_password(LOCAL_USER, "four unrelated words here", actor=LOCAL_USER, name="ann")
    client = httpx.Client(base_url=behind_nginx, headers={"origin": behind_nginx, "accept": "text/html"}, timeout=20)
    form = re.search(r'name="form" value="([^"]+)"', client.get("/login").text)
    answer = client.post(
        "/login", data={"name": "ann", "password": "four unrelated words here", "form": form[1] if form else ""}
    )
    assert answer.status_code == 200
    content = b"x" * (3 << 20)  # nginx takes one megabyte unless told otherwise
    uploaded = client.post("/api/uploads", params={"name": "a.bin"}, content=content)
    assert (uploaded.status_code, uploaded.json()["size"]) == (201, len(content))
    assert (
        client.post(
            "/api/uploads", params={"name": "a"}, content=b"x", headers={"origin": "http://evil.example"}
        ).status_code
        == 403
    )
    client.close()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.05)
        return False
