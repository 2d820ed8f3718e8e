"""A DICOM film in two: what identifies the patient, and a new file that holds what the film needs and nothing else.

The new file is built, not cleaned: only the elements named here are copied, each checked for its form, so that what
nobody thought of stays behind. Pixels are decoded and written anew, because compressed streams carry comments.
Following PS3.15 E: the basic profile with the options for clean pixel data, clean structured content (none is kept),
clean descriptors (words of a list) and retained patient characteristics (sex; age up to 89). Dates are removed. Of a
stored value only the bits that hold the image are kept, since old overlays lie in the others; text that is found in
the pixels is covered, and a header that admits text where none is found is refused.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from trivium.medical.intake.burned_in import Box, cover_text
from trivium.medical.intake.descriptors import cleaned
from trivium.medical.intake.lookup import cleaned_table
from trivium.medical.intake.vault import Vault
from trivium.medical.parse.dicom_header import header_of
from trivium.service.errors import InputError

__all__ = ["IDENTIFIERS", "clean_pixels", "deidentified", "identity_of", "new_uids"]

IDENTIFIERS = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "issuer": "IssuerOfPatientID",
    "birth_date": "PatientBirthDate",
    "accession": "AccessionNumber",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_uid": "StudyInstanceUID",
    "referrer": "ReferringPhysicianName",
    "institution": "InstitutionName",
    "description": "StudyDescription",
}
"""What is sealed, by its key there and its DICOM keyword; `image_uids` is added by the door."""

_MODALITIES = frozenset({"CR", "DX", "RG", "DR", "RF", "SC", "OT"})
_BODY_PARTS = ("CHEST", "THORAX", "LUNG", "RIB", "ABDOMEN", "HAND", "KNEE", "SKULL", "SPINE", "PELVIS", "FOOT", "HIP")
_OLDEST = 89  # older patients are few enough to be known by their age
_CLASSES = (DigitalXRayImageStorageForPresentation, ComputedRadiographyImageStorage)
_METHOD = "Trivium: rebuilt from a list of allowed elements"
_OPTIONS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
    ("113104", "Clean Structured Content Option"),
    ("113105", "Clean Descriptors Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
_DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
_EMPTY = (  # type 2: there, and without a value
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID", "PatientBirthDate", "PatientSex",
    "SeriesNumber", "InstanceNumber", "Manufacturer", "PatientOrientation",
)  # fmt: skip
_LARGEST_VALUE = 1e6  # of rescale and window: beyond 16 bits, a number means something else
_SPACING_MM = (0.001, 10.0)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How an element is copied: `form` gives what may stay, or None."""

    keyword: str
    form: Callable[[Any], Any]


def _number(value: Any) -> Any:
    return float(value) if abs(float(value)) <= _LARGEST_VALUE else None


def _whole(value: Any) -> Any:
    return int(value)


def _pair(value: Any) -> Any:
    pair = [float(one) for one in value][:2]
    return pair if len(pair) == 2 and all(_SPACING_MM[0] <= one <= _SPACING_MM[1] for one in pair) else None


def _numbers(value: Any) -> Any:
    many = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    found = [_number(one) for one in many][:8]
    return None if None in found else found


def _one_of(*allowed: str) -> Callable[[Any], Any]:
    return lambda value: str(value).upper().strip() if str(value).upper().strip() in allowed else None


_RULES = (
    _Rule("RescaleSlope", _number), _Rule("RescaleIntercept", _number), _Rule("WindowCenter", _numbers),
    _Rule("WindowWidth", _numbers), _Rule("VOILUTFunction", _one_of("LINEAR", "LINEAR_EXACT", "SIGMOID")),
    _Rule("PresentationLUTShape", _one_of("IDENTITY", "INVERSE")), _Rule("PixelSpacing", _pair),
    _Rule("ImagerPixelSpacing", _pair), _Rule("PixelPaddingValue", _whole),
    _Rule("PixelPaddingRangeLimit", _whole), _Rule("PatientSex", _one_of("M", "F", "O")),
    _Rule("ImageLaterality", _one_of("L", "R", "B", "U")), _Rule("Modality", _one_of(*_MODALITIES)),
    _Rule("PositionerType", _one_of("CARM", "COLUMN", "MAMMOGRAPHIC", "PANORAMIC", "CEPHALOSTAT", "RIGID", "NONE")),
)  # fmt: skip


def identity_of(dataset: Dataset) -> dict[str, str]:
    """Return what identifies the patient and the study, as text; what is absent is left out."""
    found = {key: str(dataset.get(keyword) or "").strip() for key, keyword in IDENTIFIERS.items()}
    return {key: value for key, value in found.items() if value}


def clean_pixels(dataset: Dataset, stored: np.ndarray) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Return the stored values without what is no image: bits beside it, and text in it; and where text was covered.

    Args:
        stored: (H, W) stored values of the first frame, as decoded.

    Raises:
        InputError: if the header says that text is burned into the pixels, and none is found.
    """
    covered, boxes = cover_text(_image_bits(dataset, stored))
    if not boxes and str(dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        what = "the header says that text is burned into the pixels, and none was found to cover"
        raise InputError(what, hint="mask it, then bring it again")
    return covered, boxes


def deidentified(dataset: Dataset, stored: np.ndarray, vault: Vault) -> bytes:
    """Return the bytes of a new DICOM file: these pixels, and of the header only what the film needs.

    Args:
        stored: (H, W) values from `clean_pixels`.
    """
    uids, meta = new_uids(dataset, vault), FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(uids["sop_class"]), UID(uids["sop_uid"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    clean = FileDataset("film.dcm", {}, file_meta=meta, preamble=b"\0" * 128)
    clean.SOPClassUID, clean.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    clean.StudyInstanceUID, clean.SeriesInstanceUID = UID(uids["study_uid"]), UID(uids["series_uid"])
    clean.PatientName = clean.PatientID = vault.pseudonym(*_patient(dataset))
    clean.PatientIdentityRemoved, clean.DeidentificationMethod = "YES", _METHOD
    clean.DeidentificationMethodCodeSequence = [_code(*one) for one in _OPTIONS]
    clean.LongitudinalTemporalInformationModified, clean.BurnedInAnnotation = "REMOVED", "NO"
    for keyword in _EMPTY:
        setattr(clean, keyword, "")
    _copy_allowed(dataset, clean)
    _copy_header(dataset, clean)
    _copy_descriptions(dataset, clean)
    _copy_tables(dataset, clean)
    _write_pixels(dataset, stored, clean)
    out = io.BytesIO()
    clean.save_as(out, enforce_file_format=True)
    return out.getvalue()


def new_uids(dataset: Dataset, vault: Vault) -> dict[str, str]:
    """Return the UIDs that the new file has: `study_uid`, `series_uid`, `sop_uid`; and its `sop_class`."""
    keywords = {"study_uid": "StudyInstanceUID", "series_uid": "SeriesInstanceUID", "sop_uid": "SOPInstanceUID"}
    uids = {name: vault.uid(str(dataset.get(keyword) or "")) for name, keyword in keywords.items()}
    sop_class = dataset.get("SOPClassUID")
    return {**uids, "sop_class": str(sop_class if sop_class in _CLASSES else _CLASSES[0])}


def _patient(dataset: Dataset) -> tuple[str, str]:
    """Return number and issuer; a film without a number stands for a patient of its own."""
    number = str(dataset.get("PatientID") or "").strip()
    return (number or f"study {dataset.get('StudyInstanceUID') or ''}"), str(dataset.get("IssuerOfPatientID") or "")


def _copy_allowed(dataset: Dataset, clean: Dataset) -> None:
    for rule in _RULES:
        value = dataset.get(rule.keyword)
        if value is None or value == "":
            continue
        try:
            kept = rule.form(value)
        except (TypeError, ValueError):  # a value of another form says nothing that can be used
            continue
        if kept is not None:
            setattr(clean, rule.keyword, kept)


def _copy_header(dataset: Dataset, clean: Dataset) -> None:
    """Copy what is read of the header in the words that are allowed, never in its own."""
    header = header_of(dataset)
    if header.view in ("PA", "AP", "OBLIQUE", "DECUBITUS"):
        clean.ViewPosition = header.view
    elif header.view == "LATERAL":
        clean.ViewPosition = "LL"
    if header.age_years is not None:
        clean.PatientAge = f"{min(int(header.age_years), _OLDEST + 1):03d}Y" if header.age_years >= 1 else "001Y"
    part = next((one for one in _BODY_PARTS if one in (header.body_part or "").upper()), None)
    if header.body_part:
        clean.BodyPartExamined = part or "OTHER"


def _copy_descriptions(dataset: Dataset, clean: Dataset) -> None:
    for keyword in _DESCRIPTIONS:
        if kept := cleaned(str(dataset.get(keyword) or "")):
            setattr(clean, keyword, kept)


def _copy_tables(dataset: Dataset, clean: Dataset) -> None:
    for keyword in ("ModalityLUTSequence", "VOILUTSequence", "PresentationLUTSequence"):
        is_little_endian = dataset.original_encoding[1] is not False
        tables = (cleaned_table(item, is_little_endian=is_little_endian) for item in dataset.get(keyword) or ())
        items = [one for one in tables if one is not None]
        for item in items if keyword == "ModalityLUTSequence" else ():
            item.ModalityLUTType = "US"
        if items:
            setattr(clean, keyword, items)


def _image_bits(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Return the values with only the bits that hold the image; old files keep overlays in those beside it."""
    if stored.dtype.kind not in "ui":
        return stored
    width = 8 * stored.dtype.itemsize
    unused = width - min(int(dataset.get("BitsStored") or width), width)
    return (stored << unused) >> unused if unused else stored  # to the left and back: the sign goes with it


def _write_pixels(dataset: Dataset, stored: np.ndarray, clean: Dataset) -> None:
    bits = int(dataset.get("BitsAllocated") or 8)
    clean.Rows, clean.Columns = stored.shape
    clean.SamplesPerPixel, clean.PhotometricInterpretation = 1, str(dataset.PhotometricInterpretation)
    clean.PixelRepresentation = int(dataset.get("PixelRepresentation") or 0)
    clean.BitsAllocated = 8 if stored.dtype.itemsize == 1 else 16
    clean.BitsStored = min(int(dataset.get("BitsStored") or bits), clean.BitsAllocated)
    clean.HighBit = clean.BitsStored - 1
    kind = ("u1", "i1") if clean.BitsAllocated == 8 else ("<u2", "<i2")
    values = np.ascontiguousarray(stored, dtype=kind[clean.PixelRepresentation]).tobytes()
    clean.PixelData = values + b"\0" * (len(values) % 2)


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
