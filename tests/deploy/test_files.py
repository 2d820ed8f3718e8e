"""What lies in `deploy/`: files that can be read and name what there is."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
import typer
import yaml

from trivium.service import cli, metrics
from trivium.service.app_spec import installed_apps
from trivium.service.metrics import Measures
from trivium.service.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
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
