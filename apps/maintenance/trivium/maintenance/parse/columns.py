"""Which column of a CSV is the asset, the time and the failure; which ones are features, and which ones never are.

Decided by name first and by content where names are silent. What the user says (`Roles`) comes before both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trivium.maintenance.records import Refusal, Sensor
from trivium.service.errors import InputError

__all__ = [
    "NUMBERED_NAMES",
    "Roles",
    "find_asset",
    "find_label",
    "find_time",
    "label_values",
    "name_and_unit",
    "other_labels",
    "plain",
    "two_valued",
]

NORMAL_WORDS = {
    *(
        "0",
        "0.0",
        "false",
        "f",
        "no",
        "n",
        "none",
        "normal",
        "ok",
        "good",
        "healthy",
        "no failure",
        "nominal",
        "running",
    ),
    *("nein", "gut", "betrieb", "in ordnung", "否", "正常", "无", "运行"),
}
FAILED_WORDS = {
    "1",
    "1.0",
    "true",
    "t",
    "yes",
    "y",
    "fail",
    "failed",
    "failure",
    "fault",
    "faulty",
    "anomaly",
    "broken",
    "ja",
    "是",
}
# Words that say it by themselves, so that a column of them is a label whatever its name.
_PLAIN_FAILED_WORDS = {
    *("fail", "failed", "failure", "fault", "faulty", "anomaly", "broken", "breakdown"),
    *("ausfall", "ausgefallen", "defekt", "störung", "故障", "失效", "异常", "损坏"),
}
FAILED_WORDS |= _PLAIN_FAILED_WORDS
_ASSET_NOUNS = (
    *("asset", "machine", "unit", "engine", "equipment", "equip", "device", "pump", "motor", "turbine", "compressor"),
    *("maschine", "maschinen", "anlage", "anlagen", "aggregat", "pumpe", "pumpen"),
)
NUMBERED_NAMES = (
    *(f"{noun} {what}" for noun in _ASSET_NOUNS for what in ("id", "no", "nr", "number", "nummer", "code")),
    *("assetid", "machineid", "deviceid", "maschinennummer", "anlagennummer", "equipmentnummer"),
)
_ASSET_NAMES = (
    *NUMBERED_NAMES,
    *("asset", "machine", "unit", "engine", "equipment", "device", "pump", "tag", "maschine", "anlage", "aggregat"),
    *(f"{noun} name" for noun in _ASSET_NOUNS),
    *("设备", "设备编号", "设备号", "设备名称", "机器", "机器编号", "机组", "机组编号", "资产", "资产编号"),
    *("serial", "serial number", "id"),
)
_VAGUE_NAMES = {"id", "tag", "serial", "serial number", "unit"}
_TIME_NAMES = (
    *("timestamp", "datetime", "date time", "time", "time stamp", "date", "ts", "cycle", "cycles", "time cycles"),
    *("time in cycles", "time s", "t", "hour", "hours", "day", "step", "time step"),
    *("zeitstempel", "zeit", "uhrzeit", "datum", "时间戳", "日期时间", "时间", "时刻", "日期", "周期"),
)
_LABEL_NAMES = (
    *(
        "failure",
        "machine failure",
        "anomaly",
        "fault",
        "is failure",
        "is anomaly",
        "failed",
        "fail",
        "target",
        "label",
    ),
    *("breakdown", "outlier", "is outlier", "class", "y"),
    *("ausfall", "störung", "defekt", "故障", "是否故障", "失效", "异常", "是否异常", "停机故障"),
)
_LABEL_WORDS = {
    "failure",
    "failures",
    "anomaly",
    "anomalies",
    "fault",
    "faults",
    "breakdown",
    "outlier",
    "failed",
    "fail",
}
_TELLTALE_NAMES = {
    *("rul", "remaining useful life", "remaining life", "ttf", "time to failure", "cycles to failure", "changepoint"),
    *("change point", "failure mode", "failure type", "fault type", "fault code", "failure code", "failure date"),
}


@dataclass(frozen=True, slots=True)
class Roles:
    """What the user says about the columns of a CSV; an empty field is found out.

    Args:
        asset: name of the column that names the asset.
        time: name of the time column.
        label: name of the column that marks failures or anomalies.
        failed: values of the label that mean failure, when words do not say it.
        keep: columns that are features although they look like a leak.
        drop: columns that are no features.
        sensors: names, without units, of columns that are measurements whatever they look like: what a model reads.
        categories: columns that are categories, likewise.
    """

    asset: str = ""
    time: str = ""
    label: str = ""
    failed: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


def name_and_unit(column: str) -> Sensor:
    """Split `Torque [Nm]`, `Torque (Nm)` into name and unit; a column without brackets has no unit."""
    match = re.fullmatch(r"\s*(.+?)\s*[\[(]\s*([^\[\]()]*?)\s*[\])]\s*", column)
    return Sensor(match[1], match[2]) if match else Sensor(column.strip())


def plain(column: str) -> str:
    """Return a column's name in lower-case words: `Machine failure`, `machine_failure` and `MachineFailure` are one."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name_and_unit(column).name)
    return " ".join(_words(name.lower()))


def find_asset(table: pd.DataFrame, roles: Roles, name: str) -> str:
    """Return the asset column, or an empty text when each row stands for itself or all are of one asset."""
    if roles.asset:
        return _require(table, roles.asset, "--asset", name)
    for column in _by_name(table.columns, _ASSET_NAMES):
        count = table[column].nunique()
        # A column "id" may number the rows; "machine" does not.
        most = len(table) // 2 if plain(column) in _VAGUE_NAMES else len(table) - 1
        if count <= max(1, most) and not _is_measured(table[column]):
            return column
    return ""


def find_time(table: pd.DataFrame, roles: Roles, name: str) -> str:
    """Return the time column, or an empty text when rows are in no order."""
    if roles.time:
        return _require(table, roles.time, "--time", name)
    for column in _by_name(table.columns, _TIME_NAMES):
        return column
    first = table.columns[0]
    texts = [column for column in table.columns if table[column].dtype.kind not in "fiub"]
    for column in dict.fromkeys([*([first] if first in texts else []), *texts]):
        sample = table[column].dropna().head(200)
        looks_dated = len(sample) > 0 and sample.str.contains(r"\d[-/.:]\d").mean() > 0.95
        if looks_dated and pd.to_datetime(sample, errors="coerce", format="mixed", utc=True).notna().mean() > 0.95:
            return column
    return ""


def find_label(table: pd.DataFrame, roles: Roles, taken: Iterable[str], name: str) -> str:
    """Return the column that marks failures or anomalies, or an empty text when there is none.

    Raises:
        InputError: if several columns could be it.
    """
    if roles.label:
        return _require(table, roles.label, "--label", name)
    free = [column for column in table.columns if column not in set(taken)]
    for column in _by_name(free, _LABEL_NAMES):
        if _is_class(table[column]):
            return column
    by_word = [column for column in free if set(plain(column).split()) & _LABEL_WORDS and _is_class(table[column])]
    binary = [column for column in by_word if table[column].nunique() == 2 and plain(column) not in _TELLTALE_NAMES]
    binary = binary or [column for column in free if _says_failed(table[column])]
    if len(binary) > 1:
        raise InputError(
            f"the columns {', '.join(binary)} could each mark failures", where=name, hint="name one with --label"
        )
    return (binary or [""])[0]


def two_valued(table: pd.DataFrame, taken: Iterable[str]) -> list[str]:
    """Return columns that might mark failures, each with its values, when none was found.

    Those that have a word for a failure among words that are not known come first, then those of two values.
    """
    free = [column for column in table.columns if column not in set(taken) and not _is_measured(table[column])]
    telling = [column for column in free if _is_class(table[column]) and _lowered(table[column]) & _PLAIN_FAILED_WORDS]
    chosen = [*telling, *(column for column in free if table[column].nunique() == 2 and column not in telling)]
    return [f"{column} ({', '.join(sorted(map(str, table[column].dropna().unique())))})" for column in chosen]


def _says_failed(column: pd.Series) -> bool:
    """Whether a column of text says of each row that it failed, or did not: its values are known words for that."""
    if column.dtype.kind in "fiub" or not _is_class(column):
        return False
    words = _lowered(column)
    return bool(words & _PLAIN_FAILED_WORDS) and words <= NORMAL_WORDS | FAILED_WORDS and len(words) > 1


def other_labels(table: pd.DataFrame, label: str, roles: Roles) -> list[Refusal]:
    """Return the columns whose names say that they tell the outcome, next to the label itself."""
    refused = []
    for column in table.columns:
        words = set(plain(column).split())
        is_outcome = plain(column) in _TELLTALE_NAMES or (words & _LABEL_WORDS and _is_class(table[column]))
        if column != label and column not in roles.keep and is_outcome:
            refused.append(Refusal(column, "its name says that it tells the outcome"))
    return refused


def label_values(column: pd.Series, roles: Roles, name: str) -> np.ndarray:
    """Read a label: 1 failed, 0 normal, NaN not known.

    Returns:
        (N,) float64.

    Raises:
        InputError: if the values do not say which of them mean failure.
    """
    words = column.map(lambda value: "" if pd.isna(value) else f"{value}".strip().lower())
    present = set(words.unique()) - {""}
    failed = {word.strip().lower() for word in roles.failed}
    if failed:
        if missing := failed - present:
            raise InputError(
                f"no value of {column.name} is {', '.join(sorted(missing))}", where=name, hint=_some(present)
            )
    elif present <= {"0", "0.0", "-1", "-1.0"} | NORMAL_WORDS | FAILED_WORDS:
        # 1 and -1 without 0 is the habit of outlier detectors: -1 is the outlier.
        is_signed = present <= {"1", "-1", "1.0", "-1.0"} and present & {"-1", "-1.0"}
        failed = {"-1", "-1.0"} if is_signed else FAILED_WORDS
    elif present & NORMAL_WORDS or any("normal" in _words(word) for word in present):
        failed = {word for word in present if word not in NORMAL_WORDS and "normal" not in _words(word)}
    else:
        raise InputError(
            f"the values of {column.name} do not say which mean failure",
            where=name,
            hint=f"--failed VALUE; {_some(present)}",
        )
    return np.where(words == "", np.nan, words.isin(failed).to_numpy(dtype=np.float64))


def _lowered(column: pd.Series) -> set[str]:
    return {f"{value}".strip().lower() for value in column.dropna().unique()}


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def _some(values: set[str]) -> str:
    shown = sorted(values)
    return f"there are {', '.join(shown[:8])}{' and others' if len(shown) > 8 else ''}"


def _by_name(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """Return the columns whose plain names are among `names`, the best name first."""
    known: dict[str, str] = {}
    for column in columns:
        known.setdefault(plain(column), column)
    return [known[name] for name in names if name in known]


def _is_class(column: pd.Series) -> bool:
    return column.nunique() <= 20 and not _is_measured(column)


def _is_measured(column: pd.Series) -> bool:
    """Whether the values are numbers with a fraction, as only measurements are."""
    if column.dtype.kind != "f":
        return False
    values = column.dropna().to_numpy()
    return bool((values != np.round(values)).any())


def _require(table: pd.DataFrame, column: str, option: str, name: str) -> str:
    if column not in table.columns:
        raise InputError(
            f"no column is called {column} ({option})", where=name, hint=_some(set(map(str, table.columns)))
        )
    return column
