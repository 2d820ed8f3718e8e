"""Bytes of a CSV to text, and what its columns may be called: English, German, Chinese, as historians export them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["ASSET", "DATE", "DESCRIPTION", "QUALITY", "TAG", "TIME", "UNIT", "VALUE", "decode_text", "first_of"]

ASSET = (
    *("asset", "asset_id", "equipment", "machine", "device", "component"),
    *("anlage", "maschine", "aggregat"),
    *("设备", "设备编号", "设备号", "设备名称", "机组", "资产"),
)
TIME = (
    "time",
    "timestamp",
    "datetime",
    "ts",
    "date_time",
    "zeitstempel",
    "zeit",
    "时间",
    "时间戳",
    "日期时间",
    "采集时间",
    "uhrzeit",
    "时刻",
)
DATE = ("date", "datum", "日期")
"""A column of days beside one of times of the day."""
TAG = (
    *("tag", "tagname", "tag_name", "point", "sensor"),
    *("messstelle", "kks", "messpunkt", "kennzeichen"),
    *("测点", "测点名", "测点编号", "位号", "点名"),
)
VALUE = ("value", "val", "wert", "messwert", "值", "数值", "测量值")
QUALITY = ("quality", "q", "status", "status_code", "statuscode", "opc_quality", "qualität", "质量", "质量码", "状态码")
UNIT = ("unit", "units", "uom", "eu", "engunits", "einheit", "单位")
DESCRIPTION = ("description", "descriptor", "desc", "text", "beschreibung", "bezeichnung", "描述", "名称", "说明")

_HIGH = re.compile(rb"[\x80-\xff]+")


def decode_text(data: bytes) -> str:
    """Return text that is UTF-8, UTF-16 with its mark, GB 18030, or what spreadsheets of Western Europe write.

    Characters of GB 2312 are pairs of bytes above 127; letters of Western Europe are single ones among others.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_chinese = all(len(run) % 2 == 0 for run in _HIGH.findall(data))
        return data.decode("gb18030" if is_chinese else "cp1252", errors="replace")


def first_of(names: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    """Return the column that has one of the wanted names, in their order.

    Args:
        names: the file's columns by their name in lower case.
    """
    return next((names[name] for name in wanted if name in names), None)
