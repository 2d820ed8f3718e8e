"""Statements of a Chinese annual report as CSV: rows numbered in Chinese, remarks on signs, units between statements.

The company and its amounts are invented; the rows and their order are those of the form that listed companies use.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from trivium.finance.analyze.identities import check_identities
from trivium.finance.analyze.policy import load_policy
from trivium.finance.analyze.series import build_series
from trivium.finance.parse.reader import read_source

ROWS = """宁远制冷股份有限公司
合并利润表
2019年1—12月
,,,单位：元 币种：人民币
项目,附注,2019年度,2018年度
一、营业总收入,,"1,200,000.00","1,100,000.00"
其中：营业收入,七、61,"1,200,000.00","1,100,000.00"
二、营业总成本,,"1,050,000.00","990,000.00"
其中：营业成本,七、61,"900,000.00","850,000.00"
销售费用,七、63,"60,000.00","55,000.00"
管理费用,七、64,"40,000.00","41,000.00"
研发费用,七、65,"50,000.00","44,000.00"
加：其他收益,七、67,"7,000.00","5,000.00"
投资收益（损失以“－”号填列）,七、68,"-2,000.00","3,000.00"
三、营业利润（亏损以“－”号填列）,,"155,000.00","118,000.00"
四、利润总额（亏损总额以“－”号填列）,,"156,000.00","119,000.00"
减：所得税费用,七、76,"26,000.00","19,000.00"
五、净利润（净亏损以“－”号填列）,,"130,000.00","100,000.00"
1.归属于母公司股东的净利润（净亏损以“-”号填列）,,"128,000.00","99,000.00"
2.少数股东损益（净亏损以“-”号填列）,,"2,000.00","1,000.00"
（一）基本每股收益(元/股),,0.64,0.50
（二）稀释每股收益(元/股),,0.63,0.49
合并资产负债表
2019年12月31日
,,,单位：元 币种：人民币
项目,附注,2019年12月31日,2018年12月31日
货币资金,七、1,"500,000.00","450,000.00"
流动资产合计,,"1,500,000.00","1,400,000.00"
资产总计,,"2,600,000.00","2,400,000.00"
流动负债合计,,"800,000.00","760,000.00"
负债合计,,"850,000.00","800,000.00"
归属于母公司所有者权益（或股东权益）合计,,"1,740,000.00","1,591,000.00"
少数股东权益,,"10,000.00","9,000.00"
所有者权益（或股东权益）合计,,"1,750,000.00","1,600,000.00"
负债和所有者权益（或股东权益）总计,,"2,600,000.00","2,400,000.00"
"""


@pytest.fixture(scope="module")
def series():
    (filing,) = read_source("年报.csv", ROWS.encode(), lambda name: None)
    assert [problem.where for problem in filing.problems if not problem.is_recovery] == []
    return build_series([filing], load_policy())


@pytest.mark.parametrize(
    ("metric", "amount"),
    [
        ("revenue", "1200000.00"),
        ("cost_of_revenue", "900000.00"),
        ("costs_and_expenses", "1050000.00"),
        ("operating_income", "155000.00"),
        ("pretax_income", "156000.00"),
        ("income_tax", "26000.00"),
        ("net_income_incl_nci", "130000.00"),
        ("net_income", "128000.00"),
        ("eps_basic", "0.64"),
        ("eps_diluted", "0.63"),
        ("cash", "500000.00"),
        ("total_assets", "2600000.00"),
        ("equity", "1740000.00"),
        ("equity_incl_nci", "1750000.00"),
        ("liabilities_and_equity", "2600000.00"),
    ],
)
def test_each_row_is_the_metric_that_its_reader_sees(series, metric, amount):
    (value,) = (one for (key, period), one in series.values.items() if key == metric and period.end.year == 2019)
    assert (value.amount, value.status) == (Decimal(amount), "reported")


def test_other_income_between_cost_and_result_is_no_error(series):
    checks = check_identities(series)
    assert [check.key for check in checks if check.verdict == "fails"] == []
    (check,) = (one for one in checks if one.key == "operating_income_is_what_expenses_leave")
    assert (check.verdict, check.reason.key) == ("not_applicable", "reason.lines_between")
    assert {one.key for one in checks if one.verdict == "holds"} >= {
        "assets_equal_liabilities_and_equity",
        "equity_with_minorities_adds_up",
        "net_income_is_pretax_less_tax",
    }


BANK = """宁远银行股份有限公司
合并利润表
单位：人民币百万元
项目,2024年,2023年
一、营业收入,"3,400","3,300"
利息净收入,"2,100","2,000"
二、营业支出,"(1,600)","(1,500)"
信用减值损失,"(400)","(410)"
三、营业利润,"1,800","1,800"
四、利润总额,"1,790","1,795"
减：所得税费用,"(290)","(285)"
五、净利润,"1,500","1,510"
归属于本行股东的净利润,"1,480","1,490"
"""
INTERIM = """宁远制冷股份有限公司
合并利润表
单位：元 币种：人民币
项目,附注,{0},{1}
一、营业总收入,,"900,000.00","800,000.00"
三、营业利润,,"200,000.00","150,000.00"
五、净利润,,"160,000.00","120,000.00"
1.归属于母公司股东的净利润,,"158,000.00","119,000.00"
"""


def test_a_bank_prints_its_costs_below_zero_and_its_owners_otherwise():
    (filing,) = read_source("年报.csv", BANK.encode(), lambda name: None)
    found = {key: value.amount for (key, period), value in build_series([filing], load_policy()).values.items()
             if period.end.year == 2024 and value.amount is not None}  # fmt: skip
    wanted = {"revenue": 3400, "net_interest_income": 2100, "provision_for_credit_losses": 400, "pretax_income": 1790,
              "income_tax": 290, "net_income_incl_nci": 1500, "net_income": 1480}  # fmt: skip
    assert {key: found[key] for key in wanted} == {key: amount * 10**6 for key, amount in wanted.items()}


@pytest.mark.parametrize(
    ("headers", "label", "end"),
    [
        (("2024年半年度", "2023年半年度"), "6M FY2024", "2024-06-30"),
        (("2024年1-6月", "2023年1-6月"), "6M FY2024", "2024-06-30"),
        (("2024年前三季度（1-9月）", "2023年前三季度（1-9月）"), "9M FY2024", "2024-09-30"),
    ],
)
def test_an_interim_statement_is_a_year_to_date(headers, label, end):
    (filing,) = read_source("报表.csv", INTERIM.format(*headers).encode(), lambda name: None)
    made = build_series([filing], load_policy())
    span = made.spans[-1]
    assert (span.label, span.period.key) == (label, f"2024-01-01..{end}")
    assert made.get("net_income", span.period).amount == 158_000
