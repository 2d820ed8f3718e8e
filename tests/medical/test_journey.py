"""The whole way in a real browser, with a real worker and broker: bring a film, read it, write, sign, hand it out.

Once in English and once in Chinese, on one suite of its own home folder and port; each with a radiologist of its own.
"""

from __future__ import annotations

import os
import re
import socket
import time

import numpy as np
import pytest
from tests.medical.archive import ToyArchive
from tests.medical.films import dicom
from tests.service.suite import LINK, started, trivium
from tests.vision.drawn import drawn_chest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="the suite needs Linux or macOS"),
]

PASSWORD = "copper kite ladder moss"
WAIT_MS = 60_000
TEXTS = {
    "en-US": {
        "who": "ann",
        "list": "Worklist",
        "ready": "draft ready",
        "banner": "Research use, not a medical device.",
        "watermark": "DRAFT",
        "ruler": r"[\d.]+ mm at detector",
        "new": "new",
        "typed": "Heart size is normal for age, exi 123?",
        "out": ("FINDINGS", "DRAFT - not signed", "Signed by ann"),
        "wrong": ("FINDINGS: Right effusion.\nIMPRESSION: Left effusion.", "differs between findings and impression"),
    },
    "zh-CN": {
        "who": "bo",
        "list": "工作列表",
        "ready": "草稿已就绪",
        "banner": "仅供研究使用，不是医疗器械。",
        "watermark": "草稿",
        "ruler": r"[\d.]+ mm（探测器平面）",
        "new": "新",
        "typed": "心影不大 exi 123?",
        "out": ("检查所见", "未经任何人签署", "签署：bo"),
        "wrong": ("检查所见：右侧胸腔积液。\n诊断意见：左侧胸腔积液。", "左右侧在所见与印象中不一致"),
    },
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The whole suite with the medical app, its listener, and an archive that knows it."""
    archive = ToyArchive()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    network = {"TRIVIUM_MEDICAL_DICOM_PORT": str(port), "TRIVIUM_MEDICAL_ARCHIVE": f"PACS@127.0.0.1:{archive.port}"}
    archive.send_to(port)
    archive.held = {"1.7": ("MRN-5150", "20240101", ["DX"])}
    with started(tmp_path_factory.mktemp("journey") / "home", TRIVIUM_APPS="medical", **network) as suite:
        yield suite
    archive.server.shutdown()


class Visit:
    """A radiologist's tab, which remembers what went wrong in it and what it asked of others."""

    def __init__(self, browser, suite, locale: str, who: str) -> None:
        self.context = browser.new_context(locale=locale, viewport={"width": 1400, "height": 950})
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.faults: list[str] = []
        self.outside: list[str] = []
        self.url = suite.url
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._asked)
        added = trivium("people", "add", who, "--role", "medical:radiologist", home=suite.home, TRIVIUM_APPS="medical")
        assert added.returncode == 0, added.stderr
        self.page.goto(LINK.search(added.stdout)[0])
        self.page.wait_for_url(f"{suite.url}/welcome")
        self.page.fill("[name=password]", PASSWORD)
        self.page.fill("[name=again]", PASSWORD)
        self.page.locator("main form button").first.click()
        self.page.wait_for_url(f"{suite.url}/")

    def _asked(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.outside.append(request.url)

    def until(self, ask) -> None:
        """Ask until it is so; the pages' own policy forbids scripts made of text, so the tab cannot wait by itself."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not ask():
            assert time.monotonic() < deadline, self.faults
            self.page.wait_for_timeout(100)

    def axe(self) -> list[str]:
        """Return what axe finds serious or critical on the page as it stands."""
        from axe_core_python.sync_playwright import Axe

        found = Axe().run(self.page)["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def film(number: int, *, place: int = 1, **changes) -> bytes:
    """A drawn chest with an invented patient; each number is a study of its own, each place a film of it."""
    pixels = (drawn_chest() * 4095).astype(np.uint16)
    return dicom(
        pixels, BitsStored=12, ViewPosition="PA", PatientAge="060Y", PatientSex="F", BodyPartExamined="CHEST",
        SOPInstanceUID=f"1.2.3.{number}.{place}", StudyInstanceUID=f"1.2.3.{number}",
        SeriesInstanceUID=f"1.2.3.{number}.9", ImagerPixelSpacing=[0.8, 0.8], WindowCenter=2048, WindowWidth=4096,
        **{"PatientName": "Zyxwine^Quorla", "PatientID": "MRN-77123"} | changes,
    )  # fmt: skip


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_from_a_film_to_a_signature(browser, suite, locale):
    texts = TEXTS[locale]
    visit = Visit(browser, suite, locale, texts["who"])
    page = visit.page

    # The film at the door, its row in the list, its draft.
    page.goto(f"{suite.url}/medical/")
    page.get_by_role("heading", level=1, name=texts["list"]).wait_for()
    assert texts["banner"] in page.locator(".m-banner").inner_text()
    bytes_of = film(1 if locale == "en-US" else 2)
    page.check("#stat")
    page.set_input_files("#files", {"name": "Quorla.dcm", "mimeType": "application/dicom", "buffer": bytes_of})
    row = page.locator("#rows tr", has_text=texts["ready"]).first
    row.wait_for()
    assert "STAT" in row.inner_text()
    assert visit.axe() == []
    row.locator("a").click()

    # The viewer: window by drag, invert, ruler; evidence only when asked for.
    page.wait_for_selector("#view[data-ready]")
    view = page.locator("#view")
    assert view.get_attribute("data-window") == "2048/4096"
    box = view.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 120, middle[1] + 60, steps=4)
    page.mouse.up()
    visit.until(lambda: view.get_attribute("data-window") != "2048/4096")
    page.keyboard.press("i")
    visit.until(lambda: view.get_attribute("data-inverted") == "true")
    page.keyboard.press("r")
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 100, middle[1], steps=4)
    page.mouse.up()
    visit.until(lambda: re.fullmatch(texts["ruler"], view.get_attribute("data-ruler") or ""))
    assert page.locator('[data-tool="heat"]').get_attribute("aria-pressed") == "false"
    assert page.locator("#opacity").is_disabled()
    page.keyboard.press("h")
    visit.until(lambda: view.get_attribute("data-maps") not in ("", None))
    page.keyboard.press("h")
    assert texts["watermark"] in page.locator("#mark").text_content()
    assert visit.axe() == []

    # The report: taken, one sentence edited with keys that mean something elsewhere, the others accepted by Enter.
    page.locator("[data-act=begin]").click()
    page.wait_for_selector(".m-sentence.current")
    count = page.locator(".m-sentence").count()
    page.keyboard.press("e")
    page.locator(".m-field textarea").fill("")
    page.keyboard.type(texts["typed"])
    assert view.get_attribute("data-inverted") == "true"
    page.keyboard.press("Control+Enter")
    visit.until(lambda: page.locator('#study[data-saved="saved"]').count() == 1)
    page.keyboard.press("j")
    saves = []
    page.on("request", lambda one: saves.append(one.url) if one.url.endswith("/save") else None)
    for _ in range(count - 1):
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
    assert saves  # without a pause, too
    visit.until(lambda: page.locator('#study[data-saved="saved"]').count() == 1)
    assert page.locator(".m-sentence[data-status=draft]").count() == 0
    assert page.locator(".m-sentence .m-text").first.inner_text() == texts["typed"]
    assert visit.axe() == []
    section, is_draft, is_signed = texts["out"]
    address = page.url
    draft_text = page.request.get(f"{address}/report.txt").text()
    assert section in draft_text
    assert is_draft in draft_text

    # The signature: what is shown, what is asked, and what goes out after it.
    page.locator("[data-act=sign]").click()
    assert texts["typed"] in page.locator(".m-signing").inner_text()
    assert visit.axe() == []
    page.check("[name=attested]")
    page.fill("#d-secret", PASSWORD)
    page.locator("[data-act=confirm]").click()
    page.wait_for_selector("#study[data-state=signed]")
    assert page.locator("#mark").text_content() == ""
    assert visit.axe() == []
    signed_text = page.request.get(f"{address}/report.txt").text()
    assert is_draft not in signed_text
    assert is_signed in signed_text
    assert page.request.get(f"{address}/report.pdf").body().startswith(b"%PDF")
    assert page.request.get(f"{address}/report.json").json()["entry"][0]["resource"]["status"] == "final"
    page.click("#identity")
    page.get_by_text("Zyxwine Quorla").wait_for()

    # A film that comes after the signature is told until somebody has looked.
    late = film(1 if locale == "en-US" else 2, place=2)
    page.request.post(f"{suite.url}/medical/api/uploads", data=late, headers={"origin": suite.url})
    page.locator("[data-act=looked]").wait_for()
    assert page.locator("[data-tool=film-2]").inner_text() == f"2 PA {texts['new']}"
    assert visit.axe() == []
    page.locator("[data-act=looked]").click()
    page.locator("[data-act=looked]").wait_for(state="detached")
    assert texts["who"] in page.locator("[data-key=films-since]").inner_text()

    # A report of somebody's own, checked without an image.
    page.goto(f"{suite.url}/medical/check")
    text, told = texts["wrong"]
    page.fill("#report", text)
    page.locator("#check button").click()
    page.locator("#marks", has_text=told).wait_for()
    assert visit.axe() == []
    assert visit.outside == []
    assert visit.faults == []
    visit.context.close()


def test_an_earlier_film_comes_from_the_archive_while_somebody_writes(browser, suite):
    visit = Visit(browser, suite, "en-US", "cleo")
    page = visit.page
    data = film(3, PatientID="MRN-5150", StudyDate="20240131")
    brought = page.request.post(f"{suite.url}/medical/api/uploads", data=data, headers={"origin": suite.url})
    page.goto(f"{suite.url}/medical/studies/{brought.json()['study']}")
    page.wait_for_selector("#study[data-draft=ready]")
    assert page.locator("#priors").inner_text().startswith("no prior")
    page.locator("[data-act=begin]").click()
    page.wait_for_selector(".m-sentence.current")
    page.keyboard.press("e")
    page.keyboard.press("End")
    page.keyboard.type(" half a")
    page.locator("[data-tool=archive]").click()
    page.wait_for_selector("#prior[data-ready]")
    assert "30 d earlier" in page.locator("#prior .m-tl").inner_text()  # 2024-01-01 to 2024-01-31
    assert "Earlier films came from the archive: 1." in page.locator("#notices").inner_text()
    assert page.locator(".m-field textarea").input_value().endswith(" half a")
    page.locator(".m-field textarea").press("End")
    page.keyboard.type(" word")
    page.keyboard.press("Control+Enter")
    visit.until(lambda: page.locator('#study[data-saved="saved"]').count() == 1)
    assert page.locator(".m-sentence .m-text").first.inner_text().endswith(" half a word")

    # A second film of the study comes, and can be looked at.
    data = film(3, place=2, PatientID="MRN-5150", StudyDate="20240131")
    page.request.post(f"{suite.url}/medical/api/uploads", data=data, headers={"origin": suite.url})
    page.locator("[data-tool=film-2]").click()
    visit.until(lambda: "/films/2" in (page.locator("#view").get_attribute("data-ready") or ""))
    assert "there are 2 now" in page.locator("#notices").inner_text()
    assert page.locator("[data-tool=prior]").is_visible()  # the buttons were drawn anew, and it among them

    # A critical finding asks who was told, and the page goes on.
    page.locator("[data-add=findings]").click()
    page.keyboard.type("Small left pneumothorax.")
    page.keyboard.press("Control+Enter")
    page.locator("[data-act=note]").click()
    page.fill("#d-told", "Dr Weaver")
    page.locator("[data-act=confirm]").click()
    page.locator(".m-told li", has_text="Dr Weaver").wait_for()
    assert page.get_by_role("link", name="PDF").is_visible()
    assert visit.axe() == []
    assert visit.faults == []
    visit.context.close()


@pytest.mark.parametrize("secret", [b"Quorla", b"MRN-77123", b"1.2.3.1.1"])
def test_no_identifier_is_left_in_the_home_folder(suite, secret):
    """After the journeys: database, broker's log, blobs, logs and names of files."""
    held = [path for path in suite.home.rglob("*") if path.is_file()]
    assert len(held) > 5
    assert [path.name for path in held if secret in path.read_bytes() or secret in path.name.encode()] == []
