"""From two files to a verdict in a real browser, with a real worker and broker; then the asset's page, and the API."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.maintenance.inspection.test_inspection import POSE, bracket, seen
from tests.service.suite import LINK, started, trivium

from trivium.maintenance.inspection.poses import apply, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.pointcloud.io import read_points, write_mesh, write_points
from trivium.pointcloud.records import PointCloud

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="the suite needs Linux or macOS"),
]

WAIT_MS = 90_000
TAGS = "asset,tag,unit\nP-1,PI-1,bar\nP-2,PI-2,bar\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A bracket, and a scan of it in inch with a hollow 0.2 mm deep."""
    folder = tmp_path_factory.mktemp("files")
    part = Reference(bracket())
    write_mesh(folder / "bracket.stl", part.scene.mesh)
    points = apply(POSE, seen(part))
    distance = np.linalg.norm(points - [30, 5, 12], axis=1)
    inside = (distance < 3) & (points[:, 2] > 11.5)
    points[inside, 2] -= 0.1 * (1 + np.cos(2 * np.pi * distance[inside] / 6))
    write_points(folder / "scan.ply", PointCloud(apply(inverse(POSE), points) / 25.4))
    return folder


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    home = tmp_path_factory.mktemp("inspection") / "home"
    with started(home, TRIVIUM_APPS="maintenance") as suite:
        (home / "tags.csv").write_text(TAGS)
        added = trivium(
            "maintenance", "tags", str(home / "tags.csv"), "--plant", "north", home=home, TRIVIUM_APPS="maintenance"
        )
        assert added.returncode == 0, added.stderr
        yield suite


@pytest.fixture(scope="module")
def page(browser, suite):
    """An engineer's tab, which must ask nobody else and say nothing on the console."""
    made = trivium(
        "people", "add", "ann", "--role", "maintenance:engineer", home=suite.home, TRIVIUM_APPS="maintenance"
    )
    assert made.returncode == 0, made.stderr
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    faults: list[str] = []
    outside: list[str] = []
    tab.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on(
        "request", lambda one: None if one.url.startswith((suite.url, "data:", "blob:")) else outside.append(one.url)
    )
    tab.goto(LINK.search(made.stdout)[0])
    tab.wait_for_url(f"{suite.url}/welcome")
    tab.fill("[name=password]", "copper kite ladder moss")
    tab.fill("[name=again]", "copper kite ladder moss")
    tab.locator("main form button").first.click()
    tab.wait_for_url(f"{suite.url}/")
    yield tab
    context.close()
    assert (faults, outside) == ([], [])


def violations(page) -> list[str]:
    from axe_core_python.sync_playwright import Axe

    found = Axe().run(page)["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_from_two_files_to_a_verdict(page, suite, files):
    page.goto(f"{suite.url}/maintenance/p/north/inspections?asset=P-1")
    assert violations(page) == []
    page.get_by_label("Scan (PLY").set_input_files(files / "scan.ply")
    page.get_by_label("Part, CAD").set_input_files(files / "bracket.stl")
    page.get_by_label("Unit of the scan").select_option("inch")
    page.get_by_label("Unit of the CAD").select_option("mm")
    page.get_by_label("Tolerance, mm").fill("0.05")
    button = page.get_by_role("button", name="Inspect", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    page.locator(".i-verdict.bad").wait_for()
    address = page.url
    assert page.locator("h1").inner_text() == "Inspection of bracket.stl"
    assert page.locator(".i-word").inner_text().endswith("FAIL")
    assert page.locator(".i-regions tbody tr").count() == 1
    assert page.locator(".i-facts").inner_text().count("scan.ply, in inch") == 1
    assert all(page.locator(".i-views img").evaluate_all("all => all.map(one => one.naturalWidth > 100)"))
    assert violations(page) == []
    # The 3D view lives in a sandbox of its own, and works there.
    page.locator(".i-model").scroll_into_view_if_needed()
    frame = page.frame_locator(".i-model")
    frame.locator("#plot[data-ready]").wait_for()
    frame.get_by_role("button", name="Top").click()
    view = frame.locator("#plot")
    seen = view.get_attribute("data-view")
    box = frame.locator("#plot canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2 - 40, steps=3)
    page.mouse.up()
    view.and_(frame.locator(f'#plot:not([data-view="{seen}"])')).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="deviation.ply").click()
    assert len(read_points(download.value.path().rename(files / "deviation.ply"))) > 29_000

    page.goto(f"{address}/files/inspection.html?inline=1")
    page.locator("#plot[data-ready]").wait_for()
    assert violations(page) == []

    page.goto(f"{address}?lang=zh")
    assert page.locator(".i-word").inner_text().endswith("不合格")
    assert violations(page) == []
    page.goto(f"{suite.url}/maintenance/p/north/inspections")
    assert "不合格" in page.locator("tbody tr").inner_text()
    assert violations(page) == []
    page.goto(f"{suite.url}/maintenance/p/north/inspections?lang=en")
    asset = page.request.get(f"{suite.url}/maintenance/p/north/asset/P-1").text()
    assert f'{address.removeprefix(suite.url)}">Inspection of bracket.stl</a>: FAIL' in asset
    other = page.request.get(f"{suite.url}/maintenance/p/north/asset/P-2").text()
    assert "Inspection of bracket.stl" not in other


def test_people_are_information_only(page, suite, files):
    floor = np.array([[x, y, -1.7] for x in range(-9, 10) for y in range(-9, 10)], np.float64)
    write_points(files / "cloud.xyz", PointCloud(floor))
    page.goto(f"{suite.url}/maintenance/p/north/inspections")
    page.get_by_text("People around a machine").click()
    page.get_by_label("LiDAR cloud").set_input_files(files / "cloud.xyz")
    page.get_by_label("Machine", exact=True).fill("press 3")
    page.get_by_label("Outline of the machine").fill("0 0\n4 0\n4, 4")
    assert violations(page) == []
    page.get_by_role("button", name="Look for people").click()
    page.locator(".i-verdict.note").wait_for()
    assert "Information only, not a safety function." in page.locator(".i-verdict").inner_text()
    assert "Most people within 1.5 m at once: 0" in page.locator(".i-word").inner_text()
    assert violations(page) == []


def test_what_cannot_be_used_is_said(page, suite, files):
    page.goto(f"{suite.url}/maintenance/p/north/inspections")
    page.get_by_label("Unit of the scan").select_option("mm")
    page.get_by_label("Unit of the CAD").select_option("mm")
    page.get_by_label("Tolerance, mm").fill("0.05")
    token = page.locator("#i-form [name=form]").get_attribute("value")
    fields = {"form": token, "unit": "mm", "cad_unit": "mm", "tolerance_mm": "0.05"}
    answer = page.request.post(f"{suite.url}/maintenance/p/north/inspections", form=fields)
    assert answer.status == 400
    assert "Choose a scan." in answer.text()
    broken = files / "broken.stl"
    broken.write_bytes(b"solid x")
    page.get_by_label("Scan (PLY").set_input_files(files / "scan.ply")
    page.get_by_label("Part, CAD").set_input_files(broken)
    page.get_by_role("button", name="Inspect", exact=True).click()
    page.locator("section.error").wait_for()
    text = page.locator("section.error").inner_text()
    assert "broken.stl: no endsolid; the file is cut short" in text
    assert "input-" not in text
    page.goto(f"{page.url}?lang=zh")
    assert "broken.stl：没有 endsolid；文件不完整" in page.locator("section.error").inner_text()
    page.goto(f"{suite.url}/maintenance/p/north/inspections")
    assert "没有 endsolid；文件不完整" in page.locator("main").inner_text()
