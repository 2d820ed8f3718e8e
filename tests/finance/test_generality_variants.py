"""More conventions the mapping was not written from: the ways in which one industry tags the same line differently.

Amounts are invented. A case changes a few lines of a plain filing; what is expected is what a reader would write down.
"""

from dataclasses import dataclass, field

import pytest
from tests.finance.industry_case import (
    CASH,
    DERIVED,
    FINANCING,
    INVESTING,
    OPERATING,
    PRETAX,
    REPORTED,
    SALES,
    WITH_NCI,
    Case,
    Expected,
    told,
    values_of,
)
from tests.finance.inline_doc import Row

NCI = "NetIncomeLossAttributableToNoncontrollingInterest"
RESULT: list[Row] = [
    ("Income before income taxes", PRETAX, 150),
    ("Provision for income taxes", "IncomeTaxExpenseBenefit", 30),
    ("Net income", "NetIncomeLoss", 120),
]
PER_SHARE: list[Row] = [
    ("Basic", "EarningsPerShareBasic", 2.0),
    ("Diluted", "EarningsPerShareDiluted", 1.9),
    ("Weighted-average shares, diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", 63),
]
TOP: list[Row] = [("Total revenues", "Revenues", 1000), ("Total costs and expenses", "CostsAndExpenses", 850)]
TOTALS: list[Row] = [
    ("Total assets", "Assets", 3000),
    ("Total liabilities", "Liabilities", 1800),
    ("Total shareholders' equity", "StockholdersEquity", 1200),
    ("Total liabilities and shareholders' equity", "LiabilitiesAndStockholdersEquity", 3000),
]
BALANCE: list[Row] = [("Cash and cash equivalents", CASH, 90), *TOTALS]
CASH_FLOW: list[Row] = [
    ("Depreciation", "Depreciation", 40),
    ("Deferred income taxes", "DeferredIncomeTaxExpenseBenefit", 3),
    ("Net cash provided by operating activities", OPERATING, 300),
    ("Net cash used in investing activities", INVESTING, -120),
    ("Net cash used in financing activities", FINANCING, -90),
    ("Share-based compensation", "ShareBasedCompensation", 5),
]


@dataclass
class Variant:
    """A filer by what it prints differently from the plain filing above."""

    name: str
    expected: Expected
    income: list[Row] = field(default_factory=lambda: [*TOP, *RESULT, *PER_SHARE])
    balance: list[Row] = field(default_factory=lambda: BALANCE)
    cash_flow: list[Row] = field(default_factory=lambda: CASH_FLOW)
    notes: list[list[Row]] = field(default_factory=list)


VARIANTS = [
    Variant(
        "machinery maker whose net income carries the tag of common shareholders",
        {"net_income": (117, DERIVED), "net_income_incl_nci": (120, REPORTED), "nci_income": (3, REPORTED)},
        income=[
            *TOP,
            *RESULT[:2],
            ("Profit of consolidated companies", "ProfitLoss", 120),
            ("Less: profit attributable to noncontrolling interests", NCI, 3),
            ("Profit", "NetIncomeLossAvailableToCommonStockholdersBasic", 117),
            *PER_SHARE,
        ],
    ),
    Variant(
        "company that prints the whole result and the minorities' part only",
        {"net_income": (116, DERIVED), "equity": (1150, DERIVED)},
        income=[*TOP, *RESULT[:2], ("Net income", "ProfitLoss", 120), ("Noncontrolling interests", NCI, 4), *PER_SHARE],
        balance=[
            *BALANCE[:3],
            ("Noncontrolling interests", "MinorityInterest", 50),
            ("Total equity", WITH_NCI, 1200),
            BALANCE[-1],
        ],
    ),
    Variant(
        "bank that tags its provision by financing receivables",
        {
            "provision_for_credit_losses": (55, DERIVED),
            "revenue": (600, REPORTED),
            "net_interest_income": (400, REPORTED),
            "interest_expense": None,
            "deposits": (2100, REPORTED),
            "cash": (30, DERIVED),
        },
        income=[
            ("Net interest income", "InterestIncomeExpenseNet", 400),
            ("Total interest income", "InterestAndDividendIncomeOperating", 700),
            ("Noninterest income", "NoninterestIncome", 200),
            ("Total revenue, net of interest expense", "RevenuesNetOfInterestExpense", 600),
            (
                "Provision for credit losses",
                "FinancingReceivableExcludingAccruedInterestCreditLossExpenseReversal",
                55,
            ),
            ("Total noninterest expense", "NoninterestExpense", 395),
            *RESULT,
            *PER_SHARE,
        ],
        balance=[("Cash and due from banks", "CashAndDueFromBanks", 30), ("Deposits", "Deposits", 2100), *TOTALS],
    ),
    Variant(
        "retailer that prints interest net under the concept of net interest income",
        {"interest_expense": (25, DERIVED), "deposits": None},
        income=[*TOP, ("Interest expense, net", "InterestIncomeExpenseNet", -25), *RESULT, *PER_SHARE],
        balance=[("Customer deposits", "CustomerDepositsCurrent", 70), *BALANCE],
    ),
    Variant(
        "landlord with rent as its only revenue",
        {"revenue": (1000, DERIVED), "capex": None, "inventory": None},
        income=[("Rental revenue", "LeaseIncome", 1000), TOP[1], *RESULT, *PER_SHARE],
        cash_flow=[
            ("Development of real estate", "PaymentsToDevelopRealEstateAssets", 60),
            ("Capital improvements", "PaymentsForCapitalImprovements", 20),
            *CASH_FLOW,
        ],
    ),
    Variant(
        "goods and services without a total, as older filings print them",
        {"revenue": None, "cost_of_revenue": None, "gross_profit": None},
        income=[
            ("Product sales", "SalesRevenueGoodsNet", 700),
            ("Service revenues", "SalesRevenueServicesNet", 300),
            ("Cost of products", "CostOfGoodsSold", 500),
            ("Cost of services", "CostOfServices", 200),
            ("Operating income", "OperatingIncomeLoss", 160),
            *RESULT,
            *PER_SHARE,
        ],
    ),
    Variant(
        "homebuilder",
        {"inventory": (1700, DERIVED), "cost_of_revenue": (780, REPORTED), "long_term_debt": (400, DERIVED)},
        income=[TOP[0], ("Total cost of revenues", "CostOfRevenue", 780), *RESULT, *PER_SHARE],
        balance=[
            ("Real estate inventory", "InventoryRealEstate", 1700),
            *BALANCE,
            ("Senior notes", "SeniorLongTermNotes", 400),
        ],
    ),
    Variant(
        "oil and gas producer",
        {"capex": (310, DERIVED), "revenue": (1000, REPORTED), "operating_income": None},
        cash_flow=[("Drilling and development", "PaymentsToExploreAndDevelopOilAndGasProperties", 310), *CASH_FLOW],
    ),
    Variant(
        "two kinds of long-term debt on the face, without a total",
        {"long_term_debt": None, "total_debt": None, "net_debt": None},
        balance=[
            ("Convertible notes, net", "ConvertibleDebtNoncurrent", 250),
            ("Term loan, net", "LongTermLoansPayable", 410),
            *BALANCE,
        ],
    ),
    Variant(
        "what only a note gives is marked as derived",
        {
            "gross_profit": (380, DERIVED),
            "operating_income": (170, DERIVED),
            "interest_expense": (11, REPORTED),
            "research_and_development": (44, DERIVED),
            "revenue": (1000, REPORTED),
        },
        notes=[
            [
                ("Gross profit", "GrossProfit", 380),
                ("Segment operating income", "OperatingIncomeLoss", 170),
                ("Interest", "InterestExpense", 11),
                ("Research", "ResearchAndDevelopmentExpense", 44),
                ("Revenue from contracts", SALES, 640),
            ]
        ],
    ),
    Variant(
        "earnings per share of continuing operations only",
        {"eps_basic": (2.4, DERIVED), "eps_diluted": (2.3, DERIVED), "cash": (300, DERIVED)},
        income=[
            *TOP,
            *RESULT,
            ("Basic", "IncomeLossFromContinuingOperationsPerBasicShare", 2.4),
            ("Diluted", "IncomeLossFromContinuingOperationsPerDilutedShare", 2.3),
        ],
        balance=[("Cash and short-term investments", "CashCashEquivalentsAndShortTermInvestments", 300), *TOTALS],
    ),
    Variant(
        "fund with net assets",
        {"equity": (1200, DERIVED), "total_liabilities": (1800, REPORTED)},
        balance=[*BALANCE[:3], ("Total net assets", "AssetsNet", 1200), BALANCE[-1]],
    ),
]

IFRS_CARRIER = Case(
    "carrier under IFRS",
    "industrial",
    [
        ("Revenue", "ifrs-full:Revenue", 8100),
        ("Operating profit", "ifrs-full:ProfitLossFromOperatingActivities", 700),
        ("Net finance costs", "ifrs-full:FinanceIncomeCost", -90),
        ("Profit before tax", "ifrs-full:ProfitLossBeforeTax", 610),
        ("Income tax expense", "ifrs-full:IncomeTaxExpenseContinuingOperations", 150),
        ("Profit for the year", "ifrs-full:ProfitLoss", 460),
        ("Of which: owners of the parent", "ifrs-full:ProfitLossAttributableToOwnersOfParent", 440),
        ("Of which: non-controlling interests", "ifrs-full:ProfitLossAttributableToNoncontrollingInterests", 20),
        ("Earnings per share, basic and diluted", "ifrs-full:BasicAndDilutedEarningsLossPerShare", 1.1),
    ],
    [
        ("Inventories", "ifrs-full:Inventories", 300),
        ("Trade and other receivables", "ifrs-full:TradeAndOtherReceivables", 950),
        ("Cash and cash equivalents", "ifrs-full:CashAndCashEquivalents", 1200),
        ("Current assets", "ifrs-full:CurrentAssets", 2600),
        ("Total assets", "ifrs-full:Assets", 14000),
        ("Bonds, non-current", "ifrs-full:NoncurrentPortionOfNoncurrentBondsIssued", 2000),
        ("Loans, non-current", "ifrs-full:NoncurrentPortionOfNoncurrentLoansReceived", 1500),
        ("Current liabilities", "ifrs-full:CurrentLiabilities", 3300),
        ("Total liabilities", "ifrs-full:Liabilities", 9000),
        ("Equity attributable to owners of the parent", "ifrs-full:EquityAttributableToOwnersOfParent", 4800),
        ("Non-controlling interests", "ifrs-full:NoncontrollingInterests", 200),
        ("Total equity", "ifrs-full:Equity", 5000),
        ("Total equity and liabilities", "ifrs-full:EquityAndLiabilities", 14000),
    ],
    [
        ("Depreciation", "ifrs-full:AdjustmentsForDepreciationExpense", 600),
        ("Cash generated from operations", "ifrs-full:CashFlowsFromUsedInOperations", 1300),
        (
            "Purchase of tangible and intangible assets",
            "ifrs-full:PurchaseOfPropertyPlantAndEquipmentIntangibleAssetsOtherThanGoodwillInvestmentPropertyAndOtherNoncurrentAssets",
            800,
        ),
        (
            "Dividends to owners",
            "ifrs-full:DividendsPaidToEquityHoldersOfParentClassifiedAsFinancingActivities",
            70,
        ),
        ("Net cash from operating activities", "ifrs-full:CashFlowsFromUsedInOperatingActivities", 1180),
        ("Net cash used in investing activities", "ifrs-full:CashFlowsFromUsedInInvestingActivities", -760),
        ("Net cash used in financing activities", "ifrs-full:CashFlowsFromUsedInFinancingActivities", -300),
    ],
    {
        "revenue": (8100, REPORTED),
        "operating_income": (700, REPORTED),
        "interest_expense": (90, DERIVED),
        "net_income": (440, REPORTED),
        "net_income_incl_nci": (460, REPORTED),
        "eps_basic": (1.1, REPORTED),
        "eps_diluted": (1.1, REPORTED),
        "receivables": (950, DERIVED),
        "long_term_debt": None,
        "equity": (4800, REPORTED),
        "equity_incl_nci": (5000, REPORTED),
        "operating_cash_flow": (1180, REPORTED),
        "capex": (800, DERIVED),
        "dividends_paid": (70, REPORTED),
        "cost_of_revenue": None,
        "gross_profit": None,
        "net_interest_income": None,
        "deposits": None,
    },
    unit="eur",
)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_variants_of_one_line_are_mapped_as_a_reader_would(variant):
    case = Case(
        variant.name, "", variant.income, variant.balance, variant.cash_flow, variant.expected, notes=variant.notes
    )
    found, _ = values_of(case)
    assert {metric: told(found.get(metric)) for metric in variant.expected} == variant.expected


def test_a_foreign_carrier_is_mapped_as_a_reader_would():
    found, template = values_of(IFRS_CARRIER)
    assert {metric: told(found.get(metric)) for metric in IFRS_CARRIER.expected} == IFRS_CARRIER.expected
    assert template == "industrial"
