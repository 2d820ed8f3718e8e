"""A registry from a CSV: columns by their many names, what follows from them, and every wrong line told at once."""

from __future__ import annotations

import pytest
from tests.maintenance.ingest.conftest import PLANT, pump

from trivium.maintenance.registry import Registries, activate_model, write_registry
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.service.errors import InputError, NotFoundError


def test_a_historians_export():
    found = read_registry_csv(
        b"TagName;Descriptor;EngUnits;Zero;Hi;Equipment;Scan;ExcDev;Running\r\n"
        b"PI-1023;discharge pressure;barg;0;16,5;P-101;1;0,1;speed > 500\r\n"
        b"speed;Drehzahl f\xfcr P-101;1/min;;;P-101;;;\r\n"
        b"x;;flibs;;;P-102;5;;\r\n"
    )
    first, second = found.assets
    assert (first.name, first.running, [tag.name for tag in first.tags]) == (
        "P-101",
        "speed > 500",
        ["PI-1023", "speed"],
    )
    pressure = first.by_name["PI-1023"]
    assert (pressure.low, pressure.high, pressure.rate_s, pressure.deadband, pressure.unit) == (0, 16.5, 1, 0.1, "barg")
    assert [tag.staleness_s for tag in (*first.tags, *second.tags)] == [60, 600, 60]  # ten readings, a minute at least
    assert first.by_name["speed"].description == "Drehzahl f\u00fcr P-101"
    assert found.unknown_units == ("flibs",)


def test_every_wrong_line_is_told():
    with pytest.raises(InputError) as refused:
        read_registry_csv(
            b"tag,asset,low,high,rate,running\n"
            b"a,P1,1,0,,\n,P1,,,,\nb,P1,x,,,\nc,P1,,,-1,\nd,P1,,,,speed >\ne,P1,,,,nothing > 1\ne,P1,,,,nothing > 1\n"
        )
    line = refused.value.line
    for part in (
        "line 2: low 1 is not below high 0", "line 3: names no tag or no asset", "line 4: low 'x' is no number",
        "line 5: has a rate", "line 6: speed >: a number", "line 8: e of P1 is there twice",
        "P1: its running expression names nothing, which is no tag of it",
    ):  # fmt: skip
        assert part in line


def test_a_file_without_the_columns():
    with pytest.raises(InputError, match="registry: has no column asset; its columns are tag, unit"):
        read_registry_csv(b"tag,unit\na,b\n")
    with pytest.raises(InputError, match="registry: has no line of a tag"):
        read_registry_csv(b"tag,asset\n")


def test_a_change_is_seen_and_other_assets_stay(database):
    write_registry(database, PLANT, [pump("P1"), pump("P2")], zone="UTC")
    registries = Registries(database)
    before = registries.of(PLANT)
    changed = write_registry(database, PLANT, [pump("P2", running="speed > 1")])
    assert list(changed.assets) == ["P1", "P2"]
    assert (changed.zone, changed.version) == ("UTC", before.version + 1)
    assert registries.of(PLANT) is before  # for a second
    registries._known[PLANT] = (before, 0.0)
    assert registries.of(PLANT).assets["P2"].running == "speed > 1"
    assert registries.of("nowhere").assets == {}


def test_a_model_for_an_unknown_plant(database):
    with pytest.raises(NotFoundError, match="nowhere: no plant is registered under this name; import its tags first"):
        activate_model(database, "nowhere", "model")
