"""The notes that every company prints: sales, segments, earnings per share, debt, equity and taxes."""

from __future__ import annotations

from decimal import Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples.books import debt_outstanding
from trivium.finance.samples.company import Member
from trivium.finance.samples.edition import PERCENT, Column, Edition
from trivium.finance.samples.inline import NumberStyle, element, page_date
from trivium.finance.samples.layout import Line, Shown, page_foot, paragraph, plain, table
from trivium.finance.samples.statements import Row

__all__ = ["debt_note", "equity_note", "per_share_note", "segment_note", "tax_note"]

_SEGMENT_AXIS = "us-gaap:StatementBusinessSegmentsAxis"
_CONSOLIDATION_AXIS = "srt:ConsolidationItemsAxis"
_OPERATING = (_CONSOLIDATION_AXIS, "us-gaap:OperatingSegmentsMember")
_CORPORATE = (_CONSOLIDATION_AXIS, "us-gaap:CorporateNonSegmentMember")
_DEBT_AXIS = "us-gaap:DebtInstrumentAxis"
_WORDS = {2: "two", 3: "three"}


def member_lines(
    edition: Edition, kind: str, key: str, axis: str, members: tuple[Member, ...], columns: tuple[Column, ...]
) -> list[Line]:
    """Return one line a member of an axis and the total, in whose row the members' sum stands."""
    concept = edition.concept(key)
    lines = []
    for number, member in enumerate(members):
        row = Row(member.label, f"{kind}:{member.qname}", dims=((axis, member.qname),))
        mark = "$" if number == 0 else ""
        lines.append(Line(member.label, [edition.shown(row, c, mark=mark, concept=concept) for c in columns]))
    total = [edition.shown(Row("Total", key), column, mark="$") for column in columns]
    lines.append(Line("Total", total, "total"))
    return lines


def segment_note(edition: Edition, income_key: str) -> list[Element]:
    """Return the segment note: sales and income by segment, tied to the totals; the corporate part has a footnote."""
    company, document = edition.company, edition.document
    count = Decimal(len(company.segments))
    segments = document.number(
        "us-gaap:NumberOfReportableSegments",
        count,
        edition.span,
        NumberStyle(f"{company.prefix}:Segment", 0, 0, "INF", "ixt-sec:numwordsen"),
        printed=_WORDS[len(company.segments)],
    )
    columns = edition.flow_columns
    sales = member_lines(edition, "segment", "revenue", _SEGMENT_AXIS, company.segments, columns)
    income, footnotes = _segment_income(edition, income_key, columns)
    content: list[Element | str] = [
        element("h3", None, "Note 3 – Segment information"),
        paragraph("The company has ", segments, " reportable segments; results are reviewed by the chief executive."),
        paragraph("Revenue by segment was:"),
        edition.flow_table(sales, columns),
        paragraph("Income by segment and its reconciliation were:"),
        edition.flow_table(income, columns),
        *footnotes,
    ]
    return [element("div", None, edition.block("us-gaap:SegmentReportingDisclosureTextBlock", content))]


def _segment_income(
    edition: Edition, income_key: str, columns: tuple[Column, ...]
) -> tuple[list[Line], list[Element | str]]:
    concept = edition.concept(income_key)
    lines = []
    for number, member in enumerate(edition.company.segments):
        dims = ((_SEGMENT_AXIS, member.qname), _OPERATING)
        row = Row(member.label, f"segment_income:{member.qname}", dims=dims)
        mark = "$" if number == 0 else ""
        lines.append(Line(member.label, [edition.shown(row, c, mark=mark, concept=concept) for c in columns]))
    footnotes: list[Element | str] = []
    if income_key == "operating_income":
        row = Row("Corporate", "corporate", dims=(_CORPORATE,))
        cells = [edition.shown(row, column, concept=concept) for column in columns]
        lines.append(Line("Corporate expenses (1)", cells))
        ids = [cell.fact.attrib["id"] for cell in cells]
        words = "Corporate expenses are headquarters cost that is not allocated to segments."
        footnotes.append(paragraph("(1) ", edition.document.footnote(ids, words), kind="small"))
    total = [edition.shown(Row("Total", income_key), column, mark="$") for column in columns]
    lines.append(Line("Operating income" if footnotes else "Income before income taxes", total, "total"))
    return lines, footnotes


def per_share_note(edition: Edition) -> list[Element]:
    """Return the earnings per share note: the same figures as the income statement, tagged a second time."""
    columns, document = edition.flow_columns, edition.document
    dilution = []
    for column in columns:
        basic, diluted = (edition.value(key, column, "count") for key in ("basic", "diluted"))
        if basic is None or diluted is None:
            raise ValueError(f"{edition.plan.file}: share counts are missing")
        concept = "us-gaap:WeightedAverageNumberDilutedSharesOutstandingAdjustment"
        period = edition.period(column, "count")
        dilution.append(Shown(document.number(concept, diluted - basic, period, edition.count)))
    rows = edition.lines((Row("Net income", "net_income"), Row("Basic shares", "basic", "count")), columns)
    after = edition.lines(
        (
            Row("Diluted shares", "diluted", "count", style="sub"),
            Row("Basic earnings per share", "basic", "share"),
            Row("Diluted earnings per share", "diluted", "share"),
        ),
        columns,
    )
    lines = [*rows, Line("Effect of share-based awards", dilution), *after]
    heading = element("h3", None, "Note 4 – Earnings per share")
    content = [heading, edition.flow_table(lines, columns)]
    return [element("div", None, edition.block("us-gaap:EarningsPerShareTextBlock", content))]


def debt_note(edition: Edition, page: int) -> list[Element]:
    """Return the debt note in three pieces with a page break between: one text block, chained by continuations."""
    document, company = edition.document, edition.company
    facility = document.number(
        "us-gaap:LineOfCreditFacilityMaximumBorrowingCapacity",
        Decimal(500_000_000),
        Period(edition.span.end),
        NumberStyle("iso4217:USD", 6, 0, "-6"),
    )
    term = document.text(
        "us-gaap:DebtInstrumentTerm", ["five years"], edition.span, "P5Y", format_="ixt-sec:durwordsen"
    )
    pieces: list[list[Element | str]] = [
        [
            element("h3", None, "Note 6 – Debt and commitments"),
            paragraph("A revolving credit facility of $", facility, " million with a term of ", term, " is undrawn."),
        ],
        [paragraph("Notes outstanding were:"), _debt_table(edition)],
        [paragraph("The notes are unsecured and rank equally. Commitments and contingencies are not material.")],
    ]
    names = [f"{company.ticker.lower()}-debt-{number}" for number in (1, 2)]
    value = "".join(plain(piece) for piece in pieces)
    first = document.text(
        "us-gaap:DebtDisclosureTextBlock", pieces[0], edition.span, value, escape=True, continued_at=names[0]
    )
    second = element("ix:continuation", {"id": names[0], "continuedAt": names[1]}, *pieces[1])
    third = element("ix:continuation", {"id": names[1]}, *pieces[2])
    return [
        element("div", None, first),
        page_foot(company.name, edition.plan.form, page),
        element("div", {"class": "page"}, second),
        element("div", None, third),
    ]


def _debt_table(edition: Edition) -> Element:
    document, company, columns = edition.document, edition.company, edition.balance_columns
    lines = []
    at_end = [debt_outstanding(company.debts, column.year, column.last) for column in columns]
    for debt in company.debts:
        if not any(debt.qname in outstanding for outstanding in at_end):
            continue
        dims = ((_DEBT_AXIS, debt.qname),)
        cells: list[Shown | str | None] = []
        for column, outstanding in zip(columns, at_end, strict=True):
            ticks = outstanding.get(debt.qname, 0)
            period = edition.period(column, "balance")
            cells.append(Shown(edition.money_fact("us-gaap:LongTermDebt", ticks, period, dims)))
        rate_style = NumberStyle("xbrli:pure", -2, 2, "4")
        rate_concept = "us-gaap:DebtInstrumentInterestRateStatedPercentage"
        rate = document.number(rate_concept, debt.rate, Period(edition.span.end), rate_style, dims)
        lines.append(Line(debt.label, [*cells, Shown(rate, sign="%")]))
    total = edition.lines((Row("Total debt", "debt", "balance", style="total"),), columns)
    headings = [*(edition.heading(column) for column in columns), "Interest rate"]
    return table(headings, [*lines, *total])


def equity_note(edition: Edition) -> list[Element]:
    """Return the equity note: shares issued and outstanding nested in one number, par value exact, a split if any."""
    document, company, plan = edition.document, edition.company, edition.plan
    now = Period(edition.span.end)
    outstanding = edition.value("outstanding", edition.current, "count")
    inner = document.number("us-gaap:CommonStockSharesOutstanding", outstanding, now, edition.count)
    both = document.number("us-gaap:CommonStockSharesIssued", outstanding, now, edition.count, children=[inner])
    par_style = NumberStyle("iso4217:USD/xbrli:shares", 0, 2, "INF")
    par = document.number("us-gaap:CommonStockParOrStatedValuePerShare", Decimal("0.01"), now, par_style)
    unit = "million" if company.share_scale == 6 else "thousand"
    content: list[Element | str] = [
        element("h3", None, "Note 7 – Shareholders’ equity"),
        paragraph("Common stock has a par value of $", par, " a share; ", both, f" {unit} shares are issued and held."),
    ]
    if company.split_factor > 1 and not plan.is_before_split:
        content.append(_split_words(edition))
    content.append(element("ix:exclude", None, page_foot(company.name, plan.form, 8)))
    content.append(paragraph("Dividends are declared by the board each quarter and paid in the quarter."))
    return [element("div", None, edition.block("us-gaap:StockholdersEquityNoteDisclosureTextBlock", content))]


def _split_words(edition: Edition) -> Element:
    """Return the sentence on the split; its ratio is a hidden fact, since it is printed in words."""
    document, company = edition.document, edition.company
    day = Period(company.quarter_end(edition.plan.year, 2))
    ratio = document.number(
        "us-gaap:StockholdersEquityNoteStockSplitConversionRatio1",
        Decimal(company.split_factor),
        Period(day.end, day.end),
        NumberStyle("xbrli:pure", 0, 0, "INF"),
    )
    document.hide(ratio)
    return paragraph(
        f"A ten-for-one stock split took effect on {page_date(day.end)}. All share and per-share amounts are shown as "
        "if it had always been in effect."
    )


def tax_note(edition: Edition) -> list[Element]:
    """Return the tax note; uncertain positions are tagged twice, once rounded in prose."""
    document = edition.document
    cells, periods = [], edition.total_columns
    for column in periods:
        tax, pretax = (edition.value(key, column) for key in ("tax", "pretax"))
        if tax is None or pretax is None:
            raise ValueError(f"{edition.plan.file}: tax or pre-tax income is missing")
        concept = "us-gaap:EffectiveIncomeTaxRateContinuingOperations"
        cells.append(Shown(document.number(concept, tax / pretax, edition.period(column, "flow"), PERCENT), sign="%"))
    rows = (Row("Income before income taxes", "pretax"), Row("Provision for income taxes", "tax"))
    lines = [*edition.lines(rows, periods), Line("Effective tax rate", cells)]
    now = Period(edition.span.end)
    ticks = round(edition.books.flow("tax", edition.plan.year, 1, edition.plan.quarter) * 0.0837)
    exact = edition.money_fact("us-gaap:UnrecognizedTaxBenefits", ticks, now)
    style = NumberStyle("iso4217:USD", 6, 0, "-7")
    rounded_value = edition.money_value(ticks).quantize(Decimal("1E7"))
    rounded = document.number("us-gaap:UnrecognizedTaxBenefits", rounded_value, now, style)
    unit = "million" if edition.company.scale == 6 else "thousand"
    content: list[Element | str] = [
        element("h3", None, "Note 8 – Income taxes"),
        edition.flow_table(lines, periods),
        paragraph("Unrecognized tax benefits were $", exact, f" {unit}, or about $", rounded, " million."),
    ]
    return [element("div", None, edition.block("us-gaap:IncomeTaxDisclosureTextBlock", content))]
