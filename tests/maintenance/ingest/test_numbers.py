"""Numbers: decimal commas, historian texts, and never a 0 that nobody sent."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.ingest.numbers import read_number, read_numbers
from trivium.maintenance.ingest.quality import ABSENT, BAD, GOOD


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("7.8", "", 7.8), ("7,8", "", 7.8), ("-0,25", "", -0.25), ("1e-3", "", 0.001), (" 12 ", "", 12.0),
        ("1.234,5", "", 1234.5), ("1,234.5", "", 1234.5), ("1,234", "", "1,234"), ("1,234", ",", 1.234),
        ("1,234", ".", 1234.0), ("0,123", "", 0.123), ("1 234,5", ",", 1234.5), ("\u22125", "", -5.0), ("", "", None),
        (None, "", None), (True, "", 1.0), ("Bad Input", "", "Bad Input"), ("nan", "", "nan"), ("1_000", "", "1_000"),
        ("0x1F", "", "0x1F"), ("--5", "", "--5"),
    ],
)  # fmt: skip
def test_cells(text, decimal, expected):
    assert read_number(text, decimal) == expected


def test_a_column_of_texts_keeps_what_was_no_number():
    cells = read_numbers(["1.5", "", "No Data", "I/O Timeout", "0", None, "inf"])
    assert cells.quality.tolist() == [GOOD, ABSENT, BAD, BAD, GOOD, ABSENT, BAD]
    assert cells.texts == {2: "No Data", 3: "I/O Timeout", 6: "inf"}
    np.testing.assert_equal(cells.values, [1.5, np.nan, np.nan, np.nan, 0.0, np.nan, np.nan])


def test_plain_texts_and_texts_one_by_one_agree():
    column = ["1", "2.5", "", "-3e2", None]
    fast, slow = read_numbers(column), read_numbers([*column, "x"])
    np.testing.assert_equal(fast.values, slow.values[:-1])
    assert fast.quality.tolist() == slow.quality.tolist()[:-1]


def test_a_status_code_in_place_of_a_value_is_bad():
    cells = read_numbers(np.array([7.8, 0x80050000, np.nan, np.inf]))
    assert cells.quality.tolist() == [GOOD, BAD, ABSENT, BAD]
    assert cells.texts[1] == "2147811328 (a status code)"


def test_infinity_and_nan_in_words_are_bad():
    assert read_numbers(["nan", "1"]).quality.tolist() == [BAD, GOOD]
    assert read_numbers([float("nan"), 1.0]).quality.tolist() == [BAD, GOOD]
