"""The notes of the bank (loans, allowance, deposits) and of the insurer (premiums, claims, reinsurance)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples.books import split
from trivium.finance.samples.edition import Column, Edition
from trivium.finance.samples.inline import element
from trivium.finance.samples.layout import Line, Shown, paragraph, table
from trivium.finance.samples.statements import Row

__all__ = ["bank_notes", "insurer_notes"]

_LOAN_AXIS = "us-gaap:FinancingReceivablePortfolioSegmentAxis"
_INSURER_CLAIMS = {
    "claims_current": "us-gaap:CurrentYearClaimsAndClaimsAdjustmentExpense",
    "claims_prior": "us-gaap:PriorYearClaimsAndClaimsAdjustmentExpense",
    "claims": "us-gaap:LiabilityForUnpaidClaimsAndClaimsAdjustmentExpenseIncurredClaims1",
    "claims_paid": "us-gaap:LiabilityForUnpaidClaimsAndClaimsAdjustmentExpenseClaimsPaid1",
}


def bank_notes(edition: Edition) -> list[Element]:
    """Return loans by class and the movement of the allowance."""
    columns = edition.balance_columns
    concept = edition.concept("loans_gross")
    parts = [split(edition.books.balance("loans_gross", c.year, c.last), _weights(edition, c.year)) for c in columns]
    lines = []
    for number, member in enumerate(edition.company.products):
        cells = []
        for column, amounts in zip(columns, parts, strict=True):
            period = edition.period(column, "balance")
            fact = edition.money_fact(concept, amounts[number], period, ((_LOAN_AXIS, member.qname),))
            cells.append(Shown(fact, mark="$" if number == 0 else ""))
        lines.append(Line(member.label, cells))
    lines += edition.lines((Row("Loans", "loans_gross", "balance", style="total"),), columns)
    content: list[Element | str] = [
        element("h3", None, "Note 2 – Loans and allowance for credit losses"),
        table([edition.heading(column) for column in columns], lines),
        paragraph("The allowance for credit losses moved as follows:"),
        edition.flow_table(_allowance_lines(edition), edition.total_columns),
    ]
    concept = "us-gaap:LoansNotesTradeAndOtherReceivablesDisclosureTextBlock"
    return [element("div", None, edition.block(concept, content))]


def _weights(edition: Edition, year: int) -> list[float]:
    return [member.weight + member.drift * (year - 2021) for member in edition.company.products]


def _allowance_lines(edition: Edition) -> list[Line]:
    rows = (
        Row("Balance, beginning of period", "allowance", "opening"),
        Row("Provision for credit losses", "provision"),
        Row("Charge-offs", "charge_offs", negated=True),
        Row("Recoveries", "recoveries"),
        Row("Balance, end of period", "allowance", "closing", style="total"),
    )
    return edition.lines(rows, edition.total_columns)


def insurer_notes(edition: Edition) -> list[Element]:
    """Return premiums, the movement of unpaid claims, and the share of risks that is reinsured, as a fraction."""
    columns = edition.total_columns
    premiums = edition.lines((Row("Premiums written", "premiums_written"), Row("Premiums earned", "premiums")), columns)
    share = edition.document.fraction(f"{edition.company.prefix}:QuotaShareCeded", 1, 16, Period(edition.span.end))
    content: list[Element | str] = [
        element("h3", None, "Note 2 – Premiums and unpaid losses"),
        edition.flow_table(premiums, columns),
        paragraph("Unpaid losses and loss adjustment expenses moved as follows:"),
        edition.flow_table(_claims_lines(edition, columns), columns),
        paragraph("A quota share treaty cedes ", share, " of homeowners premiums to reinsurers."),
    ]
    concept = "us-gaap:LiabilityForFuturePolicyBenefitsAndUnpaidClaimsDisclosureTextBlock"
    return [element("div", None, edition.block(concept, content))]


def _claims_lines(edition: Edition, columns: tuple[Column, ...]) -> list[Line]:
    rows = (
        Row("Balance, beginning of period", "claims_reserve", "opening"),
        Row("Incurred, current year", "claims_current"),
        Row("Incurred, prior years", "claims_prior"),
        Row("Total incurred", "claims", style="sub"),
        Row("Paid", "claims_paid", negated=True),
        Row("Balance, end of period", "claims_reserve", "closing", style="total"),
    )
    return [
        Line(
            row.label,
            [edition.shown(row, c, concept=_INSURER_CLAIMS.get(row.key) or edition.concept(row.key)) for c in columns],
            row.style,
        )
        for row in rows
    ]
