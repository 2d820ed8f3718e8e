"""The HTML report in a real browser: numbers in another unit, the way to the source, keys, copying, accessibility."""

import random
from decimal import Decimal

import pytest
from tests.finance.made_report import QORVANE, SEVERAL, page

from trivium.finance.display import Scale, cell, cell_points

pytestmark = pytest.mark.browser

UNITS = ("USD", "shares", "store", "USD/shares", "pure", "times", "days")
REVENUE = "QRVN/revenue/2023-07-01..2024-06-30"
MARGIN = "QRVN/gross_margin/2023-07-01..2024-06-30"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports")
    for language in ("en", "zh"):
        (path / f"{language}.html").write_text(page(QORVANE, language), encoding="utf-8")
        (path / f"several-{language}.html").write_text(page(SEVERAL, language), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, folder):
    """A page on the English report, which must stay silent and fetch nothing."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    requests, errors = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: errors.append(message.text))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto((folder / "en.html").as_uri())
    tab.locator("html.ready").wait_for()
    yield tab
    context.close()
    assert errors == []
    assert requests == [(folder / "en.html").as_uri()]


def in_table(tab, claim, table="income-statement"):
    return tab.locator(f"table.{table} td[data-claim='{claim}']").first


def copied(tab):
    """What the page puts on the clipboard when the reader copies."""
    return tab.evaluate(
        """() => { const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), cancelable: true });
                   document.dispatchEvent(event); return event.clipboardData.getData("text/plain"); }"""
    )


def test_every_unit_shows_what_the_formatter_shows(opened):
    rng = random.Random(11)
    cases, wanted = [], []
    for number in range(3000):
        digits = rng.choice(
            (rng.randint(0, 999), rng.randint(0, 10**9), rng.randint(0, 10**14), 5 * 10 ** rng.randint(0, 9))
        )
        amount = Decimal(rng.choice((-1, 1)) * digits).scaleb(-rng.choice((0, 0, 1, 2, 3, 8)))
        unit, scale = UNITS[number % len(UNITS)], list(Scale)[number % 6]
        cases.append([f"{amount:f}", unit, scale.value])
        wanted.append(cell(amount, unit, scale))
        cases.append([f"{amount:f}", "points", scale.value])
        wanted.append(cell_points(amount, "en"))
    assert opened.evaluate("cases => cases.map(([value, unit, scale]) => shown(value, unit, scale))", cases) == wanted


@pytest.mark.parametrize("scale", list(Scale))
def test_the_unit_switch_rewrites_every_amount_and_no_ratio(opened, scale):
    before = opened.evaluate("() => [...document.querySelectorAll('[data-value]')].map(node => node.textContent)")
    opened.get_by_label("Unit").select_option(scale.value)
    nodes = opened.evaluate(
        """() => [...document.querySelectorAll("[data-value]")]
               .map((node) => [node.dataset.value, node.dataset.unit, node.textContent])"""
    )
    assert len(nodes) == len(before) > 500
    for (value, unit, shown), old in zip(nodes, before, strict=True):
        is_amount = unit in ("USD", "shares")
        assert shown == (cell(Decimal(value), unit, scale) if is_amount else old)
    assert opened.locator("table.income-statement thead th").first.text_content() == {
        "full": "USD", "thousand": "USD thousand", "wan": "USD ten thousand", "million": "USD million",
        "yi": "USD hundred million", "billion": "USD billion",
    }[scale.value]  # fmt: skip


def test_shares_can_be_shown_as_they_were_reported(opened):
    # Qorvane split 10 for 1 in fiscal 2024; its year to June 2021 stands only in a filing from before.
    cell = opened.locator('[data-value][data-claim="QRVN/eps_diluted/2020-07-01..2021-06-30@split"]').first
    adjusted = Decimal(cell.get_attribute("data-value"))
    opened.locator("#basis").select_option("reported")
    reported = opened.locator('[data-value][data-claim="QRVN/eps_diluted/2020-07-01..2021-06-30"]').first
    assert Decimal(reported.get_attribute("data-value")) == adjusted * 10
    assert reported.text_content() == f"{adjusted * 10:.2f}"
    reported.press("Enter")
    assert "us-gaap:EarningsPerShareDiluted" in opened.locator("#panel").text_content()
    opened.locator("#basis").select_option("adjusted")
    assert Decimal(cell.get_attribute("data-value")) == adjusted


def test_enter_opens_the_source_and_escape_comes_back(opened):
    cell_ = in_table(opened, REVENUE)
    cell_.focus()
    opened.keyboard.press("Enter")
    panel = opened.get_by_role("complementary", name="Source")
    assert panel.locator(".panel-amount").text_content() == "8,747 USD million"
    assert "8,747,000,000" in panel.text_content()
    rows = panel.locator(".excerpt tbody tr")
    assert rows.count() <= 7
    hit = panel.locator(".excerpt tr.hit")
    assert hit.locator("th").text_content() == "Total net sales"
    assert hit.locator("mark").text_content() == "8,747"
    terms = dict(zip(panel.locator("dt").all_text_contents(), panel.locator("dd").all_text_contents(), strict=True))
    assert terms["File"] == "QRVN_10-K_FY2024.htm"
    assert terms["Scale"] == "Millions"
    assert len(terms["SHA-256"]) == 64
    opened.keyboard.press("Escape")
    assert not panel.is_visible()
    assert opened.evaluate("() => document.activeElement.dataset.claim") == REVENUE


def test_a_derived_number_leads_down_to_reported_ones(opened):
    in_table(opened, MARGIN, "ratios").click()
    panel = opened.get_by_role("complementary", name="Source")
    assert panel.locator(".formula").text_content() == "= Gross profit ÷ Revenue"
    panel.get_by_role("button", name="Revenue").click()
    assert panel.locator(".panel-name b").text_content() == "Revenue"
    assert panel.locator(".excerpt tr.hit").count() == 1
    panel.get_by_role("button", name="Back").click()
    assert panel.locator(".panel-name b").text_content() == "Gross margin"
    panel.get_by_role("button", name="Close").click()
    assert opened.evaluate("() => document.activeElement.dataset.claim") == MARGIN


def test_the_chosen_number_stays_where_it_was_when_the_panel_opens(opened):
    cell_ = in_table(opened, MARGIN, "ratios")
    cell_.scroll_into_view_if_needed()
    before = cell_.bounding_box()["y"]
    cell_.click()
    assert opened.get_by_role("complementary", name="Source").is_visible()
    assert abs(cell_.bounding_box()["y"] - before) < 2


def test_a_number_in_a_sentence_opens_its_source(opened):
    button = opened.locator(".findings button[data-claim]").first
    button.click()
    assert opened.locator("#panel .panel-name b").text_content()
    opened.keyboard.press("Escape")
    assert opened.evaluate("() => document.activeElement.closest('.findings') !== null")


def test_the_formula_and_the_reason_show_on_focus(opened):
    cell_ = in_table(opened, MARGIN, "ratios")
    cell_.focus()
    assert opened.get_by_role("tooltip").text_content() == "= Gross profit ÷ Revenue"
    assert cell_.get_attribute("aria-describedby") == "tip"
    in_table(opened, "QRVN/cash/2021-06-30", "balance-sheet").focus()
    assert opened.get_by_role("tooltip").text_content() == "not reported in the sources for this period"
    opened.keyboard.press("Escape")
    assert not opened.locator("#tip").is_visible()


def test_arrow_keys_move_and_each_table_is_one_tab_stop(opened):
    stops = opened.evaluate(
        "() => [...document.querySelectorAll('table.grid')].map(t => t.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert set(stops) == {1}
    in_table(opened, REVENUE).focus()

    def focused():
        return opened.evaluate("() => document.activeElement.dataset.claim ?? document.activeElement.textContent")

    opened.keyboard.press("ArrowDown")
    assert focused() == "QRVN/cost_of_revenue/2023-07-01..2024-06-30"
    opened.keyboard.press("ArrowLeft")
    assert focused() == "QRVN/cost_of_revenue/2022-07-01..2023-06-30"
    opened.keyboard.press("Home")
    assert focused() == "Cost of revenue"
    opened.keyboard.press("Control+Home")
    assert focused() == "Revenue"
    opened.keyboard.press("ArrowUp")
    assert focused() == "Revenue"
    assert (
        opened.evaluate("() => document.activeElement.closest('table').querySelectorAll('[tabindex=\"0\"]').length")
        == 1
    )


def test_arrow_keys_jump_over_the_names_of_groups(opened):
    last = opened.locator("table.ratios tr:has(+ tr.group)").first.locator("td").first
    last.focus()
    opened.keyboard.press("ArrowDown")
    assert opened.evaluate("() => document.activeElement.tagName") == "TD"


def test_a_range_is_copied_in_full_numbers_with_tabs(opened):
    in_table(opened, "QRVN/revenue/2022-07-01..2023-06-30").focus()
    opened.keyboard.press("Shift+ArrowRight")
    opened.keyboard.press("Shift+ArrowDown")
    assert copied(opened) == "6699000000\t8747000000\n2516000000\t3269000000"
    opened.keyboard.press("ArrowLeft")
    assert copied(opened) == "2516000000"


def test_a_selection_by_mouse_is_copied_in_full_numbers(opened):
    opened.evaluate(
        """() => { const rows = document.querySelectorAll("table.income-statement tbody tr");
                   getSelection().setBaseAndExtent(rows[0].cells[3].firstChild, 0, rows[0].cells[4].firstChild, 5); }"""
    )
    assert copied(opened) == "6699000000\t8747000000"


def test_it_works_in_a_sandboxed_frame(browser, folder):
    tab = browser.new_page()
    errors = []
    tab.on("console", lambda message: errors.append(message.text))
    outer = folder / "outer.html"
    outer.write_text('<iframe sandbox="allow-scripts" src="en.html" width="1200" height="800"></iframe>')
    tab.goto(outer.as_uri())
    frame = tab.frame_locator("iframe")
    frame.locator("html.ready").wait_for()
    frame.locator(f"table.income-statement td[data-claim='{REVENUE}']").first.click()
    assert frame.locator(".panel-amount").text_content() == "8,747 USD million"
    tab.close()
    assert errors == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["en", "several-zh"])
def test_nothing_serious_for_assistive_technology(browser, folder, name, scheme):
    axe = pytest.importorskip("axe_core_python.sync_playwright")
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto((folder / f"{name}.html").as_uri())
    tab.locator("html.ready").wait_for()
    tab.locator("table.income-statement td[data-claim]").first.click()
    for summary in tab.locator("summary").all():
        summary.click()
    # The rows of a table are alike: half a dozen of each. Of axe's rules only that of contrast depends on the scheme.
    tab.evaluate(
        "() => document.querySelectorAll('tbody tr:nth-child(n+7), main li:nth-child(n+7)').forEach(n => n.remove())"
    )
    only = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if scheme == "dark" else None
    result = axe.Axe().run(tab, options=only)
    assert any(one["id"] == "color-contrast" for one in result["passes"])
    found = result["violations"]
    context.close()
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:300]}" for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("name", ["en", "several-zh"])
def test_it_is_as_wide_as_a_telephone(browser, folder, name):
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.goto((folder / f"{name}.html").as_uri())
    tab.locator("html.ready").wait_for()
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    ties = tab.locator(".findings .tie")  # a bracket is on the line of its number
    assert ties.count() > 0
    assert all(ties.evaluate_all("all => all.map(one => one.getBoundingClientRect().height < 40)"))
    tab.close()


def test_it_prints_every_part(browser, folder):
    tab = browser.new_page()
    tab.goto((folder / "en.html").as_uri())
    tab.emulate_media(media="print")
    assert tab.locator("nav").is_hidden()
    assert tab.locator(".toolbar").is_hidden()
    printed = tab.pdf(format="Letter", print_background=True)
    tab.close()
    import pypdfium2

    document = pypdfium2.PdfDocument(printed)
    text = "".join(document[number].get_textpage().get_text_bounded() for number in range(len(document)))
    document.close()
    for part in ("Key findings", "Income statement", "Checks that hold", "What could not be read", "Mapping"):
        assert part in text
    assert "Basic EPS times shares gives net income" in text  # inside a folded list on the screen
