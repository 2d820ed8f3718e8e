"""What each statement prints, as data: rows of label, key in the books, kind, sign and style."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trivium.finance.samples.company import Bank, Company, Industrial
from trivium.finance.samples.inline import Dimensions

__all__ = ["Row", "balance_rows", "cash_rows", "comprehensive_rows", "income_rows"]


@dataclass(frozen=True)
class Row:
    """One printed row.

    Args:
        key: key in the books; empty for a heading.
        kind: `flow`, `balance`, `opening` and `closing` (balances in a cash flow statement), `share` (per share),
            `count` (shares) or `nil` (tagged, and empty).
        negated: printed with the opposite of the concept's sign, as payments are.
        style: `plain`, `head`, `sub` (a line above) or `total` (a line above, two below).
    """

    label: str
    key: str = ""
    kind: str = "flow"
    negated: bool = False
    style: str = "plain"
    indent: int = 0
    dims: Dimensions = ()


_PRODUCTS = (("srt:ProductOrServiceAxis", "us-gaap:ProductMember"),)
_SERVICES = (("srt:ProductOrServiceAxis", "us-gaap:ServiceMember"),)
_PER_SHARE = (
    Row("Earnings per share:", style="head"),
    Row("Basic", "basic", "share", indent=1),
    Row("Diluted", "diluted", "share", indent=1),
    Row("Weighted average shares outstanding:", style="head"),
    Row("Basic", "basic", "count", indent=1),
    Row("Diluted", "diluted", "count", indent=1),
)


def income_rows(company: Company) -> tuple[Row, ...]:
    """Return the rows of the income statement."""
    if isinstance(company.economics, Industrial):
        return (*_industrial_income(company), *_PER_SHARE)
    body = _BANK_INCOME if isinstance(company.economics, Bank) else _INSURER_INCOME
    return (*body, *_PER_SHARE)


def comprehensive_rows(company: Company) -> tuple[Row, ...]:
    """Return the rows of the statement of comprehensive income, of the parent's share."""
    currency = Row("Currency translation", "oci_currency", indent=1)
    return (
        Row("Net income attributable to shareholders", "net_income"),
        Row("Other comprehensive income (loss), net of tax:", style="head"),
        *((currency,) if isinstance(company.economics, Industrial) else ()),
        Row("Unrealized gains (losses) on securities", "oci_securities", indent=1),
        Row("Other comprehensive income (loss)", "oci", style="sub"),
        Row("Comprehensive income", "comprehensive", style="total"),
    )


def balance_rows(company: Company) -> tuple[Row, ...]:
    """Return the rows of the balance sheet."""
    if isinstance(company.economics, Industrial):
        body: tuple[Row, ...] = _INDUSTRIAL_BALANCE
    else:
        body = _BANK_BALANCE if isinstance(company.economics, Bank) else _INSURER_BALANCE
    rows = (*body, *_equity_rows(company))
    return tuple(row if row.kind == "nil" else replace(row, kind="balance") for row in rows)


def cash_rows(company: Company) -> tuple[Row, ...]:
    """Return the rows of the cash flow statement."""
    if isinstance(company.economics, Industrial):
        body = _industrial_cash(company)
    else:
        body = _BANK_CASH if isinstance(company.economics, Bank) else _INSURER_CASH
    return (
        *body,
        Row("Increase (decrease) in cash and cash equivalents", "cash_change", style="sub"),
        Row("Cash and cash equivalents, beginning of period", "total_cash", "opening"),
        Row("Cash and cash equivalents, end of period", "total_cash", "closing", style="total"),
    )


def _has_minority(company: Company) -> bool:
    return isinstance(company.economics, Industrial) and company.economics.minority > 0


def _industrial_income(company: Company) -> tuple[Row, ...]:
    has_services = company.split_factor > 1 or _has_minority(company)
    sales = (
        Row("Net sales:", style="head"),
        Row("Products", "revenue_products", indent=1, dims=_PRODUCTS),
        Row("Services", "revenue_services", indent=1, dims=_SERVICES),
        Row("Total net sales", "revenue", style="sub"),
        Row("Cost of sales:", style="head"),
        Row("Products", "cost_products", indent=1, dims=_PRODUCTS),
        Row("Services", "cost_services", indent=1, dims=_SERVICES),
        Row("Total cost of sales", "cost", style="sub"),
    )
    research = Row("Research and development", "research", indent=1)
    minority = (
        Row("Net income", "profit", style="sub"),
        Row("Less: net income attributable to noncontrolling interests", "minority_income"),
        Row(f"Net income attributable to {company.name.split()[0]} shareholders", "net_income", style="total"),
    )
    return (
        *(sales if has_services else (Row("Net sales", "revenue"), Row("Cost of sales", "cost"))),
        Row("Gross profit", "gross_profit", style="sub"),
        Row("Operating expenses:", style="head"),
        *((research,) if isinstance(company.economics, Industrial) and company.economics.research else ()),
        Row("Selling, general and administrative", "selling", indent=1),
        Row("Total operating expenses", "operating_expenses", style="sub"),
        Row("Operating income", "operating_income", style="sub"),
        Row("Interest income", "interest_income"),
        Row("Interest expense", "interest_expense", negated=True),
        Row("Other income (expense), net", "other_income"),
        Row("Income before income taxes", "pretax", style="sub"),
        Row("Provision for income taxes", "tax"),
        *(minority if _has_minority(company) else (Row("Net income", "net_income", style="total"),)),
    )


def _equity_rows(company: Company) -> tuple[Row, ...]:
    minority = (
        Row("Total shareholders’ equity", "equity", style="sub"),
        Row("Noncontrolling interests in joint ventures", "minority"),
        Row("Total equity", "equity_all", style="sub"),
    )
    plain = (Row("Total shareholders’ equity", "equity", style="sub"),)
    return (
        Row("Commitments and contingencies (Note 6)", "commitments", kind="nil"),
        Row("Shareholders’ equity:", style="head"),
        Row("Common stock and additional paid-in capital", "paid_in", indent=1),
        Row("Retained earnings", "retained", indent=1),
        Row("Accumulated other comprehensive loss", "oci_total", indent=1),
        *(minority if _has_minority(company) else plain),
        Row("Total liabilities and equity", "liabilities_and_equity", style="total"),
    )


def _industrial_cash(company: Company) -> tuple[Row, ...]:
    has_minority = _has_minority(company)
    return (
        Row("Operating activities:", style="head"),
        Row("Net income", "profit" if has_minority else "net_income", indent=1),
        Row("Depreciation and amortization", "depreciation_amortization", indent=1),
        Row("Share-based compensation", "stock_compensation", indent=1),
        Row("Deferred income taxes", "deferred_tax", indent=1),
        Row("Accounts receivable", "increase_receivables", negated=True, indent=1),
        Row("Inventories", "increase_inventory", negated=True, indent=1),
        Row("Prepaid expenses and other assets", "increase_prepaid", negated=True, indent=1),
        Row("Accounts payable", "increase_payables", indent=1),
        Row("Accrued liabilities", "increase_accrued", indent=1),
        Row("Deferred revenue", "increase_deferred_revenue", indent=1),
        Row("Other liabilities", "increase_other_liabilities", indent=1),
        Row("Cash generated by operating activities", "operating_cash", style="sub"),
        Row("Investing activities:", style="head"),
        Row("Capital expenditures", "capex", negated=True, indent=1),
        Row("Acquisition of businesses, net of cash acquired", "acquisitions", negated=True, indent=1),
        Row("Purchases of marketable securities", "securities_bought", negated=True, indent=1),
        Row("Maturities of marketable securities", "securities_matured", indent=1),
        Row("Cash used in investing activities", "investing_cash", style="sub"),
        Row("Financing activities:", style="head"),
        Row("Issuance of long-term debt", "debt_issued", indent=1),
        Row("Repayment of long-term debt", "debt_repaid", negated=True, indent=1),
        Row("Dividends paid", "dividends", negated=True, indent=1),
        Row("Repurchases of common stock", "buybacks", negated=True, indent=1),
        *((Row("Paid to joint venture partners", "minority_paid", negated=True, indent=1),) if has_minority else ()),
        Row("Cash used in financing activities", "financing_cash", style="sub"),
        Row("Effect of exchange rates on cash", "currency_cash"),
    )


_INDUSTRIAL_BALANCE = (
    Row("Current assets:", style="head"),
    Row("Cash and cash equivalents", "cash", indent=1),
    Row("Marketable securities", "securities", indent=1),
    Row("Accounts receivable, net", "receivables", indent=1),
    Row("Inventories", "inventory", indent=1),
    Row("Prepaid expenses and other current assets", "prepaid", indent=1),
    Row("Total current assets", "current_assets", style="sub"),
    Row("Property, plant and equipment, net", "property"),
    Row("Operating lease right-of-use assets", "rou"),
    Row("Goodwill", "goodwill"),
    Row("Intangible assets, net", "intangibles"),
    Row("Deferred tax assets", "deferred_tax_assets"),
    Row("Other assets", "other_assets"),
    Row("Total assets", "assets", style="total"),
    Row("Current liabilities:", style="head"),
    Row("Accounts payable", "payables", indent=1),
    Row("Accrued liabilities", "accrued", indent=1),
    Row("Deferred revenue", "deferred_revenue", indent=1),
    Row("Operating lease liabilities", "lease_current", indent=1),
    Row("Current portion of long-term debt", "debt_current", indent=1),
    Row("Total current liabilities", "current_liabilities", style="sub"),
    Row("Long-term debt", "debt_noncurrent"),
    Row("Operating lease liabilities, noncurrent", "lease_noncurrent"),
    Row("Other liabilities", "other_liabilities"),
    Row("Total liabilities", "liabilities", style="sub"),
)

_BANK_INCOME = (
    Row("Interest income:", style="head"),
    Row("Loans, including fees", "loan_interest", indent=1),
    Row("Investment securities", "security_interest", indent=1),
    Row("Deposits with banks", "cash_interest", indent=1),
    Row("Total interest income", "interest_income", style="sub"),
    Row("Interest expense:", style="head"),
    Row("Deposits", "deposit_interest", indent=1),
    Row("Short-term borrowings", "borrowing_interest", indent=1),
    Row("Long-term debt", "debt_interest", indent=1),
    Row("Total interest expense", "interest_expense", style="sub"),
    Row("Net interest income", "net_interest", style="sub"),
    Row("Provision for credit losses", "provision"),
    Row("Net interest income after provision for credit losses", "net_interest_after", style="sub"),
    Row("Noninterest income", "fees"),
    Row("Noninterest expense:", style="head"),
    Row("Salaries and employee benefits", "salaries", indent=1),
    Row("Occupancy", "premises", indent=1),
    Row("Other", "other_expense", indent=1),
    Row("Total noninterest expense", "noninterest_expense", style="sub"),
    Row("Income before income taxes", "pretax", style="sub"),
    Row("Income tax expense", "tax"),
    Row("Net income", "net_income", style="total"),
)

_BANK_BALANCE = (
    Row("Cash and due from banks", "cash"),
    Row("Securities available for sale, at fair value", "securities"),
    Row("Loans", "loans_gross"),
    Row("Allowance for credit losses", "allowance", negated=True),
    Row("Net loans", "loans", style="sub"),
    Row("Premises and equipment, net", "property"),
    Row("Goodwill", "goodwill"),
    Row("Other assets", "other_assets"),
    Row("Total assets", "assets", style="total"),
    Row("Deposits:", style="head"),
    Row("Noninterest-bearing", "deposits_free", indent=1),
    Row("Interest-bearing", "deposits_interest", indent=1),
    Row("Total deposits", "deposits", style="sub"),
    Row("Short-term borrowings", "borrowings"),
    Row("Long-term debt", "debt"),
    Row("Other liabilities", "other_liabilities"),
    Row("Total liabilities", "liabilities", style="sub"),
)

_BANK_CASH = (
    Row("Operating activities:", style="head"),
    Row("Net income", "net_income", indent=1),
    Row("Provision for credit losses", "provision", indent=1),
    Row("Depreciation and amortization", "depreciation_amortization", indent=1),
    Row("Share-based compensation", "stock_compensation", indent=1),
    Row("Other assets", "increase_other", negated=True, indent=1),
    Row("Net cash provided by operating activities", "operating_cash", style="sub"),
    Row("Investing activities:", style="head"),
    Row("Purchases of securities", "securities_bought", negated=True, indent=1),
    Row("Maturities of securities", "securities_matured", indent=1),
    Row("Net increase in loans", "loans_lent", negated=True, indent=1),
    Row("Purchases of premises and equipment", "capex", negated=True, indent=1),
    Row("Net cash used in investing activities", "investing_cash", style="sub"),
    Row("Financing activities:", style="head"),
    Row("Net increase in deposits", "deposits_taken", indent=1),
    Row("Net change in short-term borrowings", "borrowings_change", indent=1),
    Row("Dividends paid", "dividends", negated=True, indent=1),
    Row("Repurchases of common stock", "buybacks", negated=True, indent=1),
    Row("Net cash provided by financing activities", "financing_cash", style="sub"),
)

_INSURER_INCOME = (
    Row("Revenues:", style="head"),
    Row("Net premiums earned", "premiums", indent=1),
    Row("Net investment income", "investment_income", indent=1),
    Row("Net gains (losses) on investments", "investment_gains", indent=1),
    Row("Fees and other", "fees", indent=1),
    Row("Total revenues", "revenue", style="sub"),
    Row("Expenses:", style="head"),
    Row("Losses and loss adjustment expenses", "claims", indent=1),
    Row("Amortization of deferred acquisition costs", "acquisition_expense", indent=1),
    Row("Other underwriting expenses", "other_expense", indent=1),
    Row("Interest expense", "interest_expense", indent=1),
    Row("Total expenses", "expenses", style="sub"),
    Row("Income before income taxes", "pretax", style="sub"),
    Row("Income tax expense", "tax"),
    Row("Net income", "net_income", style="total"),
)

_INSURER_BALANCE = (
    Row("Investments:", style="head"),
    Row("Fixed maturities, available for sale, at fair value", "fixed_maturities", indent=1),
    Row("Equity securities, at fair value", "equities", indent=1),
    Row("Short-term investments", "short_term", indent=1),
    Row("Total investments", "investments", style="sub"),
    Row("Cash", "cash"),
    Row("Premiums receivable", "premiums_receivable"),
    Row("Reinsurance recoverables", "reinsurance"),
    Row("Deferred acquisition costs", "acquisition_costs"),
    Row("Goodwill", "goodwill"),
    Row("Other assets", "other_assets"),
    Row("Total assets", "assets", style="total"),
    Row("Unpaid losses and loss adjustment expenses", "claims_reserve"),
    Row("Unearned premiums", "unearned"),
    Row("Debt", "debt"),
    Row("Other liabilities", "other_liabilities"),
    Row("Total liabilities", "liabilities", style="sub"),
)

_INSURER_CASH = (
    Row("Operating activities:", style="head"),
    Row("Net income", "net_income", indent=1),
    Row("Share-based compensation", "stock_compensation", indent=1),
    Row("Net (gains) losses on investments", "gains_reversed", negated=True, indent=1),
    Row("Unpaid losses and loss adjustment expenses", "increase_reserve", indent=1),
    Row("Unearned premiums", "increase_unearned", indent=1),
    Row("Premiums receivable", "increase_premiums_receivable", negated=True, indent=1),
    Row("Deferred acquisition costs", "increase_acquisition_costs", negated=True, indent=1),
    Row("Net cash provided by operating activities", "operating_cash", style="sub"),
    Row("Investing activities:", style="head"),
    Row("Purchases of fixed maturities", "securities_bought", negated=True, indent=1),
    Row("Maturities of fixed maturities", "securities_matured", indent=1),
    Row("Net cash used in investing activities", "investing_cash", style="sub"),
    Row("Financing activities:", style="head"),
    Row("Dividends paid", "dividends", negated=True, indent=1),
    Row("Repurchases of common stock", "buybacks", negated=True, indent=1),
    Row("Net cash used in financing activities", "financing_cash", style="sub"),
)
