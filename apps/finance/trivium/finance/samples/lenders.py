"""Small models of a bank and of a property and casualty insurer.

As in the industrial model, balances move only through flows and cash is what is left: both sides balance exactly.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from trivium.finance.samples.books import Books, Quarter, debt_outstanding, split
from trivium.finance.samples.company import FIRST_YEAR, LAST_YEAR, Bank, Company, Insurer

__all__ = ["simulate"]

Amounts = dict[str, int]


def simulate(company: Company, seed: int) -> Books:
    """Run the bank's or the insurer's model from the year before `FIRST_YEAR` to `LAST_YEAR`.

    Raises:
        TypeError: if the company is neither.
    """
    economics = company.economics
    if not isinstance(economics, Bank | Insurer):
        raise TypeError(f"{company.ticker} is neither a bank nor an insurer.")
    rng = random.Random(f"{seed}:{company.ticker}")
    balances = _open_bank(company, economics) if isinstance(economics, Bank) else _open_insurer(company, economics)
    shares = {"outstanding": company.shares, "basic": company.shares, "diluted": company.shares}
    quarters = {(FIRST_YEAR - 1, 4): Quarter({}, balances, shares)}
    past = quarters[FIRST_YEAR - 1, 4]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for number in (1, 2, 3, 4):
            if isinstance(economics, Bank):
                flows, balances = _bank_quarter(company, economics, past.balances, rng)
            else:
                flows, balances = _insurer_quarter(company, economics, past.balances, year, rng)
            if balances["assets"] != balances["liabilities_and_equity"]:
                raise ArithmeticError(f"the balance sheet of {company.ticker} {year} Q{number} does not balance")
            past = Quarter(flows, balances, _share_counts(past.shares, company.shares))
            quarters[year, number] = past
    return Books(company, quarters)


def _share_counts(past: Mapping[str, int], at_start: int) -> Amounts:
    closing = past["outstanding"] - round(at_start * 0.003)
    basic = round((past["outstanding"] + closing) / 2)
    return {"outstanding": closing, "basic": basic, "diluted": basic + round(basic * 0.007)}


def _interest(company: Company) -> int:
    """Return a quarter's interest on the notes, which are outstanding throughout."""
    return round(sum(float(debt.rate) * debt.principal / 4 for debt in company.debts))


def _finish_income(company: Company, flows: Amounts, securities: int, rng: random.Random) -> None:
    flows["tax"] = round(flows["pretax"] * company.tax_rate * rng.uniform(0.97, 1.03))
    flows["profit"] = flows["net_income"] = flows["pretax"] - flows["tax"]
    flows["oci"] = flows["oci_securities"] = round(securities * rng.uniform(-0.010, 0.008))
    flows["comprehensive"] = flows["net_income"] + flows["oci"]
    flows["stock_compensation"] = round(flows["net_income"] * 0.04)
    flows["dividends"] = round(flows["net_income"] * 0.36)
    flows["buybacks"] = round(flows["net_income"] * 0.12)


def _close_equity(flows: Amounts, balances: Amounts) -> None:
    balances["paid_in"] += flows["stock_compensation"]
    balances["retained"] += flows["net_income"] - flows["dividends"] - flows["buybacks"]
    balances["oci_total"] += flows["oci"]


def _total_equity(balances: Amounts) -> None:
    balances["equity"] = balances["equity_all"] = balances["paid_in"] + balances["retained"] + balances["oci_total"]
    balances["liabilities_and_equity"] = balances["liabilities"] + balances["equity"]


def _open_bank(company: Company, bank: Bank) -> Amounts:
    balances: Amounts = {
        "cash": round(bank.deposits * 0.07),
        "securities": bank.securities,
        "loans_gross": bank.loans,
        "allowance": round(bank.loans * 0.0121),
        "property": round(bank.deposits * 0.011),
        "goodwill": round(bank.deposits * 0.021),
        "other_assets": round(bank.deposits * 0.026),
        "deposits": bank.deposits,
        "borrowings": round(bank.deposits * 0.035),
        "debt": sum(debt_outstanding(company.debts, FIRST_YEAR - 1, 4).values()),
        "other_liabilities": round(bank.deposits * 0.013),
        "paid_in": round(bank.deposits * 0.05),
        "oci_total": -round(bank.securities * 0.03),
        "retained": 0,
    }
    _total_bank(balances)
    balances["retained"] = balances["assets"] - balances["liabilities_and_equity"]
    _total_bank(balances)
    return balances


def _total_bank(balances: Amounts) -> None:
    balances["loans"] = balances["loans_gross"] - balances["allowance"]
    balances["assets"] = sum(
        balances[key] for key in ("cash", "securities", "loans", "property", "goodwill", "other_assets")
    )
    balances["deposits_free"] = round(balances["deposits"] * 0.246)
    balances["deposits_interest"] = balances["deposits"] - balances["deposits_free"]
    balances["liabilities"] = sum(balances[key] for key in ("deposits", "borrowings", "debt", "other_liabilities"))
    _total_equity(balances)


def _bank_quarter(company: Company, bank: Bank, past: Mapping[str, int], rng: random.Random) -> tuple[Amounts, Amounts]:
    flows: Amounts = {
        "loan_interest": round(past["loans_gross"] * bank.loan_yield / 4 * rng.uniform(0.99, 1.02)),
        "security_interest": round(past["securities"] * bank.security_yield / 4),
        "cash_interest": round(past["cash"] * 0.031 / 4),
        "deposit_interest": round(past["deposits"] * bank.deposit_cost / 4 * rng.uniform(0.97, 1.05)),
        "borrowing_interest": round(past["borrowings"] * 0.038 / 4),
        "debt_interest": _interest(company),
        "provision": round(past["loans_gross"] * bank.provision / 4 * rng.uniform(0.7, 1.4)),
        "fees": round(past["deposits"] * bank.fees / 4 * rng.uniform(0.96, 1.04)),
    }
    flows["interest_income"] = flows["loan_interest"] + flows["security_interest"] + flows["cash_interest"]
    flows["interest_expense"] = flows["deposit_interest"] + flows["borrowing_interest"] + flows["debt_interest"]
    flows["net_interest"] = flows["interest_income"] - flows["interest_expense"]
    flows["net_interest_after"] = flows["net_interest"] - flows["provision"]
    flows["revenue"] = flows["net_interest"] + flows["fees"]
    flows["noninterest_expense"] = round(flows["revenue"] * bank.cost_income * rng.uniform(0.98, 1.02))
    flows["salaries"] = round(flows["noninterest_expense"] * 0.57)
    flows["premises"] = round(flows["noninterest_expense"] * 0.13)
    flows["other_expense"] = flows["noninterest_expense"] - flows["salaries"] - flows["premises"]
    flows["pretax"] = flows["net_interest_after"] + flows["fees"] - flows["noninterest_expense"]
    for member, part in zip(
        company.segments, split(flows["revenue"], [m.weight for m in company.segments]), strict=True
    ):
        flows[f"segment:{member.qname}"] = part
    margins = [member.weight * member.margin for member in company.segments]
    for member, part in zip(company.segments, split(flows["pretax"], margins), strict=True):
        flows[f"segment_income:{member.qname}"] = part
    _finish_income(company, flows, past["securities"], rng)
    _bank_cash(bank, flows, past, rng)
    return flows, _close_bank(flows, dict(past))


def _bank_cash(bank: Bank, flows: Amounts, past: Mapping[str, int], rng: random.Random) -> None:
    flows["charge_offs"] = round(past["allowance"] * rng.uniform(0.04, 0.06))
    flows["recoveries"] = round(flows["charge_offs"] * 0.21)
    flows["depreciation_amortization"] = round(past["property"] * 0.024)
    flows["increase_other"] = round(past["other_assets"] * rng.uniform(-0.01, 0.02))
    flows["operating_cash"] = (
        sum(flows[key] for key in ("profit", "provision", "depreciation_amortization", "stock_compensation"))
        - flows["increase_other"]
    )
    flows["loans_lent"] = round(past["loans_gross"] * bank.growth / 4 * rng.uniform(0.7, 1.3))
    flows["securities_bought"] = round(past["securities"] * rng.uniform(0.05, 0.08))
    flows["securities_matured"] = round(past["securities"] * rng.uniform(0.04, 0.07))
    flows["capex"] = round(past["property"] * 0.028)
    flows["investing_cash"] = (
        flows["securities_matured"] - flows["securities_bought"] - flows["loans_lent"] - flows["capex"]
    )
    flows["deposits_taken"] = round(past["deposits"] * bank.growth / 4 * rng.uniform(0.6, 1.3))
    flows["borrowings_change"] = round(past["borrowings"] * rng.uniform(-0.06, 0.06))
    flows["financing_cash"] = (
        flows["deposits_taken"] + flows["borrowings_change"] - flows["dividends"] - flows["buybacks"]
    )
    flows["cash_change"] = flows["operating_cash"] + flows["investing_cash"] + flows["financing_cash"]


def _close_bank(flows: Amounts, balances: Amounts) -> Amounts:
    balances["cash"] += flows["cash_change"]
    balances["securities"] += flows["securities_bought"] - flows["securities_matured"] + flows["oci_securities"]
    written_off = flows["charge_offs"] - flows["recoveries"]
    balances["loans_gross"] += flows["loans_lent"] - written_off
    balances["allowance"] += flows["provision"] - written_off
    balances["property"] += flows["capex"] - flows["depreciation_amortization"]
    balances["other_assets"] += flows["increase_other"]
    balances["deposits"] += flows["deposits_taken"]
    balances["borrowings"] += flows["borrowings_change"]
    _close_equity(flows, balances)
    _total_bank(balances)
    return balances


def _open_insurer(company: Company, insurer: Insurer) -> Amounts:
    balances: Amounts = {
        "fixed_maturities": round(insurer.investments * 0.81),
        "equities": round(insurer.investments * 0.12),
        "short_term": round(insurer.investments * 0.07),
        "cash": round(insurer.premiums * 0.05),
        "premiums_receivable": round(insurer.premiums * 0.21),
        "reinsurance": round(insurer.reserves * 0.09),
        "acquisition_costs": round(insurer.premiums * 0.041),
        "goodwill": round(insurer.premiums * 0.04),
        "other_assets": round(insurer.premiums * 0.03),
        "claims_reserve": insurer.reserves,
        "unearned": round(insurer.premiums * 0.43),
        "debt": sum(debt_outstanding(company.debts, FIRST_YEAR - 1, 4).values()),
        "other_liabilities": round(insurer.premiums * 0.08),
        "paid_in": round(insurer.premiums * 0.12),
        "oci_total": -round(insurer.investments * 0.02),
        "retained": 0,
    }
    _total_insurer(balances)
    balances["retained"] = balances["assets"] - balances["liabilities_and_equity"]
    _total_insurer(balances)
    return balances


def _total_insurer(balances: Amounts) -> None:
    balances["investments"] = balances["fixed_maturities"] + balances["equities"] + balances["short_term"]
    other = ("cash", "premiums_receivable", "reinsurance", "acquisition_costs", "goodwill", "other_assets")
    balances["assets"] = balances["investments"] + sum(balances[key] for key in other)
    balances["liabilities"] = sum(balances[key] for key in ("claims_reserve", "unearned", "debt", "other_liabilities"))
    _total_equity(balances)


def _insurer_quarter(
    company: Company, insurer: Insurer, past: Mapping[str, int], year: int, rng: random.Random
) -> tuple[Amounts, Amounts]:
    earned = insurer.premiums / 4
    for _ in range(year - FIRST_YEAR):
        earned *= 1 + insurer.growth
    flows: Amounts = {
        "premiums": round(earned * rng.uniform(0.985, 1.02)),
        "investment_income": round(past["investments"] * insurer.investment_yield / 4),
        "investment_gains": round(past["equities"] * rng.uniform(-0.03, 0.045)),
        "fees": round(earned * 0.012),
    }
    flows["revenue"] = sum(flows[key] for key in ("premiums", "investment_income", "investment_gains", "fees"))
    flows["premiums_written"] = flows["premiums"] + round(flows["premiums"] * insurer.growth * 0.4)
    flows["claims_current"] = round(flows["premiums"] * insurer.loss_ratio * rng.uniform(0.95, 1.06))
    flows["claims_prior"] = round(past["claims_reserve"] * rng.uniform(-0.008, 0.003))
    flows["claims"] = flows["claims_current"] + flows["claims_prior"]
    flows["acquisition_expense"] = round(flows["premiums"] * insurer.expense_ratio * 0.55)
    flows["other_expense"] = round(flows["premiums"] * insurer.expense_ratio * 0.45)
    flows["interest_expense"] = _interest(company)
    flows["expenses"] = sum(
        flows[key] for key in ("claims", "acquisition_expense", "other_expense", "interest_expense")
    )
    flows["pretax"] = flows["revenue"] - flows["expenses"]
    weights = [member.weight + member.drift * (year - FIRST_YEAR) for member in company.segments]
    for member, part in zip(company.segments, split(flows["revenue"], weights), strict=True):
        flows[f"segment:{member.qname}"] = part
    margins = [weight * member.margin for weight, member in zip(weights, company.segments, strict=True)]
    for member, part in zip(company.segments, split(flows["pretax"], margins), strict=True):
        flows[f"segment_income:{member.qname}"] = part
    _finish_income(company, flows, past["fixed_maturities"], rng)
    _insurer_cash(flows, past, rng)
    return flows, _close_insurer(flows, dict(past))


def _insurer_cash(flows: Amounts, past: Mapping[str, int], rng: random.Random) -> None:
    flows["claims_paid"] = round(flows["claims"] * rng.uniform(0.93, 0.99))
    flows["increase_reserve"] = flows["claims"] - flows["claims_paid"]
    flows["increase_unearned"] = flows["premiums_written"] - flows["premiums"]
    flows["increase_premiums_receivable"] = round(flows["increase_unearned"] * 0.5)
    flows["increase_acquisition_costs"] = round(flows["increase_unearned"] * 0.09)
    flows["gains_reversed"] = flows["investment_gains"]
    flows["operating_cash"] = (
        flows["profit"]
        + flows["stock_compensation"]
        - flows["gains_reversed"]
        + flows["increase_reserve"]
        + flows["increase_unearned"]
        - flows["increase_premiums_receivable"]
        - flows["increase_acquisition_costs"]
    )
    flows["securities_matured"] = round(past["fixed_maturities"] * rng.uniform(0.04, 0.06))
    surplus = flows["operating_cash"] - flows["dividends"] - flows["buybacks"]
    flows["securities_bought"] = flows["securities_matured"] + round(max(0, surplus) * rng.uniform(0.88, 1.04))
    flows["investing_cash"] = flows["securities_matured"] - flows["securities_bought"]
    flows["financing_cash"] = -flows["dividends"] - flows["buybacks"]
    flows["cash_change"] = flows["operating_cash"] + flows["investing_cash"] + flows["financing_cash"]


def _close_insurer(flows: Amounts, balances: Amounts) -> Amounts:
    balances["cash"] += flows["cash_change"]
    balances["fixed_maturities"] += flows["securities_bought"] - flows["securities_matured"] + flows["oci_securities"]
    balances["equities"] += flows["investment_gains"]
    balances["premiums_receivable"] += flows["increase_premiums_receivable"]
    balances["acquisition_costs"] += flows["increase_acquisition_costs"]
    balances["claims_reserve"] += flows["increase_reserve"]
    balances["unearned"] += flows["increase_unearned"]
    _close_equity(flows, balances)
    _total_insurer(balances)
    return balances
