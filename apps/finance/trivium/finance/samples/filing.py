"""A whole filing: cover, a short review, the statements and the notes, in the order that real ones have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples import industrial, lenders
from trivium.finance.samples.books import Books
from trivium.finance.samples.companies import COMPANIES
from trivium.finance.samples.company import Bank, Company, Industrial
from trivium.finance.samples.cover import cover_page
from trivium.finance.samples.edition import BILLIONS, Edition, Plan
from trivium.finance.samples.industrial_notes import (
    policy_note,
    property_note,
    restatement_note,
    revenue_note,
    venture_note,
)
from trivium.finance.samples.inline import InlineDocument, NumberStyle, TruthRow, element, page_date
from trivium.finance.samples.layout import Line, Shown, centered, page_foot, paragraph, table
from trivium.finance.samples.lender_notes import bank_notes, insurer_notes
from trivium.finance.samples.notes import debt_note, equity_note, per_share_note, segment_note, tax_note
from trivium.finance.samples.statements import (
    Row,
    balance_rows,
    cash_rows,
    comprehensive_rows,
    income_rows,
)

__all__ = ["PLANS", "SamplePage", "build", "build_set", "open_edition"]

_COMPONENTS = (
    ("paid_in", "Common stock and paid-in capital", "us-gaap:CommonStockIncludingAdditionalPaidInCapitalMember"),
    ("retained", "Retained earnings", "us-gaap:RetainedEarningsMember"),
    ("oci_total", "Accumulated other comprehensive loss", "us-gaap:AccumulatedOtherComprehensiveIncomeMember"),
    ("minority", "Noncontrolling interests", "us-gaap:NoncontrollingInterestMember"),
)

PLANS = (
    Plan("FWHS", 2023, 4),
    Plan("FWHS", 2024, 3, error=("liabilities_and_equity", 90)),
    Plan("FWHS", 2024, 4),
    Plan("QRVN", 2023, 4, is_before_split=True),
    Plan("QRVN", 2024, 1, is_before_split=True),
    Plan("QRVN", 2024, 2),
    Plan("QRVN", 2024, 3),
    Plan("QRVN", 2024, 4, concepts={"interest_expense": "us-gaap:InterestExpenseNonoperating"}),
    Plan("TVMK", 2023, 4, is_first_report=True),
    Plan("TVMK", 2024, 3, restated_year=2023),
    Plan("TVMK", 2024, 4, restated_year=2023),
    Plan("BRKF", 2024, 4),
    Plan("SGIG", 2024, 4),
)
"""The filings of the sample set, by company in the order they were filed."""


@dataclass(frozen=True)
class SamplePage:
    """A written page with its truth."""

    file: str
    content: bytes
    truth: tuple[TruthRow, ...]


def build(plan: Plan, seed: int) -> SamplePage:
    """Write one filing.

    Args:
        plan: which one.
        seed: same seed, same bytes.
    """
    edition = open_edition(plan, seed)
    body = [*_front(edition), *_back(edition, seed)]
    document = edition.document
    return SamplePage(plan.file, document.render(body), tuple(document.truth))


def build_set(plan: Plan, seed: int) -> tuple[SamplePage, SamplePage]:
    """Write one filing as two pages: cover and review with the header of both, then statements and notes."""
    edition = open_edition(plan, seed)
    document = edition.document
    front = _front(edition)
    boundary = len(document.truth)
    back = _back(edition, seed)
    files = [plan.file.replace(".htm", f"_{part}-of-2.htm") for part in (1, 2)]
    first = document.render(front)
    second = document.render(back, with_header=False)
    truth = [replace(row, file=files[index >= boundary]) for index, row in enumerate(document.truth)]
    return (
        SamplePage(files[0], first, tuple(truth[:boundary])),
        SamplePage(files[1], second, tuple(truth[boundary:])),
    )


def open_edition(plan: Plan, seed: int) -> Edition:
    """Return a filing's figures on the plan's basis, with an empty page to write on."""
    company = COMPANIES[plan.ticker]
    books = _books(company, seed)
    current = industrial.as_first_reported(books, plan.year) if plan.is_first_report else books
    title = f"{company.prefix}-{company.quarter_end(plan.year, plan.quarter):%Y%m%d}"
    document = InlineDocument(plan.file, title, company.cik, {company.prefix: company.namespace})
    return Edition(company, current, plan, document)


def _front(edition: Edition) -> list[Element]:
    return [*cover_page(edition), *_review(edition)]


def _back(edition: Edition, seed: int) -> list[Element]:
    return [*_statements(edition), *_notes(edition, _books(edition.company, seed)), _about(edition.plan)]


def _books(company: Company, seed: int) -> Books:
    model = industrial if isinstance(company.economics, Industrial) else lenders
    return model.simulate(company, seed)


def _review(edition: Edition) -> list[Element]:
    """Return a paragraph of review, whose figures repeat the statements' with fewer digits."""
    company, document, span = edition.company, edition.document, edition.span
    revenue = document.number(edition.concept("revenue"), edition.value("revenue", edition.current), span, BILLIONS)
    assets = document.number(
        edition.concept("assets"), edition.value("assets", edition.current, "balance"), Period(span.end), BILLIONS
    )
    words = "the year" if edition.is_annual else "the year to date"
    return [
        element("h2", None, "Management’s discussion and analysis"),
        paragraph(
            f"{company.name} {company.business}. Revenue of {words} was $",
            revenue,
            " billion, and total assets were $",
            assets,
            f" billion on {page_date(span.end)}.",
        ),
        *(_stores(edition) if company.ticker == "FWHS" else ()),
    ]


def _stores(edition: Edition) -> list[Element]:
    """Return the retailer's own measures, in units of its own."""
    document, now = edition.document, Period(edition.span.end)
    stores = Decimal(612 + 9 * (edition.plan.year - 2021) + 2 * edition.plan.quarter)
    revenue = edition.value("revenue", edition.current) or Decimal(0)
    per_foot = NumberStyle("iso4217:USD/utr:sqft", 0, 2, "2")
    count = document.number("fwhs:NumberOfStores", stores, now, NumberStyle("fwhs:Store", 0, 0, "INF"))
    sales = document.number("fwhs:SalesPerSquareFoot", revenue / (stores * 71000), edition.span, per_foot)
    return [
        paragraph("At the end of the period ", count, " stores were open; sales per square foot were $", sales, ".")
    ]


def _statements(edition: Edition) -> list[Element]:
    company = edition.company
    unit = "millions" if company.scale == 6 else "thousands"
    flows, totals, balances = edition.flow_columns, edition.total_columns, edition.balance_columns
    printed = [
        ("STATEMENTS OF INCOME", edition.flow_table(edition.lines(income_rows(company), flows), flows)),
        ("STATEMENTS OF COMPREHENSIVE INCOME", _flow(edition, comprehensive_rows(company))),
        (
            "BALANCE SHEETS",
            table([edition.heading(c) for c in balances], edition.lines(balance_rows(company), balances)),
        ),
        *([("STATEMENTS OF SHAREHOLDERS’ EQUITY", _equity_table(edition))] if edition.is_annual else []),
        ("STATEMENTS OF CASH FLOWS", edition.flow_table(edition.lines(cash_rows(company), totals), totals)),
    ]
    body: list[Element] = []
    for page, (title, statement) in enumerate(printed, start=2):
        head = centered(
            element("h2", None, company.name),
            element("h3", None, f"CONSOLIDATED {title}" + ("" if edition.is_annual else " (Unaudited)")),
            paragraph(f"(In {unit}, except per-share amounts)", kind="small"),
        )
        foot = page_foot(company.name, edition.plan.form, page)
        body.append(element("div", {"class": "page"}, head, statement, foot))
    return body


def _flow(edition: Edition, rows: tuple[Row, ...]) -> Element:
    return edition.flow_table(edition.lines(rows, edition.flow_columns), edition.flow_columns)


def _equity_table(edition: Edition) -> Element:
    """Return the equity statement of the year: components are members, their total has none."""
    has_minority = isinstance(edition.company.economics, Industrial) and edition.company.economics.minority > 0
    total = "equity_all" if has_minority else "equity"
    components = _COMPONENTS if has_minority else _COMPONENTS[:-1]
    movements = [
        ("Net income", "profit" if has_minority else "net_income", {"retained": "net_income"}, 1),
        ("Other comprehensive income (loss)", "oci", {"oci_total": "oci"}, 1),
        ("Share-based compensation", "stock_compensation", {"paid_in": "stock_compensation"}, 1),
        ("Dividends", "dividends", {"retained": "dividends"}, -1),
        ("Repurchases of common stock", "buybacks", {"retained": "buybacks"}, -1),
    ]
    if has_minority:
        movements[0][2]["minority"] = "minority_income"
        movements.append(("Paid to joint venture partners", "minority_paid", {"minority": "minority_paid"}, -1))
    lines = [_equity_balance(edition, "Balance, beginning of year", "opening", components, total)]
    for label, key, parts, sign in movements:
        concept = _EQUITY_CONCEPTS.get(key) or edition.concept(key)
        cells: list[Shown | str | None] = []
        for name, _, member in components:
            dims = (("us-gaap:StatementEquityComponentsAxis", member),)
            row = Row(label, parts.get(name, ""), negated=sign < 0, dims=dims)
            cells.append(edition.shown(row, edition.current, concept=concept) if row.key else None)
        cells.append(edition.shown(Row(label, key, negated=sign < 0), edition.current, concept=concept))
        lines.append(Line(label, cells))
    lines.append(_equity_balance(edition, "Balance, end of year", "closing", components, total))
    return table([*(label for _, label, _ in components), "Total"], lines)


_EQUITY_CONCEPTS = {
    "stock_compensation": "us-gaap:AdjustmentsToAdditionalPaidInCapitalSharebasedCompensationRequisiteServicePeriod"
    "RecognitionValue",
    "dividends": "us-gaap:DividendsCommonStock",
    "buybacks": "us-gaap:StockRepurchasedAndRetiredDuringPeriodValue",
    "minority_paid": "us-gaap:MinorityInterestDecreaseFromDistributionsToNoncontrollingInterestHolders",
}


def _equity_balance(
    edition: Edition, label: str, kind: str, components: tuple[tuple[str, str, str], ...], total: str
) -> Line:
    concept = edition.concept(total)
    cells = []
    for key, _, member in components:
        row = Row(label, key, kind, dims=(("us-gaap:StatementEquityComponentsAxis", member),))
        cells.append(edition.shown(row, edition.current, concept=concept))
    cells.append(edition.shown(Row(label, total, kind), edition.current, mark="$"))
    return Line(label, cells, "total")


def _notes(edition: Edition, restated: Books) -> list[Element]:
    economics, plan = edition.company.economics, edition.plan
    heading = element("h2", None, "Notes to consolidated financial statements")
    if isinstance(economics, Industrial):
        notes = [*policy_note(edition), *revenue_note(edition), *segment_note(edition, "operating_income")]
    else:
        own = bank_notes(edition) if isinstance(economics, Bank) else insurer_notes(edition)
        notes = [*own, *segment_note(edition, "pretax")]
    notes += per_share_note(edition)
    if isinstance(economics, Industrial) and edition.is_annual:
        notes += property_note(edition)
    notes += [*debt_note(edition, 7), *equity_note(edition), *tax_note(edition)]
    if plan.ticker == "TVMK":
        notes += venture_note(edition)
        if plan.restated_year == plan.year - 1 and edition.is_annual:
            notes += restatement_note(edition, industrial.as_first_reported(restated, plan.restated_year))
    return [element("div", {"class": "page"}, heading, *notes)]


def _about(plan: Plan) -> Element:
    words = "This company is invented and its figures come from a small model with a fixed seed."
    if plan.error:
        words += (
            " One figure is wrong on purpose: total liabilities and equity of the current period is"
            f" {plan.error[1]} million above total assets."
        )
    return element("div", {"class": "page"}, element("h3", None, "About this sample"), paragraph(words, kind="small"))
