"""The C-MAPSS layout: what is read, and what is refused with the place."""

import gzip

import numpy as np
import pytest
from tests.maintenance.fleets import cmapss_text, write
from tests.shared_data import SHARED

from trivium.maintenance import pipeline
from trivium.maintenance.parse.reader import read_file
from trivium.service.errors import InputError

CMAPSS = SHARED / "data" / "maintenance" / "cmapss"
LINE = "1 {} 0 0 100 " + " ".join(["5.0"] * 21) + "\n"


def test_rows_units_and_sensors(tmp_path):
    text, _ = cmapss_text(3, seed=1)
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    fleet = read_file(path)
    assert fleet.layout == "cmapss"
    assert fleet.asset_names == ("1", "2", "3")
    assert len(fleet) == len(text.splitlines())
    assert [fleet.sensors[place].name for place in (1, 3, 10)] == ["T24", "T50", "Ps30"]
    assert fleet.settings.shape == (len(fleet), 3)
    first = text.splitlines()[0].split()
    assert fleet.values[0, 1] == float(first[6])  # T24 is the seventh column
    assert fleet.age[fleet.last_rows].tolist() == fleet.time[fleet.last_rows].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE.format(1) + LINE.format(3), "unit 1: cycle 3 stands where cycle 2 should"),
        (LINE.format(1) + LINE.format(2)[:40] + "\n", "line 2: 12 numbers instead of 26"),
        ("1 1 0 0 100\n", "line 1: 5 numbers are no row; unit, cycle, three settings and sensors are needed"),
        (LINE.format(1) + "1 2 x", "line 2: '1 2 x' is not a row of numbers"),
    ],
)
def test_a_file_that_was_cut_off_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_file(write(tmp_path / "f.txt", text), "cmapss")


def test_other_fleets_have_other_numbers_of_sensors(tmp_path):
    rows = "".join(f"{unit} {cycle} 0 0 0 {cycle}.5 7\n" for unit in (1, 2) for cycle in (1, 2, 3))
    fleet = read_file(write(tmp_path / "f.txt", rows), "cmapss")
    assert [sensor.name for sensor in fleet.sensors] == ["sensor1", "sensor2"]
    assert fleet.values[2].tolist() == [3.5, 7]
    with pytest.raises(InputError, match="the shipped model is for C-MAPSS turbofans, and these operating settings or"):
        pipeline.predict(tmp_path / "f.txt", None)  # the layout is known by its blanks


@pytest.mark.skipif(not CMAPSS.is_dir(), reason="no C-MAPSS files")
def test_the_real_fleet():
    fleet = read_file(CMAPSS / "train_FD001.txt")  # README of the data: 100 engines, 20,631 rows
    assert (len(fleet), len(fleet.asset_names)) == (20631, 100)
    assert fleet.values[0, 1] == 641.82  # first line of the file, by eye


def test_serial_numbers_keep_their_digits(tmp_path):
    lines = "".join(
        f"{unit} {cycle} 0 0 100 {' '.join(['5.5'] * 21)}\n" for unit in (2300451, 2300452) for cycle in (1, 2)
    )
    assert read_file(write(tmp_path / "serial.txt", lines)).asset_names == ("2300451", "2300452")


def test_a_value_that_is_no_number_is_missing_in_the_first_line_too(tmp_path):
    lines = "".join(
        f"1 {cycle} 0 0 100 {first} {' '.join(['5.5'] * 20)}\n" for cycle, first in ((1, "NaN"), (2, "inf"))
    )
    fleet = read_file(write(tmp_path / "gap.txt", lines))
    assert fleet.layout == "cmapss"
    assert np.isnan(fleet.values[:, 0]).tolist() == [True, True]
