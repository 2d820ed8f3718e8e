"""The notes of companies that make or sell things: policies, revenue, property and leases, joint ventures."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples.books import Books
from trivium.finance.samples.edition import PERCENT, Edition
from trivium.finance.samples.inline import NumberStyle, element
from trivium.finance.samples.layout import Line, Shown, paragraph, table
from trivium.finance.samples.notes import member_lines
from trivium.finance.samples.statements import Row

__all__ = ["policy_note", "property_note", "restatement_note", "revenue_note", "venture_note"]

_PRODUCT_AXIS = "srt:ProductOrServiceAxis"
_REGION_AXIS = "srt:StatementGeographicalAxis"
_TIMING_AXIS = "us-gaap:RevenueRemainingPerformanceObligationExpectedTimingOfSatisfactionStartDateAxis"
_RESTATEMENT_AXIS = "srt:RestatementAxis"


def policy_note(edition: Edition) -> list[Element]:
    """Return the note on the basis of preparation, with a duration printed in words."""
    company, document = edition.company, edition.document
    axis, member = "us-gaap:PropertyPlantAndEquipmentByTypeAxis", "us-gaap:MachineryAndEquipmentMember"
    life = document.text(
        "us-gaap:PropertyPlantAndEquipmentUsefulLife",
        ["seven years"],
        Period(edition.span.end),
        "P7Y",
        ((axis, member),),
        format_="ixt-sec:durwordsen",
    )
    weeks = edition.books.company.span(edition.plan.year, 1, 4).days // 7
    calendar = (
        f"The fiscal year ends on the Saturday nearest January 31; fiscal {edition.plan.year} has {weeks} weeks and "
        "takes its name from the calendar year in which it begins."
        if not company.year_end_month
        else "Quarters end with calendar months."
    )
    content: list[Element | str] = [
        element("h3", None, "Note 1 – Basis of preparation"),
        paragraph(f"{company.name} {company.business}. {calendar}"),
        paragraph("Machinery and equipment is depreciated over ", life, " by the straight-line method."),
    ]
    concept = "us-gaap:OrganizationConsolidationAndPresentationOfFinancialStatementsDisclosureTextBlock"
    return [element("div", None, edition.block(concept, content))]


def revenue_note(edition: Edition) -> list[Element]:
    """Return revenue by product and by region, each tied to the total, and what is still to be delivered."""
    company, columns = edition.company, edition.flow_columns
    products = member_lines(edition, "product", "revenue", _PRODUCT_AXIS, company.products, columns)
    regions = member_lines(edition, "geography", "revenue", _REGION_AXIS, company.geographies, edition.total_columns)
    content: list[Element | str] = [
        element("h3", None, "Note 2 – Revenue"),
        paragraph("Revenue by product line was:"),
        edition.flow_table(products, columns),
        paragraph("Revenue by the customer’s region was:"),
        edition.flow_table(regions, edition.total_columns),
        *(_obligations(edition) if edition.is_annual else ()),
    ]
    return [element("div", None, edition.block("us-gaap:RevenueFromContractWithCustomerTextBlock", content))]


def _obligations(edition: Edition) -> list[Element]:
    """Return the sentence on remaining obligations: their timing is a typed dimension."""
    now = Period(edition.span.end)
    ticks = edition.books.balance("deferred_revenue", edition.plan.year, 4) * 2
    dims = ((_TIMING_AXIS, (now.end + timedelta(days=1)).isoformat()),)
    amount = edition.money_fact("us-gaap:RevenueRemainingPerformanceObligation", ticks, now)
    share = edition.document.number(
        "us-gaap:RevenueRemainingPerformanceObligationPercentage", Decimal("0.68"), now, _WHOLE_PERCENT, dims
    )
    unit = "million" if edition.company.scale == 6 else "thousand"
    return [
        paragraph(
            "Orders not yet delivered under contracts with customers came to $",
            amount,
            f" {unit}, of which ",
            share,
            "% will be recognized within a year.",
        )
    ]


_WHOLE_PERCENT = NumberStyle("xbrli:pure", -2, 0, "2")


def property_note(edition: Edition) -> list[Element]:
    """Return property, depreciation and leases."""
    columns, document = edition.balance_columns, edition.document
    balances = edition.lines(
        (
            Row("Property, plant and equipment, at cost", "property_gross", "balance"),
            Row("Accumulated depreciation", "accumulated", "balance", negated=True),
            Row("Property, plant and equipment, net", "property", "balance", style="total"),
            Row("Operating lease liabilities", "lease_liability", "balance"),
        ),
        columns,
    )
    flows = edition.lines(
        (Row("Depreciation", "depreciation"), Row("Amortization of intangible assets", "amortization")),
        edition.total_columns,
    )
    now = Period(edition.span.end)
    concept = "us-gaap:OperatingLeaseWeightedAverageDiscountRatePercent"
    rate = document.number(concept, Decimal("0.041"), now, PERCENT)
    term = document.text(
        "us-gaap:OperatingLeaseWeightedAverageRemainingLeaseTerm1",
        ["eight years"],
        now,
        "P8Y",
        format_="ixt-sec:durwordsen",
    )
    content: list[Element | str] = [
        element("h3", None, "Note 5 – Property and leases"),
        table([edition.heading(column) for column in columns], balances),
        edition.flow_table(flows, edition.total_columns),
        paragraph("Leases run for another ", term, " on average, discounted at ", rate, "%."),
    ]
    return [element("div", None, edition.block("us-gaap:PropertyPlantAndEquipmentDisclosureTextBlock", content))]


def venture_note(edition: Edition) -> list[Element]:
    """Return the note on joint ventures, whose partners' share is printed as a fraction."""
    document, prefix = edition.document, edition.company.prefix
    share = document.fraction(f"{prefix}:JointVenturePartnersShare", 3, 8, Period(edition.span.end))
    content: list[Element | str] = [
        element("h3", None, "Note 9 – Joint ventures"),
        paragraph("Partners hold ", share, " of the largest consolidated joint venture, which operates meters."),
    ]
    return [element("div", None, edition.block("us-gaap:MinorityInterestDisclosureTextBlock", content))]


def restatement_note(edition: Edition, first_reported: Books) -> list[Element]:
    """Return last year's figures as first reported, the adjustment, and as restated."""
    column = edition.current.earlier()
    lines = []
    for label, key, kind in (
        ("Net sales", "revenue", "flow"),
        ("Cost of sales", "cost", "flow"),
        ("Income before income taxes", "pretax", "flow"),
        ("Provision for income taxes", "tax", "flow"),
        ("Net income", "profit", "flow"),
        ("Accounts receivable, net", "receivables", "balance"),
        ("Inventories", "inventory", "balance"),
        ("Retained earnings", "retained", "balance"),
    ):
        period = edition.period(column, kind)
        before, after = (_ticks(books, key, kind, column.year) for books in (first_reported, edition.books))
        cells = []
        for member, ticks in (
            ("srt:ScenarioPreviouslyReportedMember", before),
            ("srt:RestatementAdjustmentMember", after - before),
        ):
            fact = edition.money_fact(edition.concept(key), ticks, period, ((_RESTATEMENT_AXIS, member),))
            cells.append(Shown(fact, ticks < 0))
        cells.append(Shown(edition.money_fact(edition.concept(key), after, period), after < 0))
        lines.append(Line(label, cells))
    year = column.year
    content: list[Element | str] = [
        element("h3", None, f"Note 10 – Restatement of fiscal {year}"),
        paragraph(f"Some treatment systems were invoiced before they were delivered. Fiscal {year} is restated:"),
        table(["As first reported", "Adjustment", "As restated"], lines),
    ]
    concept = "us-gaap:AccountingChangesAndErrorCorrectionsTextBlock"
    return [element("div", None, edition.block(concept, content))]


def _ticks(books: Books, key: str, kind: str, year: int) -> int:
    return books.balance(key, year, 4) if kind == "balance" else books.flow(key, year, 1, 4)
