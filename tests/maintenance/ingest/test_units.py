"""Units: values converted by hand, names as plants write them, and what must not convert."""

from __future__ import annotations

import pytest

from trivium.maintenance.ingest.units import conversion, find_unit


def converted(value: float, sent: str, kept: str) -> float:
    found = conversion(sent, kept)
    assert found is not None, f"{sent} to {kept}"
    return value * found.factor + found.offset


@pytest.mark.parametrize(
    ("value", "sent", "kept", "expected"),
    [
        (212, "degF", "degC", 100),
        (0, "°C", "°F", 32),
        (273.15, "K", "C", 0),
        (100, "psi", "bar", 6.894757),
        (14.5037738, "psig", "bar(g)", 1),
        (1, "in/s", "mm/s", 25.4),
        (1, "m³/h", "l/min", 1000 / 60),
        (1500, "mW", "W", 1.5),
        (2, "MW", "kW", 2000),
        (1, "hp", "kW", 0.745699872),
        (60, "1/min", "rps", 1),
    ],
)
def test_values_convert(value, sent, kept, expected):
    assert converted(value, sent, kept) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("sent", "kept"), [("degC", "bar"), ("barg", "bara"), ("furlong", "m"), ("rpm", "Hz")])
def test_what_measures_something_else_does_not(sent, kept):
    assert conversion(sent, kept) is None


def test_a_unit_that_is_not_stated_or_is_the_same_changes_nothing():
    assert conversion("", "bar").is_identity
    assert conversion("psi", "").is_identity
    assert conversion("clicks", "clicks").is_identity


def test_there_and_back():
    for sent, kept in [("degF", "K"), ("psi", "kPa"), ("gpm", "m3/h"), ("mil", "um")]:
        assert converted(converted(7.25, sent, kept), kept, sent) == pytest.approx(7.25)


def test_unknown_names():
    assert find_unit("frobs") is None
    assert find_unit("µm") == find_unit("um")


@pytest.mark.parametrize(
    ("sent", "kept", "value", "converted"),
    [
        ("℃", "degC", 20, 20), ("℉", "℃", 212, 100), ("bar(ü)", "barg", 3, 3), ("U/min", "rpm", 2950, 2950),
        ("转/分", "r/min", 2950, 2950), ("m³/min", "m3/h", 2, 120), ("Nm³/min", "Nm³/h", 1, 60),
    ],
)  # fmt: skip
def test_units_as_german_and_chinese_plants_write_them(sent, kept, value, converted):
    found = conversion(sent, kept)
    assert value * found.factor + found.offset == pytest.approx(converted)
    assert conversion("Nm3/h", "m3/h") is None
