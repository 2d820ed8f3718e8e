"""A DICOM film in two: what identifies the patient, and a new file that holds what the film needs and nothing else.

The new file is built, not cleaned: only the elements named here are copied, each checked for its form, so that what
nobody thought of stays behind. Pixels are decoded and written anew, because compressed streams carry comments.
Following PS3.15 E, basic profile, with descriptors removed. Text burned into the pixels is not looked for; a header
that admits it is refused.
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

from trivium.medical.intake.vault import Vault
from trivium.medical.parse.dicom import header_of
from trivium.service.errors import InputError

__all__ = ["IDENTIFIERS", "deidentified", "identity_of"]

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


@dataclass(frozen=True, slots=True)
class _Rule:
    """How an element is copied: `form` gives what may stay, or None."""

    keyword: str
    form: Callable[[Any], Any]


def _number(value: Any) -> Any:
    return float(value)


def _whole(value: Any) -> Any:
    return int(value)


def _pair(value: Any) -> Any:
    return [float(one) for one in value][:2] if len(value) >= 2 else None


def _numbers(value: Any) -> Any:
    many = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    return [float(one) for one in many][:8]


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


def deidentified(dataset: Dataset, stored: np.ndarray, vault: Vault) -> bytes:
    """Return the bytes of a new DICOM file: these pixels, and of the header only what the film needs.

    Args:
        stored: (H, W) stored values of the first frame.

    Raises:
        InputError: if the header says that text is burned into the pixels.
    """
    if str(dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        raise InputError("the header says that text is burned into the pixels", hint="mask it, then bring it again")
    image_uid = UID(vault.uid(str(dataset.get("SOPInstanceUID") or "")))
    meta = FileMetaDataset()
    sop_class = dataset.get("SOPClassUID")
    meta.MediaStorageSOPClassUID = sop_class if sop_class in _CLASSES else _CLASSES[0]
    meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = image_uid, ExplicitVRLittleEndian
    clean = FileDataset("film.dcm", {}, file_meta=meta, preamble=b"\0" * 128)
    clean.SOPClassUID, clean.SOPInstanceUID = meta.MediaStorageSOPClassUID, image_uid
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        setattr(clean, keyword, UID(vault.uid(str(dataset.get(keyword) or ""))))
    clean.PatientName = clean.PatientID = vault.pseudonym(*_patient(dataset))
    clean.PatientIdentityRemoved, clean.DeidentificationMethod = "YES", _METHOD
    clean.DeidentificationMethodCodeSequence = [_code("113100", "Basic Application Confidentiality Profile")]
    _copy_allowed(dataset, clean)
    _copy_header(dataset, clean)
    _copy_tables(dataset, clean)
    _write_pixels(dataset, stored, clean)
    out = io.BytesIO()
    clean.save_as(out, enforce_file_format=True)
    return out.getvalue()


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
    if header.view in ("PA", "AP"):
        clean.ViewPosition = header.view
    elif header.view == "LATERAL":
        clean.ViewPosition = "LL"
    if header.age_years is not None:
        clean.PatientAge = f"{min(int(header.age_years), _OLDEST + 1):03d}Y" if header.age_years >= 1 else "001Y"
    part = next((one for one in _BODY_PARTS if one in (header.body_part or "").upper()), None)
    if header.body_part:
        clean.BodyPartExamined = part or "OTHER"


def _copy_tables(dataset: Dataset, clean: Dataset) -> None:
    for keyword in ("ModalityLUTSequence", "VOILUTSequence", "PresentationLUTSequence"):
        items = []
        for item in dataset.get(keyword) or ():
            kept = Dataset()
            for name in ("LUTDescriptor", "LUTData"):
                if name in item:
                    kept[name] = item[name]
            if keyword == "ModalityLUTSequence":
                kept.ModalityLUTType = "US"
            items.append(kept)
        if items:
            setattr(clean, keyword, items)


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
