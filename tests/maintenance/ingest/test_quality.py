"""Quality: OPC codes by the specification's own bits, words of historians, and the 0 that is good or bad."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.ingest.quality import BAD, GOOD, UNCERTAIN, is_status_value, of_codes, of_text
from trivium.service.errors import InputError


def test_da_codes():
    assert of_codes([192, 216, 64, 0, 28, None], "quality").tolist() == [GOOD, GOOD, UNCERTAIN, BAD, BAD, GOOD]


def test_ua_codes():
    codes = [0, 0x40920000, 0x80050000, 0x00000400, "0x80310000"]  # good, uncertain, no communication, good, no data
    assert of_codes(codes, "quality").tolist() == [GOOD, UNCERTAIN, BAD, GOOD, BAD]


def test_zeros_alone_are_good_in_a_status_column_and_bad_in_a_quality_column():
    assert of_codes([0, 0], "StatusCode").tolist() == [GOOD, GOOD]
    assert of_codes([0, 0], "quality").tolist() == [BAD, BAD]
    assert of_codes([0, 0], "quality", "opc-ua").tolist() == [GOOD, GOOD]
    assert of_codes([0, 0], "status", "opc-da").tolist() == [BAD, BAD]


def test_sparkplug():
    assert of_codes([192, 500], "quality").tolist() == [GOOD, BAD]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Good", GOOD), ("good, local override", GOOD), ("GoodNoData", BAD), ("Uncertain", UNCERTAIN),
     ("Questionable", UNCERTAIN), ("Bad_NoCommunication", BAD), ("I/O Timeout", BAD), ("anything", BAD)],
)  # fmt: skip
def test_words(word, expected):
    assert of_text(word) == expected


def test_status_codes_in_a_value_column_are_seen_and_readings_are_not():
    values = np.array([0x80050000, 0x40920000, 0x80050001, 2147483648.0, 3e9, 1e12, 7.8, np.nan])
    assert is_status_value(values).tolist() == [True, True, False, False, False, False, False, False]


def test_an_unknown_scheme_is_refused():
    with pytest.raises(InputError, match="quality: 'opc-hda' is no scheme of quality codes; use opc-ua or opc-da"):
        of_codes([0], "q", "opc-hda")


def test_a_ua_code_that_was_written_as_a_signed_number():
    signed = 0x80020000 - 2**32  # BadInternalError, as a 32-bit integer of C
    assert of_codes([signed, str(signed), 0], "status").tolist() == [BAD, BAD, GOOD]
