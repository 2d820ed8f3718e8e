"""Who a set of filings is about: grouping by company, and the template, accounting and currency that fit it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import PurePath

from trivium.finance.analyze.mapping import reporting_currency
from trivium.finance.analyze.model import Company
from trivium.finance.analyze.policy import family_name
from trivium.finance.records import Filing, Period

__all__ = ["company_key", "describe_company", "group_by_company"]

_BANK = {
    "InterestIncomeExpenseNet",
    "Deposits",
    "NoninterestIncome",
    "NoninterestExpense",
    "ifrs:DepositsFromCustomers",
    "ifrs:InterestRevenueExpense",
    "ifrs:LoansAndAdvancesToCustomers",
}
_INSURER = {
    "PremiumsEarnedNet",
    "PolicyholderBenefitsAndClaimsIncurredNet",
    "LiabilityForClaimsAndClaimsAdjustmentExpense",
    "DeferredPolicyAcquisitionCostAmortizationExpense",
    "UnearnedPremiums",
    "ifrs:InsuranceRevenue",
    "ifrs:InsuranceServiceResult",
    "ifrs:InsuranceServiceExpensesFromInsuranceContractsIssued",
}
_INDUSTRIAL = {
    "AssetsCurrent",
    "LiabilitiesCurrent",
    "CostOfRevenue",
    "CostOfGoodsAndServicesSold",
    "GrossProfit",
    "InventoryNet",
    "OperatingIncomeLoss",
    "ifrs:CurrentAssets",
    "ifrs:CostOfSales",
}


def group_by_company(filings: Iterable[Filing]) -> list[list[Filing]]:
    """Group filings by registrant (identifier, else name), companies in order of first appearance.

    Sheets that name no company are parts of one, unless two of them give one row of one period in different numbers:
    then each is a company of its own, called like its file.
    """
    filings = list(filings)
    unnamed = [filing for filing in filings if not _registrant(filing)]
    are_apart = _contradict(unnamed)
    groups: dict[str, list[Filing]] = {}
    for filing in filings:
        name = _registrant(filing) or (filing.source.name if are_apart else "")
        groups.setdefault(name, []).append(filing)
    return list(groups.values())


def _registrant(filing: Filing) -> str:
    return filing.entity.identifier or _slug(filing.entity.name)


def _contradict(filings: Iterable[Filing]) -> bool:
    seen: dict[tuple[str, Period, str], Decimal] = {}
    for filing in filings:
        own = {
            (fact.concept.name, fact.period, str(fact.unit)): fact.value
            for fact in filing.facts
            if fact.value is not None and not fact.dimensions
        }
        if any(seen.get(key, value) != value for key, value in own.items()):
            return True
        seen.update(own)
    return False


def company_key(filing: Filing) -> str:
    """Return a short name for ids and columns: the ticker, else a slug of the registrant's name, else of the file's."""
    named = filing.entity.ticker.upper() or _slug(filing.entity.name) or filing.entity.identifier
    return named or _slug(PurePath(filing.source.name).stem) or "company"


def describe_company(filings: Sequence[Filing]) -> Company:
    """Describe the registrant of filings that all belong to one company; the latest one names it."""
    latest = max(filings, key=lambda filing: (filing.period_end is not None, filing.period_end))
    names: Counter[str] = Counter()
    for filing in filings:
        names.update({family_name(fact.concept) for fact in filing.facts if fact.value is not None})
    with_ticker = next((filing for filing in reversed(filings) if filing.entity.ticker), latest)
    return Company(
        key=company_key(with_ticker),
        name=latest.entity.name or latest.source.name,
        identifier=latest.entity.identifier,
        template=_template(set(names)),
        accounting=_accounting(names),
        currency=reporting_currency(latest),
    )


def _template(names: set[str]) -> str:
    if len(names & _INSURER) >= 2:
        return "insurer"
    if len(names & _BANK) >= 2 and len(names & _INDUSTRIAL) <= 3:
        return "bank"
    if names & _INDUSTRIAL or not any(names):
        return "industrial"
    return "other"


def _accounting(names: Counter[str]) -> str:
    ifrs = sum(count for name, count in names.items() if name.startswith("ifrs:"))
    gaap = sum(count for name, count in names.items() if name and ":" not in name)
    if not ifrs and not gaap:
        return ""
    return "IFRS" if ifrs > gaap else "US-GAAP"


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.strip()).strip("-").upper()[:24]
