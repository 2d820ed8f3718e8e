"""HTML in names and texts that plants, films, CAD files and models bring: a browser shows it as text, on every page.

What is looked at is what the browser made of a page and its scripts: no element that our templates did not write.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import insert
from tests.medical.deployment import make_draft
from tests.medical.intake.test_door import planted
from tests.service.suite import needs_embedded_broker

from trivium.maintenance import tables
from trivium.maintenance.alerts import book
from trivium.maintenance.alerts.finding import Finding, SensorFinding
from trivium.maintenance.alerts.tracker import Change
from trivium.maintenance.alerts.watch import Noted
from trivium.maintenance.inspection.report.document import Cell, Cloud, Document, Grid
from trivium.maintenance.inspection.report.html import render_html
from trivium.maintenance.inspection.report.views import View
from trivium.maintenance.inspection.stored import Inspected, write_inspected
from trivium.maintenance.registry import Asset, Tag, write_registry
from trivium.maintenance.work_orders import WorkOrder, write_orders
from trivium.service import migrate
from trivium.service.access import open_access
from trivium.service.app_spec import enabled_apps
from trivium.service.broker import EmbeddedBroker
from trivium.service.database import utc_now
from trivium.service.evidence import ReportFile
from trivium.service.guard import session_cookie
from trivium.service.runtime import Runtime, open_runtime
from trivium.service.settings import Settings
from trivium.service.supervise import free_port
from trivium.service.web import create_web

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
EVIL = """'"><img src=x onerror=alert(1)><script>alert(2)</script>&lt;b&gt;"""
SHORT = '"><img src=x onerror=alert(1)>'
PLANT = SHORT  # addresses of a plant end at the next slash
NOW_US = int(time.time()) * 10**6
# Elements that only a text could have brought: what runs, what fetches, what is addressed outside.
FOREIGN = """() => [...document.querySelectorAll("*")].filter((one) =>
    one.getAttributeNames().some((name) => name.startsWith("on")) || one.getAttribute("src") === "x"
    || (one.tagName === "SCRIPT" && /alert/.test(one.textContent) && one.type !== "application/json")
  ).map((one) => one.outerHTML.slice(0, 200))"""


@dataclass
class Place:
    url: str
    cookie: dict[str, str]
    study: str
    alert: int
    runtime: Runtime


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Both apps with pages of their own, served; whatever takes a text has been given HTML."""
    port = free_port("127.0.0.1", 7990, lambda line: None)
    settings = Settings(home=tmp_path_factory.mktemp("place") / "home", port=port)
    needs_embedded_broker()
    broker = EmbeddedBroker(settings.prepare_home())
    broker.start()
    runtime = open_runtime(settings, apps=enabled_apps("medical,maintenance"), publish=lambda *message: None)
    migrate.upgrade(runtime.database)
    _fill_plant(runtime)
    access = open_access(settings, runtime.apps, runtime.database)
    token = access.sessions.start(access.first().id, via="password")
    door = create_web(runtime)
    client = TestClient(door, base_url=f"http://127.0.0.1:{port}")
    client.cookies.set(session_cookie(port), token)
    study = _bring_film(client, runtime)
    server = uvicorn.Server(uvicorn.Config(door, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    (alert,) = book.find_alerts(runtime.database, PLANT)
    yield Place(url, {"name": session_cookie(port), "value": token, "url": url}, study, alert.id, runtime)
    server.should_exit = True
    thread.join(10)
    runtime.close()
    broker.stop()


def _fill_plant(runtime: Runtime) -> None:
    database = runtime.database
    tag = Tag(EVIL, EVIL, EVIL, SHORT, 0.0, 1.0, 60.0)
    write_registry(database, PLANT, [Asset(EVIL, (tag,), asset_class=SHORT), Asset("P/2", ())], zone="UTC")
    write_orders(database, PLANT, [WorkOrder(EVIL, EVIL, "failure", NOW_US - 10**9, None, EVIL)])
    sensor = SensorFinding(EVIL, EVIL, SHORT, 3.0, 1.0, 2.0, 0.9, NOW_US - 10**8, NOW_US, "0" * 64)
    finding = Finding("anomaly", 3.0, NOW_US - 10**8, NOW_US, {"score": 3.0}, (sensor,))
    change = Change("raised", 0, "critical", NOW_US - 10**8, 3.0)
    with database.write(is_durable=True) as connection:
        book.note(connection, PLANT, EVIL, SHORT, [Noted("anomaly", change, NOW_US, finding)], ())
        gateway = {"plant": PLANT, "gateway": EVIL, "seen_at": utc_now()}
        connection.execute(insert(tables.gateway).values(**gateway))
        dead = {"plant": PLANT, "batch_id": EVIL, "batch_key": "0" * 64, "shard": EVIL, "reason": EVIL, "payload": b""}
        connection.execute(insert(tables.dead_letter).values(**dead, failed_at=utc_now()))
        drift = {
            "plant": PLANT,
            "asset": EVIL,
            "kind": "sensor",
            "name": EVIL,
            "model": SHORT,
            "psi": 9,
            "psi_limit": 1,
        }
        numbers = {"ks": 1, "median": 1, "low": 0, "high": 1, "num_rows": 9, "from_us": 0, "to_us": NOW_US}
        connection.execute(insert(tables.drift).values(**drift, **numbers))
        write_inspected(connection, _inspection(runtime))
    (alert,) = book.find_alerts(database, PLANT)
    book.acknowledge(runtime.audit, PLANT, alert.id, actor=SHORT, note=EVIL)


def _inspection(runtime: Runtime) -> Inspected:
    report = runtime.store.put(render_html(_report()).encode())
    told = {
        "title": EVIL, "tone": "bad", "verdict": EVIL, "warning": EVIL, "facts": [[EVIL, EVIL]], "sentences": [EVIL],
        "heading": EVIL, "heads": [EVIL], "rows": [[EVIL]], "nothing": EVIL,
    }  # fmt: skip
    files = (
        ReportFile("inspection.html", "text/html", report.sha256, report.size),
        ReportFile(EVIL, "text/plain", "0" * 64, 1),
    )
    pages = {"pages": {"en": told, "zh": told}}
    return Inspected("evil", PLANT, EVIL, "inspect", EVIL, "fail", pages, files, SHORT, datetime.now(UTC))


def _report() -> Document:
    """A report whose every text is HTML, as a CAD file or a person may name things."""
    cell, corners = Cell(EVIL, (SHORT,)), np.eye(3)
    view = View(b"\x89PNG", 10, 10, (), 1.0, np.eye(3)[:, :2], np.eye(3)[2])
    return Document(
        title=EVIL, language="en", tone="bad", verdict=EVIL, warning=EVIL, sentences=(cell,), facts=((EVIL, cell),),
        views_heading=EVIL, views=(view, view), view_alts=(EVIL, EVIL), close_ups=(view,), close_up_texts=(EVIL,),
        limit=0.1, bars=None, table=Grid(EVIL, (EVIL,), ((cell,),), EVIL), method=(EVIL,),
        cloud=Cloud(corners, np.zeros(3), corners, np.array([[0, 1, 2]])), notes=(EVIL,),
    )  # fmt: skip


def _bring_film(client: TestClient, runtime: Runtime) -> str:
    header = (
        "PatientName",
        "PatientID",
        "StudyDescription",
        "Manufacturer",
        "ReferringPhysicianName",
        "InstitutionName",
    )
    film = planted(**dict.fromkeys(header, SHORT))
    answer = client.post("/medical/api/uploads", content=film, params={"name": EVIL})
    assert answer.status_code == 201, answer.text
    study = str(answer.json()["study"])
    said = [{"text": EVIL, "claims": [SHORT]}]
    make_draft(runtime, study, sections=dict.fromkeys(("exam", "findings", "impression"), said))
    return study


@pytest.fixture
def opened(browser, place):
    """Opens a page as somebody who may see everything, and returns it once a text of ours is there; nothing has run."""
    context = browser.new_context(locale="en-GB")
    context.add_cookies([place.cookie])

    def look(path: str, *, wait_for: str = EVIL):
        tab = context.new_page()
        ran: list[str] = []
        tab.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        tab.goto(f"{place.url}{path}")
        tab.get_by_text(wait_for).first.wait_for(state="attached", timeout=5_000)
        tab.wait_for_timeout(100)
        assert ran == []
        return tab

    yield look
    context.close()


def test_the_look_finds_what_it_is_for(browser):
    context = browser.new_context()
    tab = context.new_page()
    tab.on("dialog", lambda dialog: dialog.dismiss())
    tab.set_content(f"<p>{EVIL}</p>")
    found = tab.evaluate(FOREIGN)
    assert [one[:4] for one in found] == ["<img", "<scr"]
    context.close()


PAGES = (
    "",
    "/alerts",
    "/alerts/ALERT",
    "/asset/EVIL",
    "/health",
    "/models",
    "/backtest",
    "/inspections",
    "/inspections/evil",
)


@pytest.mark.parametrize(
    ("language", "path"), [*(("en", path) for path in PAGES), ("zh", "/alerts/ALERT"), ("zh", "/inspections/evil")]
)
def test_pages_of_a_plant(opened, place, language, path):
    address = path.replace("ALERT", str(place.alert)).replace("EVIL", quote(EVIL, safe=""))
    shown = SHORT if path in ("/models", "/backtest") else EVIL  # those two name the plant alone
    tab = opened(f"/maintenance/p/{quote(PLANT)}{address}?lang={language}", wait_for=shown)
    assert tab.evaluate(FOREIGN) == []


def test_the_report_of_an_inspection_by_itself(browser, tmp_path):
    """As it goes by mail, where no policy of ours holds: its own program alone runs."""
    file = tmp_path / "inspection.html"
    file.write_text(render_html(_report()), encoding="utf-8")
    context = browser.new_context()
    tab = context.new_page()
    ran: list[str] = []
    tab.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    tab.goto(file.as_uri())
    assert tab.locator("h1").inner_text() == EVIL
    assert tab.evaluate(FOREIGN) == []
    assert ran == []
    context.close()


def test_the_worklist_and_a_draft(opened, place):
    assert opened("/medical/", wait_for=place.study[:8]).evaluate(FOREIGN) == []
    tab = opened(f"/medical/studies/{place.study}")
    assert tab.evaluate(FOREIGN) == []
    tab.locator("#identity").click()
    tab.locator("#named").get_by_text("onerror=alert(1)").wait_for()
    assert tab.evaluate(FOREIGN) == []


def test_a_pasted_report(opened):
    tab = opened("/medical/check", wait_for="Check")
    tab.locator("textarea").fill(f"FINDINGS: Right effusion {EVIL}.\nIMPRESSION: Left effusion {EVIL}.")
    tab.locator("main button").first.click()
    tab.locator("main").get_by_text("differs between findings and impression").first.wait_for()
    assert tab.evaluate(FOREIGN) == []
