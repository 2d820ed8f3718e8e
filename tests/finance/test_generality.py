"""The mapping on conventions it was not written from: small filings with the concepts and row labels that banks,
insurers, utilities, landlords, retailers, drug makers, carriers and foreign filers use. All amounts are invented.

Each case says what a reader of that statement would write down: reported where the concept means the metric, derived
where it is only near (or the issuer's own), absent where the statement does not say. A wrong number is the one failure
that has no excuse.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from tests.finance.inline_doc import CLOSE, YEAR, Row, filing

from trivium.finance.analyze.model import Status, Value
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.records import Period

PRETAX = "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"
PRETAX_EQUITY = (
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments"
)
SALES = "RevenueFromContractWithCustomerExcludingAssessedTax"
WITH_NCI = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
CASH = "CashAndCashEquivalentsAtCarryingValue"
OPERATING, INVESTING, FINANCING = (
    f"NetCashProvidedByUsedIn{kind}Activities" for kind in ("Operating", "Investing", "Financing")
)
CASH_CHANGE = (
    "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalentsPeriodIncreaseDecreaseIncludingExchangeRateEffect"
)

REPORTED, DERIVED = Status.REPORTED, Status.DERIVED
Expected = dict[str, tuple[float, Status] | None]


@dataclass
class Case:
    """A filer: its statements, one column each, and what the metrics must be (millions, or units per share)."""

    name: str
    template: str
    income: list[Row]
    balance: list[Row]
    cash_flow: list[Row]
    expected: Expected
    notes: list[list[Row]] = field(default_factory=list)
    unit: str = "usd"


def shares(net: float, basic: float = 2.0) -> list[Row]:
    return [
        ("Basic", "EarningsPerShareBasic", basic),
        ("Diluted", "EarningsPerShareDiluted", basic - 0.1),
        ("Weighted-average shares, basic", "WeightedAverageNumberOfSharesOutstandingBasic", net / basic),
        ("Weighted-average shares, diluted", "WeightedAverageNumberOfDilutedSharesOutstanding", net / (basic - 0.1)),
    ]


def flows(*lines: Row) -> list[Row]:
    return [
        ("Net income", "ProfitLoss", 100),
        ("Deferred income taxes", "DeferredIncomeTaxExpenseBenefit", 3),
        *lines,
        ("Net cash provided by operating activities", OPERATING, 300),
        ("Net cash used in investing activities", INVESTING, -120),
        ("Net cash used in financing activities", FINANCING, -90),
        ("Change in cash", CASH_CHANGE, 90),
    ]


# After the money-centre banks: total net revenue is the top line's total, contract revenue is a note.
MONEY_CENTER_BANK = Case(
    "money-center bank",
    "bank",
    [
        ("Investment banking fees", "InvestmentBankingRevenue", 900),
        ("Principal transactions", "PrincipalTransactionsRevenue", 2400),
        ("Noninterest revenue", "NoninterestIncome", 6000),
        ("Interest income", "InterestAndDividendIncomeOperating", 15000),
        ("Interest expense", "InterestExpense", 7000),
        ("Net interest income", "InterestIncomeExpenseNet", 8000),
        ("Total net revenue", "Revenues", 14000),
        ("Provision for credit losses", "ProvisionForLoanLeaseAndOtherLosses", 1000),
        ("Compensation expense", "LaborAndRelatedExpense", 4500),
        ("Total noninterest expense", "NoninterestExpense", 8000),
        ("Income before income tax expense", PRETAX, 5000),
        ("Income tax expense", "IncomeTaxExpenseBenefit", 1100),
        ("Net income", "NetIncomeLoss", 3900),
        ("Net income applicable to common stockholders", "NetIncomeLossAvailableToCommonStockholdersBasic", 3800),
        *shares(3800),
    ],
    [
        ("Cash and due from banks", "CashAndDueFromBanks", 2000),
        ("Deposits with banks", "InterestBearingDepositsInBanks", 40000),
        ("Loans", "LoansAndLeasesReceivableNetOfDeferredIncome", 120000),
        (
            "Loans, net of allowance for loan losses",
            "FinancingReceivableExcludingAccruedInterestAfterAllowanceForCreditLoss",
            118000,
        ),
        ("Total assets", "Assets", 400000),
        ("Deposits", "Deposits", 240000),
        ("Short-term borrowings", "ShortTermBorrowings", 4000),
        ("Long-term debt", "LongTermDebt", 39000),
        ("Total liabilities", "Liabilities", 365000),
        ("Total stockholders' equity", "StockholdersEquity", 35000),
        ("Total liabilities and stockholders' equity", "LiabilitiesAndStockholdersEquity", 400000),
    ],
    flows(),
    {
        "revenue": (14000, REPORTED),
        "sales_revenue": (3100, REPORTED),
        "net_interest_income": (8000, REPORTED),
        "interest_income_total": (15000, REPORTED),
        "interest_expense": (7000, REPORTED),
        "noninterest_income": (6000, REPORTED),
        "noninterest_expense": (8000, REPORTED),
        "provision_for_credit_losses": (1000, REPORTED),
        "net_income": (3900, REPORTED),
        "net_income_to_common": (3800, REPORTED),
        "deposits": (240000, REPORTED),
        "cash": (2000, DERIVED),
        "long_term_debt": (39000, REPORTED),
        "total_debt": (43000, DERIVED),
        "operating_income": None,
        "cost_of_revenue": None,
        "gross_profit": None,
        "current_assets": None,
        "working_capital": None,
        "net_debt": None,
        "capex": None,
        "net_investment_income": None,
        "pre_provision_profit": (6000, DERIVED),
    },
    notes=[[("Fee revenue from contracts", SALES, 3100)]],
)

# After regional banks: no line of total revenue; fee revenue from contracts in a note is not the bank's revenue.
REGIONAL_BANK = Case(
    "regional bank",
    "bank",
    [
        ("Interest and fees on loans", "InterestAndFeeIncomeLoansAndLeases", 700),
        ("Total interest income", "InterestAndDividendIncomeOperating", 900),
        ("Total interest expense", "InterestExpense", 400),
        ("Net interest income", "InterestIncomeExpenseNet", 500),
        ("Provision for credit losses", "ProvisionForLoanLossesExpensed", 50),
        (
            "Net interest income after provision for credit losses",
            "InterestIncomeExpenseAfterProvisionForLoanLoss",
            450,
        ),
        ("Total noninterest income", "NoninterestIncome", 200),
        ("Total noninterest expense", "NoninterestExpense", 400),
        ("Income before income taxes", PRETAX, 250),
        ("Income tax expense", "IncomeTaxExpenseBenefit", 50),
        ("Net income", "NetIncomeLoss", 200),
        *shares(200),
    ],
    [
        ("Cash and due from banks", "CashAndDueFromBanks", 300),
        ("Total assets", "Assets", 12000),
        ("Total deposits", "Deposits", 9500),
        ("Borrowings", "ex:OtherBorrowings", 800),
        ("Total liabilities", "Liabilities", 10800),
        ("Total shareholders' equity", "StockholdersEquity", 1200),
        ("Total liabilities and shareholders' equity", "LiabilitiesAndStockholdersEquity", 12000),
    ],
    flows(("Purchases of premises and equipment", "PaymentsToAcquirePropertyPlantAndEquipment", 12)),
    {
        "revenue": (700, DERIVED),
        "sales_revenue": (90, REPORTED),
        "interest_income_total": (900, REPORTED),
        "net_interest_income": (500, REPORTED),
        "provision_for_credit_losses": (50, DERIVED),
        "noninterest_income": (200, REPORTED),
        "deposits": (9500, REPORTED),
        "long_term_debt": None,
        "total_debt": None,
        "capex": (12, REPORTED),
    },
    notes=[[("Service charges", SALES, 90), ("Other", "ex:OtherFees", 4)]],
)

# After property and casualty insurers: debt is one line for all maturities.
INSURER = Case(
    "property and casualty insurer",
    "insurer",
    [
        ("Premiums", "PremiumsEarnedNet", 3700),
        ("Net investment income", "NetInvestmentIncome", 290),
        ("Fee income", "InsuranceCommissionsAndFees", 40),
        ("Other revenues", "OtherIncome", 20),
        ("Total revenues", "Revenues", 4050),
        ("Claims and claim adjustment expenses", "PolicyholderBenefitsAndClaimsIncurredNet", 2600),
        ("Amortization of deferred acquisition costs", "DeferredPolicyAcquisitionCostAmortizationExpense", 600),
        ("General and administrative expenses", "GeneralAndAdministrativeExpense", 500),
        ("Interest expense", "InterestExpense", 38),
        ("Total claims and expenses", "BenefitsLossesAndExpenses", 3738),
        ("Income before income taxes", PRETAX, 312),
        ("Income tax expense", "IncomeTaxExpenseBenefit", 52),
        ("Net income", "NetIncomeLoss", 260),
        *shares(260),
    ],
    [
        ("Total investments", "Investments", 9000),
        ("Cash", "Cash", 70),
        ("Premiums receivable", "PremiumsReceivableAtCarryingValue", 1000),
        ("Goodwill", "Goodwill", 400),
        ("Total assets", "Assets", 12500),
        ("Claims and claim adjustment expense reserves", "LiabilityForClaimsAndClaimsAdjustmentExpense", 6000),
        ("Unearned premium reserves", "UnearnedPremiums", 2000),
        ("Debt", "DebtLongtermAndShorttermCombinedAmount", 800),
        ("Total liabilities", "Liabilities", 10000),
        ("Total shareholders' equity", "StockholdersEquity", 2500),
        ("Total liabilities and shareholders' equity", "LiabilitiesAndStockholdersEquity", 12500),
    ],
    flows(),
    {
        "revenue": (4050, REPORTED),
        "premiums_earned": (3700, REPORTED),
        "net_investment_income": (290, REPORTED),
        "claims_incurred": (2600, REPORTED),
        "policy_acquisition_costs": (600, REPORTED),
        "loss_reserves": (6000, REPORTED),
        "unearned_premiums": (2000, REPORTED),
        "operating_expenses": (3738, REPORTED),
        "total_debt": (800, REPORTED),
        "long_term_debt": None,
        "cash": (70, DERIVED),
        "receivables": (1000, DERIVED),
        "operating_income": None,
        "gross_profit": None,
        "current_assets": None,
    },
)

# After insurers that print gross investment income, and name the metrics in their own words.
DIRECT_INSURER = Case(
    "direct insurer",
    "insurer",
    [
        ("Net premiums earned", "PremiumsEarnedNet", 7000),
        ("Investment income", "InterestAndDividendIncomeOperating", 280),
        ("Fees and other revenues", "OtherIncome", 90),
        ("Total revenues", "Revenues", 7500),
        ("Losses and loss adjustment expenses", "PolicyholderBenefitsAndClaimsIncurredNet", 4900),
        ("Policy acquisition costs", "DeferredPolicyAcquisitionCostAmortizationExpense", 550),
        ("Other underwriting expenses", "OtherUnderwritingExpense", 1000),
        ("Interest expense", "InterestExpenseDebt", 28),
        ("Total expenses", "BenefitsLossesAndExpenses", 6500),
        ("Net income before income taxes", PRETAX, 1000),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 200),
        ("Net income", "NetIncomeLoss", 800),
        *shares(800),
    ],
    [
        ("Cash and cash equivalents", CASH, 14),
        ("Total assets", "Assets", 10000),
        ("Unearned premiums", "UnearnedPremiums", 2400),
        ("Loss and loss adjustment expense reserves", "LiabilityForClaimsAndClaimsAdjustmentExpense", 3900),
        ("Debt", "LongTermDebt", 690),
        ("Total liabilities", "Liabilities", 7500),
        ("Total shareholders' equity", "StockholdersEquity", 2500),
        ("Total liabilities and shareholders' equity", "LiabilitiesAndStockholdersEquity", 10000),
    ],
    flows(),
    {
        "revenue": (7500, REPORTED),
        "net_investment_income": (280, DERIVED),
        "interest_expense": (28, DERIVED),
        "underwriting_expenses": (1000, REPORTED),
        "underwriting_result": (550, DERIVED),
        "long_term_debt": (690, REPORTED),
        "total_debt": (690, DERIVED),
    },
)

# After electric utilities: no total of liabilities, preferred dividends, minorities on the face.
UTILITY = Case(
    "electric utility",
    "industrial",
    [
        ("Regulated electric", "RegulatedOperatingRevenueElectricNonNuclear", 2600),
        ("Regulated natural gas", "RegulatedOperatingRevenueGas", 200),
        ("Total operating revenues", "RegulatedAndUnregulatedOperatingRevenue", 2900),
        ("Fuel used in electric generation and purchased power", "FuelCosts", 900),
        ("Operation, maintenance and other", "UtilitiesOperatingExpenseMaintenanceAndOperations", 550),
        ("Depreciation and amortization", "DepreciationDepletionAndAmortization", 550),
        ("Total operating expenses", "CostsAndExpenses", 2200),
        ("Operating income", "OperatingIncomeLoss", 700),
        ("Interest expense", "InterestExpenseNonoperating", 300),
        ("Income from continuing operations before income taxes", PRETAX_EQUITY, 450),
        ("Income tax expense from continuing operations", "IncomeTaxExpenseBenefit", 45),
        ("Net income", "ProfitLoss", 405),
        (
            "Less: net income attributable to noncontrolling interests",
            "NetIncomeLossAttributableToNoncontrollingInterest",
            10,
        ),
        ("Net income attributable to the Corporation", "NetIncomeLoss", 395),
        ("Less: preferred dividends", "PreferredStockDividendsIncomeStatementImpact", 10),
        ("Net income available to common stockholders", "NetIncomeLossAvailableToCommonStockholdersBasic", 385),
        *shares(385),
    ],
    [
        ("Cash and cash equivalents", CASH, 30),
        ("Receivables (net of allowance for doubtful accounts)", "AccountsReceivableNetCurrent", 110),
        ("Inventory", "PublicUtilitiesInventory", 430),
        ("Total current assets", "AssetsCurrent", 1300),
        ("Net property, plant and equipment", "PropertyPlantAndEquipmentNet", 11500),
        ("Goodwill", "Goodwill", 1900),
        ("Total assets", "Assets", 17600),
        ("Accounts payable", "AccountsPayableCurrent", 420),
        ("Notes payable and commercial paper", "ShortTermBorrowings", 430),
        ("Current maturities of long-term debt", "LongTermDebtCurrent", 280),
        ("Total current liabilities", "LiabilitiesCurrent", 1700),
        ("Long-term debt", "LongTermDebtNoncurrent", 7200),
        ("Total Corporation stockholders' equity", "StockholdersEquity", 4900),
        ("Noncontrolling interests", "MinorityInterest", 110),
        ("Total equity", WITH_NCI, 5010),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 17600),
    ],
    flows(
        (
            "Depreciation, amortization and accretion (including nuclear fuel)",
            "ex:DepreciationIncludingNuclearFuel",
            620,
        ),
        ("Capital expenditures", "PaymentsToAcquireProductiveAssets", 1250),
        ("Dividends paid", "PaymentsOfDividends", 310),
    ),
    {
        "revenue": (2900, REPORTED),
        "operating_expenses": (2200, REPORTED),
        "operating_income": (700, REPORTED),
        "interest_expense": (300, REPORTED),
        "pretax_income": (450, REPORTED),
        "net_income": (395, REPORTED),
        "net_income_incl_nci": (405, REPORTED),
        "nci_income": (10, REPORTED),
        "preferred_dividends": (10, REPORTED),
        "inventory": (430, DERIVED),
        "current_debt": (710, DERIVED),
        "long_term_debt": (7200, REPORTED),
        "total_debt": (7910, DERIVED),
        "equity": (4900, REPORTED),
        "equity_incl_nci": (5010, REPORTED),
        "total_liabilities": (12590, DERIVED),
        "capex": (1250, REPORTED),
        "dividends_paid": (310, REPORTED),
        "depreciation_and_amortization": (620, DERIVED),
        "gross_profit": None,
        "cost_of_revenue": None,
    },
)

# After net-lease landlords: no classified balance sheet, debt spread over lines of its own, buying houses is no capex.
LANDLORD = Case(
    "net-lease landlord",
    "other",
    [
        ("Rental (including reimbursements)", "OperatingLeaseLeaseIncome", 500),
        ("Other", "OtherIncome", 20),
        ("Total revenue", "Revenues", 520),
        ("Depreciation and amortization", "DepreciationAndAmortization", 240),
        ("Interest", "InterestExpense", 100),
        ("Property (including reimbursements)", "DirectCostsOfLeasedAndRentedPropertyOrEquipment", 40),
        ("General and administrative", "GeneralAndAdministrativeExpense", 17),
        ("Total expenses", "CostsAndExpenses", 430),
        ("Income before income taxes", PRETAX, 95),
        ("Income taxes", "IncomeTaxExpenseBenefit", 6),
        ("Net income", "ProfitLoss", 89),
        ("Net income attributable to noncontrolling interests", "NetIncomeLossAttributableToNoncontrollingInterest", 1),
        ("Net income attributable to the Company", "NetIncomeLoss", 88),
        *shares(88),
    ],
    [
        ("Net real estate held for investment", "RealEstateInvestmentPropertyNet", 5800),
        ("Cash and cash equivalents", CASH, 44),
        ("Accounts receivable, net", "AccountsReceivableNet", 87),
        ("Lease intangible assets, net", "FiniteLivedIntangibleAssetsNet", 630),
        ("Goodwill", "Goodwill", 490),
        ("Total assets", "Assets", 7200),
        ("Accounts payable and accrued expenses", "AccountsPayableAndAccruedLiabilitiesCurrentAndNoncurrent", 75),
        ("Line of credit payable and commercial paper", "LineOfCredit", 113),
        ("Term loans, net", "LoansPayable", 236),
        ("Mortgages payable, net", "SecuredDebt", 8),
        ("Notes payable, net", "NotesPayable", 2200),
        ("Total liabilities", "Liabilities", 3200),
        ("Total stockholders' equity", "StockholdersEquity", 3980),
        ("Noncontrolling interests", "MinorityInterest", 20),
        ("Total equity", WITH_NCI, 4000),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 7200),
    ],
    flows(
        ("Depreciation and amortization", "DepreciationAndAmortization", 240),
        ("Acquisition of real estate properties", "PaymentsToAcquireRealEstateHeldForInvestment", 340),
        ("Improvements to real estate, including leasing costs", "PaymentsForCapitalImprovements", 11),
        ("Cash distributions to common stockholders", "PaymentsOfDividendsCommonStock", 269),
    ),
    {
        "revenue": (520, REPORTED),
        "operating_expenses": (430, REPORTED),
        "interest_expense": (100, REPORTED),
        "property_plant_equipment": (5800, REPORTED),
        "receivables": (87, DERIVED),
        "payables": (75, DERIVED),
        "capex": (11, DERIVED),
        "dividends_paid": (269, REPORTED),
        "long_term_debt": None,
        "total_debt": None,
        "net_debt": None,
        "current_debt": None,
        "operating_income": None,
        "current_assets": None,
        "gross_profit": None,
    },
)

# After grocers: cost of sales before depreciation, LIFO, quarters of 12 and 16 weeks elsewhere.
GROCER = Case(
    "grocer",
    "industrial",
    [
        ("Sales", SALES, 1500),
        (
            "Merchandise costs, including advertising, warehousing, and transportation",
            "CostOfGoodsAndServiceExcludingDepreciationDepletionAndAmortization",
            1165,
        ),
        ("Operating, general and administrative", "SellingGeneralAndAdministrativeExpense", 260),
        ("Rent", "OperatingLeasesRentExpenseNet", 9),
        ("Depreciation and amortization", "DepreciationDepletionAndAmortization", 31),
        ("Operating profit", "OperatingIncomeLoss", 35),
        ("Net interest expense", "InterestExpense", 4),
        ("Net earnings before income tax expense", PRETAX_EQUITY, 31),
        ("Income tax expense", "IncomeTaxExpenseBenefit", 7),
        ("Net earnings including noncontrolling interests", "ProfitLoss", 24),
        ("Net income attributable to noncontrolling interests", "NetIncomeLossAttributableToNoncontrollingInterest", 1),
        ("Net earnings attributable to the Company", "NetIncomeLoss", 23),
        *shares(23),
    ],
    [
        ("Cash and temporary cash investments", CASH, 19),
        ("Receivables", "AccountsReceivableNetCurrent", 21),
        ("FIFO inventory", "InventoryGross", 90),
        ("LIFO reserve", "InventoryLIFOReserve", 22),
        ("Total current assets", "AssetsCurrent", 125),
        ("Property, plant and equipment, net", "PropertyPlantAndEquipmentNet", 252),
        ("Total assets", "Assets", 505),
        (
            "Current portion of long-term debt including obligations under finance leases",
            "LongTermDebtAndCapitalLeaseObligationsCurrent",
            2,
        ),
        ("Trade accounts payable", "AccountsPayableCurrent", 104),
        ("Total current liabilities", "LiabilitiesCurrent", 161),
        ("Long-term debt including obligations under finance leases", "LongTermDebtAndCapitalLeaseObligations", 120),
        ("Total liabilities", "Liabilities", 389),
        ("Total shareholders' equity - The Company", "StockholdersEquity", 117),
        ("Noncontrolling interests", "MinorityInterest", -1),
        ("Total equity", WITH_NCI, 116),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 505),
    ],
    flows(
        ("Depreciation and amortization", "DepreciationDepletionAndAmortization", 31),
        (
            "Payments for property and equipment, including payments for lease buyouts",
            "PaymentsToAcquireProductiveAssets",
            39,
        ),
        ("Dividends paid", "PaymentsOfDividends", 8),
        ("Treasury stock purchases", "PaymentsForRepurchaseOfCommonStock", 1),
    ),
    {
        "revenue": (1500, REPORTED),
        "cost_of_revenue": (1165, DERIVED),
        "gross_profit": (335, DERIVED),
        "sga": (260, REPORTED),
        "operating_income": (35, REPORTED),
        "net_income": (23, REPORTED),
        # FIFO cost and LIFO reserve are two lines; nothing says that one is inventory.
        "inventory": None,
        "capex": (39, REPORTED),
        "current_portion_of_debt": (2, REPORTED),
        "long_term_debt": (120, REPORTED),
        "total_debt": (122, DERIVED),
        "total_liabilities": (389, REPORTED),
        "noncontrolling_interests": (-1, REPORTED),
        "research_and_development": None,
    },
    notes=[[("Depreciation", "Depreciation", 29), ("Segment interest", "InterestExpenseDebt", 3)]],
)

# After drug makers: acquired research stands in a line of its own.
DRUG_MAKER = Case(
    "drug maker",
    "industrial",
    [
        ("Total revenues", "Revenues", 5850),
        ("Cost of sales", "CostOfGoodsAndServicesSold", 2490),
        ("Selling, informational and administrative expenses", "SellingGeneralAndAdministrativeExpense", 1470),
        ("Research and development expenses", "ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost", 1050),
        ("Acquired in-process research and development expenses", "ResearchAndDevelopmentInProcess", 19),
        ("Other (income)/deductions - net", "OtherNonoperatingIncomeExpense", -83),
        ("Income from continuing operations before provision/(benefit) for taxes on income", PRETAX_EQUITY, 105),
        ("Provision/(benefit) for taxes on income", "IncomeTaxExpenseBenefit", -111),
        ("Net income before allocation to noncontrolling interests", "ProfitLoss", 216),
        (
            "Less: Net income attributable to noncontrolling interests",
            "NetIncomeLossAttributableToNoncontrollingInterest",
            4,
        ),
        ("Net income attributable to common shareholders", "NetIncomeLoss", 212),
        *shares(212),
    ],
    [
        ("Cash and cash equivalents", CASH, 285),
        ("Short-term investments", "ShortTermInvestments", 983),
        ("Trade accounts receivable, less allowance for doubtful accounts", "AccountsReceivableNetCurrent", 1117),
        ("Inventories", "InventoryNet", 1018),
        ("Total current assets", "AssetsCurrent", 4333),
        ("Identifiable intangible assets", "IntangibleAssetsNetExcludingGoodwill", 6490),
        ("Total assets", "Assets", 22650),
        ("Short-term borrowings, including current portion of long-term debt", "DebtCurrent", 1035),
        ("Total current liabilities", "LiabilitiesCurrent", 4779),
        ("Long-term debt", "LongTermDebtNoncurrent", 6184),
        ("Total liabilities", "Liabilities", 13728),
        ("Total shareholders' equity", "StockholdersEquity", 8901),
        ("Equity attributable to noncontrolling interests", "MinorityInterest", 21),
        ("Total equity", WITH_NCI, 8922),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 22650),
    ],
    flows(("Purchases of property, plant and equipment", "PaymentsToAcquirePropertyPlantAndEquipment", 391)),
    {
        "revenue": (5850, REPORTED),
        "gross_profit": (3360, DERIVED),
        "research_and_development": (1050, DERIVED),
        "income_tax": (-111, REPORTED),
        "current_debt": (1035, REPORTED),
        "total_debt": (7219, DERIVED),
        "intangibles": (6490, REPORTED),
        "operating_income": None,
    },
    notes=[[("Research and development", "ResearchAndDevelopmentExpense", 1069)]],
)

# After integrated oil companies: total revenues include other income; costs have no total of cost of sales.
OIL_COMPANY = Case(
    "integrated oil company",
    "industrial",
    [
        ("Sales and other operating revenues", SALES, 1934),
        ("Income (loss) from equity affiliates", "IncomeLossFromEquityMethodInvestments", 46),
        ("Other income", "NonoperatingIncomeExpense", 48),
        ("Total Revenues and Other Income", "Revenues", 2028),
        ("Purchased crude oil and products", "ex:PurchasedCrudeOilAndProducts", 1192),
        ("Operating expenses", "ex:OperatingExpensesOfProduction", 274),
        ("Selling, general and administrative expenses", "SellingGeneralAndAdministrativeExpense", 48),
        ("Exploration expenses", "ExplorationExpense", 10),
        ("Depreciation, depletion and amortization", "DepreciationDepletionAndAmortization", 172),
        ("Taxes other than on income", "TaxesExcludingIncomeAndExciseTaxes", 47),
        ("Interest and debt expense", "InterestAndDebtExpense", 6),
        ("Total Costs and Other Deductions", "CostsAndExpenses", 1749),
        ("Income (Loss) Before Income Tax Expense", PRETAX, 279),
        ("Income Tax Expense (Benefit)", "IncomeTaxExpenseBenefit", 98),
        ("Net Income (Loss)", "ProfitLoss", 181),
        (
            "Less: Net income attributable to noncontrolling interests",
            "NetIncomeLossAttributableToNoncontrollingInterest",
            1,
        ),
        ("Net Income (Loss) Attributable to the Corporation", "NetIncomeLoss", 180),
        *shares(180),
    ],
    [
        ("Cash and cash equivalents", CASH, 68),
        ("Accounts and notes receivable, net", "AccountsNotesAndLoansReceivableNetCurrent", 209),
        ("Total inventories", "InventoryNet", 91),
        ("Total Current Assets", "AssetsCurrent", 409),
        ("Total Assets", "Assets", 2569),
        ("Short-term debt", "ShortTermBorrowings", 44),
        ("Total Current Liabilities", "LiabilitiesCurrent", 386),
        ("Long-term debt", "LongTermDebtNoncurrent", 201),
        ("Total Liabilities", "Liabilities", 1038),
        ("Total Corporation Stockholders' Equity", "StockholdersEquity", 1523),
        ("Noncontrolling interests", "MinorityInterest", 8),
        ("Total Equity", WITH_NCI, 1531),
        ("Total Liabilities and Equity", "LiabilitiesAndStockholdersEquity", 2569),
    ],
    flows(
        ("Depreciation, depletion and amortization", "DepreciationDepletionAndAmortization", 172),
        ("Capital expenditures", "PaymentsToAcquireProductiveAssets", 164),
    ),
    {
        "revenue": (2028, REPORTED),
        "sales_revenue": (1934, REPORTED),
        "operating_expenses": (1749, REPORTED),
        "interest_expense": (6, REPORTED),
        "income_tax": (98, REPORTED),
        "capex": (164, REPORTED),
        "total_debt": (245, DERIVED),
        "operating_income": None,
        "cost_of_revenue": None,
        "gross_profit": None,
    },
)

# After airlines: two lines of equipment purchases, neither of which is capital expenditure alone.
AIRLINE = Case(
    "airline",
    "industrial",
    [
        ("Total operating revenue", SALES, 6164),
        ("Salaries and related costs", "LaborAndRelatedExpense", 1616),
        ("Aircraft fuel and related taxes", "FuelCosts", 1057),
        ("Depreciation and amortization", "DepreciationDepletionAndAmortization", 251),
        ("Total operating expense", "OperatingExpenses", 5565),
        ("Operating income", "OperatingIncomeLoss", 599),
        ("Interest expense, net", "InterestIncomeExpenseNonoperatingNet", -75),
        ("Total non-operating expense, net", "NonoperatingIncomeExpense", -133),
        ("Income before income taxes", PRETAX, 466),
        ("Income tax provision", "IncomeTaxExpenseBenefit", 120),
        ("Net income", "NetIncomeLoss", 346),
        *shares(346),
    ],
    [
        ("Cash and cash equivalents", CASH, 307),
        ("Accounts receivable, net", "AccountsReceivableNetCurrent", 322),
        ("Fuel, expendable parts and supplies inventories, net", "AirlineRelatedInventoryNet", 143),
        ("Total current assets", "AssetsCurrent", 984),
        ("Flight equipment and property, net", "PropertyPlantAndEquipmentNet", 3757),
        ("Total assets", "Assets", 7537),
        ("Current maturities of debt and finance leases", "LongTermDebtAndCapitalLeaseObligationsCurrent", 218),
        ("Air traffic liability", "ContractWithCustomerLiabilityCurrent", 710),
        ("Total current liabilities", "LiabilitiesCurrent", 2668),
        ("Debt and finance leases", "LongTermDebtAndCapitalLeaseObligations", 1402),
        ("Total stockholders' equity", "StockholdersEquity", 1529),
        ("Total liabilities and stockholders' equity", "LiabilitiesAndStockholdersEquity", 7537),
    ],
    flows(
        ("Flight equipment, including advance payments", "ex:PaymentsToAcquireFlightEquipment", 379),
        ("Ground property and equipment, including technology", "PaymentsToAcquireOtherPropertyPlantAndEquipment", 133),
    ),
    {
        "revenue": (6164, REPORTED),
        "operating_expenses": (5565, REPORTED),
        "interest_expense": (75, DERIVED),
        "inventory": (143, DERIVED),
        "deferred_revenue": (710, REPORTED),
        "total_debt": (1620, DERIVED),
        "total_liabilities": (6008, DERIVED),
        "capex": None,
        "free_cash_flow": None,
    },
)

# After software companies: costs of revenue by kind without a total, selling and administration apart.
SOFTWARE = Case(
    "software company",
    "industrial",
    [
        ("Total revenues", "Revenues", 5296),
        ("Cloud services and license support", "ex:CloudServicesAndLicenseSupportExpense", 943),
        ("Hardware", "ex:HardwareExpenses", 89),
        ("Sales and marketing", "SellingAndMarketingExpense", 827),
        ("Research and development", "ResearchAndDevelopmentExpense", 892),
        ("General and administrative", "GeneralAndAdministrativeExpense", 155),
        ("Total operating expenses", "CostsAndExpenses", 3761),
        ("Operating income", "OperatingIncomeLoss", 1535),
        ("Interest expense", "InterestExpense", 351),
        ("Non-operating expenses, net", "NonoperatingIncomeExpense", -10),
        ("Income before income taxes", PRETAX, 1174),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 127),
        ("Net income", "NetIncomeLoss", 1047),
        *shares(1047),
    ],
    [
        ("Cash and cash equivalents", CASH, 1045),
        ("Marketable securities", "MarketableSecuritiesCurrent", 21),
        ("Trade receivables, net of allowances for credit losses", "AccountsReceivableNetCurrent", 787),
        ("Total current assets", "AssetsCurrent", 2255),
        ("Total assets", "Assets", 14098),
        ("Notes payable and other borrowings, current", "DebtCurrent", 1061),
        ("Deferred revenues", "ContractWithCustomerLiabilityCurrent", 931),
        ("Total current liabilities", "LiabilitiesCurrent", 3154),
        ("Notes payable and other borrowings, non-current", "LongTermNotesAndLoans", 7626),
        ("Total liabilities", "Liabilities", 13174),
        ("Total stockholders' equity", "StockholdersEquity", 870),
        ("Noncontrolling interests", "MinorityInterest", 54),
        ("Total equity", WITH_NCI, 924),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 14098),
    ],
    flows(
        ("Depreciation", "Depreciation", 313),
        ("Amortization of intangible assets", "AmortizationOfIntangibleAssets", 301),
        ("Stock-based compensation", "ShareBasedCompensation", 397),
        ("Capital expenditures", "PaymentsToAcquirePropertyPlantAndEquipment", 687),
        ("Payments of dividends to stockholders", "PaymentsOfDividends", 439),
        ("Payments for repurchases of common stock", "PaymentsForRepurchaseOfCommonStock", 120),
    ),
    {
        "revenue": (5296, REPORTED),
        "sga": (982, DERIVED),
        "operating_expenses": (3761, REPORTED),
        "cost_of_revenue": None,
        "gross_profit": None,
        "current_debt": (1061, REPORTED),
        "long_term_debt": (7626, DERIVED),
        "total_debt": (8687, DERIVED),
        "short_term_investments": (21, REPORTED),
        "depreciation_and_amortization": (614, DERIVED),
        "stock_compensation": (397, REPORTED),
        "capex": (687, REPORTED),
        "share_repurchases": (120, REPORTED),
    },
)

# After railroads.
RAILROAD = Case(
    "railroad",
    "industrial",
    [
        ("Railway operating revenues", SALES, 1212),
        ("Compensation and benefits", "LaborAndRelatedExpense", 282),
        ("Purchased services and rents", "CostOfPurchasedServices", 207),
        ("Depreciation", "ex:RailwayDepreciation", 135),
        ("Total railway operating expenses", "CostsAndExpenses", 805),
        ("Income from railway operations", "OperatingIncomeLoss", 407),
        ("Other income - net", "OtherNonoperatingIncomeExpense", 19),
        ("Interest expense on debt", "InterestExpenseDebt", 81),
        ("Income before income taxes", PRETAX_EQUITY, 345),
        ("Income taxes", "IncomeTaxExpenseBenefit", 83),
        ("Net income", "NetIncomeLoss", 262),
        *shares(262),
    ],
    [
        ("Cash and cash equivalents", CASH, 16),
        ("Accounts receivable - net", "ReceivablesNetCurrent", 107),
        ("Materials and supplies", "InventoryRawMaterialsAndSupplies", 28),
        ("Total current assets", "AssetsCurrent", 180),
        ("Properties less accumulated depreciation", "PropertyPlantAndEquipmentNet", 3584),
        ("Total assets", "Assets", 4368),
        ("Accounts payable", "AccountsPayableCurrent", 170),
        ("Current maturities of long-term debt", "LongTermDebtCurrent", 56),
        ("Total current liabilities", "LiabilitiesCurrent", 279),
        ("Long-term debt", "LongTermDebtNoncurrent", 1665),
        ("Total liabilities", "Liabilities", 2938),
        ("Total stockholders' equity", "StockholdersEquity", 1430),
        ("Total liabilities and stockholders' equity", "LiabilitiesAndStockholdersEquity", 4368),
    ],
    flows(
        ("Depreciation", "Depreciation", 136),
        ("Property additions", "PaymentsToAcquireProductiveAssets", 238),
        ("Dividends", "PaymentsOfDividends", 122),
    ),
    {
        "revenue": (1212, REPORTED),
        "operating_income": (407, REPORTED),
        "interest_expense": (81, DERIVED),
        "inventory": (28, DERIVED),
        "depreciation_and_amortization": (136, DERIVED),
        "capex": (238, REPORTED),
        "total_debt": (1721, DERIVED),
        "cost_of_revenue": None,
    },
)

# After pipeline partnerships: units instead of shares, partners instead of holders.
PARTNERSHIP = Case(
    "partnership",
    "industrial",
    [
        ("Total revenues", "Revenues", 5621),
        ("Total costs and expenses", "CostsAndExpenses", 4931),
        ("Equity in income of unconsolidated affiliates", "IncomeLossFromEquityMethodInvestments", 41),
        ("Operating income", "OperatingIncomeLoss", 731),
        ("Interest expense", "InterestExpense", 135),
        ("Income before income taxes", PRETAX, 602),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 7),
        ("Net income", "ProfitLoss", 595),
        ("Net income attributable to noncontrolling interests", "NetIncomeLossAttributableToNoncontrollingInterest", 7),
        ("Net income attributable to common unitholders", "NetIncomeLoss", 588),
        ("Basic earnings per unit", "NetIncomeLossPerOutstandingLimitedPartnershipUnitBasicNetOfTax", 2.71),
        ("Diluted earnings per unit", "NetIncomeLossPerOutstandingLimitedPartnershipUnitDiluted", 2.69),
    ],
    [
        ("Cash and cash equivalents", CASH, 58),
        ("Total current assets", "AssetsCurrent", 1500),
        ("Total assets", "Assets", 7717),
        ("Current maturities of debt", "DebtCurrent", 115),
        ("Total current liabilities", "LiabilitiesCurrent", 1500),
        ("Long-term debt", "LongTermDebtNoncurrent", 3061),
        ("Total partners' equity", "PartnersCapital", 2880),
        ("Noncontrolling interests", "MinorityInterest", 70),
        ("Total equity", "PartnersCapitalIncludingPortionAttributableToNoncontrollingInterest", 2950),
        ("Total liabilities, preferred units, and equity", "LiabilitiesAndStockholdersEquity", 7717),
    ],
    flows(
        ("Capital expenditures", "PaymentsToAcquirePropertyPlantAndEquipment", 454),
        ("Cash distributions paid to common unitholders", "DistributionMadeToLimitedPartnerCashDistributionsPaid", 453),
    ),
    {
        "revenue": (5621, REPORTED),
        "operating_income": (731, REPORTED),
        "net_income": (588, REPORTED),
        "net_income_incl_nci": (595, REPORTED),
        "eps_basic": (2.71, DERIVED),
        "eps_diluted": (2.69, DERIVED),
        "equity": (2880, DERIVED),
        "equity_incl_nci": (2950, REPORTED),
        "total_liabilities": (4767, DERIVED),
        "total_debt": (3176, DERIVED),
        "dividends_paid": (453, DERIVED),
    },
)

# After clinical-stage companies: neither revenue nor tax; one number for basic and diluted.
BIOTECH = Case(
    "clinical-stage company",
    "industrial",
    [
        ("Research and development", "ResearchAndDevelopmentExpense", 90),
        ("General and administrative", "GeneralAndAdministrativeExpense", 30),
        ("Total operating expenses", "OperatingExpenses", 120),
        ("Loss from operations", "OperatingIncomeLoss", -120),
        ("Interest income", "InvestmentIncomeInterest", 12),
        ("Net loss", "NetIncomeLoss", -108),
        ("Net loss per share, basic and diluted", "EarningsPerShareBasicAndDiluted", -2.16),
        ("Weighted-average shares", "WeightedAverageNumberOfShareOutstandingBasicAndDiluted", 50),
    ],
    [
        ("Cash and cash equivalents", CASH, 60),
        ("Marketable securities", "MarketableSecuritiesCurrent", 200),
        ("Total current assets", "AssetsCurrent", 270),
        ("Total assets", "Assets", 290),
        ("Accounts payable", "AccountsPayableCurrent", 9),
        ("Total current liabilities", "LiabilitiesCurrent", 25),
        ("Total liabilities", "Liabilities", 35),
        ("Total stockholders' equity", "StockholdersEquity", 255),
        ("Total liabilities and stockholders' equity", "LiabilitiesAndStockholdersEquity", 290),
    ],
    flows(("Purchases of property and equipment", "PaymentsToAcquirePropertyPlantAndEquipment", 2)),
    {
        "revenue": None,
        "cost_of_revenue": None,
        "gross_profit": None,
        "research_and_development": (90, REPORTED),
        "operating_expenses": (120, REPORTED),
        "operating_income": (-120, REPORTED),
        "net_income": (-108, REPORTED),
        "eps_basic": (-2.16, REPORTED),
        "eps_diluted": (-2.16, REPORTED),
        "shares_diluted": (50_000_000, REPORTED),
        "income_tax": None,
        "total_debt": None,
        "long_term_debt": None,
    },
    notes=[[("Sublease revenue from a contract", SALES, 1), ("Other", "ex:Other", 1)]],
)

# After brokers: the top line before interest expense and after it.
BROKER = Case(
    "broker",
    "bank",
    [
        ("Total non-interest revenues", "NoninterestIncome", 5310),
        ("Interest income", "InterestAndDividendIncomeOperating", 5413),
        ("Interest expense", "InterestExpense", 4500),
        ("Net interest", "InterestIncomeExpenseNet", 913),
        ("Net revenues", "RevenuesNetOfInterestExpense", 6223),
        ("Provision for credit losses", "ProvisionForLoanLeaseAndOtherLosses", 26),
        ("Total non-interest expenses", "NoninterestExpense", 4390),
        ("Income before provision for income taxes", PRETAX, 1807),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 407),
        ("Net income", "ProfitLoss", 1400),
        ("Net income applicable to noncontrolling interests", "NetIncomeLossAttributableToNoncontrollingInterest", 14),
        ("Net income applicable to the firm", "NetIncomeLoss", 1386),
        *shares(1386),
    ],
    [
        ("Cash and cash equivalents", CASH, 1056),
        ("Total assets", "Assets", 12151),
        ("Deposits", "Deposits", 3761),
        ("Borrowings", "DebtLongtermAndShorttermCombinedAmount", 2888),
        ("Total liabilities", "Liabilities", 11096),
        ("Total shareholders' equity", "StockholdersEquity", 1045),
        ("Noncontrolling interests", "MinorityInterest", 10),
        ("Total equity", WITH_NCI, 1055),
        ("Total liabilities and equity", "LiabilitiesAndStockholdersEquity", 12151),
    ],
    flows(),
    {
        "revenue": (6223, REPORTED),
        "net_interest_income": (913, REPORTED),
        "net_income": (1386, REPORTED),
        "total_debt": (2888, REPORTED),
        "long_term_debt": None,
    },
    notes=[[("Revenues from contracts", SALES, 2100), ("Other", "ex:Other", 1)]],
)

# After health insurers: products beside premiums, a classified balance sheet.
HEALTH_INSURER = Case(
    "health insurer",
    "insurer",
    [
        ("Premiums", "PremiumsEarnedNet", 3088),
        ("Products", SALES, 502),
        ("Investment and other income", "InvestmentIncomeInterestAndDividend", 52),
        ("Total revenues", "Revenues", 4003),
        ("Medical costs", "PolicyholderBenefitsAndClaimsIncurredHealthCare", 2642),
        ("Operating costs", "ex:OperatingCosts", 530),
        ("Cost of products sold", "CostOfGoodsAndServicesSold", 467),
        ("Total operating costs", "BenefitsLossesAndExpenses", 3680),
        ("Earnings from operations", "OperatingIncomeLoss", 323),
        ("Interest expense", "InterestExpense", 39),
        ("Earnings before income taxes", PRETAX, 284),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 48),
        ("Net earnings", "ProfitLoss", 236),
        ("Earnings attributable to noncontrolling interests", "NetIncomeLossAttributableToNoncontrollingInterest", 8),
        ("Net earnings attributable to common shareholders", "NetIncomeLoss", 228),
        *shares(228),
    ],
    [
        ("Cash and cash equivalents", CASH, 253),
        ("Total current assets", "AssetsCurrent", 858),
        ("Total assets", "Assets", 2983),
        ("Medical costs payable", "LiabilityForClaimsAndClaimsAdjustmentExpense", 342),
        ("Short-term borrowings and current maturities of long-term debt", "DebtCurrent", 45),
        ("Unearned revenues", "ContractWithCustomerLiabilityCurrent", 30),
        ("Total current liabilities", "LiabilitiesCurrent", 1037),
        ("Long-term debt, less current maturities", "LongTermDebtNoncurrent", 723),
        ("Total liabilities", "Liabilities", 1959),
        ("Redeemable noncontrolling interests", "RedeemableNoncontrollingInterestEquityCarryingAmount", 43),
        ("Shareholders' equity", "StockholdersEquity", 927),
        ("Nonredeemable noncontrolling interests", "MinorityInterest", 54),
        ("Total equity", WITH_NCI, 981),
        (
            "Total liabilities, redeemable noncontrolling interests, and equity",
            "LiabilitiesAndStockholdersEquity",
            2983,
        ),
    ],
    flows(("Purchases of property, equipment and capitalized software", "PaymentsToAcquireProductiveAssets", 35)),
    {
        "revenue": (4003, REPORTED),
        "sales_revenue": (502, REPORTED),
        "claims_incurred": (2642, REPORTED),
        "operating_income": (323, REPORTED),
        "redeemable_nci": (43, REPORTED),
        "total_debt": (768, DERIVED),
        "current_assets": (858, REPORTED),
        "gross_profit": None,
    },
)

# After issuers with concepts of their own on every line that matters: the printed label decides, and says so.
OWN_CONCEPTS = Case(
    "issuer with its own concepts",
    "industrial",
    [
        ("Total net revenue", "ex:TotalNetRevenue", 800),
        ("Total cost of revenue (1)", "ex:TotalCostOfRevenue", 300),
        ("Research and development (2)", "ex:ResearchAndDevelopmentWithoutAmortization", 120),
        ("Operating income", "OperatingIncomeLoss", 150),
        ("Income before income taxes", PRETAX, 140),
        ("Provision for income taxes", "IncomeTaxExpenseBenefit", 30),
        ("Net income", "NetIncomeLoss", 110),
        *shares(110),
    ],
    [
        ("Cash and cash equivalents", CASH, 60),
        ("Accounts receivable, net of allowance", "ex:TradeReceivables", 70),
        ("Total current assets", "AssetsCurrent", 270),
        ("Total assets", "Assets", 900),
        ("Total current liabilities", "LiabilitiesCurrent", 205),
        ("Convertible senior notes, net of current portion", "ex:ConvertibleNotes", 120),
        ("Total stockholders' equity", "StockholdersEquity", 500),
        ("Total liabilities and stockholders' equity", "LiabilitiesAndStockholdersEquity", 900),
    ],
    flows(
        ("Purchases of property, equipment and software", "ex:PurchasesOfPropertyEquipmentAndSoftware", -45),
        ("Purchases of property and equipment in accounts payable", "CapitalExpendituresIncurredButNotYetPaid", 7),
        ("Repurchases of common stock", "ex:RepurchasesOfStock", -80),
    ),
    {
        "revenue": (800, DERIVED),
        "cost_of_revenue": (300, DERIVED),
        "gross_profit": (500, DERIVED),
        "research_and_development": (120, DERIVED),
        "receivables": (70, DERIVED),
        "long_term_debt": (120, DERIVED),
        "total_liabilities": (400, DERIVED),
        # Its own concepts carry the sign of the cash flow; a payment is positive here.
        "capex": (45, DERIVED),
        "share_repurchases": (80, DERIVED),
        "free_cash_flow": (255, DERIVED),
    },
)

# A foreign filer under IFRS, in euros.
IFRS = Case(
    "foreign filer under IFRS",
    "industrial",
    [
        ("Revenue", "ifrs-full:Revenue", 2826),
        ("Cost of sales", "ifrs-full:CostOfSales", 1379),
        ("Gross profit", "ifrs-full:GrossProfit", 1447),
        ("Research and development costs", "ifrs-full:ResearchAndDevelopmentExpense", 430),
        ("Selling, general and administrative expenses", "ifrs-full:SellingGeneralAndAdministrativeExpense", 116),
        ("Income from operations", "ifrs-full:ProfitLossFromOperatingActivities", 901),
        ("Finance income", "ifrs-full:FinanceIncome", 18),
        ("Finance costs", "ifrs-full:FinanceCosts", 16),
        (
            "Share of profit of associates",
            "ifrs-full:ShareOfProfitLossOfAssociatesAndJointVenturesAccountedForUsingEquityMethod",
            2,
        ),
        ("Income before income taxes", "ifrs-full:ProfitLossBeforeTax", 905),
        ("Income tax expense", "ifrs-full:IncomeTaxExpenseContinuingOperations", 148),
        ("Net income", "ifrs-full:ProfitLoss", 757),
        ("Basic net income per ordinary share", "ifrs-full:BasicEarningsLossPerShare", 19.25),
        ("Diluted net income per ordinary share", "ifrs-full:DilutedEarningsLossPerShare", 19.24),
        ("Basic", "ifrs-full:WeightedAverageShares", 39),
        ("Diluted", "ifrs-full:AdjustedWeightedAverageShares", 40),
    ],
    [
        ("Cash and cash equivalents", "ifrs-full:CashAndCashEquivalents", 1274),
        ("Trade and other receivables", "ifrs-full:TradeAndOtherCurrentReceivables", 520),
        ("Inventories", "ifrs-full:Inventories", 1089),
        ("Total current assets", "ifrs-full:CurrentAssets", 3074),
        ("Property, plant and equipment, net", "ifrs-full:PropertyPlantAndEquipment", 685),
        ("Goodwill", "ifrs-full:Goodwill", 458),
        ("Total non-current assets", "ifrs-full:NoncurrentAssets", 1785),
        ("Total assets", "ifrs-full:Assets", 4859),
        ("Trade and other payables", "ifrs-full:TradeAndOtherCurrentPayables", 350),
        ("Current borrowings", "ifrs-full:CurrentBorrowingsAndCurrentPortionOfNoncurrentBorrowings", 98),
        ("Total current liabilities", "ifrs-full:CurrentLiabilities", 2005),
        ("Long-term debt", "ifrs-full:NoncurrentPortionOfNoncurrentBorrowings", 368),
        ("Total equity", "ifrs-full:Equity", 1847),
        ("Total equity and liabilities", "ifrs-full:EquityAndLiabilities", 4859),
    ],
    [
        ("Net income", "ifrs-full:ProfitLoss", 757),
        ("Depreciation and amortization", "ifrs-full:AdjustmentsForDepreciationAndAmortisationExpense", 92),
        ("Net cash from operating activities", "ifrs-full:CashFlowsFromUsedInOperatingActivities", 1117),
        (
            "Purchase of property, plant and equipment",
            "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities",
            206,
        ),
        ("Net cash used in investing activities", "ifrs-full:CashFlowsFromUsedInInvestingActivities", -234),
        ("Dividend paid", "ifrs-full:DividendsPaidClassifiedAsFinancingActivities", 245),
        ("Purchase of treasury shares", "ifrs-full:PaymentsToAcquireOrRedeemEntitysShares", 50),
        ("Net cash used in financing activities", "ifrs-full:CashFlowsFromUsedInFinancingActivities", -301),
        ("Net increase in cash", "ifrs-full:IncreaseDecreaseInCashAndCashEquivalents", 582),
    ],
    {
        "revenue": (2826, REPORTED),
        "cost_of_revenue": (1379, REPORTED),
        "gross_profit": (1447, REPORTED),
        "operating_income": (901, REPORTED),
        "interest_expense": (16, DERIVED),
        "pretax_income": (905, REPORTED),
        "income_tax": (148, REPORTED),
        "net_income": (757, DERIVED),
        "net_income_incl_nci": (757, REPORTED),
        "eps_diluted": (19.24, REPORTED),
        "shares_diluted": (40_000_000, REPORTED),
        "receivables": (520, DERIVED),
        "payables": (350, DERIVED),
        "current_debt": (98, REPORTED),
        "long_term_debt": (368, REPORTED),
        "total_debt": (466, DERIVED),
        "equity": (1847, DERIVED),
        "total_liabilities": (3012, DERIVED),
        "operating_cash_flow": (1117, REPORTED),
        "capex": (206, REPORTED),
        "free_cash_flow": (911, DERIVED),
        "dividends_paid": (245, REPORTED),
        "share_repurchases": (50, REPORTED),
        "depreciation_and_amortization": (92, REPORTED),
    },
    unit="eur",
)

CASES = [
    MONEY_CENTER_BANK,
    REGIONAL_BANK,
    BROKER,
    INSURER,
    DIRECT_INSURER,
    HEALTH_INSURER,
    UTILITY,
    LANDLORD,
    GROCER,
    DRUG_MAKER,
    OIL_COMPANY,
    AIRLINE,
    SOFTWARE,
    RAILROAD,
    PARTNERSHIP,
    BIOTECH,
    OWN_CONCEPTS,
    IFRS,
]


def _values(case: Case) -> tuple[dict[str, Value], str]:
    source = filing(
        case.income, case.balance, case.cash_flow, notes=case.notes, flows=(YEAR,), dates=(CLOSE,), unit=case.unit
    )
    assert source.problems == ()
    series = build_series([source], load_policy())
    (year,) = (span for span in series.spans if span.kind == "year")
    found = {
        metric: value
        for (metric, period), value in series.values.items()
        if period in (year.period, Period(year.period.end))
    }
    return found, series.company.template


def _told(value: Value | None) -> tuple[float, Status] | None:
    if value is None or value.amount is None:
        assert value is None or value.reason is not None
        return None
    amount = value.amount / 1_000_000 if value.unit in ("USD", "EUR") else value.amount
    return float(amount), value.status


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_industry_is_mapped_as_its_reader_would(case):
    found, template = _values(case)
    told = {metric: _told(found.get(metric)) for metric in case.expected}
    assert told == case.expected
    assert template == case.template


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_reported_value_stands_under_a_foreign_concept(case):
    # A reported value is a printed number of the filing; whatever the metric, its concept must be one the policy names.
    policy = load_policy()
    found, _ = _values(case)
    for metric, value in found.items():
        if value.status is REPORTED:
            assert value.fact is not None
            rule = policy[metric]
            name = value.fact.concept.name
            assert any(concept.rpartition(":")[2] == name for concept in (*rule.concepts, *rule.face_concepts)), metric


def test_amounts_are_exact():
    found, _ = _values(UTILITY)
    assert found["total_liabilities"].amount == Decimal(12_590_000_000)
