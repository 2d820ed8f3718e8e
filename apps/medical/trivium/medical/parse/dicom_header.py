"""What a DICOM header says about how a film was made: view, age, sex, part of the body, spacing. Not for identity.

What a station leaves empty is told from what stands elsewhere: the age from date of birth and of the study, a view that
is not frontal from the direction of the rows or from a description. A date or a description leads to a number or a word
of a list and is not kept.
"""

from __future__ import annotations

import re
from datetime import date

from pydicom.dataset import Dataset

from trivium.medical.records import Header

__all__ = ["header_of"]

_FRONTAL = ("PA", "AP")
_VIEWS_BY_POSITION = {  # as PS3.3 C.8.11.5 defines them, and as stations write them
    **dict.fromkeys(("LL", "RL", "LATERAL", "LAT"), "LATERAL"),
    **dict.fromkeys(("LLO", "RLO", "OBLIQUE", "OBL", "LAO", "RAO", "LPO", "RPO"), "OBLIQUE"),
    **dict.fromkeys(("LLD", "RLD", "DECUBITUS", "DECUB"), "DECUBITUS"),
}
_VIEWS_BY_MEANING = (  # letters of a view code's meaning (PS3.16 CID 4010), in the order in which they are looked for
    ("DECUBITUS", re.compile("decub")),
    ("OBLIQUE", re.compile("oblique")),
    ("LATERAL", re.compile("lateral")),
    ("PA", re.compile("poster(?:o|ior)anterior")),
    ("AP", re.compile("anter(?:o|ior)posterior")),
)
_VIEWS_BY_DESCRIPTION = (  # in the order in which they are looked for: a "lateral decubitus" is no lateral view
    ("DECUBITUS", re.compile(r"decub|(?<![^\W_])[lr]ld(?![^\W_])|侧卧", re.IGNORECASE)),
    ("OBLIQUE", re.compile(r"obliqu|schräg|(?<![^\W_])(?:obl|[lr]ao|[lr]po|[lr]lo)(?![^\W_])|斜位", re.IGNORECASE)),
    (
        "LATERAL",
        re.compile(r"(?<![^\W_])(?:lat|lateral(?:es?)?|seitlich|profil|ll|rl)(?![^\W_])|侧位", re.IGNORECASE),
    ),
)
_SAYS_MORE = re.compile(  # a frontal view beside it
    r"(?<![^\W_])(?:pa|ap|frontal|views)(?![^\W_])|正|后前|前后", re.IGNORECASE
)
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_OLDEST = 130.0  # beyond it, one of the dates is wrong


def header_of(dataset: Dataset) -> Header:
    """Return what the header says about how the film was made."""
    return Header(
        modality=str(dataset.get("Modality") or "") or None,
        view=_view(dataset),
        age_years=_age(dataset),
        sex=str(dataset.get("PatientSex") or "") or None,
        body_part=str(dataset.get("BodyPartExamined") or "") or None,
        pixel_spacing_mm=_spacing(dataset),
    )


def _view(dataset: Dataset) -> str | None:
    position = str(dataset.get("ViewPosition") or "").upper().strip()
    if position in _FRONTAL:
        return position
    if position in _VIEWS_BY_POSITION:
        return _VIEWS_BY_POSITION[position]
    for item in dataset.get("ViewCodeSequence") or ():
        meaning = re.sub("[^a-z]", "", str(item.get("CodeMeaning") or "").lower())
        for view, words in _VIEWS_BY_MEANING:
            if words.search(meaning):
                return view
    if position:
        return position
    return _described_view(dataset) or ("LATERAL" if _has_rows_from_front_to_back(dataset) else None)


def _has_rows_from_front_to_back(dataset: Dataset) -> bool:
    """Return whether rows run along the patient's depth: PS3.3 C.7.6.1.1.1 gives the direction of rows first."""
    value = dataset.get("PatientOrientation") or ""
    rows = value if isinstance(value, str) else str(value[0])
    return rows.strip().upper()[:1] in ("A", "P")


def _described_view(dataset: Dataset) -> str | None:
    """Return the view that a description names, if it names no frontal one beside it."""
    for text in (str(dataset.get(keyword) or "") for keyword in _DESCRIPTIONS):
        if not _SAYS_MORE.search(text):
            for view, words in _VIEWS_BY_DESCRIPTION:
                if words.search(text):
                    return view
    return None


def _age(dataset: Dataset) -> float | None:
    """Return the age as written, or from the date of birth to that of the study; None where neither is there."""
    found = _AGE.fullmatch(str(dataset.get("PatientAge") or "").strip().upper())
    if found is not None:
        return int(found[1]) * _YEARS[found[2]]
    born = _date(dataset, "PatientBirthDate")
    taken = next(filter(None, (_date(dataset, key) for key in ("StudyDate", "AcquisitionDate", "ContentDate"))), None)
    if born is None or taken is None:
        return None
    years = (taken - born).days / 365.25
    return years if 0 <= years <= _OLDEST else None


def _date(dataset: Dataset, keyword: str) -> date | None:
    found = re.fullmatch(r"(\d{4})\W?(\d{2})\W?(\d{2})", str(dataset.get(keyword) or "").strip())
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    value = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    return (float(value[0]), float(value[1])) if value else None
