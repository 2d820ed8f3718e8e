"""The sample filings: same bytes each time, sound books, every trap present, and a page that prints its truth."""

from __future__ import annotations

import csv
import hashlib
import html
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from trivium.finance.parse.inline import read_inline
from trivium.finance.records import Fact
from trivium.finance.samples import TruthRow, sample_truth, write_document_set, write_samples, write_statement_csv
from trivium.finance.samples.companies import COMPANIES
from trivium.finance.samples.filing import PLANS, build

IX = "{http://www.xbrl.org/2013/inlineXBRL}"
XBRLI = "{http://www.xbrl.org/2003/instance}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
REVENUES = ("us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax", "us-gaap:Revenues")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples")
    write_samples(path)
    return path


@pytest.fixture(scope="module")
def truth() -> dict[str, list[TruthRow]]:
    rows: dict[str, list[TruthRow]] = defaultdict(list)
    for row in sample_truth():
        rows[row.file].append(row)
    return rows


def values(rows: list[TruthRow], concept: str, dims: str = "") -> dict[str, Decimal]:
    """Return the most precise value of a concept by period (`end` or `start..end`), one axis-member text at most."""
    found: dict[str, tuple[int, Decimal]] = {}
    for row in rows:
        if row.concept == concept and row.dims == dims and row.value:
            period = row.instant or f"{row.start}..{row.end}"
            digits = 99 if row.decimals == "INF" else int(row.decimals)
            if period not in found or found[period][0] < digits:
                found[period] = (digits, Decimal(row.value))
    return {period: value for period, (_, value) in found.items()}


def only(rows: list[TruthRow], name: str, period: str, dims: str = "") -> Decimal:
    return values(rows, f"us-gaap:{name}", dims)[period]


def test_two_runs_in_two_processes_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trivium.finance.samples import write_samples; "
        "write_samples(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    ours, theirs = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in where.iterdir()}
        for where in (folder, tmp_path)
    )
    assert ours == theirs
    assert len(ours) == 13
    assert build(PLANS[0], 8).content != (folder / PLANS[0].file).read_bytes()


def test_writing_samples_needs_no_third_party_package() -> None:
    code = (
        "import sys, trivium.finance.samples; "
        "print(sorted(set(sys.modules) & {'lxml', 'torch', 'gradio', 'sqlalchemy', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.file)
def test_balance_sheet_balances_except_in_the_one_deliberate_error(plan, truth) -> None:
    rows = truth[plan.file]
    assets = values(rows, "us-gaap:Assets")
    total = values(rows, "us-gaap:LiabilitiesAndStockholdersEquity")
    liabilities = values(rows, "us-gaap:Liabilities")
    equity = values(rows, "us-gaap:StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest")
    if not equity:
        equity = values(rows, "us-gaap:StockholdersEquity")
    now = COMPANIES[plan.ticker].quarter_end(plan.year, plan.quarter).isoformat()
    assert len(assets) == 2
    for period, amount in assets.items():
        assert amount == liabilities[period] + equity[period]
        error = 90_000_000 if plan.error and period == now else 0
        assert total[period] - amount == error
    assert [p.file for p in PLANS if p.error] == ["FWHS_10-Q_FY2024Q3_deliberate-error.htm"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.file)
def test_cash_flow_ties_to_cash(plan, truth) -> None:
    rows = truth[plan.file]
    cash = "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents"
    balances = values(rows, f"us-gaap:{cash}")
    changes = values(rows, f"us-gaap:{cash}PeriodIncreaseDecreaseIncludingExchangeRateEffect")
    parts = [
        values(rows, f"us-gaap:{name}")
        for name in (
            "NetCashProvidedByUsedInOperatingActivities",
            "NetCashProvidedByUsedInInvestingActivities",
            "NetCashProvidedByUsedInFinancingActivities",
            f"EffectOfExchangeRateOn{cash}",
        )
    ]
    assert len(changes) == (3 if plan.quarter == 4 else 2)
    for period, change in changes.items():
        assert change == sum(part.get(period, Decimal(0)) for part in parts)
        start, end = (date.fromisoformat(day) for day in period.split(".."))
        opening = date.fromordinal(start.toordinal() - 1).isoformat()
        assert balances[end.isoformat()] - balances[opening] == change


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.file)
def test_members_of_each_axis_sum_to_the_total(plan, truth) -> None:
    rows = truth[plan.file]
    concept = next(name for name in REVENUES if values(rows, name))
    total = values(rows, concept)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        is_face_row = row.dims.endswith(("us-gaap:ProductMember", "us-gaap:ServiceMember"))
        is_plain = row.dims.count("=") == 1 and "RestatementAxis" not in row.dims
        if row.concept == concept and is_plain and not (is_face_row and "ProductOrService" in row.dims):
            sums[row.dims.split("=")[0], f"{row.start}..{row.end}"] += Decimal(row.value)
    segments = {key: amount for key, amount in sums.items() if key[0] == "us-gaap:StatementBusinessSegmentsAxis"}
    assert len(segments) == (3 if plan.quarter == 4 else 2 if plan.quarter == 1 else 4)
    regional = {key: amount for key, amount in sums.items() if key[0] == "srt:StatementGeographicalAxis"}
    for (_, period), amount in (segments | regional).items():
        assert amount == total[period]


def test_three_quarters_sum_to_nine_months_and_the_fourth_is_left(truth) -> None:
    pages = [truth[f"QRVN_10-Q_FY2024Q{number}.htm"] for number in (1, 2, 3)]
    days = ["2023-07-01..2023-09-30", "2023-10-01..2023-12-31", "2024-01-01..2024-03-31"]
    for name in ("Revenues", "OperatingIncomeLoss", "NetIncomeLoss", "IncomeTaxExpenseBenefit"):
        quarters = [only(page, name, period) for page, period in zip(pages, days, strict=True)]
        assert sum(quarters) == only(pages[2], name, "2023-07-01..2024-03-31")
    year = truth["QRVN_10-K_FY2024.htm"]
    fourth = only(year, "Revenues", "2023-07-01..2024-06-30") - only(pages[2], "Revenues", "2023-07-01..2024-03-31")
    assert fourth == Decimal(2_294_000_000)  # 8,747 less 6,453 million


def test_year_before_the_split_is_shown_on_both_bases(truth) -> None:
    before, after = truth["QRVN_10-K_FY2023.htm"], truth["QRVN_10-K_FY2024.htm"]
    year = "2022-07-01..2023-06-30"
    shares = "WeightedAverageNumberOfDilutedSharesOutstanding"
    assert only(after, shares, year) == 10 * only(before, shares, year)
    assert only(before, "NetIncomeLoss", year) == only(after, "NetIncomeLoss", year)
    assert only(before, "EarningsPerShareDiluted", year) == Decimal("8.91")  # 2,213 million over 248.4 million
    assert only(after, "EarningsPerShareDiluted", year) == Decimal("0.89")
    ratio = values(after, "us-gaap:StockholdersEquityNoteStockSplitConversionRatio1")
    assert list(ratio.values()) == [Decimal(10)]


def test_restated_year_stands_beside_the_first_report(truth) -> None:
    first, later = truth["TVMK_10-K_FY2023.htm"], truth["TVMK_10-K_FY2024.htm"]
    year, end = "2023-01-01..2023-12-31", "2023-12-31"
    concept = "RevenueFromContractWithCustomerExcludingAssessedTax"
    axis = "srt:RestatementAxis="
    assert only(first, concept, year) - only(later, concept, year) == 18_400_000
    assert only(later, concept, year, f"{axis}srt:ScenarioPreviouslyReportedMember") == only(first, concept, year)
    assert only(later, concept, year, f"{axis}srt:RestatementAdjustmentMember") == -18_400_000
    name = "NetCashProvidedByUsedInOperatingActivities"
    assert only(first, name, year) == only(later, name, year)
    assert only(first, "RetainedEarningsAccumulatedDeficit", end) > only(
        later, "RetainedEarningsAccumulatedDeficit", end
    )


def test_fiscal_calendar_has_a_53_week_year_under_an_odd_label(truth) -> None:
    retailer = COMPANIES["FWHS"]
    # The Saturday nearest 31 January: 2024-02-03 after 53 weeks, 2025-02-01 after 52.
    assert retailer.span(2023, 1, 4).key == "2023-01-29..2024-02-03"
    assert retailer.span(2023, 1, 4).days == 371
    assert retailer.span(2024, 1, 4).key == "2024-02-04..2025-02-01"
    page = truth["FWHS_10-K_FY2024.htm"]
    texts = {row.concept: row.text for row in page if row.concept.startswith("dei:") and not row.unit}
    assert texts["dei:DocumentFiscalYearFocus"] == "2024"
    assert texts["dei:DocumentPeriodEndDate"] == "2025-02-01"
    assert texts["dei:CurrentFiscalYearEndDate"] == "--02-01"


def test_every_reference_in_a_page_resolves(folder: Path) -> None:
    for path in folder.iterdir():
        root = ElementTree.fromstring(path.read_bytes())
        ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
        assert len(ids) == len(set(ids))
        contexts = {node.attrib["id"] for node in root.iter(f"{XBRLI}context")}
        units = {node.attrib["id"] for node in root.iter(f"{XBRLI}unit")}
        known = set(ids)
        for node in root.iter():
            assert node.get("contextRef") is None or node.attrib["contextRef"] in contexts
            assert node.get("unitRef") is None or node.attrib["unitRef"] in units
            assert node.get("continuedAt") is None or node.attrib["continuedAt"] in known
            for name in ("fromRefs", "toRefs"):
                assert set(node.get(name, "").split()) <= known


def test_printed_digits_with_scale_and_sign_give_the_truth(folder: Path, truth) -> None:
    checked = 0
    for name, rows in truth.items():
        left = {row.fact_id: row for row in rows}
        root = ElementTree.fromstring((folder / name).read_bytes())
        for node in root.iter(f"{IX}nonFraction"):
            row = left.pop(node.attrib["id"])
            if node.get(NIL) == "true":
                assert row.value == ""
                continue
            printed = "".join(node.itertext())
            digits = {"—": "0", "two": "2", "three": "3"}.get(printed, printed.replace(",", ""))
            value = Decimal(digits).scaleb(int(node.attrib["scale"]))
            assert row.value == f"{(-value if node.get('sign') == '-' else value).normalize():f}"
            assert (row.concept, row.decimals) == (node.attrib["name"], node.attrib["decimals"])
            checked += 1
        assert {row.unit for row in left.values()} <= {"", "pure"}  # text facts and fractions
    assert checked > 4000


def test_all_traps_are_in_the_set(folder: Path) -> None:
    counts: Counter[str] = Counter()
    for path in folder.iterdir():
        root = ElementTree.fromstring(path.read_bytes())
        counts.update(node.tag.removeprefix(IX) for node in root.iter() if node.tag.startswith(IX))
        for node in root.iter(f"{IX}nonFraction"):
            counts["nil"] += node.get(NIL) == "true"
            counts["sign"] += node.get("sign") == "-"
            counts["INF"] += node.get("decimals") == "INF"
            counts["nested"] += node.find(f"{IX}nonFraction") is not None
            counts[f"scale {node.get('scale')}"] += 1
        counts.update(node.attrib["format"] for node in root.iter() if "format" in node.attrib)
        text = path.read_text(encoding="ascii")
        counts.update(re.findall(r"xbrldi:\w+Member(?= )|xbrli:divide(?=>)|<ix:hidden>", text))
    for trap in (
        "continuation", "exclude", "fraction", "footnote", "relationship", "nil", "sign", "INF", "nested",
        "scale 3", "scale 6", "scale 9", "scale -2", "scale 0", "xbrldi:explicitMember", "xbrldi:typedMember",
        "xbrli:divide", "<ix:hidden>", "ixt:num-dot-decimal", "ixt:fixed-zero", "ixt:date-monthname-day-year-en",
        "ixt:date-monthname-day-en", "ixt-sec:durwordsen", "ixt-sec:numwordsen", "ixt-sec:boolballotbox",
    ):  # fmt: skip
        assert counts[trap] > 0, trap


def test_one_fact_with_two_precisions_where_the_coarse_is_the_rounding(truth) -> None:
    for rows in truth.values():
        pair = [row for row in rows if row.concept == "us-gaap:UnrecognizedTaxBenefits"]
        fine, coarse = sorted(pair, key=lambda row: -int(row.decimals))
        assert coarse.decimals == "-7"
        assert round(Decimal(fine.value), -7) == Decimal(coarse.value)


def test_text_blocks_join_continuations_and_leave_out_page_numbers(truth) -> None:
    rows = {row.concept: row for row in truth["QRVN_10-K_FY2024.htm"]}
    debt = rows["us-gaap:DebtDisclosureTextBlock"].text
    assert debt.startswith("Note 6 – Debt and commitmentsA revolving credit facility of $500 million")
    assert debt.endswith("rank equally. Commitments and contingencies are not material.")
    assert "3.05% Notes due 2029" in debt
    equity = rows["us-gaap:StockholdersEquityNoteDisclosureTextBlock"].text
    assert "10-K | 8" not in equity
    assert equity.endswith(
        "had always been in effect.Dividends are declared by the board each quarter and paid in the quarter."
    )


def test_fractions_footnotes_and_own_units_are_in_the_truth(truth) -> None:
    venture = next(row for row in truth["TVMK_10-K_FY2024.htm"] if row.concept == "tvmk:JointVenturePartnersShare")
    assert (venture.value, venture.unit) == ("0.375", "pure")
    notes = [row for row in truth["TVMK_10-K_FY2024.htm"] if row.footnote]
    assert [row.concept for row in notes] == ["us-gaap:OperatingIncomeLoss"] * 3
    assert notes[0].footnote == "Corporate expenses are headquarters cost that is not allocated to segments."
    units = {row.unit for row in truth["FWHS_10-K_FY2024.htm"]}
    assert {"USD", "shares", "USD/shares", "pure", "Store", "USD/sqft", "Segment"} <= units


def test_bank_and_insurer_have_their_own_statements(truth) -> None:
    bank, year = truth["BRKF_10-K_FY2024.htm"], "2024-01-01..2024-12-31"
    assert not values(bank, "us-gaap:AssetsCurrent")
    net = only(bank, "InterestAndDividendIncomeOperating", year) - only(bank, "InterestExpense", year)
    assert only(bank, "InterestIncomeExpenseNet", year) == net
    assert only(bank, "Deposits", "2024-12-31") == only(
        bank, "NoninterestBearingDepositLiabilities", "2024-12-31"
    ) + only(bank, "InterestBearingDepositLiabilities", "2024-12-31")
    insurer = truth["SGIG_10-K_FY2024.htm"]
    reserve = values(insurer, "us-gaap:LiabilityForClaimsAndClaimsAdjustmentExpense")
    claims = only(insurer, "LiabilityForUnpaidClaimsAndClaimsAdjustmentExpenseIncurredClaims1", year)
    paid = only(insurer, "LiabilityForUnpaidClaimsAndClaimsAdjustmentExpenseClaimsPaid1", year)
    assert reserve["2024-12-31"] == reserve["2023-12-31"] + claims - paid


def test_document_set_keeps_contexts_in_the_first_page(tmp_path: Path) -> None:
    paths, rows = write_document_set(tmp_path)
    first, second = (ElementTree.fromstring(path.read_bytes()) for path in paths)
    assert first.find(f".//{IX}header") is not None
    assert second.find(f".//{IX}header") is None
    contexts = {node.attrib["id"] for node in first.iter(f"{XBRLI}context")}
    tags = ("nonFraction", "nonNumeric", "fraction")
    for path, root in zip(paths, (first, second), strict=True):
        facts = {node.attrib["id"]: node for tag in tags for node in root.iter(f"{IX}{tag}")}
        assert set(facts) == {row.fact_id for row in rows if row.file == path.name}
        assert {node.attrib["contextRef"] for node in facts.values()} <= contexts


def test_csv_statement_prints_its_truth_in_thousands(tmp_path: Path) -> None:
    path, rows = write_statement_csv(tmp_path)
    table = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert table[2] == ["USD in thousands"]
    assert table[3] == ["", "Year ended December 31, 2024", "Year ended December 31, 2023"]
    for row in rows:
        line = table[int(row.fact_id[1:]) - 1]
        printed = line["ABC".index(row.fact_id[0])]
        assert line[0] == row.concept
        sign = -1 if printed.startswith("(") else 1
        assert sign * 1000 * Decimal(printed.strip("()").replace(",", "")) == Decimal(row.value)
    assert len(rows) == sum(len(line) > 2 and line[0] != "" for line in table) * 2


def squeeze(text: str) -> str:
    """Return text without tags and without white space, which a reader may put between joined pieces."""
    return re.sub(r"\s+", "", html.unescape(re.sub("<[^>]+>", "", text)))


def as_truth(fact: Fact) -> tuple[str, ...]:
    start, end = fact.period.start, fact.period.end.isoformat()
    return (
        fact.concept.qname,
        start.isoformat() if start else "",
        end if start else "",
        "" if start else end,
        fact.dimensions_text,
        str(fact.unit or ""),
        "" if fact.value is None else f"{fact.value.normalize():f}",
        "INF" if fact.is_exact else "" if fact.decimals is None else str(fact.decimals),
        squeeze(fact.text or ""),
        squeeze("".join(fact.footnotes)),
    )


def expected(row: TruthRow) -> tuple[str, ...]:
    place = (row.concept, row.start, row.end, row.instant, row.dims, row.unit, row.value, row.decimals)
    return (*place, squeeze(row.text), squeeze(row.footnote))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.file)
def test_our_reader_finds_exactly_the_truth(plan, folder: Path, truth) -> None:
    filing = read_inline(plan.file, [(plan.file, (folder / plan.file).read_bytes())])
    assert {f.fact_id: as_truth(f) for f in filing.facts} == {r.fact_id: expected(r) for r in truth[plan.file]}
    assert len(filing.facts) == len(truth[plan.file])
    assert filing.problems == ()
    assert (filing.form, filing.fiscal_year, filing.entity.ticker) == (plan.form, plan.year, plan.ticker)


def test_our_reader_joins_the_document_set(tmp_path: Path) -> None:
    paths, rows = write_document_set(tmp_path)
    filing = read_inline("set", [(path.name, path.read_bytes()) for path in paths])
    assert {f.fact_id: as_truth(f) for f in filing.facts} == {r.fact_id: expected(r) for r in rows}
