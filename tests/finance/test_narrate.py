"""The sentences of the templates: their words, their claims, and that the checker tells them from false ones."""

import gzip
import itertools
import random
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.finance.corruptions import KINDS, corrupt
from tests.finance.invented import change_of, comparison
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.analyze.compare import compare
from trivium.finance.analyze.model import Company, Comparison, Message, Row, Status, Table
from trivium.finance.analyze.policy import load_policy
from trivium.finance.check import check
from trivium.finance.claims import claims_of, context_of, short_name, values_of
from trivium.finance.display import Scale
from trivium.finance.narrate import narrate
from trivium.finance.narrate.writer import Writer
from trivium.finance.parse.reader import read_source
from trivium.service.evidence import Sentence
from trivium.service.text import catalogue

KEYS = ("narrative", "direction", "period", "unit", "metric")


@pytest.fixture(scope="module")
def stories():
    """Comparisons of invented companies told in both languages: (language, sentence, claims, context, names)."""
    rng, found = random.Random(11), []
    for kind, columns in (
        ("filing", 2),
        ("periods", 4),
        ("companies", 2),
        ("periods", 4),
        ("companies", 2),
        ("filing", 2),
        ("companies", 2),
    ):
        made = comparison(rng, kind, columns)
        known = (claims_of(values_of(made)), context_of(made), [short_name(one.company.name) for one in made.series])
        for language, scale in (("en", "million"), ("zh", "yi")):
            found += [(language, sentence, *known) for sentence in narrate(made, language, scale)]
    return found


def test_no_false_alarm_on_200_sentences_of_the_templates(stories):
    chosen = random.Random(2).sample(range(len(stories)), 200)
    groups: dict[tuple[str, int], list[int]] = {}
    for place in chosen:
        groups.setdefault((stories[place][0], id(stories[place][2])), []).append(place)
    removed = []
    for places in groups.values():
        language, _, claims, context, _ = stories[places[0]]
        removed += check([stories[place][1] for place in places], claims, language, context=context)[1]
    assert removed == []


@pytest.mark.parametrize("kind", KINDS)
def test_five_corruptions_of_each_kind_are_caught(stories, kind):
    rng = random.Random(kind)
    made = 0
    for language in itertools.cycle(("en", "zh")):
        told, sentence, claims, context, names = rng.choice(stories)
        text = corrupt(kind, sentence.text, rng, language, names) if told == language else None
        if text is None:
            continue
        kept, _ = check([Sentence(text, sentence.claim_ids)], claims, language, context=context)
        assert not kept, f"{sentence.text} -> {text}"
        made += 1
        if made == 5:
            return


def test_every_sentence_is_bound_to_available_claims_only(stories):
    for _, sentence, claims, _, _ in stories:
        assert sentence.claim_ids, sentence.text
        assert set(sentence.claim_ids) <= set(claims), sentence.text
        assert len(set(sentence.claim_ids)) == len(sentence.claim_ids)


def test_no_placeholder_and_no_double_space_is_left(stories):
    assert not [sentence.text for _, sentence, *_ in stories if re.search(r"[{}]|  |None|nan", sentence.text)]


def test_no_sentence_names_a_cause(stories):
    causes = re.compile(r"because|due to|driven|thanks to|owing|由于|得益|受益|带动|因为|拖累")
    assert not [sentence.text for _, sentence, *_ in stories if causes.search(sentence.text)]


@pytest.mark.parametrize("section", KEYS)
def test_both_languages_have_the_same_sorted_keys(section):
    keys = {
        language: [key for key in catalogue("trivium.finance", language) if key.startswith(f"{section}.")]
        for language in ("en", "zh")
    }
    assert keys["en"] == keys["zh"]
    assert keys["en"] == sorted(keys["en"])


def _two_years(metric, base, value, unit="USD", is_points=False):
    """A comparison of one invented company with one metric in two years, by hand."""
    made = comparison(random.Random(4), "periods", 2)
    company = Company("ALDM", "Aldermoor Systems, Inc.", "1", "industrial", "US-GAAP", "USD")
    spans = [column.span for column in made.columns]
    source = next(row for row in made.tables[0].rows if row.metric == "revenue").values
    values = [
        replace(one, id=f"ALDM/{metric}/{one.period.key}", metric=metric, amount=Decimal(amount), unit=unit)
        for one, amount in zip(source, (base, value), strict=True)
    ]
    row = Row(metric, tuple(values), (None, change_of(*values, is_points)))
    series = replace(made.series[0], company=company, values={}, originals={})
    columns = tuple(replace(column, company=company, notes=()) for column in made.columns)
    assert [span.label for span in spans] == ["FY2023", "FY2024"]
    return replace(
        made, columns=columns, tables=(Table("income_statement", (row,)),), series=(series,), breakdowns=(), restated=()
    )


@pytest.mark.parametrize(
    ("base", "value", "english", "chinese"),
    [
        (
            "383285000000",
            "391035000000",
            "Aldermoor Systems' revenue rose 2.0% to $391.04 billion in FY2024 from $383.29 billion in FY2023.",
            "2024财年Aldermoor Systems的营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。",
        ),
        (
            "391035000000",
            "383285000000",
            "Aldermoor Systems' revenue fell 2.0% to $383.29 billion in FY2024 from $391.04 billion in FY2023.",
            "2024财年Aldermoor Systems的营业收入为3,832.85亿美元，较2023财年的3,910.35亿美元下降2.0%。",
        ),
        (
            "10000000000",
            "22000000000",
            "Aldermoor Systems' revenue more than doubled to $22.00 billion in FY2024 from $10.00 billion in FY2023, "
            "a rise of 120.0%.",
            "2024财年Aldermoor Systems的营业收入为220.00亿美元，较2023财年的100.00亿美元增长逾一倍，增幅为120.0%。",
        ),
        (
            "10000000000",
            "10001000000",
            "Aldermoor Systems' revenue was broadly unchanged at $10.00 billion in FY2024, against $10.00 billion in "
            "FY2023.",
            "2024财年Aldermoor Systems的营业收入为100.01亿美元，较2023财年的100.00亿美元基本持平。",
        ),
    ],
)
def test_the_headline_tells_growth(base, value, english, chinese):
    made = _two_years("revenue", base, value)
    assert narrate(made, "en", "billion")[0].text == english
    assert narrate(made, "zh", Scale.YI)[0].text == chinese
    bound = narrate(made, "en", "billion")[0].claim_ids
    row = made.tables[0].rows[0]
    assert set(bound) == {row.values[0].id, row.values[1].id, row.changes[1].relative.id}


def test_a_change_of_sign_is_not_given_a_percentage():
    made = _two_years("net_income", "-2722000000", "30425000000")
    text = narrate(made, "en", "billion")[0].text
    assert text == (
        "Aldermoor Systems' net income moved from -$2.72 billion in FY2023 to $30.43 billion in FY2024; "
        "the relative change is not meaningful."
    )
    chinese = narrate(made, "zh", "yi")[0].text
    assert (
        chinese
        == "Aldermoor Systems的归母净利润由2023财年的-27.22亿美元变为2024财年的304.25亿美元，相对变动无可比意义。"
    )


def test_margins_change_in_points():
    made = _two_years("gross_margin", "0.4413113", "0.4620635", "pure", is_points=True)
    assert [sentence.text for sentence in narrate(made, "en", "billion")] == [
        "Gross margin widened by 2.1 percentage points to 46.2% in FY2024 from 44.1% in FY2023."
    ]
    assert narrate(made, "zh", "yi")[0].text == "2024财年毛利率为46.2%，较2023财年的44.1%提升2.1个百分点。"


def test_an_absent_core_metric_is_told_with_its_reason():
    made = _two_years("revenue", "10000000000", "11000000000")
    period = made.columns[1].span.period
    absent = replace(
        made.tables[0].rows[0].values[1],
        id="ALDM/net_income/x", metric="net_income", amount=None, status=Status.ABSENT, fact=None, filing=None,
        reason=Message("reason.not_reported"), period=period,
    )  # fmt: skip
    row = Row("net_income", (absent, absent))
    told = replace(made, tables=(Table("income_statement", (*made.tables[0].rows, row)),))
    last = narrate(told, "en", "billion")[-1]
    assert last.text == "Net income is not available for FY2024: not reported in the sources for this period."
    assert last.claim_ids == (made.tables[0].rows[0].values[1].id,)


def test_the_largest_contribution_is_arithmetic_and_ranked(stories):
    told = [sentence.text for language, sentence, *_ in stories if language == "en" and "contributed" in sentence.text]
    assert told
    shape = re.compile(
        r"^Of the \S+ (million )?(increase|decline) in revenue in \S.*, [A-Z].* contributed -?\S+ (million)?, "
        r"the (largest|lowest) of the (three|four|five) segments\.$"
    )
    assert [text for text in told if not shape.match(text)] == []


def test_all_reportable_segments_in_one_row_are_ranked_against_none():
    made = comparison(random.Random(11), "filing", 2)
    assert any(" segments" in sentence.text for sentence in narrate(made, "en", "million"))
    renamed = tuple(
        replace(one, rows=(replace(one.rows[0], label="Reportable segments"), *one.rows[1:])) for one in made.breakdowns
    )
    told = narrate(replace(made, breakdowns=renamed), "en", "million")
    assert [sentence.text for sentence in told if " segments" in sentence.text] == []


def test_amounts_of_two_currencies_are_not_ranked():
    rng = random.Random(0)
    made = comparison(rng, "companies", 2)
    while len({series.company.currency for series in made.series}) < 2:
        made = comparison(rng, "companies", 2)
    texts = [sentence.text for sentence in narrate(made, "en", "million")]
    assert not [text for text in texts if text.startswith("By ")]
    assert any(text.endswith("amounts in different currencies are not ranked.") for text in texts)


def test_counts_are_words():
    made: Comparison = comparison(random.Random(1), "periods", 2)
    english, chinese = (Writer(made, language, Scale.MILLION) for language in ("en", "zh"))
    assert [english.count(number) for number in (2, 12, 21)] == ["two", "twelve", "21"]
    assert [chinese.count(number) for number in (2, 10, 12, 20, 35)] == ["两", "十", "十二", "二十", "三十五"]


@needs_finance_data
def test_a_real_filing_is_told_and_every_sentence_stays():
    name = "10-K_FY2024.htm.gz"  # Apple's: net sales 391,035 and 383,285, net income 93,736 and 96,995 (USD M)
    filings = read_source(name, gzip.decompress((FINANCE / "sec_ixbrl" / "AAPL" / name).read_bytes()))
    made = compare(filings, load_policy(), created=date(2026, 1, 5))
    claims, context = claims_of(values_of(made)), context_of(made)
    told = {language: narrate(made, language, scale) for language, scale in (("en", "billion"), ("zh", "yi"))}
    for language, sentences in told.items():
        assert check(sentences, claims, language, context=context) == (sentences, ())
    texts = [sentence.text for sentence in told["en"]]
    assert texts[0] == "Apple's revenue rose 2.0% to $391.04 billion in FY2024 from $383.29 billion in FY2023."
    assert "Net income fell 3.4% to $93.74 billion in FY2024 from $97.00 billion in FY2023." in texts
    assert told["zh"][0].text == "2024财年Apple的营业收入为3,910.35亿美元，较2023财年的3,832.85亿美元增长2.0%。"


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="dozen"):
        narrate(comparison(random.Random(1), "periods", 2), "en", "dozen")


@pytest.mark.parametrize(("last", "told"), [("1000.3", 0), ("999.7", 0), ("1002", 1)])
def test_growth_that_shows_as_nothing_has_no_direction(last, told):
    # 1000 to 999.7 in three years is -0.01 % a year: neither "grew" nor "declined" at a rate of 0.0 %.
    rows = "Revenue,{},{}\nOperating income,10,11\nIncome tax expense,2,2\nNet income,8,9\n"
    sheets = [
        "USD in millions,FY2021,FY2022\n" + rows.format("1000", "1100"),
        "USD in millions,FY2023,FY2024\n" + rows.format("1050", last),
    ]
    filings = [
        one for n, text in enumerate(sheets) for one in read_source(f"{n}.csv", text.encode(), lambda near: None)
    ]
    made = compare(filings, load_policy(), created=None)
    for language, words in (("en", "Revenue grew at a compound"), ("zh", "营业收入的年均复合增长率")):
        texts = [sentence.text for sentence in narrate(made, language, Scale.MILLION)]
        assert sum(words in text for text in texts) == told, texts
