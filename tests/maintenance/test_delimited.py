"""CSV of many habits to the same fleet; what cannot be used is named."""

import gzip

import numpy as np
import pytest
from tests.maintenance.fleets import machine_table, write

from trivium.maintenance.parse.columns import Roles, name_and_unit, plain
from trivium.maintenance.parse.reader import read_file
from trivium.service.errors import InputError

ROWS = [
    ("a", "2024-03-01 00:00:00", 1.5, 20.0, 0),
    ("a", "2024-03-01 00:01:00", 1.75, 21.0, 1),
    ("b", "2024-03-01 00:00:00", 2.5, 22.0, 0),
]


def table(separator=",", decimal=".", header=("asset", "time", "Pressure [bar]", "Temp (degC)", "failure")):
    lines = [separator.join(header)]
    for row in ROWS:
        lines.append(
            separator.join(str(cell).replace(".", decimal) if isinstance(cell, float) else str(cell) for cell in row)
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("|", ".")])
def test_separators_and_decimal_commas_give_the_same_fleet(tmp_path, separator, decimal):
    fleet = read_file(write(tmp_path / "f.csv", table(separator, decimal)), "csv")
    assert fleet.asset_names == ("a", "b")
    assert fleet.values.tolist() == [[1.5, 20], [1.75, 21], [2.5, 22]]
    assert [(s.name, s.unit) for s in fleet.sensors] == [("Pressure", "bar"), ("Temp", "degC")]
    assert fleet.label.tolist() == [0, 1, 0]
    assert fleet.time_unit == "s"
    assert fleet.time[1] - fleet.time[0] == 60
    assert fleet.time[0] == 1709251200  # date -u -d 2024-03-01 +%s


def test_gzip_byte_order_mark_and_shuffled_rows(tmp_path):
    lines = table().splitlines()
    path = tmp_path / "f.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + "\n".join([lines[0], lines[2], lines[3], lines[1]])).encode()))
    fleet = read_file(path, "csv")
    assert fleet.values[:, 0].tolist() == [1.5, 1.75, 2.5]
    assert fleet.order.tolist() == [2, 0, 1]  # where each row stands in the file


def test_an_index_of_dates_without_a_name_is_the_time(tmp_path):
    text = "," + "flow,anomaly\n" + "".join(f"2020-01-01 00:00:0{i},{i}.5,0\n" for i in range(5))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert fleet.time_texts[4] == "2020-01-01 00:00:04"
    assert [s.name for s in fleet.sensors] == ["flow"]
    assert fleet.label_name == "anomaly"


def test_an_unnamed_row_number_and_identifiers_are_no_features(tmp_path):
    fleet = read_file(write(tmp_path / "f.csv", machine_table(60, 1)), "csv")
    assert [s.name for s in fleet.sensors] == ["Rotational speed", "Torque", "LPF", "HPF"]
    assert sorted(fleet.identifiers) == ["Product ID", "UDI"]
    assert sorted(fleet.categories) == ["Type"]
    assert fleet.time is None
    assert not fleet.is_series


def test_words_of_historians_are_missing_values(tmp_path):
    text = "time,p,q\n1,Bad Input,1.5\n2,I/O Timeout,No Data\n3,4.5,2.5\n"
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert np.isnan(fleet.values[:2, 0]).all()
    assert fleet.values[2].tolist() == [4.5, 2.5]


@pytest.mark.parametrize(
    ("label", "values", "wanted"),
    [
        ("Target", ["0", "1"], [0, 1]),
        ("is_anomaly", ["False", "True"], [0, 1]),
        ("Machine failure", ["no", "yes"], [0, 1]),
        ("fault", ["Normal_1", "Ball_007_1"], [0, 1]),
        ("label", ["1", "-1"], [0, 1]),
        ("failure", ["", "1"], [np.nan, 1]),
        ("Ausfall", ["nein", "ja"], [0, 1]),
        ("是否故障", ["否", "是"], [0, 1]),
        ("status", ["ok", "FAILED"], [0, 1]),  # by its words
        ("状态", ["正常", "故障"], [0, 1]),
    ],
)
def test_labels_in_words(tmp_path, label, values, wanted):
    text = f"flow,{label}\n" + "".join(f"{row}.5,{value}\n" for row, value in enumerate(values * 3))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert fleet.label_name == label
    assert np.array_equal(fleet.label[:2], wanted, equal_nan=True)


def test_names_of_columns_in_chinese_and_german(tmp_path):
    text = "设备编号,时间,压力,故障\n" + "".join(f"P1,2025-01-01 0{i}:00,{i}.5,{int(i == 5)}\n" for i in range(6))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert (fleet.asset_column, fleet.time_column, fleet.label_name) == ("设备编号", "时间", "故障")
    text = "Zeitstempel;Maschine;Druck\n" + "".join(f"0{i}.02.2025 08:00;M1;{i},5\n" for i in range(1, 7))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert (fleet.asset_column, fleet.time_column) == ("Maschine", "Zeitstempel")
    assert np.diff(fleet.time).tolist() == [86_400] * 5


@pytest.mark.parametrize("name", ["Machine Nr", "Maschinen-Nr.", "motor_id", "Equipment Code", "PumpNo", "Pumpe Name"])
def test_an_asset_is_known_by_a_noun_and_a_number(tmp_path, name):
    text = f"Type;{name};time;p\n" + "".join(f"A;M{i % 2};{i};{i},5\n" for i in range(8))
    assert read_file(write(tmp_path / "f.csv", text), "csv").asset_column == name


def odd_text(days=("03/01/2025", "03/02/2025"), flow='"1,283"') -> str:
    """An export of an American spreadsheet: a day and a clock, a per cent sign in the cell, commas in thousands."""
    rows = [
        f"{name},{day},{clock}:30,{clock + 0.5},{60 + clock}%,{flow},{state}\n"
        for name in ("007", "008")
        for day in days
        for clock, state in ((9, "OK"), (10, "WARN"), (11, "FAIL"))
    ]
    return 'EQUIP_NO,Date,Time,"Vibration, DE (mm/s)",Load (%),Flow,Condition\n' + "".join(rows)


def test_an_american_spreadsheet(tmp_path):
    fleet = read_file(write(tmp_path / "f.csv", odd_text()), "csv")
    assert (fleet.asset_column, fleet.time_column) == ("EQUIP_NO", "Time")
    assert fleet.asset_names == ("007", "008")
    assert fleet.time_texts[0] == "03/01/2025 9:30"
    assert np.diff(fleet.time[:6]).tolist() == [3600, 3600, 79_200, 3600, 3600]
    assert [(sensor.name, sensor.unit) for sensor in fleet.sensors] == [
        ("Vibration, DE", "mm/s"), ("Load", "%"), ("Flow", ""),
    ]  # fmt: skip
    assert fleet.values[0].tolist() == [9.5, 69, 1283]
    assert fleet.label is None
    assert fleet.two_valued[0] == "Condition (FAIL, OK, WARN)"


def test_a_german_day_and_clock(tmp_path):
    text = "Datum;Uhrzeit;Druck\n" + "".join(f"0{i}.02.2025;0{i}:00:00;{i},5\n" for i in range(1, 7))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert (fleet.time_column, fleet.time_texts[0]) == ("Uhrzeit", "01.02.2025 01:00:00")
    assert np.diff(fleet.time).tolist() == [90_000] * 5
    assert [sensor.name for sensor in fleet.sensors] == ["Druck"]


def test_a_decimal_comma_in_quotes_is_not_taken_for_thousands(tmp_path):
    fleet = read_file(write(tmp_path / "f.csv", odd_text(flow='"0,283"')), "csv")
    assert [sensor.name for sensor in fleet.sensors] == ["Vibration, DE", "Load"]


def test_a_day_above_twelve_tells_days_from_months(tmp_path):
    fleet = read_file(write(tmp_path / "f.csv", odd_text(days=("03/01/2025", "13/01/2025"))), "csv")
    assert fleet.time[3] - fleet.time[0] == 10 * 86_400
    mixed = write(tmp_path / "m.csv", odd_text(days=("01/13/2025", "13/01/2025")))
    with pytest.raises(InputError, match=r"days before months and months before days: '13/01/2025 9:30' and '01/13/20"):
        read_file(mixed, "csv")


def test_times_of_two_offsets_are_one_time_line(tmp_path):
    text = (
        "when,p,q\n2025-03-30T01:30:00+01:00,1.5,2\n2025-03-30T03:30:00+02:00,2.5,3\n2025-03-30T04:30:00+02:00,3.5,4\n"
    )
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert fleet.time_column == "when"  # by its content
    assert np.diff(fleet.time).tolist() == [3600, 3600]


def test_what_might_be_a_label_is_named(tmp_path):
    text = "time,flow,panne,valve\n" + "".join(f"{i},{i}.5,{'oui' if i == 3 else 'non'},{i % 2}\n" for i in range(6))
    assert read_file(write(tmp_path / "f.csv", text), "csv").two_valued == ("panne (non, oui)", "valve (0, 1)")


def test_a_second_label_is_refused_as_a_feature(tmp_path):
    text = "time;flow;anomaly;changepoint\n" + "".join(f"{i};{i}.5;{i % 2};{i % 2}\n" for i in range(8))
    fleet = read_file(write(tmp_path / "f.csv", text), "csv")
    assert [s.name for s in fleet.sensors] == ["flow"]
    assert [one.column for one in fleet.refused] == ["changepoint"]


@pytest.mark.parametrize(
    ("text", "roles", "message"),
    [
        ("", Roles(), "the file is empty"),
        ("1,2,3\n4,5,6\n", Roles(), "the first line holds numbers, not column names"),
        ("1 2 3\n4 5 6\n", Roles(), "the first line holds numbers, not column names"),
        ("a,b\n", Roles(), "there are names but no rows"),
        ("a,a\n1,2\n", Roles(), "the column 'a' is there twice"),
        ("a,b\n1,2\n1,2,3,4\n", Roles(), "is no regular table"),
        ("name,text\nx,y\nz,w\n", Roles(), "no column holds measurements"),
        ("time,p\nyesterday,1\n1.1.2024,2\n", Roles(), "line 2: 'yesterday' is no time"),
        ("p,q\n1,2\n", Roles(time="when"), r"no column is called when \(--time\); there are p, q"),
        ("p,fault\n1.5,a\n2.5,b\n", Roles(), "the values of fault do not say which mean failure; --failed VALUE"),
        (
            "p,pump failure,valve failure\n1.5,0,1\n2.5,1,0\n",
            Roles(),
            "could each mark failures; name one with --label",
        ),
        ("PK\x03\x04", Roles(), "a ZIP or Excel file cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, text, roles, message):
    with pytest.raises(InputError, match=message):
        read_file(write(tmp_path / "f.csv", text), "csv", roles)


def test_names_and_units():
    assert plain("MachineFailure") == plain("machine_failure") == plain("Machine failure [-]") == "machine failure"
    assert (name_and_unit("Torque [Nm]").name, name_and_unit("Torque [Nm]").unit) == ("Torque", "Nm")


@pytest.mark.parametrize("ending", [",", ",,"])
def test_separators_at_the_end_of_rows_move_no_value(tmp_path, ending):
    header, *rows = machine_table(60, 1).splitlines()
    plain_file = read_file(write(tmp_path / "plain.csv", "\n".join([header, *rows]) + "\n"))
    ended = write(tmp_path / "ended.csv", "\n".join([header, *(row + ending for row in rows)]) + "\n")
    fleet = read_file(ended)
    assert fleet.sensors == plain_file.sensors
    np.testing.assert_array_equal(fleet.values, plain_file.values)


def test_two_values_without_a_name_are_refused(tmp_path):
    header, *rows = machine_table(60, 1).splitlines()
    file = write(tmp_path / "wide.csv", "\n".join([header, *(f"{row},1.5,2.5" for row in rows)]) + "\n")
    with pytest.raises(InputError, match=r"line 1: names 8 columns, and the row below has 10 cells; name every column"):
        read_file(file)


def test_the_line_that_tells_excel_the_separator_is_no_header(tmp_path):
    fleet = read_file(write(tmp_path / "excel.csv", "sep=;\ntime;flow;pressure\n1;2,5;3,5\n2;2,6;3,6\n3;2,7;3,7\n"))
    assert [sensor.name for sensor in fleet.sensors] == ["flow", "pressure"]
    np.testing.assert_array_equal(fleet.values[:, 0], [2.5, 2.6, 2.7])


@pytest.mark.parametrize(
    "times",
    [
        ("1583748873", "1583748933"),
        ("1583748873000", "1583748933000"),
        ("1583748873000000", "1583748933000000"),
        ("1583748873000000000", "1583748933000000000"),
        ("2020年03月09日 10:14:33", "2020年3月9日 10:15:33"),
        ("2020年3月9日 10时14分33秒", "2020年3月9日 10时15分33秒"),
        ("2020-03-09T18:14:33+08:00", "2020-03-09T18:15:33+08:00"),
    ],
)
def test_times_are_seconds_however_they_are_written(tmp_path, times):
    text = "时间,flow\n" + "".join(f"{one},{number}.5\n" for number, one in enumerate(times))
    fleet = read_file(write(tmp_path / "times.csv", text))
    assert (fleet.time.tolist(), fleet.time_unit) == ([1583748873, 1583748933], "s")  # 2020-03-09 10:14:33 UTC


@pytest.mark.parametrize(
    ("separator", "decimal", "large", "small"),
    [
        (";", ",", "1.498", "998"),
        (";", ",", "1.234.567,5", "12,5"),
        (";", ",", "1\u202f498", "-998"),
        (";", ".", "1'498.5", "998"),
        (",", ".", "1 498", "2"),
        ("\t", ".", "-1\u2019498", "7.25"),
    ],
)
def test_groups_of_three_digits_are_one_number(tmp_path, separator, decimal, large, small):
    rows = [
        ["09.03.2020", large, f"2{decimal}5"],
        ["10.03.2020", small, f"3{decimal}5"],
        ["11.03.2020", "", f"1{decimal}125"],
    ]
    lines = [separator.join(row) for row in [["Datum", "Speed [rpm]", "flow"], *rows]]
    fleet = read_file(write(tmp_path / "grouped.csv", "\n".join(lines) + "\n"))
    assert fleet.time.tolist() == [1583712000, 1583798400, 1583884800]  # dates with points stay dates
    expected = [
        float("".join(sign for sign in word if sign in "-0123456789" or sign == decimal).replace(",", "."))
        for word in (large, small)
    ]
    np.testing.assert_array_equal(fleet.values[:, 0], [*expected, np.nan])
    np.testing.assert_array_equal(fleet.values[:, 1], [2.5, 3.5, 1.125])


def test_points_between_digits_stay_points_where_commas_do_not_mark_decimals(tmp_path):
    fleet = read_file(write(tmp_path / "points.csv", "time;flow;level\n1;1.498;ok\n2;1.250;ok\n3;1.125;ok\n"))
    assert fleet.values[:, 0].tolist() == [1.498, 1.25, 1.125]
