"""Find the primary statements of a filing: which printed tables are the face of which statement.

A fact on the face of a statement is a line of it; the same concept in a note may be a part of that line. Inline filings
show faces as HTML tables, instances as presentation trees; a source with neither has no known face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trivium.finance.analyze.policy import family_name
from trivium.finance.records import STATEMENT_ROLE, Fact, Filing

__all__ = ["Faces", "find_faces"]

_NET_INCOME = {"NetIncomeLoss", "ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic", "ifrs:ProfitLoss"}
_PRETAX = {
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest",
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments",
    "ifrs:ProfitLossBeforeTax",
}
_TAX = {"IncomeTaxExpenseBenefit", "ifrs:IncomeTaxExpenseContinuingOperations"}
_PER_SHARE = {
    "EarningsPerShareBasic",
    "EarningsPerShareDiluted",
    "EarningsPerShareBasicAndDiluted",
    "NetIncomeLossPerOutstandingLimitedPartnershipUnitBasicNetOfTax",
    "NetIncomeLossPerOutstandingLimitedPartnershipUnitDiluted",
    "ifrs:BasicEarningsLossPerShare",
    "ifrs:DilutedEarningsLossPerShare",
}
_INCOME = (
    _NET_INCOME
    | _PRETAX
    | _TAX
    | _PER_SHARE
    | {
        "Revenues",
        "RevenuesNetOfInterestExpense",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "RevenueFromContractWithCustomerIncludingAssessedTax",
        "OperatingIncomeLoss",
        "CostsAndExpenses",
        "GrossProfit",
        "NoninterestExpense",
        "InterestIncomeExpenseNet",
        "BenefitsLossesAndExpenses",
        "WeightedAverageNumberOfSharesOutstandingBasic",
        "WeightedAverageNumberOfDilutedSharesOutstanding",
        "ifrs:Revenue",
        "ifrs:ProfitLossFromOperatingActivities",
        "ifrs:GrossProfit",
    }
)
_OPERATING = {"OperatingIncomeLoss", "OperatingExpenses", "CostsAndExpenses", "ifrs:ProfitLossFromOperatingActivities"}
_BALANCE_TOTALS = {"Assets", "LiabilitiesAndStockholdersEquity", "ifrs:Assets", "ifrs:EquityAndLiabilities"}
_BALANCE = _BALANCE_TOTALS | {
    "Liabilities",
    "StockholdersEquity",
    "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest",
    "AssetsCurrent",
    "LiabilitiesCurrent",
    "CashAndCashEquivalentsAtCarryingValue",
    "RetainedEarningsAccumulatedDeficit",
    "AccumulatedOtherComprehensiveIncomeLossNetOfTax",
    "Deposits",
    "ifrs:Liabilities",
    "ifrs:Equity",
    "ifrs:CurrentAssets",
    "ifrs:CurrentLiabilities",
    "ifrs:CashAndCashEquivalents",
}
_CASH_FLOW = {
    "NetCashProvidedByUsedInOperatingActivities",
    "NetCashProvidedByUsedInInvestingActivities",
    "NetCashProvidedByUsedInFinancingActivities",
    "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
    "NetCashProvidedByUsedInInvestingActivitiesContinuingOperations",
    "NetCashProvidedByUsedInFinancingActivitiesContinuingOperations",
    "ifrs:CashFlowsFromUsedInOperatingActivities",
    "ifrs:CashFlowsFromUsedInInvestingActivities",
    "ifrs:CashFlowsFromUsedInFinancingActivities",
}
_STATEMENTS = ("income", "balance", "cash_flow")
_SPREAD = 4  # a 10-Q may print quarter and year to date as two tables; further away it is a note


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of a filing's statements.

    Args:
        tables: numbers of the printed tables of each statement.
        concepts: concepts of each statement's presentation tree, by family name.
        is_known: False when the source shows no layout at all; then every fact counts as a line of its statement.
    """

    tables: Mapping[str, frozenset[int]] = field(default_factory=dict)
    concepts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_known: bool = True

    def holds(self, fact: Fact, statement: str) -> bool:
        """Whether the fact is a line of the statement's face; cover and notes have no face."""
        if not self.is_known or statement in ("cover", "note"):
            return True
        if fact.place.table in self.tables.get(statement, ()):
            return True
        return fact.concept.name in self.concepts.get(statement, ())

    def finds(self, statement: str) -> bool:
        """Whether the filing's face of this statement was found."""
        return bool(self.tables.get(statement) or self.concepts.get(statement))


def find_faces(filing: Filing) -> Faces:
    """Find the income statement, balance sheet and cash flow statement of a filing."""
    if filing.source.media.startswith("statement-"):
        return _faces_of_sheets(filing)
    tables: dict[int, set[str]] = {}
    for fact in filing.facts:
        if fact.place.table is not None and fact.is_numeric and not fact.dimensions:
            tables.setdefault(fact.place.table, set()).add(family_name(fact.concept))
    if tables:
        return Faces({statement: _first_face(tables, statement) for statement in _STATEMENTS})
    if filing.linkbase.statements:
        return Faces(concepts=_faces_by_role(filing))
    return Faces(is_known=False)


def _first_face(tables: Mapping[int, set[str]], statement: str) -> frozenset[int]:
    """Return the first table that reads like the statement, with its parts on the tables right after it."""
    readings = (_reads_like, _reads_like_without_tax)
    found = (number for reads in readings for number, names in sorted(tables.items()) if reads(names, statement))
    first = next(found, None)
    if first is None:
        return frozenset()
    near = {number: names for number, names in tables.items() if first < number <= first + _SPREAD}
    return frozenset({first} | {number for number, names in near.items() if _goes_on(names, statement, tables[first])})


def _reads_like(names: set[str], statement: str) -> bool:
    if statement == "income":
        return len(names & _INCOME) >= 4 and bool(names & (_PRETAX | _TAX)) and bool(names & (_NET_INCOME | _PER_SHARE))
    if statement == "balance":
        return len(names & _BALANCE) >= 3 and bool(names & _BALANCE_TOTALS)
    return bool(names & _CASH_FLOW) and any("Operating" in name for name in names & _CASH_FLOW) and len(names) >= 6


def _reads_like_without_tax(names: set[str], statement: str) -> bool:
    """Whether it is the income statement of a company that pays no tax; a note on earnings per share is not."""
    has_result = bool(names & _NET_INCOME) and bool(names & _PER_SHARE)
    return (
        statement == "income" and has_result and bool(names & _OPERATING) and len(names & (_INCOME | _OPERATING)) >= 4
    )


def _goes_on(names: set[str], statement: str, first: set[str]) -> bool:
    """Whether a table near the first one is the same statement again or its next page."""
    if statement == "income":
        reads = _reads_like(names, "income") or _reads_like_without_tax(names, "income")
        return reads and len(names & _INCOME) >= 0.7 * len(first & _INCOME)
    if statement == "balance":
        is_cut = not {"LiabilitiesAndStockholdersEquity", "ifrs:EquityAndLiabilities"} & first
        return is_cut and len(names & _BALANCE) >= 2
    return len(names & _CASH_FLOW) >= 1 and not names & _CASH_FLOW & first


def _faces_of_sheets(filing: Filing) -> Faces:
    """Return the sheets that name their statement; where none does, the source shows no layout."""
    tables: dict[str, set[int]] = {}
    for role in filing.linkbase.statements:
        statement, _, number = role.removeprefix(STATEMENT_ROLE).rpartition(":")
        if role.startswith(STATEMENT_ROLE) and statement in _STATEMENTS:
            tables.setdefault(statement, set()).add(int(number))
    if not tables:
        return Faces(is_known=False)
    return Faces({statement: frozenset(numbers) for statement, numbers in tables.items()})


def _faces_by_role(filing: Filing) -> dict[str, frozenset[str]]:
    faces: dict[str, frozenset[str]] = {}
    for reads in (_reads_like, _reads_like_without_tax):
        for rows in filing.linkbase.statements.values():
            names = {family_name(row.concept) for row in rows}
            for statement in _STATEMENTS:
                if statement not in faces and reads(names, statement):
                    faces[statement] = frozenset(row.concept.name for row in rows)
    return faces
