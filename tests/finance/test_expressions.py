import pytest

from trivium.finance.analyze.expressions import Binary, Call, Name, Negative, Number, metrics_of, parse, walk


def test_products_bind_closer_than_sums_and_minus_is_read_from_the_left():
    assert parse("a - b - c * 2") == Binary("-", Binary("-", Name("a"), Name("b")), Binary("*", Name("c"), Number(2)))
    assert parse("-(a + b?)") == Negative(Binary("+", Name("a"), Name("b", is_optional=True)))
    assert parse("first(avg(a), b)") == Call("first", (Call("avg", (Name("a"),)), Name("b")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("revenue +", "expected a metric or a number"),
        ("revenue cost", "unexpected 'cost'"),
        ("sqrt(revenue)", "unknown function 'sqrt'"),
        ("avg(revenue + cost)", "takes one metric"),
        ("annual(revenue, cost)", "takes one argument"),
        ("revenue ^ 2", "cannot read"),
        ("(revenue", r"expected '\)'"),
    ],
)
def test_a_broken_expression_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_metric_names_in_order():
    assert list(metrics_of(parse("avg(receivables) / revenue * days - current_debt?"))) == [
        "receivables",
        "revenue",
        "current_debt",
    ]
    assert list(metrics_of(parse("a + first(b?, c) - b?"), only_optional=True)) == ["b", "b"]


def test_walking_visits_every_part():
    assert len(list(walk(parse("annual(a) / -(b + 2)")))) == 7
