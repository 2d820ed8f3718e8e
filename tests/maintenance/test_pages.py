"""The pages of a plant, in a browser against a served deployment: what they say, and what can be done, also by keys."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import insert, update
from tests.maintenance.test_backtest import BEGIN_S, DAY_S, rows_of

from trivium.maintenance import models, tables
from trivium.maintenance.alerts import book, outbox
from trivium.maintenance.app import SPEC
from trivium.maintenance.client import PlantClient
from trivium.maintenance.ingest.learn import learn_asset
from trivium.maintenance.ingest.monitor import save_family
from trivium.maintenance.ingest.moved import Moved
from trivium.maintenance.ingest.scorers import load_scorer, scorer_of, shadow_of
from trivium.maintenance.registry import Registries, activate_model, write_registry
from trivium.maintenance.scoring import Drainer
from trivium.maintenance.simulator.machines import Fault, Machine
from trivium.maintenance.stream import SHARDS_PER_PLANT, Streams
from trivium.maintenance.work_orders import WorkOrder, write_orders
from trivium.service import app_spec
from trivium.service.access import open_access
from trivium.service.broker import connect
from trivium.service.people import People
from trivium.service.phrase import Phrase, pack
from trivium.service.roles import Roles
from trivium.service.runtime import open_runtime
from trivium.service.settings import Settings
from trivium.service.tables import job as job_table
from trivium.service.web import create_web

pytestmark = pytest.mark.browser
PLANT = "north"
NAMES = ("A-1", "B-2")


@dataclass
class Served:
    """A deployment with two machines, one of which has a fault and an alert."""

    url: str
    link: str
    operator: str
    runtime: object
    folder: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory, broker_url, empty_file: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("pages")
    (home / "trivium.db").write_bytes(empty_file.read_bytes())
    connect(broker_url).flushdb()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(home=home, port=port, redis_url=SecretStr(broker_url))
    runtime = open_runtime(settings, apps=(SPEC,), publish=lambda *message: None)
    access = open_access(settings, (SPEC,), runtime.database)
    people = {}
    for name, role in (
        ("ann", "maintenance:engineer"),
        ("olaf", "maintenance:operator"),
        ("gate", "maintenance:gateway"),
    ):
        account = access.people.add(name, [role], actor="test", language="en")
        people[name] = access.sessions.make_link_token(account.id, via="link")
    _, key = access.keys.create(PLANT, ["maintenance.ingest"], actor="test")
    _fill(runtime, home)
    server = uvicorn.Server(uvicorn.Config(create_web(runtime), port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{port}"
    _post(url, key, home)
    _drain(runtime, broker_url)
    yield Served(
        url, f"{url}/login?token={people['ann']}", f"{url}/login?token={people['olaf']}", runtime, home / "model"
    )
    server.should_exit = True
    thread.join(10)
    runtime.close()


def _fill(runtime, home: Path) -> None:
    machines = [Machine(name, 1.0, place + 1) for place, name in enumerate(NAMES)]
    write_registry(runtime.database, PLANT, [machine.asset() for machine in machines], zone="Europe/Berlin")
    learned = {
        one.name: learn_asset(one.asset(), rows_of(one, BEGIN_S - 10 * DAY_S, BEGIN_S), step_s=60).monitor
        for one in machines
    }
    save_family({name: one for name, one in learned.items() if one}, home / "model", {})
    activate_model(runtime.database, PLANT, str(home / "model"))
    folder = str(home / "model")
    models.set_shadow(runtime.audit, PLANT, folder, load_scorer(home / "model").version, actor="ann")
    order = WorkOrder("7", "A-1", "failure", (BEGIN_S + 20_000) * 10**6, None, "Seal <b>changed</b>")
    write_orders(runtime.database, PLANT, [order])


def _post(url: str, key: str, home: Path) -> None:
    client = PlantClient(url, key, buffer=home / "buffer", gateway="edge")
    fault = Fault("impeller", BEGIN_S + 20_000, 20_000, BEGIN_S + 9 * DAY_S)
    for place, name in enumerate(NAMES):
        rows = rows_of(Machine(name, 1.0, place + 1), BEGIN_S, BEGIN_S + DAY_S, *([fault] if place == 0 else []))
        client.send(
            [
                {"asset": name, "time": time_us // 10**6, **dict(zip(rows.tags, line, strict=True))}
                for time_us, line in zip(rows.times_us.tolist(), rows.values.tolist(), strict=True)
            ]
        )
    assert client.waiting() == []
    client.close()


def _drain(runtime, broker_url: str) -> None:
    streams = Streams(connect(broker_url))
    drainer = Drainer(
        runtime.database, streams, Registries(runtime.database), scorer_of=scorer_of, shadow_of=shadow_of, holder="test"
    )
    for number in range(SHARDS_PER_PLANT):
        while drainer.drain(f"{number}/{PLANT}", budget_s=10):
            pass
    streams.close()


@pytest.fixture(scope="module")
def state(browser, served):
    """The engineer's session."""
    context = browser.new_context()
    context.new_page().goto(served.link)
    yield context.storage_state()
    context.close()


@pytest.fixture
def opened(browser, served, state):
    """Opens a page of the plant, which must ask nobody else and say nothing on the console."""
    contexts, foreign, errors = [], [], []

    def open_page(path: str = "", language: str = "en", scheme: str = "light"):
        context = browser.new_context(storage_state=state, color_scheme=scheme, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda one: None if one.url.startswith(served.url) else foreign.append(one.url))
        tab.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(f"{served.url}/maintenance/p/{PLANT}{path}?lang={language}")
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert (foreign, errors) == ([], [])


def test_the_fleet_is_sorted_by_need_and_links_to_the_reasons(opened, served):
    tab = opened()
    assert tab.locator("tbody th").all_inner_texts() == ["A-1", "B-2"]
    first = tab.locator("tbody tr").first
    assert "Critical" in first.inner_text()
    assert "PI-14" in first.inner_text()
    tab.set_viewport_size({"width": 390, "height": 800})  # nothing of a row is beyond the edge of a telephone
    assert tab.locator(".cards").evaluate("one => one.scrollWidth - one.clientWidth") == 0
    first.locator("td a").click()
    assert tab.locator("h1").inner_text() == "Unusual readings: A-1"
    (alert,) = book.find_alerts(served.runtime.database, PLANT)
    assert tab.url == served.url + outbox.page_of(alert)  # where webhooks say that it is
    reason = tab.locator(".m-reason li").nth(1).inner_text()
    assert reason.startswith("PI-14 discharge pressure ")
    assert ", below the usual " in reason
    assert "UTC" not in reason  # times are the plant's
    assert f"{alert.finding.sensors[0].value:.2f} barg" in reason
    told = tab.request.get(f"{served.url}/v1/alerts?plant={PLANT}&lang=zh").json()
    assert [(one["asset"], one["state"]) for one in told] == [("A-1", "unacknowledged")]
    assert "低于" in told[0]["reasons"][1]
    assert tab.request.get(f"{served.url}/v1/alerts?plant={PLANT}&state=closed").json() == []


def test_the_curves_are_drawn_and_follow_the_keys(opened):
    tab = opened("/asset/A-1")
    assert (
        "No remaining life: failures in the plant's work orders: 1, needed: 10" in tab.locator("#m-facts").inner_text()
    )
    tab.wait_for_selector("#m-chart[data-ready]")
    tab.locator("input[name=span][value='86400']").check()
    with tab.expect_response(lambda one: "span_s=43200" in one.url) as asked:
        tab.wait_for_timeout(300)
        tab.locator("canvas").focus()
        tab.keyboard.press("+")
    told = asked.value.json()
    assert told["to_ms"] - told["from_ms"] == 43_200_000
    assert [one["name"] for one in told["outputs"]] == ["score"]
    assert told["orders"][0]["text"] == "Seal <b>changed</b>"
    assert "Seal <b>changed</b>" in tab.locator("table").nth(1).inner_text()  # as it is, not as markup
    for box in tab.locator("input[name=tag]").all():
        box.evaluate("one => { if (!one.checked) one.click(); }")
    with tab.expect_response(lambda one: one.url.count("tag=") == 8):
        tab.locator("#m-newest").click()


@pytest.mark.parametrize(
    ("language", "scheme", "paths"),
    [
        ("en", "light", ("", "/alerts", "/backtest", "/models")),
        ("zh", "dark", ("", "/asset/A-1", "/alerts/1", "/health", "/models")),
    ],
)
def test_pages_are_accessible_in_both_languages(opened, served, language, scheme, paths):
    from axe_core_python.sync_playwright import Axe

    tab = opened(paths[0], language, scheme)
    for path in paths:
        tab.goto(f"{served.url}/maintenance/p/{PLANT}{path}")
        assert tab.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en")
        found = Axe().run(tab)
        assert found["passes"]
        assert [one["id"] for one in found["violations"] if one["impact"] in ("serious", "critical")] == [], path


def test_a_shadow_is_compared_with_the_active_model(opened):
    tab = opened("/models")
    agreement, alerts = (tab.locator(f"#m-shadow table >> nth={place}") for place in (0, 1))
    lines = [line.split("\t")[:2] for line in agreement.locator("tbody tr").all_inner_texts()]
    assert lines == [["A-1", "100.0 %"], ["B-2", "100.0 %"]]  # it is the same model
    (line,) = alerts.locator("tbody tr").all_inner_texts()
    assert line.startswith("A-1")
    assert line.endswith("Both")
    levels = [line.split("\t") for line in tab.locator("table >> nth=2").locator("tbody tr").all_inner_texts()]
    assert levels[0] == ["All others", "Unusual readings", "2", "4", "1", "Default"]


def test_a_shadow_is_activated_and_taken_back_on_the_page(opened, served):
    audit, model = served.runtime.audit, load_scorer(served.folder)
    models.activate(audit, PLANT, "/m/other", "other-1", actor="test")
    models.set_shadow(audit, PLANT, str(served.folder), model.version, actor="test")
    tab = opened("/models")
    path = f"{served.url}/maintenance/p/{PLANT}/models"
    assert tab.request.post(f"{path}/activate", form={"model": model.version}).status == 403
    token = tab.locator("form.fields input[name=form]").get_attribute("value")
    stale = tab.request.post(f"{path}/activate", form={"form": token, "model": "old-1"})
    assert (stale.status, "old-1 is not the shadow now" in stale.text()) == (400, True)
    tab.get_by_text(f"Activate {model.version}").click()
    assert "Its alerts are raised and sent" in tab.locator("details[open]").inner_text()
    with tab.expect_navigation():
        tab.get_by_role("button", name="Yes, activate it").click()
    assert tab.locator(".intro").inner_text().startswith(f"{model.version} has scored this plant since")
    assert tab.get_by_text(f"Activate {model.version}").count() == 0  # it is no shadow any more
    tab.get_by_text("Roll back to other-1").click()
    with tab.expect_navigation():
        tab.get_by_role("button", name="Yes, roll back").click()
    assert tab.locator(".intro").inner_text().startswith("other-1 has scored")
    rows = audit.rows(subject_kind="plant", subject_id=PLANT)
    told = [(row.action, row.actor) for row in rows if row.action.startswith("model.")][-2:]
    assert [action for action, _ in told] == ["model.activated", "model.rolled_back"]
    assert {actor for _, actor in told}.isdisjoint({"test", "operator"})
    models.activate(audit, PLANT, str(served.folder), model.version, actor="test")


@pytest.mark.parametrize(("language", "told"), [("en", "This asset has no readings yet."), ("zh", "该设备尚无读数。")])
def test_an_asset_without_readings_says_so(opened, served, language, told):
    write_registry(served.runtime.database, "south", [Machine("C-3", 1.0, 3).asset()])
    tab = opened()
    tab.goto(f"{served.url}/maintenance/p/south/asset/C-3?lang={language}")
    tab.locator("#m-status", has_text=told).wait_for()
    assert tab.locator("canvas").is_hidden()
    assert tab.locator(".m-top").inner_text().endswith({"en": "Plant: south", "zh": "工厂：south"}[language])
    assert tab.request.get(f"{served.url}/maintenance/p/south/trend/C-4").status == 404


def test_an_engineer_retires_an_asset_and_its_page_stays(opened, served):
    write_registry(served.runtime.database, "west", [Machine(name, 1.0, 3).asset() for name in ("E-5", "F-6")])
    tab = opened()
    tab.goto(f"{served.url}/maintenance/p/west/asset/E-5?lang=en")
    tab.get_by_text("Retire this asset").click()
    tab.get_by_label("Reason").fill("<sold>")
    with tab.expect_navigation():
        tab.get_by_role("button", name="Retire E-5").click()
    assert tab.locator("#m-facts").inner_text().startswith("Retired")
    assert "VI-58" in tab.get_by_role("region", name="Tags").inner_text()
    assert tab.get_by_role("button", name="Retire E-5").count() == 0
    tab.goto(f"{served.url}/maintenance/p/west?lang=en")
    assert tab.locator("tbody th").all_inner_texts() == ["F-6"]
    tab.get_by_role("link", name="E-5").click()
    assert tab.locator("h1").inner_text() == "E-5"


def test_inspections_say_what_is_missing_on_a_plants_own_machine(opened, monkeypatch):
    def absent(modules: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in modules if name in ("torch", "open3d"))

    monkeypatch.setattr(app_spec, "_absent", absent)
    tab = opened("/inspections")
    told = "No scan can be inspected here, because this is not installed: torch, open3d."
    assert tab.locator(".tile.off").inner_text().startswith(told)
    assert tab.locator(".tile.off code").inner_text() == "pip install 'trivium[maintenance]'"
    assert tab.locator("form.fields").count() == 0


def test_an_inspection_that_was_set_aside_names_its_stage_as_the_page_does(opened, served):
    jobs, account = served.runtime.jobs, People(served.runtime.database, Roles((SPEC,))).get("ann")
    job = jobs.submit(app="maintenance", kind="inspect", owner=account.id, request={"plant": PLANT}, title="Lid")
    reason = Phrase("{died}, the last time in the stage '{stage}'", died="it died", stage="measure")
    row = update(job_table).where(job_table.c.id == job.id)
    with served.runtime.database.write() as connection:
        connection.execute(row.values(state="quarantined", error=pack(reason), error_reference="1f2e3d4c"))
    line = "the last time in the stage 'Measuring deviations'"
    assert line in opened("/inspections").get_by_role("listitem").filter(has_text="Lid").inner_text()
    assert line in opened(f"/inspections/{job.id}").get_by_role("region", name="What went wrong").inner_text()


def test_what_moved_is_listed_with_its_unit(opened, served):
    moved = Moved("A-1", "sensor", "VI-18", "m", 2.9, 0.5, 0.8, 3.6, 1.7, 2.3, 288, 1, 2)
    fine = Moved("B-2", "sensor", "SI-21", "m", 0.1, 0.5, 0.1, 2900, 2800, 3000, 288, 1, 2)
    rows = [{"plant": PLANT} | {name: getattr(one, name) for name in Moved.__slots__} for one in (moved, fine)]
    with served.runtime.database.write() as connection:
        connection.execute(insert(tables.drift), rows)
    tab = opened("/health")
    (line,) = tab.locator("#m-drift tbody tr").all_inner_texts()
    assert line.split("\t") == ["A-1", "VI-18 bearing vibration", "3.6 mm/s", "1.7 to 2.3", "2.90", "0.50", "0.80"]
    assert "1 of 2 sensors and predictions have moved." in tab.locator("#m-drift").inner_text()


def test_levels_of_alerts_are_set_by_a_form_and_on_the_record(opened, served):
    tab = opened("/models")
    tab.locator("details summary").last.click()
    token = tab.locator("form.fields input[name=form]").get_attribute("value")
    wrong = {"form": token, "cause": "anomaly", "raise_at": "5", "critical_at": "4", "clear_at": "1"}
    answer = tab.request.post(f"{served.url}/maintenance/p/{PLANT}/thresholds", form=wrong)
    assert answer.status == 400
    assert "raise 5 and critical 4 are not in order" in answer.text()
    for name, value in (("raise_at", "3"), ("critical_at", "6"), ("clear_at", "1.5")):
        tab.fill(f"#{name}", value)
    tab.get_by_role("button", name="Set").click()
    tab.wait_for_url("**/models#levels")
    row = tab.locator("tr", has_text="Unusual readings").last
    assert row.inner_text().split("\t")[2:5] == ["3", "6", "1.5"]
    row.get_by_role("button", name="Back to what was before").click()
    tab.wait_for_url("**/models#levels")
    assert "Default" in tab.locator("tr", has_text="Unusual readings").last.inner_text()
    rows = served.runtime.audit.rows(subject_kind="plant", subject_id=PLANT)
    assert [row.action for row in rows if row.action.startswith("threshold")] == ["threshold.changed"] * 2
    assert {row.actor for row in rows if row.action.startswith("threshold")} != {"operator"}


def test_an_alert_is_shelved_put_back_and_acknowledged(opened, served):
    tab = opened("/alerts/1")
    tab.fill("#shelve-why", "probe is calibrated")
    tab.locator("form[action$=shelve] button").click()
    assert "Shelved" in tab.locator("main").inner_text()
    tab.fill("#put-back-why", "done")
    tab.locator("form[action$=put-back] button").click()
    tab.goto(f"{served.url}/maintenance/p/{PLANT}/alerts")
    tab.locator("article button").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/alerts/1")
    history = tab.locator("table.history tbody tr").all_inner_texts()
    assert [line.split("\t")[1] for line in history][-3:] == ["Shelved", "Put back", "Acknowledged"]
    assert "probe is calibrated" in history[-3]
    actions = [row.action for row in served.runtime.audit.rows(subject_kind="alert")]
    assert actions == ["alert.shelved", "alert.put_back", "alert.acknowledged"]


def test_who_may_not_sees_nothing_and_does_nothing(browser, served):
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(served.operator)
    tab.wait_for_url(f"{served.url}/")
    tab.goto(f"{served.url}/maintenance/p/{PLANT}/backtest")
    assert tab.locator("form.fields").count() == 0  # an operator runs none
    token = tab.locator("form[action='/logout'] input").get_attribute("value")
    for path in ("backtest", "thresholds", "models/activate", "models/rollback", "retire"):
        form = {"form": token, "asset": "A-1", "cause": "anomaly", "raise_at": "3", "model": "any"}
        assert context.request.post(f"{served.url}/maintenance/p/{PLANT}/{path}", form=form).status == 404
    for path in ("models", "asset/A-1"):
        tab.goto(f"{served.url}/maintenance/p/{PLANT}/{path}")
        assert tab.locator("form.fields, .m-change").count() == 0
    answer = context.request.post(f"{served.url}/maintenance/p/{PLANT}/alerts/1/shelve", form={"why": "x"})
    assert answer.status == 403  # no token of our form
    context.close()
    stranger = TestClient(create_web(served.runtime), base_url=served.url)
    assert stranger.get(f"/maintenance/p/{PLANT}", headers={"accept": "text/html"}).status_code == 401
    _, key = open_access(served.runtime.settings, (SPEC,), served.runtime.database).keys.create(
        PLANT, ["maintenance.ingest"], actor="test"
    )
    assert stranger.get(f"/maintenance/p/{PLANT}", headers={"authorization": f"Bearer {key}"}).status_code == 404
