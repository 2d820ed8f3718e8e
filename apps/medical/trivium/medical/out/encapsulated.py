"""The report's PDF as a DICOM object (Encapsulated PDF), for archives whose viewers show no structured report.

It lies in a series of its own beside the structured report, which it is made from: same patient, study and films, same
date. Each version, and a retraction, is an object of its own.
"""

from __future__ import annotations

import io
import uuid

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from trivium.medical.out.structured import Document

__all__ = ["render"]

_SPACE = uuid.UUID("a3d1c7e2-52c4-4f0f-8f0b-6a4f1d0c9b57")
_SHARED = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
    "ContentDate", "ContentTime", "InstanceNumber", "Manufacturer", "VerificationFlag",
)  # fmt: skip


def render(structured: Document, pdf: bytes, title: str) -> Document:
    """Return the PDF as an object of the study of a structured report.

    Args:
        structured: the report that it shows.
        pdf: the same report, printed.
        title: of the document, in its language.
    """
    held = pydicom.dcmread(io.BytesIO(structured.content))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = EncapsulatedPDFStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = _uid(structured.sop_uid)
    found = Dataset()
    for keyword in _SHARED:
        if keyword in held:
            setattr(found, keyword, held[keyword].value)
    found.SOPClassUID, found.SOPInstanceUID = EncapsulatedPDFStorage, meta.MediaStorageSOPInstanceUID
    found.SeriesInstanceUID, found.SeriesNumber, found.Modality = _uid(str(held.SeriesInstanceUID)), 901, "DOC"
    found.ConversionType, found.BurnedInAnnotation, found.AcquisitionDateTime = "WSD", "YES", ""
    found.DocumentTitle, found.ConceptNameCodeSequence = title, held.ConceptNameCodeSequence
    films = held.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    found.SourceInstanceSequence = [one for series in films for one in series.ReferencedSOPSequence]
    found.MIMETypeOfEncapsulatedDocument = "application/pdf"
    found.EncapsulatedDocumentLength = len(pdf)
    found.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    found.file_meta = meta
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return Document(out.getvalue(), str(found.SOPInstanceUID))


def _uid(of: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(_SPACE, of).int}")
