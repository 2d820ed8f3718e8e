"""A small model of a company that makes or sells things.

Every balance moves only through a flow, and cash is what is left, so the balance sheet balances and the cash flow
statement ties to cash by construction, in whole ticks, without a plug.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from trivium.finance.samples.books import Books, Quarter, debt_outstanding, split
from trivium.finance.samples.company import FIRST_YEAR, LAST_YEAR, Company, Industrial, Member

__all__ = ["as_first_reported", "simulate"]

Amounts = dict[str, int]

_CURRENT_ASSETS = ("cash", "securities", "receivables", "inventory", "prepaid")
_OTHER_ASSETS = ("property", "rou", "goodwill", "intangibles", "deferred_tax_assets", "other_assets")
_CURRENT_LIABILITIES = ("payables", "accrued", "deferred_revenue", "lease_current", "debt_current")
_OTHER_LIABILITIES = ("debt_noncurrent", "lease_noncurrent", "other_liabilities")
_PARENT_EQUITY = ("paid_in", "retained", "oci_total")

RESTATED_REVENUE, RESTATED_COST = 18400, 7100
"""Ticks of revenue and cost that a first version of the restated quarter had recognised too early."""


def simulate(company: Company, seed: int) -> Books:
    """Run the model from the year before `FIRST_YEAR` to `LAST_YEAR`."""
    rng = random.Random(f"{seed}:{company.ticker}")
    balances = _opening(company)
    shares = {"outstanding": company.shares, "basic": company.shares, "diluted": company.shares}
    quarters = {(FIRST_YEAR - 1, 4): Quarter({}, balances, shares)}
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for number in (1, 2, 3, 4):
            quarter = _next_quarter(company, quarters[_before(year, number)], year, number, rng)
            quarters[year, number] = quarter
    return Books(company, quarters)


def as_first_reported(books: Books, year: int) -> Books:
    """Return the books as filed before a restatement: sales of the next year booked in the last quarter of `year`."""
    last = books.quarters[year, 4]
    income = RESTATED_REVENUE - RESTATED_COST
    tax = round(income * books.company.tax_rate)
    flows, balances = dict(last.flows), dict(last.balances)
    product = books.company.products[0].qname
    for key in ("revenue", "revenue_products", f"product:{product}", "increase_receivables"):
        flows[key] += RESTATED_REVENUE
    for kind, members in (("segment", books.company.segments), ("geography", books.company.geographies)):
        flows[f"{kind}:{members[0].qname}"] += RESTATED_REVENUE
    flows["cost"] += RESTATED_COST
    flows["cost_products"] += RESTATED_COST
    flows["increase_inventory"] -= RESTATED_COST
    flows[f"segment_income:{books.company.segments[0].qname}"] += income
    for key in ("gross_profit", "operating_income", "pretax"):
        flows[key] += income
    flows["tax"] += tax
    flows["increase_accrued"] += tax
    for key in ("profit", "net_income", "comprehensive"):
        flows[key] += income - tax
    balances["receivables"] += RESTATED_REVENUE
    balances["inventory"] -= RESTATED_COST
    balances["accrued"] += tax
    balances["retained"] += income - tax
    _total_up(balances)
    return replace(books, quarters={**books.quarters, (year, 4): replace(last, flows=flows, balances=balances)})


def _before(year: int, number: int) -> tuple[int, int]:
    return (year - 1, 4) if number == 1 else (year, number - 1)


def _opening(company: Company) -> Amounts:
    economics = _economics(company)
    a_day = economics.annual_revenue / 365
    balances: Amounts = {
        "cash": economics.cash,
        "securities": economics.securities,
        "receivables": round(a_day * economics.receivable_days),
        "inventory": round(a_day * economics.inventory_days * economics.product_cost),
        "prepaid": round(a_day * 8),
        "property_gross": economics.property_gross,
        "accumulated": round(economics.property_gross * 0.42),
        "rou": economics.leases,
        "goodwill": economics.goodwill,
        "intangibles": economics.intangibles,
        "deferred_tax_assets": round(a_day * 5),
        "other_assets": round(a_day * 9),
        "payables": round(a_day * economics.payable_days * economics.product_cost),
        "accrued": round(a_day * 26),
        "deferred_revenue": round(a_day * 14),
        "other_liabilities": round(a_day * 17),
        "lease_liability": round(economics.leases * 1.06),
        "paid_in": round(a_day * 60),
        "oci_total": -round(a_day * 4),
        "minority": round(a_day * 300 * economics.minority),
        "retained": 0,
    }
    _set_debt(balances, company, FIRST_YEAR - 1, 4)
    _total_up(balances)
    balances["retained"] = balances["assets"] - balances["liabilities_and_equity"]
    _total_up(balances)
    return balances


def _economics(company: Company) -> Industrial:
    if not isinstance(company.economics, Industrial):
        raise TypeError(f"{company.ticker} is no industrial company.")
    return company.economics


def _next_quarter(company: Company, past: Quarter, year: int, number: int, rng: random.Random) -> Quarter:
    flows = _sales(company, year, number, rng)
    _costs(company, flows, past.balances, rng)
    _operating_cash(company, flows, past.balances, year, number)
    _other_cash(company, flows, past.balances, year, number, rng)
    balances = _close(company, flows, dict(past.balances), year, number)
    return Quarter(flows, balances, _share_counts(company, flows, past.shares, year, number))


def _sales(company: Company, year: int, number: int, rng: random.Random) -> Amounts:
    economics = _economics(company)
    amount = economics.annual_revenue * economics.season[number - 1]
    for _ in range(year - FIRST_YEAR):
        amount *= 1 + economics.growth
    extra_week = (company.span(year, number, number).days - 90) // 7 if not company.year_end_month else 0
    revenue = round(amount * rng.uniform(0.985, 1.015) * (1 + extra_week / 13))
    flows: Amounts = {"revenue": revenue}
    for kind, members in (
        ("product", company.products),
        ("segment", company.segments),
        ("geography", company.geographies),
    ):
        for member, part in zip(members, split(revenue, _weights(members, year, rng)), strict=True):
            flows[f"{kind}:{member.qname}"] = part
    services = sum(flows[f"product:{member.qname}"] for member in company.products if member.is_service)
    flows["revenue_services"], flows["revenue_products"] = services, revenue - services
    return flows


def _weights(members: tuple[Member, ...], year: int, rng: random.Random) -> list[float]:
    return [(member.weight + member.drift * (year - FIRST_YEAR)) * rng.uniform(0.98, 1.02) for member in members]


def _costs(company: Company, flows: Amounts, past: Mapping[str, int], rng: random.Random) -> None:
    economics, revenue = _economics(company), flows["revenue"]
    flows["cost_products"] = round(flows["revenue_products"] * economics.product_cost * rng.uniform(0.985, 1.01))
    flows["cost_services"] = round(flows["revenue_services"] * economics.service_cost)
    flows["cost"] = flows["cost_products"] + flows["cost_services"]
    flows["gross_profit"] = revenue - flows["cost"]
    flows["research"] = round(revenue * economics.research)
    flows["selling"] = round(revenue * economics.selling * rng.uniform(0.98, 1.02))
    flows["operating_expenses"] = flows["research"] + flows["selling"]
    flows["operating_income"] = flows["gross_profit"] - flows["operating_expenses"]
    corporate = round(revenue * 0.011)
    flows["corporate"] = -corporate
    margins = [flows[f"segment:{member.qname}"] * member.margin for member in company.segments]
    for member, part in zip(company.segments, split(flows["operating_income"] + corporate, margins), strict=True):
        flows[f"segment_income:{member.qname}"] = part
    flows["interest_income"] = round((past["cash"] + past["securities"]) * 0.0065)
    flows["interest_expense"] = round(past["interest_quarterly"] / 10000)
    flows["other_income"] = round(revenue * rng.uniform(-0.002, 0.001))
    flows["nonoperating"] = flows["interest_income"] - flows["interest_expense"] + flows["other_income"]
    flows["pretax"] = flows["operating_income"] + flows["nonoperating"]
    flows["tax"] = round(flows["pretax"] * company.tax_rate * rng.uniform(0.96, 1.04))
    flows["profit"] = flows["pretax"] - flows["tax"]
    flows["minority_income"] = round(flows["profit"] * economics.minority)
    flows["net_income"] = flows["profit"] - flows["minority_income"]
    flows["oci_currency"] = round(revenue * rng.uniform(-0.003, 0.002))
    flows["oci_securities"] = round(past["securities"] * rng.uniform(-0.004, 0.004))
    flows["oci"] = flows["oci_currency"] + flows["oci_securities"]
    flows["comprehensive"] = flows["net_income"] + flows["oci"]


def _operating_cash(company: Company, flows: Amounts, past: Mapping[str, int], year: int, number: int) -> None:
    economics, revenue = _economics(company), flows["revenue"]
    a_day = revenue / company.span(year, number, number).days
    flows["depreciation"] = round(revenue * economics.depreciation)
    flows["amortization"] = min(past["intangibles"], round(economics.intangibles * 0.022))
    flows["depreciation_amortization"] = flows["depreciation"] + flows["amortization"]
    flows["stock_compensation"] = round(revenue * economics.stock_compensation)
    flows["deferred_tax"] = -round(flows["tax"] * 0.06)
    cost_share = flows["cost"] / revenue
    targets = {
        "receivables": round(a_day * economics.receivable_days),
        "inventory": round(a_day * economics.inventory_days * cost_share),
        "prepaid": round(a_day * 8),
        "payables": round(a_day * economics.payable_days * cost_share),
        "accrued": round(a_day * 26),
        "deferred_revenue": round(a_day * 14),
        "other_liabilities": round(a_day * 17),
    }
    for key, target in targets.items():
        flows[f"increase_{key}"] = target - past[key]
    uses = ("receivables", "inventory", "prepaid")
    sources = ("payables", "accrued", "deferred_revenue", "other_liabilities")
    flows["operating_cash"] = (
        sum(flows[key] for key in ("profit", "depreciation_amortization", "stock_compensation", "deferred_tax"))
        - sum(flows[f"increase_{key}"] for key in uses)
        + sum(flows[f"increase_{key}"] for key in sources)
    )


def _other_cash(
    company: Company, flows: Amounts, past: Mapping[str, int], year: int, number: int, rng: random.Random
) -> None:
    economics, revenue = _economics(company), flows["revenue"]
    flows["capex"] = round(revenue * economics.capex * rng.uniform(0.9, 1.1))
    flows["securities_bought"] = round(past["securities"] * rng.uniform(0.10, 0.16)) + round(revenue * 0.012)
    flows["securities_matured"] = round(past["securities"] * rng.uniform(0.08, 0.14))
    flows["acquisitions"] = round(economics.goodwill * 0.07) if (year, number) == (LAST_YEAR - 1, 3) else 0
    flows["investing_cash"] = (
        flows["securities_matured"] - flows["securities_bought"] - flows["capex"] - flows["acquisitions"]
    )
    when = (year, number)
    flows["debt_issued"] = sum(debt.principal for debt in company.debts if debt.issued == when)
    flows["debt_repaid"] = sum(debt.principal for debt in company.debts if debt.due == when)
    flows["dividends"] = round(flows["net_income"] * economics.payout)
    flows["buybacks"] = round(revenue * economics.buyback)
    flows["minority_paid"] = round(flows["minority_income"] * 0.4)
    flows["financing_cash"] = flows["debt_issued"] - sum(
        flows[key] for key in ("debt_repaid", "dividends", "buybacks", "minority_paid")
    )
    flows["currency_cash"] = flows["oci_currency"]
    flows["cash_change"] = sum(
        flows[key] for key in ("operating_cash", "investing_cash", "financing_cash", "currency_cash")
    )


def _close(company: Company, flows: Amounts, balances: Amounts, year: int, number: int) -> Amounts:
    balances["cash"] += flows["cash_change"]
    balances["securities"] += flows["securities_bought"] - flows["securities_matured"] + flows["oci_securities"]
    for key in (
        "receivables",
        "inventory",
        "prepaid",
        "payables",
        "accrued",
        "deferred_revenue",
        "other_liabilities",
    ):
        balances[key] += flows[f"increase_{key}"]
    balances["property_gross"] += flows["capex"]
    balances["accumulated"] += flows["depreciation"]
    balances["intangibles"] -= flows["amortization"]
    balances["goodwill"] += flows["acquisitions"]
    balances["deferred_tax_assets"] -= flows["deferred_tax"]
    lease_change = round(balances["rou"] * 0.004)
    balances["rou"] += lease_change
    balances["lease_liability"] += lease_change
    _set_debt(balances, company, year, number)
    balances["paid_in"] += flows["stock_compensation"]
    balances["retained"] += flows["net_income"] - flows["dividends"] - flows["buybacks"]
    balances["oci_total"] += flows["oci"]
    balances["minority"] += flows["minority_income"] - flows["minority_paid"]
    _total_up(balances)
    if balances["assets"] != balances["liabilities_and_equity"]:
        raise ArithmeticError(f"the balance sheet of {company.ticker} {year} Q{number} does not balance")
    return balances


def _set_debt(balances: Amounts, company: Company, year: int, number: int) -> None:
    outstanding = debt_outstanding(company.debts, year, number)
    soon = debt_outstanding(company.debts, year + 1, number)
    balances["debt"] = sum(outstanding.values())
    balances["debt_noncurrent"] = sum(amount for name, amount in outstanding.items() if name in soon)
    balances["debt_current"] = balances["debt"] - balances["debt_noncurrent"]
    rates = {debt.qname: debt.rate for debt in company.debts}
    balances["interest_quarterly"] = int(sum(amount * rates[name] * 2500 for name, amount in outstanding.items()))


def _total_up(balances: Amounts) -> None:
    balances["property"] = balances["property_gross"] - balances["accumulated"]
    balances["lease_current"] = round(balances["lease_liability"] * 0.17)
    balances["lease_noncurrent"] = balances["lease_liability"] - balances["lease_current"]
    balances["current_assets"] = sum(balances[key] for key in _CURRENT_ASSETS)
    balances["assets"] = balances["current_assets"] + sum(balances[key] for key in _OTHER_ASSETS)
    balances["current_liabilities"] = sum(balances[key] for key in _CURRENT_LIABILITIES)
    balances["liabilities"] = balances["current_liabilities"] + sum(balances[key] for key in _OTHER_LIABILITIES)
    balances["equity"] = sum(balances[key] for key in _PARENT_EQUITY)
    balances["equity_all"] = balances["equity"] + balances["minority"]
    balances["liabilities_and_equity"] = balances["liabilities"] + balances["equity_all"]


def _share_counts(company: Company, flows: Amounts, past: Mapping[str, int], year: int, number: int) -> Amounts:
    price = float(company.price)
    for _ in range((year - FIRST_YEAR) * 4 + number):
        price *= 1.021
    dollars = flows["buybacks"] * 10 ** (company.scale - company.places)
    step = company.split_factor
    bought = round(dollars / price / 10 ** (company.share_scale - company.share_places) / step) * step
    issued = round(past["outstanding"] * 0.0009 / step) * step
    closing = past["outstanding"] - bought + issued
    basic = round((past["outstanding"] + closing) / 2 / step) * step
    return {"outstanding": closing, "basic": basic, "diluted": basic + round(basic * 0.011 / step) * step}
