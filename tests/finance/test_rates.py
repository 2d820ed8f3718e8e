"""Exchange rates from a user's table: what is read, what is refused, and which rate belongs to which amount."""

from datetime import date
from decimal import Decimal

import pytest
from tests.finance.inline_doc import annual_cover, filing
from tests.finance.test_periods import lines

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.policy import load_policy
from trivium.finance.check import check
from trivium.finance.claims import claims_of, context_of, values_of
from trivium.finance.display import Scale
from trivium.finance.narrate import narrate
from trivium.finance.rates import RATE_COLUMNS, parse_rates, rates_from_rows, read_rates
from trivium.finance.records import Period
from trivium.service.errors import InputError

HEAD = "pair,kind,from,to,rate,source\n"
YEAR = Period(date(2024, 12, 31), date(2024, 1, 1))
INCOME, BALANCE, CASH = lines(2)


def written(tmp_path, *rows, head=HEAD):
    path = tmp_path / "rates.csv"
    path.write_text(head + "\n".join(rows), encoding="utf-8")
    return path


def test_rows_may_be_typed_without_their_heads():
    (rate,) = parse_rates("\nEUR/USD,closing,,2024-12-31,1.0389,ECB\n", "rates").rates
    assert (rate.base, rate.amount, rate.source) == ("EUR", Decimal("1.0389"), "ECB")
    assert parse_rates(f"{HEAD}EUR/USD,closing,,2024-12-31,1.0389,ECB", "rates").rates == (rate,)
    with pytest.raises(InputError, match="the table lacks the columns pair, kind"):
        parse_rates("1.0389", "rates")


def test_a_flow_takes_the_average_and_a_balance_the_close(tmp_path):
    path = written(
        tmp_path,
        "EUR/USD,average,2024-01-01,2024-12-31,1.0824,ECB",
        "EUR/USD,closing,,2024-12-31,1.0389,ECB",
        "CNY/USD,average,2024-01-01,2024-12-31,0.1390,PBOC",
    )
    rates = read_rates(path)
    assert rates.target == "USD"
    flow, balance = rates.find("EUR", YEAR), rates.find("EUR", Period(date(2024, 12, 31)))
    assert flow is not None
    assert balance is not None
    assert (flow.amount, flow.kind, balance.amount, balance.kind) == (
        Decimal("1.0824"),
        "average",
        Decimal("1.0389"),
        "closing",
    )
    assert rates.find("CNY", Period(date(2024, 12, 31))) is None
    assert rates.find("JPY", YEAR) is None
    assert [rate.to_row()["rate"] for rate in rates.rates] == ["1.0824", "1.0389", "0.1390"]


@pytest.mark.parametrize(
    ("period", "is_found"),
    [
        (Period(date(2024, 12, 28), date(2023, 12, 31)), True),  # a year of 52 weeks
        (Period(date(2024, 9, 28), date(2023, 10, 1)), False),  # another year
        (Period(date(2024, 12, 31), date(2024, 10, 1)), False),  # its last quarter only
        (Period(date(2024, 12, 31)), False),  # a balance
    ],
)
def test_a_rate_serves_its_own_period_only(tmp_path, period, is_found):
    rates = read_rates(written(tmp_path, "EUR/USD,average,2024-01-01,2024-12-31,1.08,ECB"))
    assert (rates.find("EUR", period) is not None) == is_found


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["EUR-USD,closing,,2024-12-31,1,ECB"], "row 2: 'EUR-USD' is no pair of currencies"),
        (["EUR/USD,closing,,2024-12-31,-1,ECB"], "row 2: the rate '-1' is not a positive number"),
        (["EUR/USD,closing,,2024-12-31,nan,ECB"], "row 2: the rate 'nan' is not a positive number"),
        (["EUR/USD,closing,,31.12.2024,1,ECB"], "row 2: its dates are not like 2024-12-31"),
        (["EUR/USD,average,,2024-12-31,1,ECB"], "an average needs both dates"),
        (["EUR/USD,spot,,2024-12-31,1,ECB"], "kind 'spot'"),
        (["EUR/USD,closing,,2024-12-31,1,"], "row 2: the rate names no source"),
        (["EUR/USD,closing,,2024-12-31,1,ECB", "USD/EUR,closing,,2024-12-31,1,ECB"], "the rates lead to EUR, USD"),
        (["EUR/USD,closing,,2024-12-31,1,A", "EUR/USD,closing,,2024-12-31,2,B"], "is 1 and 2"),
        ([], "there is no rate"),
    ],
)
def test_what_is_no_rate_is_refused_with_its_row(tmp_path, rows, words):
    with pytest.raises(InputError) as refused:
        read_rates(written(tmp_path, *rows))
    assert words in refused.value.line


def test_a_table_without_its_columns_says_which(tmp_path):
    with pytest.raises(InputError, match="lacks the columns pair, kind"):
        read_rates(written(tmp_path, "EUR,2024,1", head="currency,year,rate\n"))
    with pytest.raises(InputError, match="cannot be read"):
        read_rates(tmp_path / "none.csv")


def test_a_comparison_names_its_rates_and_says_nothing_untrue_of_currencies():
    american = filing([("Total revenue", "Revenues", 100), *INCOME[1:]], BALANCE, CASH, cover=None)
    european = filing(
        [("Total revenue", "Revenues", 90), *INCOME[1:]],
        BALANCE,
        CASH,
        unit="eur",
        cover=annual_cover().replace("Example Corp", "Muster AG").replace("0000001234", "99").replace("EXC", "MUS"),
    )
    rows = [dict(zip(RATE_COLUMNS, f"EUR/USD,average,{YEAR.start},{YEAR.end},1.2,ECB".split(","), strict=True))]
    for rates in (None, rates_from_rows(rows, "rates.csv")):
        comparison = compare([american, european], load_policy(), created=date(2026, 1, 5), rates=rates)
        claims = claims_of(values_of(comparison))
        told = narrate(comparison, "en", Scale.MILLION)
        kept, removed = check(told, claims, "en", context=context_of(comparison))
        assert removed == ()
        (about,) = (sentence.text for sentence in kept if " in EUR" in sentence.text)
        keys = [note.key for note in comparison.notes]
        medians = next(table for table in comparison.tables if table.key == "peer_medians")
        values = next(row for row in medians.rows if row.metric == "revenue").values
        revenue = next((value for value in values if value.is_available), values[0])
        if rates is None:
            assert about.endswith("amounts in different currencies are not ranked.")
            assert keys == ["note.mixed_currencies"]
            assert revenue.amount is None
        else:
            assert about == "Example reports in USD and Muster in EUR."
            assert keys == ["note.converted_peers", "note.rate_average"]
            assert (revenue.amount, revenue.unit) == (104_000_000, "USD")  # of 100 and 90 x 1.2
