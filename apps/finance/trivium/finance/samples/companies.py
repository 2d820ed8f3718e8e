"""The invented companies as data: who they are, what they sell, how they owe, and which concepts they tag with.

No company here exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from trivium.finance.samples.company import Bank, Company, Debt, Industrial, Insurer, Member

__all__ = ["COMPANIES"]

FERNWICK = Company(
    name="Fernwick Home Stores, Inc.",
    ticker="FWHS",
    cik="0009900101",
    prefix="fwhs",
    state="Ohio",
    exchange="New York Stock Exchange",
    city="Columbus",
    business="sells furniture, kitchens and garden goods to households through its own stores and online",
    economics=Industrial(
        annual_revenue=15600,
        growth=0.055,
        season=(0.233, 0.247, 0.238, 0.282),
        product_cost=0.655,
        service_cost=0.58,
        research=0.0,
        selling=0.218,
        depreciation=0.026,
        capex=0.034,
        stock_compensation=0.004,
        payout=0.30,
        buyback=0.032,
        receivable_days=7,
        inventory_days=78,
        payable_days=44,
        property_gross=9300,
        goodwill=1240,
        intangibles=310,
        leases=2650,
        securities=420,
        cash=1180,
    ),
    scale=6,
    places=0,
    share_scale=3,
    share_places=0,
    shares=431200,
    price=Decimal("71.40"),
    year_end_month=0,
    segments=(
        Member("Furniture and kitchens", "fwhs:FurnitureAndKitchensSegmentMember", 0.62, 0.004, 1.1),
        Member("Garden and outdoor", "fwhs:GardenAndOutdoorSegmentMember", 0.38, -0.004, 0.9),
    ),
    products=(
        Member("Furniture", "fwhs:FurnitureMember", 0.41),
        Member("Kitchens", "fwhs:KitchensMember", 0.21, 0.005),
        Member("Garden", "fwhs:GardenMember", 0.33, -0.009),
        Member("Delivery and installation", "fwhs:DeliveryAndInstallationMember", 0.05, 0.004, is_service=True),
    ),
    geographies=(
        Member("United States", "country:US", 0.91),
        Member("Canada", "country:CA", 0.09),
    ),
    debts=(
        Debt("3.10% Notes due 2023", "fwhs:Notes310PercentDue2023Member", 600, Decimal("0.0310"), (2018, 1), (2023, 2)),
        Debt(
            "3.85% Notes due 2026", "fwhs:Notes385PercentDue2026Member", 1100, Decimal("0.0385"), (2019, 2), (2025, 3)
        ),
        Debt("4.60% Notes due 2033", "fwhs:Notes460PercentDue2033Member", 900, Decimal("0.0460"), (2023, 2), (2033, 2)),
    ),
    tax_rate=0.243,
)

QORVANE = Company(
    name="Qorvane Microdevices Corporation",
    ticker="QRVN",
    cik="0009900202",
    prefix="qrvn",
    state="Delaware",
    exchange="The Nasdaq Stock Market LLC",
    city="Boulder",
    business="designs power and sensing chips and licenses the software that runs them",
    economics=Industrial(
        annual_revenue=3900,
        growth=0.31,
        season=(0.235, 0.245, 0.255, 0.265),
        product_cost=0.395,
        service_cost=0.21,
        research=0.188,
        selling=0.074,
        depreciation=0.041,
        capex=0.048,
        stock_compensation=0.062,
        payout=0.06,
        buyback=0.085,
        receivable_days=52,
        inventory_days=96,
        payable_days=58,
        property_gross=2150,
        goodwill=830,
        intangibles=460,
        leases=310,
        securities=2900,
        cash=1640,
    ),
    scale=6,
    places=0,
    share_scale=6,
    share_places=1,
    shares=24800,
    price=Decimal("21.15"),
    year_end_month=6,
    segments=(
        Member("Power devices", "qrvn:PowerDevicesSegmentMember", 0.66, 0.03, 1.15),
        Member("Sensing and software", "qrvn:SensingAndSoftwareSegmentMember", 0.34, -0.03, 0.8),
    ),
    products=(
        Member("Data center power", "qrvn:DataCenterPowerMember", 0.38, 0.06),
        Member("Automotive", "qrvn:AutomotiveMember", 0.30, -0.03),
        Member("Industrial sensing", "qrvn:IndustrialSensingMember", 0.22, -0.03),
        Member("Software and support", "qrvn:SoftwareAndSupportMember", 0.10, is_service=True),
    ),
    geographies=(
        Member("United States", "country:US", 0.34, 0.02),
        Member("Taiwan", "country:TW", 0.27),
        Member("China (including Hong Kong)", "country:CN", 0.24, -0.03),
        Member("Other countries", "qrvn:OtherCountriesMember", 0.15, 0.01),
    ),
    debts=(
        Debt("2.20% Notes due 2024", "qrvn:Notes220PercentDue2024Member", 400, Decimal("0.0220"), (2019, 4), (2024, 2)),
        Debt("3.05% Notes due 2029", "qrvn:Notes305PercentDue2029Member", 750, Decimal("0.0305"), (2019, 4), (2029, 4)),
    ),
    concepts={
        "revenue": "us-gaap:Revenues",
        "cost": "us-gaap:CostOfRevenue",
        "capex": "us-gaap:PaymentsToAcquireProductiveAssets",
    },
    split_factor=10,
    tax_rate=0.148,
)

TALVENMARK = Company(
    name="Talvenmark Water Technologies, Inc.",
    ticker="TVMK",
    cik="0009900303",
    prefix="tvmk",
    state="Wisconsin",
    exchange="New York Stock Exchange",
    city="Milwaukee",
    business="builds pumps, meters and treatment plants for water utilities",
    economics=Industrial(
        annual_revenue=2146300,
        growth=0.061,
        season=(0.226, 0.255, 0.258, 0.261),
        product_cost=0.672,
        service_cost=0.615,
        research=0.031,
        selling=0.147,
        depreciation=0.037,
        capex=0.041,
        stock_compensation=0.009,
        payout=0.34,
        buyback=0.012,
        receivable_days=64,
        inventory_days=83,
        payable_days=51,
        property_gross=1184000,
        goodwill=612400,
        intangibles=231700,
        leases=96800,
        securities=41000,
        cash=187600,
        minority=0.052,
    ),
    scale=3,
    places=0,
    share_scale=3,
    share_places=0,
    shares=118640,
    price=Decimal("34.20"),
    year_end_month=12,
    segments=(
        Member("Pumps and meters", "tvmk:PumpsAndMetersSegmentMember", 0.57, -0.006, 1.15),
        Member("Treatment plants", "tvmk:TreatmentPlantsSegmentMember", 0.31, 0.004, 0.7),
        Member("Utility services", "tvmk:UtilityServicesSegmentMember", 0.12, 0.002, 1.05),
    ),
    products=(
        Member("Pumps", "tvmk:PumpsMember", 0.36, -0.004),
        Member("Meters", "tvmk:MetersMember", 0.21),
        Member("Treatment systems", "tvmk:TreatmentSystemsMember", 0.31, 0.002),
        Member("Services", "us-gaap:ServiceMember", 0.12, 0.002, is_service=True),
    ),
    geographies=(
        Member("United States", "country:US", 0.58),
        Member("Europe", "srt:EuropeMember", 0.29),
        Member("Asia Pacific", "srt:AsiaPacificMember", 0.13),
    ),
    debts=(
        Debt("Term loan due 2024", "tvmk:TermLoanDue2024Member", 120000, Decimal("0.0545"), (2019, 4), (2024, 2)),
        Debt(
            "4.25% Notes due 2028", "tvmk:Notes425PercentDue2028Member", 350000, Decimal("0.0425"), (2020, 1), (2028, 1)
        ),
        Debt(
            "5.40% Notes due 2034", "tvmk:Notes540PercentDue2034Member", 200000, Decimal("0.0540"), (2024, 2), (2034, 2)
        ),
    ),
    concepts={
        "cost": "us-gaap:CostOfRevenue",
        "capex": "tvmk:PurchasesOfPropertyPlantEquipmentAndCapitalizedSoftware",
        "minority": "tvmk:NoncontrollingInterestsInConsolidatedJointVentures",
        "minority_paid": "tvmk:DistributionsPaidToJointVenturePartners",
    },
    tax_rate=0.226,
)

BRACKENFORD = Company(
    name="Brackenford Bancorp, Inc.",
    ticker="BRKF",
    cik="0009900404",
    prefix="brkf",
    state="Pennsylvania",
    exchange="The Nasdaq Stock Market LLC",
    city="Pittsburgh",
    business="takes deposits and lends to households and small companies in four states",
    economics=Bank(
        loans=13820000,
        securities=4610000,
        deposits=17240000,
        growth=0.048,
        loan_yield=0.0482,
        security_yield=0.0271,
        deposit_cost=0.0114,
        provision=0.0026,
        fees=0.0098,
        cost_income=0.575,
    ),
    scale=3,
    places=0,
    share_scale=3,
    share_places=0,
    shares=86400,
    price=Decimal("27.60"),
    year_end_month=12,
    segments=(
        Member("Community banking", "brkf:CommunityBankingSegmentMember", 0.71, 0.0, 1.0),
        Member("Commercial banking", "brkf:CommercialBankingSegmentMember", 0.29, 0.0, 1.1),
    ),
    products=(
        Member("Commercial and industrial", "us-gaap:CommercialPortfolioSegmentMember", 0.34, 0.005),
        Member("Commercial real estate", "us-gaap:CommercialRealEstatePortfolioSegmentMember", 0.29, -0.01),
        Member("Residential mortgage", "us-gaap:ResidentialPortfolioSegmentMember", 0.26),
        Member("Consumer", "us-gaap:ConsumerPortfolioSegmentMember", 0.11, 0.005),
    ),
    debts=(
        Debt(
            "4.75% Subordinated notes due 2030",
            "brkf:SubordinatedNotesDue2030Member",
            420000,
            Decimal("0.0475"),
            (2020, 2),
            (2030, 2),
        ),
    ),
    tax_rate=0.201,
)

SORRELGATE = Company(
    name="Sorrelgate Insurance Group, Inc.",
    ticker="SGIG",
    cik="0009900505",
    prefix="sgig",
    state="Connecticut",
    exchange="New York Stock Exchange",
    city="Hartford",
    business="insures cars, homes and small businesses",
    economics=Insurer(
        premiums=46210,
        growth=0.083,
        loss_ratio=0.684,
        expense_ratio=0.268,
        investments=81300,
        investment_yield=0.0315,
        reserves=41900,
    ),
    scale=6,
    places=1,
    share_scale=6,
    share_places=1,
    shares=1412,
    price=Decimal("48.90"),
    year_end_month=12,
    segments=(
        Member("Personal lines", "sgig:PersonalLinesSegmentMember", 0.64, 0.006, 0.9),
        Member("Commercial lines", "sgig:CommercialLinesSegmentMember", 0.36, -0.006, 1.2),
    ),
    debts=(
        Debt(
            "4.10% Senior notes due 2031",
            "sgig:SeniorNotesDue2031Member",
            9000,
            Decimal("0.0410"),
            (2020, 4),
            (2031, 4),
        ),
    ),
    tax_rate=0.204,
)

COMPANIES: Mapping[str, Company] = {
    company.ticker: company for company in (FERNWICK, QORVANE, TALVENMARK, BRACKENFORD, SORRELGATE)
}
