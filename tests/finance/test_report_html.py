import base64
import dataclasses
import hashlib
import itertools
import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
from lxml import html as lxml_html
from tests.finance.made_report import BANK, QORVANE, SEVERAL, Made, made, made_of, page
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Message, Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.claims import claims_of, values_of
from trivium.finance.display import Scale, cell, cell_points
from trivium.finance.parse.reader import read_path
from trivium.finance.records import Period
from trivium.finance.report.content import Content
from trivium.finance.report.html import render_html
from trivium.finance.report.html.charts import spark, waterfall_bar
from trivium.finance.report.html.markup import Html, escape, tag
from trivium.finance.report.ledger import plain, to_script
from trivium.finance.report.sources import Tables, printed_exponent
from trivium.finance.report.wording import Wording
from trivium.service.evidence import Sentence

EVERY_KIND = [(QORVANE, "en", Scale.MILLION), (SEVERAL, "zh", Scale.YI), (BANK, "en", Scale.FULL)]


def parsed(text: str):
    return lxml_html.document_fromstring(text.encode())


def data_of(text: str):
    data = json.loads(parsed(text).get_element_by_id("report-data").text)
    for entry in data["values"]:
        for key in ("name", "company", "period", "status", "unit", "formula", "reason"):
            if key in entry:
                entry[key] = data["words"][entry[key]]
    return data


def value_of(one: Made, metric: str, end: str) -> Value:
    found = [
        value
        for value in one.comparison.series[0].values.values()
        if value.metric == metric and value.period.end.isoformat() == end and value.is_available
    ]
    return max(found, key=lambda value: value.period.days)


@pytest.mark.parametrize(("names", "language", "scale"), EVERY_KIND)
def test_every_number_follows_from_its_claim(names, language, scale):
    claims = made(names, language, scale).claims
    count = 0
    for node in parsed(page(names, language, scale)).iterfind(".//*[@data-claim][@data-value]"):
        amount = Decimal(node.get("data-value"))
        assert claims[node.get("data-claim")].value == amount
        unit = node.get("data-unit")
        wanted = {"points": cell_points(amount, language), "rank": str(amount)}.get(unit) or cell(amount, unit, scale)
        assert node.text == wanted
        count += 1
    assert count > 200


def test_a_number_without_a_claim_is_refused():
    one = made()
    revenue = value_of(one, "revenue", "2024-06-30")
    with pytest.raises(ValueError, match=r"no claim stands behind 'QRVN/revenue/2023-07-01\.\.2024-06-30'"):
        render_html(Content(one.comparison, (), {}, "en", Scale.MILLION))
    wrong = {**one.claims, revenue.id: dataclasses.replace(one.claims[revenue.id], value=Decimal(7))}
    with pytest.raises(ValueError, match="its claim says 7"):
        render_html(Content(one.comparison, (), wrong, "en", Scale.MILLION))


def test_parts_come_in_reading_order():
    found = [section.get("id") for section in parsed(page()).iterfind(".//section")]
    assert found == [
        "findings", "overview", "statements", "quarters", "common_size", "ratios", "breakdowns", "bridges", "checks",
        "restated", "unread", "missing", "method",
    ]  # fmt: skip
    several = [section.get("id") for section in parsed(page(SEVERAL)).iterfind(".//section")]
    assert several[several.index("ratios") + 1] == "peers"


def test_the_title_block_says_who_when_and_from_what():
    header = parsed(page()).find(".//header")
    text = header.text_content()
    assert header.find("h1").text == "Qorvane Microdevices: FY2021 – FY2024"
    assert "USD million" in text
    assert "2026-01-05" in text
    digest = made().comparison.series[0].filings[-1].source.sha256[:12]
    rows = [[td.text_content() for td in row.iterfind("td")] for row in header.iterfind(".//tbody/tr")]
    assert rows[-1] == [
        "10-K", "Qorvane Microdevices Corporation", "FY2024", "2024-06-30", "QRVN_10-K_FY2024.htm", digest,
    ]  # fmt: skip


def test_a_sentence_keeps_its_text_and_its_numbers_lead_to_their_claims():
    one = made()
    items = parsed(page()).findall(".//ul[@class='findings']/li")
    assert len(items) == len(one.sentences) > 10
    for item, sentence in zip(items, one.sentences, strict=True):
        marks = {button.get("data-claim") for button in item.iterfind("button[@class='mark']")}
        numbers = [button for button in item.iterfind(".//button") if button.get("class") != "mark"]
        linked = {button.get("data-claim") for button in numbers}
        assert linked | marks == set(sentence.claim_ids)
        for mark in item.findall("button[@class='mark']"):
            mark.drop_tree()
        assert item.text_content().strip() == sentence.text
        assert all(re.search(r"\d", button.text) for button in numbers)


def test_one_print_of_two_bound_values_is_given_to_each_once():
    one = made()
    revenue, cost = value_of(one, "revenue", "2024-06-30"), value_of(one, "cost_of_revenue", "2024-06-30")
    sentence = Sentence(
        "Revenue was $8,747 million, cost $3,269 million and again $8,747 million.", (cost.id, revenue.id)
    )
    text = render_html(Content(one.comparison, (sentence,), one.claims, "en", Scale.MILLION))
    buttons = parsed(text).findall(".//ul[@class='findings']/li//button")
    assert [(button.text, button.get("data-claim")) for button in buttons] == [
        ("$8,747 million", revenue.id),
        ("$3,269 million", cost.id),
    ]


def test_a_sentence_bound_to_nothing_known_is_refused():
    one = made()
    with pytest.raises(KeyError, match="unknown"):
        render_html(Content(one.comparison, (Sentence("Sales rose.", ("unknown",)),), one.claims, "en", Scale.FULL))


def test_what_is_missing_is_named_with_its_reason():
    document = parsed(page())
    cash = next(node for node in document.iterfind(".//td") if node.get("data-claim") == "QRVN/cash/2021-06-30")
    assert (cash.text, cash.get("data-value"), cash.get("class")) == ("n/a", None, "na")
    entry = next(entry for entry in data_of(page())["values"] if entry["id"] == "QRVN/cash/2021-06-30")
    assert (entry["status"], entry["reason"]) == ("absent", "not reported in the sources for this period")
    missing = document.get_element_by_id("missing").text_content()
    assert "not reported in the sources for this period: " in missing
    assert "Cash and cash equivalents (2021-06-30)" in missing


def test_a_change_of_sign_is_not_meaningful():
    rows = parsed(page()).findall(".//table[@class='grid income-statement']//tr")
    other = next(row for row in rows if row.findtext("th") == "Other non-operating income")
    assert [td.text for td in other.iterfind("td")][:6] == ["(2)", "(6)", "5", "1", "(4)", "nm"]


def test_what_could_not_be_read_is_always_said():
    assert "Everything in the sources was read." in parsed(page()).get_element_by_id("unread").text_content()
    one = made()
    broken = dataclasses.replace(one.comparison, problems=(("/home/me/a.htm", "f-7: the scale is no number"),))
    text = render_html(Content(broken, (), one.claims, "en", Scale.MILLION))
    items = parsed(text).get_element_by_id("unread").findall("ul/li")
    assert [(item.findtext("b"), item.findtext("ul/li")) for item in items] == [
        ("a.htm", "f-7: the scale is no number")
    ]
    assert "/home/me" not in text


def test_a_failing_check_comes_first_with_both_sides():
    one = made()
    holds = next(check for check in one.comparison.checks if check.verdict == "holds" and check.difference is not None)
    failing = dataclasses.replace(holds, verdict="fails", difference=Decimal(3_000_000))
    comparison = dataclasses.replace(one.comparison, checks=(*one.comparison.checks, failing))
    text = render_html(Content(comparison, (), one.claims, "en", Scale.MILLION))
    part = parsed(text).get_element_by_id("checks")
    assert re.search(r"\d+ checks hold, 1 fail, \d+ could not be applied", part.findtext("p"))
    assert "form 1 of 2: Revenue − Cost of revenue = Gross profit" in [one.text for one in part.iter("small")]
    first = part.find(".//table")
    cells = [td.text for td in first.iterfind("tbody/tr/td")]
    assert cells[1:4] == [
        cell(holds.left.amount, "USD", Scale.MILLION),
        cell(holds.right.amount, "USD", Scale.MILLION),
        "3",
    ]
    assert cells[-1] == "fails"


def test_segments_tie_to_their_total():
    table = next(
        table
        for table in parsed(page()).get_element_by_id("breakdowns").iterfind(".//table")
        if table.findtext("caption") == "Revenue: Segments"
    )
    *members, total, difference = [
        [td.get("data-value") for td in row.iterfind("td")] for row in table.iterfind("tbody/tr")
    ]
    assert sum(Decimal(member[3]) for member in members) == Decimal(total[3]) == Decimal(8_747_000_000)
    assert difference[3] == "0"
    assert table.find("tbody/tr[last()]/th").text == "Ties: total less members"


def test_a_bridge_draws_steps_that_start_where_the_last_one_ended():
    table = next(
        table
        for table in parsed(page()).get_element_by_id("bridges").iterfind(".//table")
        if table.findtext("caption") == "How cash moved"
    )
    spans = [
        (float(rect.get("x")), float(rect.get("x")) + float(rect.get("width"))) for rect in table.iterfind(".//rect")
    ]
    thinnest = 2.1  # bars are drawn at least two units of a thousand wide
    for before, after in itertools.pairwise(spans):
        assert any(abs(one - other) < thinnest for one in before for other in after)
    amounts = [Decimal(td.get("data-value")) for td in table.iterfind(".//td[@data-value]")]
    assert sum(amounts[:-1]) == amounts[-1]


def test_restated_values_show_both_sources():
    one = made()
    part = parsed(page()).get_element_by_id("restated")
    first = part.find(".//tbody/tr")
    original, restated = one.comparison.restated[0]
    cells = first.findall("td")
    assert [cells[1].get("data-claim"), cells[3].get("data-claim")] == [original.id, restated.id]
    assert (cells[2].text, cells[4].text) == ("10-K FY2023", "10-K FY2024")
    assert "split-adjusted" in part.text_content().lower()


def test_the_method_names_the_concept_that_won():
    rows = parsed(page()).get_element_by_id("method").iterfind(".//table//tbody/tr")
    found = {row.findtext("th"): row.findtext("td/code") for row in rows}
    assert found["Net income"] == "us-gaap:NetIncomeLoss"
    terms = [term.text for term in parsed(page()).get_element_by_id("method").iterfind(".//dl/dt")]
    assert "Free cash flow" in terms
    assert not [term for term in terms if "." in term]


def test_a_reported_number_shows_its_printed_row_and_three_around():
    one = made()
    value = value_of(one, "cost_of_revenue", "2024-06-30")
    table = Tables(value.filing).table_of(value.fact)
    rows = table.around(value.fact.place.row)
    assert [(row.label, [fact.printed for fact in row.facts.values()]) for row in rows] == [
        ("Total net sales", ["8,747", "6,699", "5,124"]),
        ("Products", ["3,088", "2,378", "1,826"]),
        ("Services", ["181", "138", "107"]),
        ("Total cost of sales", ["3,269", "2,516", "1,933"]),
        ("Gross profit", ["5,478", "4,183", "3,191"]),
        ("Research and development", ["1,644", "1,259", "964"]),
        ("Selling, general and administrative", ["649", "499", "380"]),
    ]
    assert rows[3].number == value.fact.place.row
    entry = next(entry for entry in data_of(page())["values"] if entry["id"] == value.id)
    source = entry["source"]
    assert (source["concept"], source["printed"]) == (value.fact.concept.qname, value.fact.printed)
    excerpt = data_of(page())["tables"][f"{source['filing']}.{source['table']}"]
    number, label, cells = next(row for row in excerpt["rows"] if row[0] == source["row"])
    assert label == value.fact.place.row_label
    shown = dict(zip((column[0] for column in excerpt["columns"]), cells, strict=True))
    assert shown[source["column"]] == value.fact.printed
    assert number == value.fact.place.row


def test_the_scale_of_a_printed_number_is_found_from_its_value():
    fact = value_of(made(), "revenue", "2024-06-30").fact
    exact = dataclasses.replace(fact, printed="391,035", value=Decimal("391035000000"))
    assert printed_exponent(exact) == 6
    assert printed_exponent(dataclasses.replace(fact, printed="6.08", value=Decimal("-6.08"))) == 0
    assert printed_exponent(dataclasses.replace(fact, printed="0.35", value=Decimal("350000000000"))) == 12
    assert printed_exponent(dataclasses.replace(fact, printed="one hundred", value=Decimal(100))) is None
    assert printed_exponent(dataclasses.replace(fact, printed="17", value=Decimal(18000000))) is None


def test_names_of_a_filing_are_text_everywhere():
    hostile = "</script><script>document.title='x'</script><img src=x onerror=alert(1)>"
    inside = escape(hostile).encode()

    def changed(data: bytes) -> bytes:
        return data.replace(b"Qorvane Microdevices Corporation", inside).replace(b"Total cost of sales", inside)

    one = made_of(QORVANE[-1:], changed)
    assert hostile in one.comparison.series[0].company.name
    text = one.html()
    document = parsed(text)
    assert [script.get("type") for script in document.iterfind(".//script")] == ["application/json", None]
    assert document.find(".//img") is None
    assert hostile in document.findtext(".//header//dd")
    assert any(hostile in entry.get("company", "") for entry in data_of(text)["values"])
    assert any(hostile == entry["source"]["label"] for entry in data_of(text)["values"] if "source" in entry)


def test_only_its_own_style_and_script_may_run_and_nothing_is_fetched():
    document = parsed(page())
    policy = document.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
    assert policy.startswith("default-src 'none'; ")
    for element, directive in ((".//style", "style-src"), (".//script[last()]", "script-src")):
        digest = base64.b64encode(hashlib.sha256(document.find(element).text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    links = [node.get(name) for node in document.iter() for name in ("src", "href", "action") if node.get(name)]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not document.xpath("//*[@style] | //*[starts-with(name(@*), 'on')]")


def test_both_languages_state_the_same_claims():
    def claims(language):
        nodes = parsed(page(QORVANE, language)).iterfind(".//table//td[@data-claim]")
        return [(node.get("data-claim"), node.get("data-value")) for node in nodes]

    assert claims("en") == claims("zh")
    chinese = parsed(page(QORVANE, "zh"))
    assert chinese.get("lang") == "zh-CN"
    assert [item.text for item in chinese.findall(".//nav//a")][:3] == ["要点", "概览", "财务报表"]


def test_each_amount_of_several_currencies_is_headed_by_its_own():
    one = made(SEVERAL)
    currencies = [series.company.currency for series in one.comparison.series]
    heads = {node.get("data-head") for node in parsed(page(SEVERAL)).iterfind(".//header//*[@data-head]")}
    assert heads == set(currencies)


def test_peers_stand_side_by_side_with_rank_and_median():
    table = parsed(page(SEVERAL)).get_element_by_id("peers").find(".//table")
    row = next(row for row in table.iterfind("tbody/tr") if row.findtext("th") == "Net margin")
    cells = [td.get("data-value") for td in row.iterfind("td")]
    values, ranks, middle = [Decimal(one) for one in cells[0:6:2]], cells[1:6:2], Decimal(cells[6])
    assert middle == sorted(values)[1]
    assert [int(rank) for rank in ranks] == [1 + sum(other > one for other in values) for one in values]


def test_formulas_are_told_in_words():
    wording = Wording(made().comparison, "en", Scale.MILLION)
    assert wording.formula("(revenue - cost_of_revenue) / avg(total_assets)") == (
        "(Revenue − Cost of revenue) ÷ average(Total assets)"
    )
    assert wording.formula("[Other revenue] + [cash]") == "[Other revenue] + [cash]"
    assert wording.formula("revenue[FY2024] - revenue[9M FY2024]") == "Revenue[FY2024] − Revenue[9M FY2024]"
    chinese = Wording(made().comparison, "zh", Scale.YI)
    assert chinese.formula("rank(net_margin, higher is better)") == "排名(净利率, 越高越好)"


def test_markup_escapes_text_and_keeps_markup():
    assert tag("p", "a < b", Html("<b>c</b>"), class_="x", data_unit='"') == (
        '<p class="x" data-unit="&quot;">a &lt; b<b>c</b></p>'
    )
    assert tag("input", hidden=True, id="") == "<input hidden/>"
    assert to_script({"a": "</script>"}) == '{"a":"\\u003c/script>"}'


def test_plain_numbers_have_no_exponent_and_no_empty_decimals():
    assert [plain(Decimal(text)) for text in ("1E+9", "2.50", "-0.10", "100", "0")] == [
        "1000000000",
        "2.5",
        "-0.1",
        "100",
        "0",
    ]


def test_charts_keep_to_their_frame():
    assert spark([Decimal(1)], "one") == ""
    drawn = spark([Decimal(-5), None, Decimal(10)], "up & down")
    assert "up &amp; down" in drawn
    heights = [
        (float(y), float(height)) for y, height in re.findall(r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', drawn)
    ]
    assert all(y >= 0 and y + height <= 30.1 for y, height in heights)
    assert len(heights) == 2
    bar = waterfall_bar(Decimal(50), Decimal(25), Decimal(0), Decimal(100), "down", is_last=False)
    assert 'x="250.0" y="6" width="250.0"' in bar


def test_an_empty_comparison_of_one_absent_value_still_renders():
    one = made()
    column = one.comparison.columns[-1]
    period = Period(date(2024, 6, 30))
    absent = Value("QRVN/cash/2024-06-30", "cash", period, "", None, Status.ABSENT, Message("reason.not_tagged"))
    table = one.comparison.tables[0]
    row = dataclasses.replace(table.rows[0], metric="cash", values=(absent,), changes=())
    bare = dataclasses.replace(
        one.comparison, columns=(column,), tables=(dataclasses.replace(table, rows=(row,)),), breakdowns=(), bridges=(),
        checks=(), restated=(),
    )  # fmt: skip
    text = render_html(Content(bare, (), one.claims, "en", Scale.MILLION))
    assert parsed(text).find(".//td[@data-claim]").text == "n/a"


def test_importing_the_report_stays_light():
    code = (
        "import sys, trivium.finance.report.html; print([m for m in ('lxml', 'gradio', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
@needs_finance_data
def test_two_annual_reports_stay_under_two_megabytes():
    folder = FINANCE / "sec_ixbrl" / "KO"
    filings = [filing for year in (2023, 2024) for filing in read_path(folder / f"10-K_FY{year}.htm.gz")]
    comparison = compare(filings, load_policy(), created=date(2026, 1, 5))
    claims = claims_of(values_of(comparison))
    text = render_html(Content(comparison, (), claims, "en", Scale.MILLION))
    assert len(text.encode()) < 2_000_000
    revenue = next(row for row in parsed(text).iterfind(".//tr") if row.findtext("th") == "Revenue")
    assert [td.text for td in revenue.iterfind("td")][:4] == ["38,655", "43,004", "45,754", "47,061"]  # 10-K, page 61
