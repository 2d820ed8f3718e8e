"""The 3D view of a report in a real browser: drawn without a GPU, turned by mouse and keys, places say their values."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.maintenance.inspection.test_inspection import bracket
from tests.maintenance.inspection.test_report import document, failed, part, scan  # noqa: F401

from trivium.maintenance.inspection.report.document import Cloud
from trivium.maintenance.inspection.report.html import render_html

pytestmark = pytest.mark.browser

CORNER = (1.1, -1.1, 0.8)


@pytest.fixture
def tab(browser, failed, part, tmp_path):  # noqa: F811
    """A report whose 3D view shows three places on the bracket's top, one of them 0.123 mm too low."""
    mesh = bracket()
    xyz = np.array([[30.0, 5, 12], [5.0, 5, 12], [20.0, 8, 12]])
    cloud = Cloud(xyz, np.array([-0.123, 0.0, 0.04]), mesh.vertices.astype(np.float64), mesh.faces, xyz[:1])
    html = render_html(replace(document(failed, part), cloud=cloud))
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda one: asked.append(one.url))
    page.goto((tmp_path / "report.html").as_uri())
    page.locator("#plot[data-ready]").wait_for()
    page.locator("#plot").scroll_into_view_if_needed()
    yield page
    page.close()
    assert faults == []
    assert [one for one in asked if not one.startswith(("file:", "data:"))] == []


def view_of(page) -> list[float]:
    """Turn, tilt, zoom and place of the view, once it is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [float(one) for one in page.locator("#plot").get_attribute("data-view").split()]


def picture_of(page) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.locator("#plot canvas").screenshot())).convert("RGB")).astype(int)


def test_the_view_is_turned_and_read_by_mouse(tab):
    canvas = tab.locator("#plot canvas")
    tab.get_by_role("button", name="Top").click()
    turn, tilt, zoom, *_ = view_of(tab)
    assert (turn, tilt) == pytest.approx((-np.pi / 2, np.pi / 2), abs=0.01)
    seen = picture_of(tab)
    blue = np.argwhere((seen[..., 2] > 150) & (seen[..., 0] < 60))  # too low by more than twice the limit: full blue
    assert len(blue) > 4
    row, column = blue.mean(axis=0)
    canvas.hover(position={"x": column, "y": row})
    view_of(tab)
    assert tab.locator("#value").inner_text() == "\N{MINUS SIGN}0.123 mm · x, y, z: 30.0, 5.0, 12.0"
    canvas.hover(position={"x": 3, "y": 3})
    view_of(tab)
    assert tab.locator("#value").inner_text() == ""
    canvas.click(position={"x": column, "y": row})
    assert "0.123 mm" in tab.locator("#value").inner_text()
    assert np.ptp(seen[2, 2]) < 12  # the corner is background

    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.move(*middle)
    tab.mouse.down()
    tab.mouse.move(middle[0] + 60, middle[1] - 60, steps=3)
    tab.mouse.up()
    turned = view_of(tab)
    assert turned[:2] == pytest.approx((turn - 0.5, np.pi / 2 - 0.5), abs=0.01)
    assert (picture_of(tab) != seen).any()
    tab.mouse.wheel(0, -200)
    tab.wait_for_function(f"Number(document.getElementById('plot').dataset.view.split(' ')[2]) > {1.3 * zoom}")


def test_the_view_is_turned_by_keys(tab):
    tab.get_by_role("button", name="Corner").click()
    before = view_of(tab)
    assert before[:2] == pytest.approx((np.arctan2(CORNER[1], CORNER[0]), np.arctan2(0.8, 1.1 * 2**0.5)), abs=0.01)
    tab.locator("#plot canvas").focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "+"):
        tab.keyboard.press(key)
    after = view_of(tab)
    assert after[0] == pytest.approx(before[0] + 0.3, abs=0.01)
    assert after[1] == pytest.approx(before[1] - 0.15, abs=0.01)
    assert after[2] == pytest.approx(1.25 * before[2], abs=0.01)
    tab.keyboard.press("Home")
    assert view_of(tab)[2] == pytest.approx(before[2], rel=0.3)


def test_the_part_has_its_shape_from_above(tab):
    tab.get_by_role("button", name="Top").click()
    view_of(tab)
    seen = picture_of(tab)
    is_part = abs(seen - [230, 234, 239]).max(axis=2) > 12
    is_part[:, :120] = False  # there are the axes
    is_part[[0, -1]] = is_part[:, [0, -1]] = False  # and the border
    rows, columns = (np.flatnonzero(is_part.any(axis=axis)) for axis in (1, 0))
    sides = np.ptp(bracket().vertices, axis=0)
    assert (columns[-1] - columns[0]) / (rows[-1] - rows[0]) == pytest.approx(sides[0] / sides[1], rel=0.1)
