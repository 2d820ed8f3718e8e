"""QIDO-RS: which studies, series and films there are, as DICOM JSON, under pseudonyms and new UIDs.

What was taken off at the door is answered as empty and never matches: nobody finds a study here by name, date or
accession number. A key that is not known is not looked at, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from sqlalchemy import Column, ColumnElement, Connection, Row, Select, func, select

from trivium.medical import tables
from trivium.service.errors import InputError

__all__ = ["LEVELS", "Found", "matching", "search"]

LEVELS = ("studies", "series", "instances")
_MOST, _USUAL = 1000, 100
_study, _image, _instance = tables.study, tables.image, tables.instance
_KEYS: dict[str, Column[Any]] = {
    "StudyInstanceUID": _instance.c.study_uid, "SeriesInstanceUID": _instance.c.series_uid,
    "SOPInstanceUID": _instance.c.sop_uid, "SOPClassUID": _instance.c.sop_class, "PatientID": _study.c.pseudonym,
    "PatientName": _study.c.pseudonym, "PatientSex": _study.c.sex, "Modality": _study.c.modality,
    "ModalitiesInStudy": _study.c.modality,
}  # fmt: skip
_REMOVED = frozenset({
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID", "PatientBirthDate",
    "SeriesNumber", "InstanceNumber", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
})  # fmt: skip
_CONTROLS = frozenset({"limit", "offset", "includefield", "fuzzymatching"})


@dataclass(frozen=True, slots=True)
class Found:
    """Answers as datasets in DICOM JSON, and the keys that were not looked at."""

    answers: list[dict[str, Any]]
    ignored: tuple[str, ...]


def search(
    connection: Connection, level: str, asked: Sequence[tuple[str, str]], *, within: Mapping[str, str], base: str
) -> Found:
    """Answer one search.

    Args:
        level: one of `LEVELS`.
        asked: keys and values of the query, as they came.
        within: UIDs that the address of the search names, by keyword.
        base: address of the service, for RetrieveURL.

    Raises:
        InputError: if a limit is no number, or a value is no text.
    """
    limit, offset = _number(asked, "limit", _USUAL, 1), _number(asked, "offset", 0, 0)
    conditions: list[ColumnElement[bool]] = []
    ignored: list[str] = []
    for key, value in (*within.items(), *((key, value) for key, value in asked if key not in _CONTROLS)):
        if "\0" in value:  # which a database may refuse in its own way
            raise InputError("holds a character that no value has", where=key[:40])
        keyword = _keyword(key)
        if keyword in _REMOVED and value.strip("*"):
            return Found([], tuple(ignored))
        if keyword in _KEYS:
            conditions += _condition(_KEYS[keyword], value)
        elif keyword not in _REMOVED:
            ignored.append(key)
    query = _query(level).where(*conditions).limit(min(limit, _MOST)).offset(offset)
    rows = connection.execute(query).all()
    return Found([_answer(level, row, base).to_json_dict() for row in rows], tuple(ignored))


def matching(connection: Connection, **uids: str) -> Sequence[Row[Any]]:
    """Read the films of a study, series or instance, in their order: `study_id`, `sha256` and their UIDs."""
    columns = (_image.c.study_id, _image.c.sha256, _image.c.position, *_instance.c)
    query = select(*columns).join(_instance, _instance.c.image_id == _image.c.id)
    conditions = [_instance.c[name] == value for name, value in uids.items()]
    return connection.execute(query.where(*conditions).order_by(_image.c.study_id, _image.c.position)).all()


def _query(level: str) -> Select[Any]:
    """Return the rows of a level, each with the counts below it."""
    columns = [
        func.min(_instance.c.study_uid).label("study_uid"), func.min(_study.c.pseudonym).label("pseudonym"),
        func.min(_study.c.sex).label("sex"), func.min(_study.c.modality).label("modality"),
        func.count(func.distinct(_instance.c.series_uid)).label("num_series"),
        func.count(_instance.c.image_id).label("num_instances"),
        func.min(_instance.c.series_uid).label("series_uid"), func.min(_instance.c.sop_uid).label("sop_uid"),
        func.min(_instance.c.sop_class).label("sop_class"), func.min(_image.c.rows).label("rows"),
        func.min(_image.c.columns).label("columns"), func.min(_image.c.bits).label("bits"),
    ]  # fmt: skip
    by = {"studies": (_study.c.id,), "series": (_study.c.id, _instance.c.series_uid)}
    groups = by.get(level, (_study.c.id, _instance.c.image_id))
    joined = _study.join(_image, _image.c.study_id == _study.c.id).join(_instance, _instance.c.image_id == _image.c.id)
    newest = func.min(_study.c.arrived_at).desc()
    return select(*columns).select_from(joined).group_by(*groups).order_by(newest, *groups)


def _answer(level: str, row: Row[Any], base: str) -> Dataset:
    found, url = Dataset(), f"{base}/studies/{row.study_uid}"
    found.PatientName = found.PatientID = row.pseudonym
    found.PatientSex, found.StudyInstanceUID, found.InstanceAvailability = row.sex, row.study_uid, "ONLINE"
    for keyword in (
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "StudyID",
        "PatientBirthDate",
    ):
        setattr(found, keyword, "")
    if level == "studies":
        found.ModalitiesInStudy = [row.modality] if row.modality else ""
        found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances = row.num_series, row.num_instances
    else:
        url += f"/series/{row.series_uid}"
        found.Modality, found.SeriesInstanceUID, found.SeriesNumber = row.modality, row.series_uid, ""
    if level == "series":
        found.NumberOfSeriesRelatedInstances = row.num_instances
    if level == "instances":
        url += f"/instances/{row.sop_uid}"
        found.SOPClassUID, found.SOPInstanceUID, found.InstanceNumber = row.sop_class, row.sop_uid, ""
        found.Rows, found.Columns, found.BitsAllocated = row.rows, row.columns, row.bits
    found.RetrieveURL = url
    return found


def _condition(column: Column[Any], value: str) -> list[ColumnElement[bool]]:
    """Match a value, one of several joined by commas or backslashes, or one that begins so (`abc*`)."""
    values = [one for one in value.replace("\\", ",").split(",") if one]
    if not values or value.strip("*") == "":
        return []
    if len(values) == 1 and values[0].endswith("*"):
        return [column.startswith(values[0].rstrip("*"), autoescape=True)]
    return [column.in_(values)]


def _keyword(key: str) -> str:
    """Return the keyword of a key: `00100020` and `PatientID` are the same."""
    if len(key) == 8 and all(one in "0123456789abcdefABCDEF" for one in key):
        return keyword_for_tag(int(key, 16)) or key
    return key if tag_for_keyword(key) is not None else ""


def _number(asked: Sequence[tuple[str, str]], name: str, usual: int, least: int) -> int:
    text = next((value for key, value in asked if key == name), str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:
        raise InputError(f"{text[:20]!r} is no number from {least}", where=name)
    return int(text)
