"""The checker on sentences written by hand, true and false. Those of the templates are in test_narrate."""

from datetime import date
from decimal import Decimal

import pytest

from trivium.finance.analyze.model import Message
from trivium.finance.check import check
from trivium.finance.check.numbers import read_number
from trivium.finance.check.numerals import chinese_number, english_number
from trivium.finance.check.periods import read_period
from trivium.finance.claims import About, ClaimContext, CompanyNames
from trivium.finance.records import Period
from trivium.service.evidence import Claim, Evidence, FactAnchor, Sentence

YEAR = {
    "24": (Period(date(2024, 9, 28), date(2023, 10, 1)), "FY2024"),
    "23": (Period(date(2023, 9, 30), date(2022, 9, 25)), "FY2023"),
    "20": (Period(date(2020, 9, 26), date(2019, 9, 29)), "FY2020"),
    "Q3": (Period(date(2024, 6, 29), date(2024, 3, 31)), "Q3 FY2024"),
}
# Apple's figures as its 10-K FY2024 prints them; growth worked out by hand: 391,035 / 383,285 - 1 = 2.02 %;
# from 274,515 in FY2020 it is 9.25 % a year over four years.
FIGURES = {
    "rev24": ("apple", "revenue", "24", "USD", "391035000000", "level"),
    "rev23": ("apple", "revenue", "23", "USD", "383285000000", "level"),
    "rev_q3": ("apple", "revenue", "Q3", "USD", "85777000000", "level"),
    "rev_change": ("apple", "revenue", "24", "USD", "7750000000", "change"),
    "rev_growth": ("apple", "revenue", "24", "pure", "0.0202199", "growth"),
    "rev_cagr": ("apple", "revenue", "24", "pure", "0.0924726", "compound"),
    "net24": ("apple", "net_income", "24", "USD", "93736000000", "level"),
    "net23": ("apple", "net_income", "23", "USD", "96995000000", "level"),
    "net_growth": ("apple", "net_income", "24", "pure", "-0.0335997", "growth"),
    "gm24": ("apple", "gross_margin", "24", "pure", "0.4620635", "level"),
    "gm23": ("apple", "gross_margin", "23", "pure", "0.4413113", "level"),
    "gm_points": ("apple", "gross_margin", "24", "pure", "0.0207522", "points"),
    "cash": ("apple", "cash", "24", "USD", "29943000000", "level"),
    "eps": ("apple", "eps_diluted", "24", "USD/shares", "6.08", "level"),
    "loss": ("vega", "net_income", "24", "USD", "-1234000000", "level"),
    "vega_rev": ("vega", "revenue", "24", "USD", "12340000000", "level"),
    "nova_rev": ("nova", "revenue", "24", "USD", "50000000000", "level"),
    "vega_gm": ("vega", "gross_margin", "24", "pure", "0.1234", "level"),
}
CHANGES = ("change", "growth", "points")


def _about(company, metric, when, unit, value, role):
    period, label = YEAR[when]
    if metric == "cash":
        period = Period(period.end)
    base = YEAR["20"] if role == "compound" else YEAR["23"] if role in CHANGES else (None, "")
    return About(
        metric, company, period, unit, Decimal(value), frozenset([label]), role,
        base=base[0], base_labels=frozenset([base[1]]),
    )  # fmt: skip


CONTEXT = ClaimContext(
    {
        **{key: _about(*figure) for key, figure in FIGURES.items()},
        "no_debt": About(
            "total_debt", "apple", YEAR["24"][0], "USD", None, frozenset(["FY2024"]),
            reason=Message("reason.not_reported"),
        ),
    },
    (
        CompanyNames("apple", ("Apple", "Apple Inc.", "AAPL"), "US-GAAP", "USD"),
        CompanyNames("vega", ("Vega Motors", "VEGA"), "IFRS", "EUR"),
        CompanyNames("nova", ("Nova", "NOVA"), "US-GAAP", "USD"),
    ),
)  # fmt: skip
EVIDENCE = (Evidence("0" * 64, FactAnchor("", "f-1")),)
CLAIMS = {key: Claim(key, Decimal(figure[4]), figure[3], EVIDENCE) for key, figure in FIGURES.items()}
GROWTH = "rev24 rev23 rev_growth"


def _judge(text, bound, language="en"):
    _, removed = check([Sentence(text, tuple(bound.split()))], CLAIMS, language, context=CONTEXT)
    return removed[0].reason if removed else ""


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (GROWTH, "Revenue rose 2.0% to $391.04 billion in FY2024 from $383.29 billion in FY2023."),
        (GROWTH, "In fiscal 2024, Apple's revenue increased by 2.02% year on year to $391,035 million."),
        (GROWTH, "AAPL posted revenue of $391.035bn in FY2024, up 2.0% from $383.285bn a year earlier."),
        (GROWTH, "Revenue was $391,035,000,000 in FY2024 and $383,285,000,000 in FY2023."),
        ("rev24 rev_change", "Revenue increased by $7.75 billion in FY2024."),
        ("rev24 rev23", "Revenue came to US$391.04 billion in FY2024 against US$383.29 billion in FY2023."),
        ("net24 net23 net_growth", "Net income fell 3.4% to $93.74 billion in FY2024 from $97.00 billion in FY2023."),
        ("gm24 gm23 gm_points", "Gross margin rose by 2.1 percentage points to 46.2% in FY2024 from 44.1% in FY2023."),
        ("gm24 gm_points", "Gross margin was 46.2% in FY2024, up 208 basis points."),
        ("rev24 net24", "Revenue came to $391.04 billion and net income to $93.74 billion in FY2024."),
        ("cash", "At September 28, 2024, cash stood at $29.94 billion."),
        ("cash", "Cash stood at $29.94 billion at 2024-09-28."),
        ("eps", "Diluted EPS was $6.08 per share in FY2024."),
        ("loss", "Vega Motors reported a net loss of $1.23 billion in FY2024."),
        ("loss", "Vega Motors reported net income of -$1.23 billion in FY2024."),
        ("rev_q3", "Revenue came to $85.78 billion in the third quarter of fiscal 2024."),
        ("rev24 vega_rev nova_rev", "Nova had the second-highest revenue of the three companies, $50.00 billion."),
        ("rev24", "Total debt is not available for FY2024: not reported in the sources for this period."),
    ],
)  # fmt: skip
def test_true_sentences_stay_however_they_are_put(bound, text):
    assert _judge(text, bound) == ""


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (GROWTH, "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。"),
        (GROWTH, "苹果以外不计，2024财年营业收入3,910.35亿美元".replace("苹果以外不计，", "")),
        (GROWTH, "2024财年Apple实现营收39,103,500.00万美元，同比增长2.0%。"),
        (GROWTH, "营业收入由2023财年的3,832.85亿美元增至2024财年的3,910.35亿美元，增幅为2.0%。"),
        ("gm24 gm_points", "2024财年毛利率为46.2%，同比提升2.1个百分点。"),
        ("net24 net_growth", "2024年归母净利润937.36亿美元，同比下降3.4%。"),
        ("cash", "截至2024年9月28日，货币资金为299.43亿美元。"),
        ("loss", "Vega Motors在2024财年的归母净利润为-12.34亿美元。"),
        ("rev_q3", "2024财年第三季度营业收入为857.77亿美元。"),
        ("rev24 vega_rev nova_rev", "三家公司中，Nova的营业收入为第二高，达500.00亿美元。"),
        ("rev24", "2024财年有息负债合计无法取得：所提供的资料中没有该期间的披露。"),
    ],
)
def test_true_chinese_sentences_stay(bound, text):
    assert _judge(text, bound, "zh") == ""


@pytest.mark.parametrize(
    ("bound", "text", "reason"),
    [
        # the right number of the wrong claim, two numbers swapped
        ("rev24 net24", "Revenue came to $93.74 billion and net income to $391.04 billion.", "no bound claim"),
        (GROWTH, "Revenue rose 2.0% to $383.29 billion in FY2024 from $391.04 billion in FY2023.", "no bound claim"),
        ("rev24", "Revenue came to $383.29 billion in FY2023.", "no bound claim"),
        (GROWTH, "Net income rose 2.0% in FY2024.", "no bound claim"),
        # percent and point, scale words, units
        ("gm24 gm_points", "Gross margin was 46.2% in FY2024, up 2.1%.", "no bound claim"),
        (GROWTH, "Revenue rose 2.0 percentage points in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to $391.04 million in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to €391.04 billion in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to 391.04 billion in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to $391.04 in FY2024.", "no bound claim"),
        ("eps", "Diluted EPS was $6.08 billion in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to $391.04 billion per share in FY2024.", "no bound claim"),
        # direction, sign, negation
        (GROWTH, "Revenue fell 2.0% in FY2024.", "goes the other way"),
        (GROWTH, "Revenue fell in FY2024.", "goes the other way"),
        (GROWTH, "Revenue did not rise in FY2024.", "cannot read 'did'"),
        (GROWTH, "Revenue rose -2.0% in FY2024.", "a sign beside a direction word"),
        ("rev24", "Revenue was not $391.04 billion in FY2024.", "negation"),
        ("rev24", "Revenue came to ($391.04 billion) in FY2024.", "no bound claim"),
        ("loss", "Vega Motors reported net income of $1.23 billion in FY2024.", "no bound claim"),
        ("rev24", "Revenue is not available for FY2024.", "the analysis does not say so"),
        ("rev24", "Total debt is available for FY2024.", "cannot read 'available'"),
        ("rev24", "Total debt is not available for FY2024: not meaningful.", "the analysis does not say so"),
        # periods
        ("rev24", "Revenue came to $391.04 billion in FY2023.", "no bound claim"),
        ("rev_q3", "Revenue came to $85.78 billion in Q2 FY2024.", "no bound claim"),
        ("cash", "Cash stood at $29.94 billion at 2024-09-27.", "no bound claim"),
        (GROWTH, "Revenue rose 2.0% quarter on quarter in FY2024.", "no such period"),
        (GROWTH, "Revenue rose 2.0% in FY2024 from FY2022.", "no bound claim"),
        # companies, ranks, counts
        ("rev24", "Nova's revenue came to $391.04 billion in FY2024.", "no bound claim is of that company"),
        ("rev24", "Microsoft's revenue came to $391.04 billion in FY2024.", "cannot read"),
        ("rev24 nova_rev", "Apple's revenue of $50.00 billion and Nova's of $391.04 billion.", "no bound claim"),
        ("rev24 vega_rev nova_rev", "Nova had the highest revenue of the three companies.", "not at that rank"),
        ("rev24 vega_rev nova_rev", "Apple had the highest revenue of the four companies.", "4 companies"),
        ("rev24 nova_rev", "Apple's revenue was higher than Nova's in FY2024.", "do not say"),
        ("rev24 nova_rev", "Revenue was highest at Apple ($391.04 billion, FY2024) and at Nova.", "without a rank"),
        # rounding, words
        ("vega_gm", "Gross margin was 12.4% in FY2024.", "no bound claim"),
        ("vega_gm", "Gross margin was 12% in FY2024.", "no bound claim"),
        (GROWTH, "Revenue doubled in FY2024.", "no bound growth"),
        ("rev24", "Revenue came to four hundred billion in FY2024.", "no bound claim"),
        ("rev24", "Revenue came to up to $391.04 billion in FY2024.", "makes a bound"),
        ("rev24", "Revenue came to $391.04 billion in FY2024 and 17 in FY2023.", "without a unit"),
        # causes, opinions, nothing bound, something unknown bound
        (GROWTH, "Revenue rose 2.0% in FY2024, driven by iPhone.", "cannot read 'driven'"),
        ("rev24", "Record revenue came to $391.04 billion in FY2024.", "cannot read 'Record'"),
        ("", "Revenue came to $391.04 billion in FY2024.", "no claim is bound"),
        ("rev25", "Revenue came to $391.04 billion in FY2024.", "no claim of this report"),
        ("rev24", "Revenue came to $391.04 billion, $391.04 billion in FY2024.", "already told"),
        ("rev24", "Revenue came to $391,04 billion in FY2024.", "cannot read"),
    ],
)  # fmt: skip
def test_false_sentences_go_with_their_reason(bound, text, reason):
    assert reason in _judge(text, bound)


@pytest.mark.parametrize(
    "text",
    [
        "2024财年营业收入为3,910.35万美元，较2023财年的3,832.85亿美元增长2.0%。",
        "2024财年营业收入为3,910.35亿元，较2023财年的3,832.85亿美元增长2.0%。",
        "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元下降2.0%。",
        "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元未增长2.0%。",
        "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0个百分点。",
        "2023财年营业收入为3,910.35亿美元，较2024财年的3,832.85亿美元增长2.0%。",
        "2024财年营业收入为3,832.85亿美元，较2023财年的3,910.35亿美元增长2.0%。",
        "2024财年营业收入并非3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。",
        "2024财年归母净利润为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。",
        "2024财年营业收入为3,910.36亿美元，较2023财年的3,832.85亿美元增长2.0%。",
        "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元翻番。",
        "2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长二十%。",
        "2024财年调整后营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。",
        "由于需求强劲，2024财年营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。",
    ],
)
def test_false_chinese_sentences_go(text):
    assert _judge(text, GROWTH, "zh") != ""


@pytest.mark.parametrize(
    ("text", "value"),
    [("twenty-one", 21), ("three hundred", 300), ("one hundred and five", 105), ("two thousand", 2000), ("lots", None)],
)
def test_english_number_words(text, value):
    assert english_number(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("二十一", 21), ("两", 2), ("十", 10), ("一百零五", 105), ("三千", 3000), ("二三", None)]
)
def test_chinese_number_words(text, value):
    assert chinese_number(text) == value


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("-$1.20 billion in", "en", ("-1.20", 2, 9, "money", "USD")),
        ("CNY 12.30 hundred million", "en", ("12.30", 2, 8, "money", "CNY")),
        ("1.3 percentage points", "en", ("1.3", 1, 0, "points", "")),
        ("three companies", "en", ("3", 0, 0, "companies", "")),
        ("12.30万亿元", "zh", ("12.30", 2, 12, "money", "CNY")),
        ("两年", "zh", ("2", 0, 0, "years", "")),
        ("五个分部", "zh", ("5", 0, 0, "members", "")),
    ],
)
def test_numbers_are_read_with_sign_scale_and_unit(text, language, expected):
    number, _ = read_number(text, 0, language)
    assert (str(number.value), number.decimals, number.exponent, number.unit, number.currency) == expected


@pytest.mark.parametrize("text", ["1,23 million", "1.2.3", "$5 euros", "billion"])
def test_malformed_numbers_are_not_read(text):
    assert read_number(text, 0, "en") is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("FY2024", "en", "FY2024"),
        ("fiscal year 2024", "en", "FY2024"),
        ("Q3 FY2025", "en", "Q3 FY2025"),
        ("second quarter of fiscal 2025", "en", "Q2 FY2025"),
        ("nine months of FY2025", "en", "9M FY2025"),
        ("TTM Q2 FY2026", "en", "TTM Q2 FY2026"),
        ("September 28, 2024", "en", date(2024, 9, 28)),
        ("2024年9月28日", "zh", date(2024, 9, 28)),
        ("2025财年第三季度", "zh", "Q3 FY2025"),
        ("2025年前三季度", "zh", "9M FY2025"),
        ("截至2026财年第二季度的过去十二个月", "zh", "TTM Q2 FY2026"),
        ("2024-02-30", "en", None),
    ],
)
def test_periods_are_read_in_every_form(text, language, expected):
    found = read_period(text, 0, language)
    if expected is None:
        assert found is None or found[1] < len(text)
    else:
        assert found == (expected, len(text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Revenue grew at a compound annual rate of 9.2% in the four years from FY2020 to FY2024.", ""),
        ("Revenue's CAGR was 9.2% from FY2020 to FY2024.", ""),
        ("Revenue grew 9.2% in FY2024.", "follows from no bound claim"),
        ("Revenue grew at a compound annual rate of 9.3% in the four years from FY2020 to FY2024.", "9.3%"),
        ("Revenue declined at a compound annual rate of 9.2% in the four years from FY2020 to FY2024.", "declined"),
        ("Revenue grew at a compound annual rate of 9.2% in the five years from FY2020 to FY2024.", "5 years"),
        ("Revenue grew at a compound annual rate of 9.2% in the four years from FY2023 to FY2024.", "9.2%"),
        ("Net income grew at a compound annual rate of 9.2% in the four years from FY2020 to FY2024.", "Net income"),
    ],
)
def test_a_compound_rate_is_told_with_its_years_and_nothing_else(text, fault):
    assert fault in _judge(text, "rev_cagr")
    assert bool(fault) == bool(_judge(text, "rev_cagr"))


def test_a_compound_rate_in_chinese_keeps_its_sign():
    text = "从2020财年到2024财年的四年中，营业收入的年均复合增长率为{}9.2%。"
    assert _judge(text.format(""), "rev_cagr", "zh") == ""
    assert "9.2%" in _judge(text.format("-"), "rev_cagr", "zh")


def test_a_compound_rate_needs_a_bound_one():
    fault = _judge("Revenue grew at a compound annual rate in FY2024.", GROWTH)
    assert "no compound rate is bound" in fault
