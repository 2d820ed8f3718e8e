"""Text of spreadsheets from three countries, and a registry and orders with their column names."""

from __future__ import annotations

from datetime import UTC

import pytest

from trivium.maintenance.csv_text import decode_text
from trivium.maintenance.registry_csv import read_registry_csv
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, read_orders
from trivium.service.errors import InputError

GERMAN = (
    "Messstelle;Anlage;Beschreibung;Einheit;Min;Max;Takt;Totband\nTI-1;P-900;Lagertemperatur Süd;°C;-20;150;60;0,1\n"
)
CHINESE = "位号,设备编号,描述,单位,下限,上限,采样周期,死区\nTI-3,泵-1,轴承温度,℃,-20,150,60,0.1\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_german_text(encoding):
    assert decode_text(GERMAN.encode(encoding)) == GERMAN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_text(encoding):
    assert decode_text(CHINESE.encode(encoding)) == CHINESE


@pytest.mark.parametrize(("text", "encoding"), [(GERMAN, "cp1252"), (CHINESE, "gb18030")])
def test_a_registry_with_names_of_its_country(text, encoding):
    (asset,) = read_registry_csv(text.encode(encoding)).assets
    (tag,) = asset.tags
    assert (tag.low, tag.high, tag.rate_s, tag.deadband) == (-20, 150, 60, 0.1)
    assert (asset.name, tag.description) in {("P-900", "Lagertemperatur Süd"), ("泵-1", "轴承温度")}
    assert read_registry_csv(text.encode(encoding)).unknown_units == ()


def test_a_registry_without_a_column_of_tags_says_what_to_do():
    with pytest.raises(InputError, match="has no column tag; its columns are a, b; call one of them tag"):
        read_registry_csv(b"a,b\n1,2\n")


def test_work_orders_with_german_and_chinese_names():
    german = (
        "Auftrag;Anlage;Störungsbeginn;Störungsende;Auftragsart;Kurztext\n7;P-1;01.03.2026 12:00;;Störung;Lager heiß\n"
    )
    chinese = "工单号,设备,开始时间,结束时间,工单类型,故障描述\n8,P-1,2026-03-02 08:00,,保养,换油\n"
    (one,) = read_orders(german.encode("cp1252"), UTC)
    (two,) = read_orders(chinese.encode("gb18030"), UTC)
    assert (one.number, one.kind, one.description) == ("7", FAILURE, "Lager heiß")
    assert (two.number, two.kind, two.description) == ("8", PREVENTIVE, "换油")
