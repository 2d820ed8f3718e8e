"""The whole way in a real browser, with a real worker and broker: log in, drop filings, read, trace, download, correct.

Once in English and once in Chinese, on one suite of its own home folder and port.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from tests.service.suite import started, trivium

from trivium.finance.formats import FORMATS
from trivium.finance.samples import write_samples

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(os.name != "posix", reason="the suite needs Linux or macOS"),
]

PAIR = ("TVMK_10-K_FY2023.htm", "TVMK_10-K_FY2024.htm")
REVENUE = "TVMK/revenue/2024-01-01..2024-12-31"
WAIT_MS = 30_000
TEXTS = {
    "en-US": {
        "heading": "Compare company filings",
        "compare": "Compare",
        "card": ("Revenue", "2,569", "USD million", "+6.2% on FY2023", "reported"),
        "billion": ("billion", "2.57"),
        "tabs": ("Analysis", "Mapping", "Downloads"),
        "change": "Use another concept for Capital expenditure of TVMK",
        "use": "Use it and run again",
        "chosen": "chosen by you",
        "named": re.compile("TVMK: Capital expenditure is taken from us-gaap:Depreciation.*, as a user chose"),
    },
    "zh-CN": {
        "heading": "公司财报对比",
        "compare": "开始对比",
        "card": ("营业收入", "25.69", "亿美元", "+6.2%", "披露"),
        "billion": ("million", "2,569"),
        "tabs": ("图表分析", "指标映射", "下载"),
        "change": "为TVMK的“资本开支”选用其他概念",
        "use": "采用并重新运行",
        "chosen": "由您选定",
        "named": re.compile("TVMK：资本开支取自us-gaap:Depreciation.*（由用户选定）"),
    },
}


ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
"""Three words in a row."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The whole suite with the finance app."""
    with started(tmp_path_factory.mktemp("journey") / "home", TRIVIUM_APPS="finance") as suite:
        yield suite


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, Path]:
    return {path.name: path for path in write_samples(tmp_path_factory.mktemp("samples"))}


class Visit:
    """A logged-in tab that remembers what went wrong in it and what it asked of others."""

    def __init__(self, browser, suite, locale: str) -> None:
        self.context = browser.new_context(locale=locale, accept_downloads=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.faults: list[str] = []
        self.outside: list[str] = []
        self.url = suite.url
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", self._answered)
        self.page.on("request", self._asked)
        login = trivium("login", home=suite.home, TRIVIUM_APPS="finance")
        assert login.returncode == 0, login.stderr
        self.page.goto(login.stdout.strip())
        self.page.wait_for_url(f"{suite.url}/")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} {response.url}")

    def _asked(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.outside.append(request.url)

    def download(self, link: str) -> bytes:
        with self.page.expect_download() as started:
            self.page.get_by_role("link", name=link, exact=True).click()
        return Path(started.value.path()).read_bytes()

    def axe(self) -> list[str]:
        """Return what axe finds serious or critical on the page as it stands."""
        from axe_core_python.sync_playwright import Axe

        found = Axe().run(self.page)["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_from_dropped_filings_to_a_corrected_report(browser, suite, samples, locale):
    texts = TEXTS[locale]
    visit = Visit(browser, suite, locale)
    page = visit.page
    page.goto(f"{suite.url}/finance/")
    page.get_by_role("heading", level=1, name=texts["heading"]).wait_for()
    assert page.evaluate("document.documentElement.lang") == ("en" if locale == "en-US" else "zh-CN")
    page.locator(".tf-zone input").set_input_files([samples[name] for name in PAIR])
    page.locator(".tf-chosen li", has_text=PAIR[1]).get_by_text("KB").wait_for()
    assert visit.axe() == []

    # The job, by its stages to the cards; the address names it.
    page.get_by_role("button", name=texts["compare"], exact=True).click()
    page.locator(".tf-job").wait_for()
    page.locator(".tf-cards").wait_for()
    first = re.fullmatch(r".*/finance/\?job=([0-9a-f]{16})", page.url)[1]
    card = page.locator(".tf-card").first.inner_text()
    assert all(text in card for text in texts["card"]), card

    # A number's way to its source inside the report, and its unit.
    report = page.frame_locator(".tf-frame")
    number = report.locator(f'td[data-claim="{REVENUE}"]').first
    number.click()
    report.locator("#panel", has_text=PAIR[1]).wait_for()
    scale, shown = texts["billion"]
    report.locator("#unit").select_option(scale)
    assert number.inner_text() == shown
    assert visit.axe() == []

    # Charts, files, and a reload by the permanent link.
    page.get_by_role("tab", name=texts["tabs"][0]).click()
    page.locator(".js-plotly-plot .barlayer").first.wait_for(state="attached")
    page.get_by_role("tab", name=texts["tabs"][2]).click()
    assert b"<!doctype html>" in visit.download("comparison.html")[:200].lower()
    if "xlsx" in FORMATS:
        names = zipfile.ZipFile(io.BytesIO(visit.download("comparison.xlsx"))).namelist()
        assert "xl/workbook.xml" in names
    assert visit.axe() == []
    page.goto(f"{suite.url}/finance/?job={first}")
    page.locator(".tf-cards").wait_for()
    assert page.locator(".tf-card").first.inner_text() == card

    # Another concept: chosen, run again, and named.
    page.get_by_role("tab", name=texts["tabs"][1]).click()
    page.get_by_role("button", name=texts["change"]).click()
    page.get_by_role("radio", name=re.compile("us-gaap:Depreciation(DepletionAndAmortization)? ")).first.check()
    assert visit.axe() == []
    page.get_by_role("button", name=texts["use"]).click()
    page.wait_for_function("first => !location.search.includes(first)", arg=first)
    page.locator(".tf-cards").wait_for()
    row = page.locator("#tf-mapping tr", has_text=texts["chosen"])
    row.first.wait_for(state="attached")
    assert "us-gaap:Depreciation" in row.first.text_content()
    report.locator("body", has_text=texts["named"]).wait_for(state="attached")

    assert visit.outside == []
    assert visit.faults == []
    visit.context.close()


def test_a_damaged_filing_is_told_in_chinese(browser, suite, samples, tmp_path):
    whole = samples[PAIR[1]].read_bytes()
    damaged, cut = tmp_path / "TVMK_damaged.htm", tmp_path / "TVMK_cut.htm"
    damaged.write_bytes(whole[: whole.index(b"<ix:nonFraction") + 20])
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    page = Visit(browser, suite, "zh-CN").page

    def compared(*files: Path) -> str:
        """Compare the files and return what the page says of the job."""
        page.goto(f"{suite.url}/finance/")
        page.locator(".tf-zone input").set_input_files(files)
        for file in files:
            page.locator(".tf-chosen li", has_text=file.name).get_by_text("KB").wait_for()
        page.get_by_role("button", name="开始对比", exact=True).click()
        page.locator(".tf-job :is(.tf-alert, .tf-note)").wait_for()
        return page.locator(".tf-job").inner_text()

    failed = compared(damaged)
    said = r"TVMK_damaged.htm：没有找到含报表的会计期间（第 \d+ 行第 \d+ 列起 XML 格式不正确（.+）；其后的内容未读取）"
    assert re.search(f"{said}；请提供年报或季报", failed), failed
    assert ENGLISH.findall(failed.replace(damaged.name, "")) == []

    damaged.write_bytes(whole[:200])
    told = compared(samples[PAIR[0]], damaged, cut)
    assert "TVMK_damaged.htm：这个 XML 文件既不是内联 XBRL，也不是 XBRL 实例文档；请提供" in told, told
    assert ENGLISH.findall(told) == []
    part = page.frame_locator(".tf-frame").locator("#unread").inner_text()
    assert re.search(r"TVMK_cut.htm\s.*第 \d+ 行第 \d+ 列起 XML 格式不正确（.+）；其后的内容未读取", part), part
    assert ENGLISH.findall(part) == []
