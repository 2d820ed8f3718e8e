"""Which fact is which metric: face before note, labels, members, proxies, duplicates, choices; and real filings."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.finance.inline_doc import CLOSE, OPEN, YEAR, Row, context, filing, member, number
from tests.finance.test_periods import PRETAX, lines
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.mapping import Mapping, reporting_currency
from trivium.finance.analyze.model import Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import own_values
from trivium.finance.parse.reader import read_path
from trivium.finance.records import Filing, Period

SALES = "RevenueFromContractWithCustomerExcludingAssessedTax"
FLOW = Period(date(2024, 12, 31), date(2024, 1, 1))
DAY = Period(date(2024, 12, 31))
INCOME, BALANCE, CASH = lines(2)
# Every number of the pages above is 1 (this period) or 2 (the one before); what a test adds is larger.


def made(income: list[Row] = INCOME, balance: list[Row] = BALANCE, cash: list[Row] = CASH, **options: object) -> Filing:
    return filing(income, balance, cash, **options)


def value(source: Filing, metric: str, period: Period = FLOW, **options: object) -> Value:
    return Mapping(source, load_policy(), "EXC", **options).value(metric, period)  # type: ignore[arg-type]


def told(found: Value) -> tuple[Decimal | None, str, str]:
    amount = None if found.amount is None else found.amount / 1_000_000
    return amount, str(found.status), found.fact.concept.name if found.fact else ""


def test_a_line_of_the_face_goes_before_a_better_concept_in_a_note():
    income: list[Row] = [("Net sales", SALES, 50, 40), *INCOME[1:]]
    source = made(income, notes=[[("Segment total", "Revenues", 60, 45)]])
    assert told(value(source, "revenue")) == (50, "reported", SALES)
    assert value(source, "revenue").id == "EXC/revenue/2024-01-01..2024-12-31"


def test_on_the_face_the_order_of_the_policy_decides():
    income: list[Row] = [("Net sales", SALES, 50, 40), ("Total", "Revenues", 60, 45), *INCOME[1:]]
    assert told(value(made(income), "revenue")) == (60, "reported", "Revenues")


def test_one_concept_through_all_periods_of_a_filing():
    # Interest has one tag this year and, for last year, both: the series must not jump from one to the other.
    income: list[Row] = [
        *INCOME,
        ("Interest expense", "InterestExpense", None, 8),
        ("Interest expense", "InterestExpenseNonoperating", 9, 7),
    ]
    mapping = Mapping(made(income), load_policy(), "EXC")
    assert told(mapping.value("interest_expense", FLOW)) == (9, "reported", "InterestExpenseNonoperating")
    before = mapping.value("interest_expense", Period(date(2023, 12, 31), date(2023, 1, 1)))
    assert told(before) == (7, "reported", "InterestExpenseNonoperating")


def test_the_most_precise_of_duplicates_is_taken():
    note = number("Assets", "22", f"p{CLOSE}", scale="9", decimals="-9")
    balance: list[Row] = [("Total assets", "Assets", 22_038, 20_000), BALANCE[0], BALANCE[2]]
    found = value(made(balance=balance, extra=f"<p>about ${note} billion</p>"), "total_assets", DAY)
    assert told(found)[0] == 22_038
    assert found.fact is not None
    assert (found.fact.decimals, found.fact.place.row_label) == (-6, "Total assets")


def test_a_note_may_be_more_precise_than_the_face_and_still_is_the_line():
    note = number("Assets", "22,038,417", f"p{CLOSE}", scale="3", decimals="-3")
    balance: list[Row] = [("Total assets", "Assets", 22_038, 20_000), BALANCE[0], BALANCE[2]]
    found = value(made(balance=balance, extra=f"<p>{note}</p>"), "total_assets", DAY)
    assert found.amount == Decimal(22_038_417_000)
    assert found.status is Status.REPORTED


def test_the_issuers_own_concept_is_found_by_its_printed_label():
    cash: list[Row] = [("Purchases of property, plant and software (2)", "ex:PurchasesOfThings", 537, 400), *CASH]
    found = value(made(cash=cash), "capex")
    assert told(found) == (537, "derived", "PurchasesOfThings")
    assert found.reason is not None
    assert found.reason.key == "reason.by_row_label"
    assert found.reason.values == {
        "concept": "ex:PurchasesOfThings",
        "label": "Purchases of property, plant and software (2)",
    }


def test_two_rows_that_match_with_different_numbers_give_nothing():
    rows: list[Row] = [("Capital expenditures", "ex:One", 5, 5), ("Capital expenditures, other", "ex:Two", 6, 6)]
    found = value(made(cash=[*CASH, *rows]), "capex")
    assert told(found) == (None, "absent", "")
    assert found.reason is not None
    assert (found.reason.key, found.reason.values) == ("reason.no_line_on_face", {"statement": "cash_flow"})


def test_a_label_counts_only_on_the_face_of_its_statement():
    assert told(value(made(notes=[[("Capital expenditures", "ex:One", 5, 5)]]), "capex"))[1] == "absent"


def test_a_concept_that_another_metric_names_is_no_row_of_this_one():
    # `Capital expenditures` printed over proceeds would be nonsense: the concept belongs to another metric.
    rows: list[Row] = [("Capital expenditures", "ProceedsFromIssuanceOfLongTermDebt", 5, 5)]
    assert told(value(made(cash=[*CASH, *rows]), "capex"))[1] == "absent"


def test_a_proxy_is_derived_and_says_how_it_differs():
    found = value(
        made([*INCOME, ("Interest, net", "InterestIncomeExpenseNonoperatingNet", -9, -8)]), "interest_expense"
    )
    assert told(found) == (9, "derived", "InterestIncomeExpenseNonoperatingNet")
    assert found.reason is not None
    assert found.reason.values["differs"] == "net of interest income"


def test_a_proxy_waits_where_another_metric_shows_it_to_be_wrong():
    income: list[Row] = [*INCOME[:3], ("Net income", "ProfitLoss", 30, 30)]
    alone = value(made(income, cash=CASH[1:]), "net_income")
    assert told(alone) == (30, "derived", "ProfitLoss")
    minorities: Row = ("Minorities", "NetIncomeLossAttributableToNoncontrollingInterest", 4, 4)
    assert told(value(made([*income, minorities], cash=CASH[1:]), "net_income"))[1] == "absent"


def test_total_equity_is_no_stand_in_where_minorities_show_at_another_date():
    total = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
    balance: list[Row] = [
        ("Total assets", "Assets", 90, 80),
        ("Minority interests", "MinorityInterest", 4, None),
        ("Total equity", total, 50, 40),
    ]
    last_year = Period(date(2023, 12, 31))
    assert told(value(made(balance=balance), "equity", last_year)) == (None, "absent", "")
    without = [balance[0], balance[2]]
    assert told(value(made(balance=without), "equity", last_year)) == (40, "derived", total)


def test_a_proxy_on_the_face_goes_before_one_in_a_note():
    # A bank prints cash and due from banks; the end of its cash flow statement counts deposits with banks as well.
    everything = "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents"
    extra = number(everything, "343", f"p{CLOSE}")
    balance = [row for row in BALANCE if row[1] != "CashAndCashEquivalentsAtCarryingValue"]
    balance += [("Deposits", "Deposits", 90, 80), ("Total liabilities", "Liabilities", 95, 85)]
    face: Row = ("Cash and due from banks", "CashAndDueFromBanks", 20, 18)
    assert told(value(made(balance=[face, *balance], extra=extra), "cash", DAY))[::2] == (20, "CashAndDueFromBanks")
    assert told(value(made(balance=balance, extra=extra), "cash", DAY)) == (343, "derived", everything)


def test_one_kind_of_several_is_the_metric_only_where_it_stands_alone():
    notes: Row = ("Convertible notes", "ConvertibleLongTermNotesPayable", 120, 110)
    loans: Row = ("Term loans", "LongTermLoansPayable", 400, 390)
    found = value(made(balance=[notes, *BALANCE]), "long_term_debt", DAY)
    assert told(found) == (120, "derived", "ConvertibleLongTermNotesPayable")
    assert told(value(made(balance=[notes, loans, *BALANCE]), "long_term_debt", DAY))[1] == "absent"


def test_a_concept_in_a_note_is_what_its_rule_says():
    note: list[Row] = [
        ("Research", "ResearchAndDevelopmentExpense", 7, 7),
        ("Revenue of contracts", "RevenueFromContractWithCustomerExcludingAssessedTax", 8, 8),
        ("Taxes paid", "IncomeTaxesPaidNet", 9, 9),
    ]
    source = made([("Operating income", "OperatingIncomeLoss", 8, 8), *INCOME[1:]], notes=[note])
    assert told(value(source, "research_and_development")) == (7, "derived", "ResearchAndDevelopmentExpense")
    assert value(source, "research_and_development").reason.key == "reason.from_note"  # type: ignore[union-attr]
    assert told(value(source, "revenue"))[1] == "absent"
    assert told(value(source, "income_taxes_paid")) == (9, "reported", "IncomeTaxesPaidNet")


def test_what_is_given_only_by_share_class_is_absent_with_that_reason():
    inside = member("us-gaap:StatementClassOfStockAxis", "us-gaap:CommonClassAMember")
    per_class = context("a", YEAR, inside) + number("EarningsPerShareDiluted", "5", "a", "eps", scale="0", decimals="2")
    found = value(made(extra=per_class), "eps_diluted")
    assert (found.amount, found.unit) == (None, "USD/shares")
    assert found.reason is not None
    assert found.reason.key == "reason.only_by_dimension"


def test_other_currencies_do_not_count():
    foreign = '<xbrli:unit id="cny"><xbrli:measure>iso4217:CNY</xbrli:measure></xbrli:unit>'
    source = made(INCOME[1:], extra=foreign + number("Revenues", "5", "y", "cny"))
    assert reporting_currency(source) == "USD"
    assert told(value(source, "revenue"))[1] == "absent"


def test_a_users_choice_wins_and_is_named():
    source = made(notes=[[("Sales of goods", "ex:Goods", 77, 70)]])
    chosen = value(source, "revenue", overrides={"revenue": "ex:Goods"})
    assert told(chosen) == (77, "reported", "Goods")
    assert chosen.reason is not None
    assert (chosen.reason.key, chosen.reason.values) == ("reason.chosen_by_user", {"concept": "ex:Goods"})
    gone = value(source, "revenue", overrides={"revenue": "ex:Gone"})
    assert gone.amount is None
    assert gone.reason is not None
    assert gone.reason.key == "reason.override_absent"


def test_a_users_policy_decides(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text('[revenue]\nconcepts = ["SalesRevenueNet"]\nface_concepts = []\nlabels = []\nproxies = []\n')
    income: list[Row] = [*INCOME, ("Net sales", "SalesRevenueNet", 44, 40)]
    found = Mapping(made(income), load_policy(path), "EXC").value("revenue", FLOW)
    assert told(found) == (44, "reported", "SalesRevenueNet")


def test_candidates_start_with_the_lines_of_the_statement():
    source = made(notes=[[("Backlog", "ex:Backlog", 3, 3)]])
    found = Mapping(source, load_policy(), "EXC").candidates("revenue", FLOW)
    on_face = [candidate.fact.concept.name for candidate in found if candidate.is_on_face]
    assert on_face == ["Revenues", PRETAX, "IncomeTaxExpenseBenefit", "NetIncomeLoss"]
    assert found[-1].fact.concept.name == "NetCashProvidedByUsedInFinancingActivities" or not found[-1].is_on_face
    assert "Backlog" in [candidate.fact.concept.name for candidate in found]


def test_balances_are_found_at_each_date():
    mapping = Mapping(made(), load_policy(), "EXC")
    assert [told(mapping.value("total_assets", Period(date.fromisoformat(day))))[0] for day in (CLOSE, OPEN)] == [1, 2]


@needs_finance_data
@pytest.mark.slow
def test_real_filings_give_the_metrics_read_by_eye():
    # All 1,078 cells of 28 filings; the count of each kind is that of gold_metrics.csv.
    policy, found = load_policy(), {}
    for path in sorted((FINANCE / "sec_ixbrl").glob("*/*.htm.gz")):
        (source,) = read_path(path)
        for kind, one in own_values(source, policy):
            found[path.parent.name, path.name.removesuffix(".htm.gz"), one.metric, kind] = one
    exact = blank = 0
    with (FINANCE / "gold_metrics.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            one = found.get((row["ticker"], row["file"], row["metric"], row["period_kind"]))
            if row["row_label"].startswith("DROPPED"):
                continue
            if row["value"]:
                assert one is not None, row
                assert one.amount == Decimal(row["value"]), row
                exact += 1
            else:
                assert one is None or one.status is not Status.REPORTED, row
                blank += 1
    assert (exact, blank) == (855, 220)
