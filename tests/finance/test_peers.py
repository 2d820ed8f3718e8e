import dataclasses
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.finance.made_series import made_series, made_value, year

from trivium.finance.analyze.model import Column, Message, Row, Span, Status, Value
from trivium.finance.analyze.peers import align, compare_notes, convert, median, peer_tables, ranks
from trivium.finance.rates import RATE_COLUMNS, rates_from_rows
from trivium.finance.records import Period

THIS = year(2024).period


def margins(*amounts):
    values = []
    for number, amount in enumerate(amounts):
        reason = Message("reason.nm", {"metric": "revenue"}) if amount is None else None
        status = Status.ABSENT if amount is None else Status.DERIVED
        unit = "" if amount is None else "pure"
        number_or_none = None if amount is None else Decimal(str(amount))
        values.append(
            Value(f"C{number}/net_margin/{THIS.key}", "net_margin", THIS, unit, number_or_none, status, reason)
        )
    return values


def money(*amounts):
    return [
        made_value("revenue", THIS, amount, company=f"C{number}", currency=currency)
        for number, (amount, currency) in enumerate(amounts)
    ]


def test_ranks_by_hand():
    values = margins("0.2", "0.3", "0.2", "0.1")
    assert [value.amount for value in ranks(values, "higher")] == [2, 1, 2, 4]
    assert [value.amount for value in ranks(values, "lower")] == [2, 4, 2, 1]


def test_an_absent_value_has_no_rank_and_takes_none():
    found = ranks(margins("0.2", None, "0.3"), "higher")
    assert [value.amount for value in found] == [2, None, 1]
    assert found[1].reason == Message("reason.nm", {"metric": "revenue"})
    assert [value.id.split("/")[0] for value in found[0].inputs] == ["C0", "C2"]


def test_without_a_better_direction_nothing_is_ranked():
    assert [value.amount for value in ranks(margins("0.2", "0.3"), "none")] == [None, None]
    assert ranks(margins("0.2"), "none")[0].reason == Message("reason.no_direction")


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=8), st.sampled_from(["higher", "lower"]))
def test_ranks_are_a_permutation_with_ties(amounts, direction):
    found = [value.amount for value in ranks(margins(*amounts), direction)]
    assert [rank is None for rank in found] == [amount is None for amount in amounts]
    present = sorted((amount for amount in amounts if amount is not None), reverse=direction == "higher")
    # The rank of an amount is its first place in the sorted list; ties share it and the next places are skipped.
    expected = [None if amount is None else present.index(amount) + 1 for amount in amounts]
    assert found == expected


def test_medians_by_hand():
    odd, even = median(margins("0.1", "0.4", "0.2")), median(margins("0.1", "0.4", None, "0.2", "0.3"))
    assert (odd.amount, even.amount, even.unit) == (Decimal("0.2"), Decimal("0.25"), "pure")
    assert even.notes == (Message("note.median_of", {"count": "4", "total": "5"}),)
    assert len(even.inputs) == 4


def test_one_company_has_no_median():
    assert median(margins("0.1", None)).reason == Message("reason.too_few_peers", {"count": "1"})


def test_two_currencies_are_never_compared_without_a_rate():
    values = money(("100", "USD"), ("120", "EUR"))
    assert ranks(values, "higher")[0].reason == Message("reason.no_rate", {"units": "EUR, USD"})
    assert median(values).reason == Message("reason.no_rate", {"units": "EUR, USD"})


def rates(*rows):
    return rates_from_rows([dict(zip(RATE_COLUMNS, row.split(","), strict=True)) for row in rows], "rates.csv")


def test_a_rate_the_user_gave_makes_them_comparable():
    values = money(("100", "USD"), ("90", "EUR"))
    given = rates(f"EUR/USD,average,{THIS.start},{THIS.end},1.2,ECB", f"EUR/USD,closing,,{THIS.end},1.3,ECB")
    assert [value.amount for value in ranks(values, "higher", given)] == [2, 1]
    middle = median(values, given)
    assert (middle.amount, middle.unit) == (104, "USD")
    converted = middle.inputs[1]
    assert (converted.amount, converted.formula) == (108, "revenue * 1.2")
    stated = {"pair": "EUR/USD", "rate": "1.2", "period": THIS.key, "source": "ECB"}
    assert converted.notes == (Message("note.converted_average", stated),)


def test_a_missing_rate_is_named_as_it_must_be_given():
    values = money(("100", "USD"), ("90", "EUR"))
    closing_only = rates(f"EUR/USD,closing,,{THIS.end},1.3,ECB")
    wanted = Message("reason.no_average_rate", {"pair": "EUR/USD", "period": THIS.key})
    assert median(values, closing_only).reason == wanted
    assert ranks(values, "higher", closing_only)[1].reason == wanted


def test_converting_keeps_per_share_units():
    eps = made_value("eps_basic", THIS, "2.50", currency="EUR")
    (rate,) = rates(f"EUR/USD,average,{THIS.start},{THIS.end},2,ECB").rates
    assert (convert(eps, rate).amount, convert(eps, rate).unit) == (5, "USD/shares")


def company_column(key, end, weeks=52, **company):
    span = Span("year", f"FY{end.year}", Period(end=end, start=end - timedelta(days=7 * weeks - 1)), end.year)
    return Column(made_series({}, key=key, **company).company, span)


def test_columns_meet_by_their_dates_and_not_by_their_labels():
    columns = (
        company_column("A", date(2023, 9, 30)),
        company_column("A", date(2024, 9, 28)),
        company_column("B", date(2024, 1, 28)),
        company_column("B", date(2025, 1, 26)),
        company_column("C", date(2021, 12, 31)),
    )
    assert align(columns) == ((0, 2), (1, 3))
    assert align(()) == ()


def test_what_makes_columns_less_comparable_is_noted():
    columns = (
        company_column("A", date(2024, 12, 31)),
        company_column("B", date(2025, 2, 5), weeks=53, accounting="IFRS", currency="EUR"),
    )
    first, second = compare_notes(columns)
    assert first.notes == ()
    assert second.notes == (
        Message("note.ends_later", {"days": "36", "company": "A Inc."}),
        Message("note.weeks_differ", {"weeks": "53", "base_weeks": "52"}),
        Message("note.mixed_accounting", {"accounting": "IFRS", "other": "US-GAAP"}),
        Message("note.other_currency", {"currency": "EUR", "other": "USD"}),
    )


def test_an_unknown_accounting_standard_is_not_called_another():
    columns = (company_column("A", date(2024, 12, 31)), company_column("B", date(2024, 12, 31), accounting=""))
    assert compare_notes(columns)[1].notes == ()


def test_peer_tables_share_the_columns():
    columns = (
        company_column("A", date(2024, 12, 31)),
        company_column("B", date(2024, 12, 31)),
        company_column("C", date(2021, 12, 31)),
    )
    row = Row("net_margin", tuple(margins("0.2", "0.4", "0.9")), level=1)
    plain = dataclasses.replace(row, metric="dividend_payout")
    rank_table, median_table = peer_tables(columns, [row, plain], {"net_margin": "higher", "dividend_payout": "none"})
    assert [table_row.metric for table_row in rank_table.rows] == ["net_margin"]
    assert [value.amount for value in rank_table.rows[0].values] == [2, 1, None]
    assert rank_table.rows[0].values[2].reason == Message("reason.no_peers")
    assert [table_row.metric for table_row in median_table.rows] == ["net_margin", "dividend_payout"]
    assert [value.amount for value in median_table.rows[0].values] == [Decimal("0.3"), Decimal("0.3"), None]
