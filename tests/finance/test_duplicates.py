"""Facts given twice: rounding is no contradiction, anything else is one."""

import pytest
from tests.finance.inline_doc import number, read

from trivium.finance.analyze.duplicates import duplicate_facts, inconsistent_duplicates


def found(*pairs: tuple[str, str]) -> list[str]:
    body = "".join(
        number("UnrecognizedTaxBenefits", text, "i", id=f"f{index}", decimals=decimals)
        for index, (text, decimals) in enumerate(pairs)
    )
    return [f"{problem.where}: {problem.what}" for problem in inconsistent_duplicates(read(body))]


@pytest.mark.parametrize(
    "pairs",
    [
        [("22,000", "-8"), ("22,038", "-6")],
        [("22,038", "-6"), ("22,000", "-9"), ("22,038.4", "-5")],
        [("22,038", "-6"), ("22,038", "-6")],
        [("22,050", "-6"), ("22,100", "-8")],  # a half may be rounded up
        [("22,050", "-6"), ("22,000", "-8")],  # or to even
        [("22,038", ""), ("99", "-6")],  # no precision, no contradiction
    ],
)
def test_a_rounding_is_no_contradiction(pairs):
    assert found(*pairs) == []


@pytest.mark.parametrize(
    ("pairs", "other"),
    [
        ([("22,000", "-8"), ("22,051", "-6")], "22,051,000,000"),
        ([("22,000", "-6"), ("22,038", "-6")], "22,038,000,000"),
        ([("22,000", "INF"), ("22,001", "INF")], "22,001,000,000"),
        ([("22,000", "INF"), ("22,001", "-6")], "22,001,000,000"),
    ],
)
def test_anything_else_is(pairs, other):
    assert found(*pairs) == [
        f"fact f0: us-gaap:UnrecognizedTaxBenefits for 2024-12-31 is 22,000,000,000 USD here and {other} in fact f1; "
        "neither is the rounding of the other"
    ]


def test_other_units_periods_and_dimensions_are_other_facts():
    body = number("Assets", "1", "i") + number("Assets", "2", "i", "shares") + number("Assets", "3", "y")
    source = read(body)
    assert duplicate_facts(source) == []
    assert inconsistent_duplicates(source) == []


def test_nil_facts_are_no_duplicates():
    assert duplicate_facts(read(number("Assets", "1", "i") + number("Assets", "", "i", xsi_nil="true"))) == []
