"""Expected values were worked out by hand from the registries' own definitions of each rule."""

import gzip
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shared_data import FINANCE, needs_finance_data

from trivium.finance.parse.transformations import REGISTRIES, transform
from trivium.service.errors import InputError

TR1 = "http://www.xbrl.org/inlineXBRL/transformation/2010-04-20"
TR2 = "http://www.xbrl.org/inlineXBRL/transformation/2011-07-31"
TR3 = "http://www.xbrl.org/inlineXBRL/transformation/2015-02-26"
TR4 = "http://www.xbrl.org/inlineXBRL/transformation/2020-02-12"
TR5 = "http://www.xbrl.org/inlineXBRL/transformation/2022-02-16"
SEC = "http://www.sec.gov/inlineXBRL/transformation/2015-08-31"

# Rule, then what it reads with the value, then after `!` what it refuses; a rule may take several lines.
REGISTRY_1 = """
datedoteu            31.12.2010 = 2010-12-31 | 1.2.10 = 2010-02-01            ! 31.02.2010 | 1/2/2010
datedotus            12.31.2010 = 2010-12-31                                  ! 31.12.2010
datelongdaymonthuk   2 February = --02-02 | 29 February = --02-29             ! 30 February | 2 Feb
datelongmonthdayus   February 02 = --02-02                                    ! 2 February
datelongmonthyear    January 2010 = 2010-01 | January 10 = 2010-01            ! Jan 2010
datelonguk             28 February 2010 = 2010-02-28
datelonguk             ! 29 February 2010 | 1 JANUARY 2010
datelongus           January 1, 2010 = 2010-01-01                             ! January 1 2010 | January 1, 210
datelongyearmonth    2010 January = 2010-01                                   ! January 2010
dateshortdaymonthuk  2 Feb = --02-02                                          ! 2 February
dateshortmonthdayus  Feb 2 = --02-02                                          ! Feb. 2
dateshortmonthyear   Feb 2010 = 2010-02                                       ! Feb, 2010
dateshortuk          28 Feb 2010 = 2010-02-28                                 ! 28 Sept 2010
dateshortus          Feb 28, 2010 = 2010-02-28                                ! Feb 30, 2010
dateshortyearmonth   2010 Feb = 2010-02                                       ! 2010-Feb
dateslashdaymontheu  31/12 = --12-31                                          ! 12/31
dateslasheu          31/12/2010 = 2010-12-31                                  ! 12/31/2010
dateslashmonthdayus  12/31 = --12-31                                          ! 31/12
dateslashus          12/31/2010 = 2010-12-31                                  ! 31/12/2010
numcomma             1234,5 = 1234.5 | 15 = 15                                ! 1.5 | 1,5,5
numcommadot          1,234.5 = 1234.5 | 12 = 12                               ! 1,23 | 1234.5
numdash              - = 0                                                    ! -- | 0
numdotcomma          1.234,5 = 1234.5                                         ! 1234,5
numspacecomma        1 234,5 = 1234.5                                         ! 1234,5
numspacedot          1 234.5 = 1234.5                                         ! 1,234.5
"""
REGISTRY_3 = """
booleanfalse         no = false | x = false
booleantrue          yes = true
nocontent            any words = (empty)
calindaymonthyear    ११ पौष १९२१ = 2000-01-01 | 1 Chaitra 1935 = 2013-03-22   ! 31 Pausha 1921 | 1 January 1935
datedaymonth         30.9 = --09-30 | 29/2 = --02-29                          ! 31/4 | 30.9.
datedaymonthdk       2. oktober = --10-02 | 2 okt. = --10-02                  ! 31. april
datedaymonthen       28th September = --09-28                                 ! 31 April | September 28
datedaymonthyear     30-9-2012 = 2012-09-30 | 1 2 5 = 2005-02-01              ! 9/30/2012 | 30-9-201
datedaymonthyeardk   1. marts 2015 = 2015-03-01                               ! 1. mars 15x
datedaymonthyearen   1st of May, 2012 = 2012-05-01 | 1 SEPT 12 = 2012-09-01   ! May 1, 2012 | 1 Foo 2012
datedaymonthyearin   ११ दिसंबर २०१४ = 2014-12-11 | २०-०२-२०१३ = 2013-02-20       ! 11 Jan 2014
dateerayearmonthdayjp 平成22年1月2日 = 2010-01-02 | 平成元年１月８日 = 1989-01-08 ! H22年1月2日
dateerayearmonthdayjp 令2年3月4日 = 2020-03-04
dateerayearmonthjp   昭和64年1月 = 1989-01 | 大正2年12月 = 1913-12             ! 昭和64年13月
datemonthday         9/30 = --09-30                                           ! 30/9
datemonthdayen       September 28 = --09-28 | Sept. 28th = --09-28            ! 28 September
datemonthdayyear     9/30/2012 = 2012-09-30                                   ! 30/9/2012
datemonthdayyearen   May 1, 2012 = 2012-05-01 | May. 1 12 = 2012-05-01        ! Tuesday May 1, 2012 | 1 May 2012
datemonthyear        9/2012 = 2012-09                                         ! 2012/9/1
datemonthyeardk      marts 10 = 2010-03                                       ! 10 marts
datemonthyearen      May 2012 = 2012-05 | Jan-10 = 2010-01                    ! 2012 May
datemonthyearin      दिसंबर २०१४ = 2014-12                                    ! 12 2014
dateyearmonthcjk     2010年12月 = 2010-12 | ２０１０年１月 = 2010-01             ! 2010年13月 | 2010/1
dateyearmonthday     2010/12/31 = 2010-12-31 | 10-1-2 = 2010-01-02            ! 31/12/2010
dateyearmonthdaycjk  2010年2月28日 = 2010-02-28                                 ! 2010年2月29日
dateyearmonthen      2012 May = 2012-05                                       ! May 2012
numcommadecimal      1.234,5 = 1234.5 | 1 234 567 = 1234567                   ! 1,234.5 | 5,1 2
numdotdecimal        1,234.5 = 1234.5 | 1234567 = 1234567                     ! 1.234,5 | 1,23 | .5 | 5.
numdotdecimalin      12,34,567.89 = 1234567.89 | 234 = 234                    ! 1.23,456
numunitdecimal       5 dollars 7 cents = 5.07 | 1,234円56銭 = 1234.56           ! 5 dollars | 1,234.5
numunitdecimalin     12,34,567 rupees 89 paise = 1234567.89                   ! 89 paise
zerodash             – = 0 | - = 0 | — = 0                                     ! -- | nil
"""
ONLY_REGISTRY_3 = {
    "calindaymonthyear",
    "datedaymonthdk",
    "datedaymonthyeardk",
    "datedaymonthyearin",
    "datemonthyear",
    "datemonthyeardk",
    "datemonthyearin",
    "dateyearmonthday",
    "numdotdecimalin",
    "numunitdecimalin",
}
REGISTRY_5 = """
date-day-month               30.9 = --09-30                       ! 31.9
date-day-month-year          30.9.2012 = 2012-09-30 | १/२/२०१० = 2010-02-01 ! 9/30/2012
date-day-monthroman          30 IX = --09-30                      ! 31 II | 30 IIX
date-day-monthroman-year     30.ix.2012 = 2012-09-30              ! 30 XIII 2012
date-ind-day-monthname-year-hi ११ पौष १९२१ = 2000-01-01 | 1 Chaitra 1938 = 2016-03-21 ! 32 Chaitra 1938
date-jpn-era-year-month      令和元年5月 = 2019-05                  ! 令和0x年5月
date-jpn-era-year-month-day  令和2年3月4日 = 2020-03-04             ! 令和2年2月30日
date-month-day               9/30 = --09-30                       ! 30/9
date-month-day-year          9/30/2012 = 2012-09-30               ! 30/9/2012
date-month-year              9/2012 = 2012-09                     ! 2012
date-monthname-day-en        September 28 = --09-28 | June 30th = --06-30 ! 28 September
date-monthname-day-hu        szept. 28. = --09-28                 ! szeptember 31.
date-monthname-day-lt        sausio 2 d. = --01-02                ! 2 sausio
date-monthname-day-year-en   September\xa028, 2024 = 2024-09-28   ! September 31, 2024 | Fri September 27, 2024
date-monthroman-year         X-10 = 2010-10                       ! IIX 2010
date-year-day-monthname-lv   2010. gada 2. janvāris = 2010-01-02  ! 2. janvāris 2010
date-year-month              2010年1月期 = 2010-01 | 10-1 = 2010-01 ! 2010/13
date-year-month-day          2010年1月2日 = 2010-01-02             ! 2010年2月30日
date-year-monthname-day-hu   2010. augusztus 20. = 2010-08-20     ! 20. augusztus 2010
date-year-monthname-day-lt   2010 m. gegužės 2 d. = 2010-05-02    ! 2 d. gegužės 2010
date-year-monthname-en       2010 January = 2010-01               ! January 2010
date-year-monthname-hu       2010. január = 2010-01               ! 2010
date-year-monthname-lt       2010 m. sausio mėn. = 2010-01        ! 2010 m.
date-year-monthname-lv       2010. gada jūlijs = 2010-07          ! 2010. gada
fixed-empty                  any words = (empty)
fixed-false                  no = false
fixed-true                   x = true
fixed-zero                   — = 0 | nil = 0
num-comma-decimal            1.234,5 = 1234.5 | 1 2 34 = 1234 | ,5 = 0.5 ! 1,234.5 | 5, | .
num-comma-decimal-apos       1’234,5 = 1234.5                     ! 1,2,3
num-dot-decimal        1,234.5 = 1234.5 | 1,,2 = 12 | .5 = 0.5 | 007 = 007
num-dot-decimal        ! 1.234,5 | 5. | -5 | (5) | 1'234 | 五 | ٣ | ,
num-dot-decimal-apos         1'234´567.5 = 1234567.5               ! 1"234
num-unit-decimal       5 dollars 7 cents = 5.07 | 1.234 € 56 c = 1234.56 | 5円１銭 = 5.01
num-unit-decimal       ! 1,234.56 | 5 dollars | 7
num-unit-decimal-apos        1'234 Fr. 5 Rp. = 1234.05            ! 1'234
"""
SEC_RULES = """
boolballotbox          ☐ = false | ☑ = true | ☒ = true              ! x | ☐☒
yesnoballotbox         ☐ = No | ☒ = Yes                             ! Yes
countrynameen          Afghanistan = AF | The People’s Republic of China = CN | U.S.A. = US
countrynameen          Côte d'Ivoire = CI
countrynameen          ! Ruritania | Delaware
edgarprovcountryen     Afghanistan = B2 | Georgia = 2Q | Ontario, Canada = A6 | Canada = Z4
edgarprovcountryen     Unknown = XX
edgarprovcountryen     ! Texas
stateprovnameen        Delaware = DE | New  York = NY | Québec = QC | Georgia = GA ! France
entityfilercategoryen  Large accelerated filer = Large Accelerated Filer
entityfilercategoryen  Non-accelerated Filer = Non-accelerated Filer
entityfilercategoryen  ! Small filer
exchnameen             The Nasdaq Stock Market LLC = NASDAQ | New York Stock Exchange = NYSE
exchnameen             NYSE Arca, Inc. = NYSEArca
exchnameen             ! Shanghai Stock Exchange
datequarterend         3rd quarter, 1999 = 1999-09-30 | 1999, Q4 = 1999-12-31
datequarterend         Last quarter 1999 = 1999-12-31
datequarterend         ! Q5 2020 | 2020 | 1 2 2020 | 20 Q1
durday                 364 = P364D | 1.5 = P1DT12H | -3.1 = -P3DT2H | 0 = P0D ! 1e3 | one
durhour                1.5 = PT1H | -3 = -PT3H | 0 = PT0H            ! 1:30
durmonth               18 = P18M | 22.3456 = P22M10D                 ! 1,5
durweek                2.5 = P17D | -8.9 = -P62D                     ! two
duryear                10 = P10Y | 22.3456 = P22Y4M4D | -0.5 = -P0Y6M | 4.4 = P4Y4M24D | .0 = P0Y ! 1,5 | five
durwordsen             five years = P5Y | 364-day = P364D
durwordsen             three years, 11 months and four days = P3Y11M4D
durwordsen             ! two days three years | five | one week | two and a half years
durwordsen             ! 1,000 days
numinf                 any = INF
numnan                 any = NaN
numneginf              any = -INF
numwordsen             nil = 0 | No = 0 | twenty–one = 21 | nineteen hundred and five = 1905
numwordsen             eighteen million three hundred thousand fifty-one = 18300051
numwordsen             two thousand, five = 2005
numwordsen             ! a hundred | one one | twenty eleven | hundred | one million million
numwordsen             ! one and two | twenty hundred | seven and | two-thirds | 5
"""
DAY_FIRST = ["date-day-monthname", "date-day-monthname-year", "date-monthname-year"]
# The months as each language writes them in full in a date.
MONTHS = {
    "bg": "януари февруари март април май юни юли август септември октомври ноември декември",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "cy": "Ionawr Chwefror Mawrth Ebrill Mai Mehefin Gorffennaf Awst Medi Hydref Tachwedd Rhagfyr",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "el": "Ιανουαρίου Φεβρουαρίου Μαρτίου Απριλίου Μαΐου Ιουνίου "
    "Ιουλίου Αυγούστου Σεπτεμβρίου Οκτωβρίου Νοεμβρίου Δεκεμβρίου",
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "et": "jaanuar veebruar märts aprill mai juuni juuli august september oktoober november detsember",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta "
    "heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "hi": "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    "hr": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
    "hu": "január február március április május június július augusztus szeptember október november december",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "lt": "sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio lapkričio gruodžio",
    "lv": "janvāris februāris marts aprīlis maijs jūnijs jūlijs augusts septembris oktobris novembris decembris",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "ro": "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "sk": "januára februára marca apríla mája júna júla augusta septembra októbra novembra decembra",
    "sl": "januar februar marec april maj junij julij avgust september oktober november december",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
# Nominatives and abbreviations where they differ in their beginnings: text, language, month.
OTHER_FORMS = [
    ("červen", "cs", 6), ("červenec", "cs", 7), ("čvn", "cs", 6), ("čvc", "cs", 7), ("prosinec", "cs", 12),
    ("juin", "fr", 6), ("juil.", "fr", 7), ("FÉVR.", "fr", 2), ("aout", "fr", 8), ("Jän.", "de", 1), ("MÄRZ", "de", 3),
    ("Μάιος", "el", 5), ("Ιούν", "el", 6), ("Ιούλιος", "el", 7), ("wrzesień", "pl", 9), ("paź", "pl", 10),
    ("mrt", "nl", 3), ("sept", "es", 9), ("Ragfyr", "cy", 12), ("siječanj", "hr", 1), ("dets", "et", 12),
]  # fmt: skip


def cases(
    table: str, *namespaces: str, only: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, str, str, str | None]]:
    for namespace in namespaces:
        for line in table.strip().splitlines():
            name, _, rest = line.partition(" ")
            good, _, bad = rest.partition("!")
            if only is None or only(name):
                for pair in filter(str.strip, good.split("|")):
                    text, value = pair.rsplit(" = ", 1)
                    yield namespace, name, text.strip(" "), value.strip().replace("(empty)", "")
                for text in filter(None, (part.strip() for part in bad.split("|"))):
                    yield namespace, name, text, None


CASES = [
    *cases(REGISTRY_1, TR1, "http://www.xbrl.org/2008/inlineXBRL/transformation"),
    *cases(REGISTRY_3, TR3),
    *cases(REGISTRY_3, TR2, only=lambda name: name not in ONLY_REGISTRY_3),
    *cases(REGISTRY_5, TR5),
    *cases(REGISTRY_5, TR4, only=lambda name: not name.endswith("-apos")),
    *cases(SEC_RULES, SEC),
]


@pytest.mark.parametrize("namespace", REGISTRIES)
def test_texts_of_each_rule(namespace: str) -> None:
    for _, name, text, value in (case for case in CASES if case[0] == namespace):
        if value is None:
            with pytest.raises(InputError, match=re.escape(f"is not a text that {name} can read")):
                transform(namespace, name, text)
        else:
            assert (name, text, transform(namespace, name, text)) == (name, text, value)


def test_every_rule_has_a_case() -> None:
    named = {(namespace, name) for namespace, name, _, _ in CASES}
    named |= {
        (namespace, f"{form}-{language}")
        for namespace in (TR4, TR5)
        for language in MONTHS
        for form in DAY_FIRST
        if f"{form}-{language}" in REGISTRIES[namespace]
    }
    assert named == {(namespace, name) for namespace, rules in REGISTRIES.items() for name in rules}
    # Sizes of the published registries; 4 and 5 without the Welsh and the apostrophe rules differ by six.
    assert [len(REGISTRIES[namespace]) for namespace in (TR1, TR2, TR3, TR4, TR5)] == [24, 21, 31, 94, 100]


@pytest.mark.parametrize("language", MONTHS)
def test_dates_round_trip_in_every_language(language: str) -> None:
    names = MONTHS[language].split()
    day, printed, read = date(1900, 1, 1), 0, REGISTRIES[TR5]
    while day < date(2101, 1, 1):  # every seventh day: each day of each month comes up
        texts = {
            f"date-day-monthname-year-{language}": f"{day.day}. {names[day.month - 1]} {day.year}",
            f"date-year-monthname-day-{language}": f"{day.year}. {names[day.month - 1]} {day.day}",
            f"date-year-day-monthname-{language}": f"{day.year}. gada {day.day}. {names[day.month - 1]}",
        }
        for name, text in texts.items():
            if name in read:
                assert transform(TR5, name, text) == day.isoformat()
                printed += 1
        day += timedelta(days=7)
    assert printed == 10_488


@pytest.mark.parametrize("language", sorted(set(MONTHS) - {"hi", "hu", "lt"}))
def test_months_and_days_alone(language: str) -> None:
    for number, name in enumerate(MONTHS[language].split(), 1):
        assert transform(TR5, f"date-day-monthname-{language}", f"9 {name}") == f"--{number:02}-09"
        if language != "lv":
            assert transform(TR5, f"date-monthname-year-{language}", f"{name} 2024") == f"2024-{number:02}"


@pytest.mark.parametrize(("text", "language", "month"), OTHER_FORMS)
def test_other_forms_of_month_names(text: str, language: str, month: int) -> None:
    assert transform(TR5, f"date-day-monthname-{language}", f"3 {text}") == f"--{month:02}-03"


def test_a_text_with_two_months_is_refused() -> None:
    with pytest.raises(InputError, match="'1 March or April 2020' is not a text"):
        transform(TR4, "date-day-monthname-year-en", "1 March or April 2020")


def test_unknown_registry() -> None:
    with pytest.raises(
        InputError, match=r"unknown transformation registry 'http://example\.com/ixt'; known: registries"
    ):
        transform("http://example.com/ixt", "num-dot-decimal", "1")


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(InputError, match=r"has no 'numdotdecimal'; nearest: num-dot-decimal, ") as caught:
        transform(TR4, "numdotdecimal", "1")
    assert type(caught.value) is InputError


def test_a_long_text_is_shortened_in_the_message() -> None:
    with pytest.raises(InputError) as caught:
        transform(TR4, "num-dot-decimal", "about " * 50)
    assert "about abo...' is not a text that num-dot-decimal can read" in caught.value.line
    assert len(caught.value.line) < 200


@given(st.decimals(min_value=0, max_value=Decimal(10) ** 25, places=4, allow_nan=False))
def test_numbers_with_separators_round_trip(number: Decimal) -> None:
    text = f"{number:,}"
    assert Decimal(transform(TR4, "num-dot-decimal", text)) == number
    assert Decimal(transform(TR5, "num-dot-decimal-apos", text.replace(",", "’"))) == number
    assert Decimal(transform(TR2, "numdotdecimal", f" {text}\n")) == number
    continental = text.replace(",", " ").replace(".", ",")
    assert Decimal(transform(TR4, "num-comma-decimal", continental)) == number
    assert Decimal(transform(TR3, "numcommadecimal", continental.replace(" ", "\xa0"))) == number


@given(st.text(alphabet="0123456789,. '-–()x\xa0\u2009٣", max_size=12))
def test_a_number_is_digits_and_one_point_or_an_error(text: str) -> None:
    for namespace, rules in REGISTRIES.items():
        for name in rules:
            if "decimal" in name or name.startswith(("numcomma", "numdot", "numspace")):
                try:
                    value = transform(namespace, name, text)
                except InputError:
                    continue
                assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", value), (name, text, value)


@given(st.integers(0, 999_999_999), st.booleans(), st.booleans())
@settings(max_examples=300)
def test_number_words_round_trip(number: int, has_commas: bool, has_and: bool) -> None:
    text = in_words(number, ", " if has_commas else " ", " and " if has_and else " ")
    assert transform(SEC, "numwordsen", text) == str(number)
    assert transform(SEC, "numwordsen", text.capitalize()) == str(number)


@given(st.integers(0, 99), st.integers(0, 11), st.integers(0, 30))
def test_duration_words_round_trip(years: int, months: int, days: int) -> None:
    parts = [(years, "year"), (months, "month"), (days, "day")]
    text = ", ".join(f"{in_words(count, ' ', ' ')} {unit}{'s' * (count != 1)}" for count, unit in parts)
    value = "".join(f"{count}{unit[0].upper()}" for count, unit in parts if count) or "0Y"
    assert transform(SEC, "durwordsen", text) == f"P{value}"


UP_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def in_words(number: int, comma: str, joint: str) -> str:
    """Print a number below a billion the American way."""
    ones, tens = UP_TO_NINETEEN.split(), TENS.split()
    if number < 20:
        return ones[number]
    if number < 100:
        return tens[number // 10 - 2] + (f"-{ones[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = joint + in_words(number % 100, comma, joint) if number % 100 else ""
        return f"{ones[number // 100]} hundred{rest}"
    size, scale = (1_000_000, "million") if number >= 1_000_000 else (1_000, "thousand")
    rest = comma + in_words(number % size, comma, joint) if number % size else ""
    return f"{in_words(number // size, comma, joint)} {scale}{rest}"


@needs_finance_data
def test_texts_of_a_real_filing() -> None:
    """All simple texts with a format in Apple's 10-Q of March 2025 are read; three are checked on the printed page."""
    packed = (FINANCE / "sec_ixbrl" / "AAPL" / "10-Q_FY2025Q2.htm.gz").read_bytes()
    document = gzip.decompress(packed).decode()
    namespaces = dict(re.findall(r'xmlns:(ixt[-\w]*)="([^"]+)"', document))
    texts = set(re.findall(r'format="(ixt[-\w]*):([-\w]+)"[^>]*>([^<&]+)<', document))
    values = {(name, text): transform(namespaces[prefix], name, text) for prefix, name, text in texts}
    assert len(values) > 300
    assert values["num-dot-decimal", "95,359"] == "95359"
    assert values["stateprovnameen", "California"] == "CA"
    assert values["exchnameen", "The Nasdaq Stock Market LLC"] == "NASDAQ"
