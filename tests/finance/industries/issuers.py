"""Issuers with concepts or standards of their own: cases of the mapping."""

from tests.finance.industry_case import CASH, DERIVED, PRETAX, REPORTED, Case, flows, shares
from tests.finance.inline_doc import Row

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

# A bank and an insurer under IFRS, in euros: net interest income and insurance service result on the face.
IFRS_BALANCE: list[Row] = [
    ("Total assets", "ifrs-full:Assets", 3000),
    ("Total liabilities", "ifrs-full:Liabilities", 2700),
    ("Owners of the parent", "ifrs-full:EquityAttributableToOwnersOfParent", 280),
    ("Non-controlling interests", "ifrs-full:NoncontrollingInterests", 20),
    ("Total equity", "ifrs-full:Equity", 300),
    ("Total liabilities and equity", "ifrs-full:EquityAndLiabilities", 3000),
]
IFRS_RESULT: list[Row] = [
    ("Profit before tax", "ifrs-full:ProfitLossBeforeTax", 62),
    ("Tax", "ifrs-full:IncomeTaxExpenseContinuingOperations", 15),
    ("Profit for the year", "ifrs-full:ProfitLoss", 47),
    ("Owners of the parent", "ifrs-full:ProfitLossAttributableToOwnersOfParent", 45),
    ("Diluted", "ifrs-full:DilutedEarningsLossPerShare", 0.44),
]
IMPAIRMENT = "ifrs-full:ImpairmentLossImpairmentGainAndReversalOfImpairmentLossDeterminedInAccordanceWithIFRS9"
IFRS_BANK = Case(
    "IFRS bank",
    "bank",
    [
        ("Interest income", "ifrs-full:RevenueFromInterest", 150),
        ("Interest expense", "ifrs-full:InterestExpense", 60),
        ("Net interest income", "ifrs-full:InterestRevenueExpense", 90),
        ("Total operating income", "ifrs-full:Revenue", 140),
        ("Credit impairment losses", IMPAIRMENT, 8),
        *IFRS_RESULT,
    ],
    [
        ("Loans and advances to customers", "ifrs-full:LoansAndAdvancesToCustomers", 1500),
        ("Deposits from customers", "ifrs-full:DepositsFromCustomers", 2000),
        *IFRS_BALANCE,
    ],
    [],
    {
        "revenue": (140, REPORTED),
        "interest_income_total": (150, REPORTED),
        "interest_expense": (60, REPORTED),
        "net_interest_income": (90, REPORTED),
        "provision_for_credit_losses": (8, REPORTED),
        "loans": (1500, REPORTED),
        "deposits": (2000, REPORTED),
        "net_income": (45, REPORTED),
        "equity": (280, REPORTED),
    },
    unit="eur",
)
IFRS_INSURER = Case(
    "IFRS insurer",
    "insurer",
    [
        ("Insurance revenue", "ifrs-full:InsuranceRevenue", 500),
        ("Insurance service expenses", "ifrs-full:InsuranceServiceExpensesFromInsuranceContractsIssued", 400),
        ("Insurance service result", "ifrs-full:InsuranceServiceResult", 80),
        *IFRS_RESULT,
    ],
    IFRS_BALANCE,
    [],
    {
        "revenue": (500, DERIVED),  # insurance revenue is not all revenue: investment income is beside it
        "premiums_earned": (500, REPORTED),
        "claims_incurred": (400, DERIVED),
        "net_income": (45, REPORTED),
        "total_liabilities": (2700, REPORTED),
    },
    unit="eur",
)

CASES = (OWN_CONCEPTS, IFRS, IFRS_BANK, IFRS_INSURER)
