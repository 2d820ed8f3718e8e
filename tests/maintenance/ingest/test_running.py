"""The running expression: three-valued, as written, and wrong ones named."""

from __future__ import annotations

import numpy as np
import pytest

from trivium.maintenance.ingest.running import parse_expression
from trivium.service.errors import InputError

NAN = float("nan")
VALUES = {
    "speed": np.array([600.0, 0.0, NAN]),
    "load": np.array([NAN, 0.5, 0.5]),
    "PI-10.PV": np.array([1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speed > 500", [1, 0, NAN]),
        ("500 < speed", [1, 0, NAN]),
        ("not speed > 500", [0, 1, NAN]),
        ("speed > 500 and load > 0.1", [NAN, 0, NAN]),
        ("speed > 500 or load > 0.1", [1, 1, 1]),
        ("speed > 500 or load > 0.9", [1, 0, NAN]),
        ("load != 0.5 or (PI-10.PV == 1 and speed >= 0)", [1, 1, NAN]),
        ("`PI-10.PV` <= -1", [0, 0, 0]),
        ("speed > -1e3", [1, 1, NAN]),
    ],
)
def test_truth(text, expected):
    np.testing.assert_equal(parse_expression(text).holds(VALUES), expected)


def test_names():
    assert parse_expression("speed > 5 and `valve 7` < 1 or speed < 2").tags == ("speed", "valve 7")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("speed", "a comparison is missing at the end; as in: speed > 500"),
        ("speed >", "a number on one side and a tag on the other is missing at the end"),
        ("speed > load", "a number on one side and a tag on the other is missing before 'load'"),
        ("1 > 2", "a number on one side"),
        ("(speed > 1", "a closing parenthesis is missing at the end"),
        ("speed > 1 speed", "and or or is missing before 'speed'"),
        ("__import__('os')", "a comparison is missing"),
        ("", "a tag is missing at the end"),
        ("(" * 50 + "speed > 1" + ")" * 50, "is nested too deeply"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(text, line):
    with pytest.raises(InputError, match=line.replace("(", r"\(")):
        parse_expression(text)
