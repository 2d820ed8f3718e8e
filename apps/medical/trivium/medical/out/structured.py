"""The report as a DICOM structured report (Comprehensive SR, TID 2000): headings, sentences, who observed, which films.

Unverified and preliminary until signed, with the model as observing device; verified and final once signed, with the
signer as observer and verifier. A retracted or rejected report is written as none. With the patient's identity it
carries the original UIDs, so that it finds its study; without, those of the de-identified copy.
"""

from __future__ import annotations

import io
import uuid
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import highdicom as hd
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from trivium.medical.out.outgoing import Outgoing
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase
from trivium.service.text import catalogue

__all__ = ["render"]

_SPACE = uuid.UUID("0f8ba8ac-4c6e-43e0-9b0e-6b1f2f4f3a70")
_DEVICE = uuid.UUID("c6e8b0a5-1f0e-4d39-8d3c-54a2a39f6a10")
_HEADINGS = {
    "exam": (codes.DCM.CurrentProcedureDescriptions, codes.DCM.ProcedureDescription),
    "indication": (codes.DCM.IndicationsForProcedure, codes.DCM.PatientPresentation),
    "technique": (codes.DCM.CurrentProcedureDescriptions, codes.DCM.ProcedureDescription),
    "comparison": (codes.DCM.PriorProcedureDescriptions, codes.DCM.ProcedureDescription),
    "findings": (codes.DCM.Findings, codes.DCM.Finding),
    "impression": (codes.DCM.Impressions, codes.DCM.Impression),
}
_LANGUAGES = {"en": ("en", "English"), "zh": ("zh", "Chinese")}
_CONTEXT, _MODIFIER, _CONTAINS = "HAS OBS CONTEXT", "HAS CONCEPT MOD", "CONTAINS"


def render(report: Outgoing, films: Sequence[bytes]) -> bytes:
    """Return the bytes of the structured report.

    Args:
        films: the de-identified files of the study.

    Raises:
        InputError: if the report was retracted or rejected, says nothing, or no film is DICOM.
    """
    if report.mark in ("retracted", "rejected") or not report.sections:
        state = {"retracted": "was retracted", "rejected": "was rejected"}.get(report.mark, "says nothing yet")
        what = Phrase("the report {state}, and is written as no structured report", state=state)
        raise InputError(what, where=report.study.id)
    evidence = [_evidence(report, film) for film in films if film[128:132] == b"DICM"]
    if not evidence:
        raise InputError("no film of the study is DICOM, so a structured report has nothing to point to")
    is_signed = report.signer is not None and not report.mark
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of names that are no person's, such as a pseudonym
        found = hd.sr.ComprehensiveSR(
            evidence=evidence,
            content=_content(report, is_signed=is_signed)[0],
            series_instance_uid=_uid(report, f"series of {evidence[0].StudyInstanceUID}"),
            series_number=900,
            sop_instance_uid=_uid(report, _told(report)),
            instance_number=max(report.number, 1),
            manufacturer="Trivium",
            is_complete=is_signed,
            is_final=is_signed,
            is_verified=is_signed,
            verifying_observer_name=_person(report) if is_signed else None,
            verifying_organization="not stated" if is_signed else None,
        )
        found.SpecificCharacterSet = "ISO_IR 192"
        if report.signer is not None and is_signed:
            _date(found, report.signer.at)
        out = io.BytesIO()
        found.save_as(out)
    return out.getvalue()


def _content(report: Outgoing, *, is_signed: bool) -> Any:
    root = hd.sr.ContainerContentItem(name=codes.LN.DiagnosticImagingReport, template_id="2000")
    items = hd.sr.ContentSequence()
    code, meaning = _LANGUAGES[report.language]
    language = hd.sr.CodedConcept(code, "RFC5646", meaning)
    items.append(hd.sr.CodeContentItem(codes.DCM.LanguageOfContentItemAndDescendants, language, _MODIFIER))
    items.extend(_observer(report, is_signed=is_signed))
    texts = catalogue("trivium.medical", report.language)
    if report.mark:
        items.append(hd.sr.TextContentItem(codes.DCM.Summary, texts[f"out.{report.mark}"], _CONTAINS))
    for name, sentences in report.sections:
        heading, each = _HEADINGS[name]
        section = hd.sr.ContainerContentItem(name=heading, relationship_type=_CONTAINS)
        section.ContentSequence = hd.sr.ContentSequence(
            [hd.sr.TextContentItem(each, sentence, _CONTAINS) for sentence in sentences]
        )
        items.append(section)
    if report.removed:
        said = texts.say("out.scrubbed", count=report.removed)
        items.append(hd.sr.TextContentItem(codes.DCM.Comment, said, _CONTAINS))
    root.ContentSequence = items
    return hd.sr.ContentSequence([root], is_root=True)


def _observer(report: Outgoing, *, is_signed: bool) -> list[Any]:
    """Return who observed: the signer, and before that the model as a device."""
    if is_signed:
        return [
            hd.sr.CodeContentItem(codes.DCM.ObserverType, codes.DCM.Person, _CONTEXT),
            hd.sr.PnameContentItem(codes.DCM.PersonObserverName, _person(report), _CONTEXT),
        ]
    name = report.model[0] or "Trivium"
    return [
        hd.sr.CodeContentItem(codes.DCM.ObserverType, codes.DCM.Device, _CONTEXT),
        hd.sr.UIDRefContentItem(codes.DCM.DeviceObserverUID, f"2.25.{_DEVICE.int}", _CONTEXT),
        hd.sr.TextContentItem(codes.DCM.DeviceObserverName, name, _CONTEXT),
    ]


def _evidence(report: Outgoing, film: bytes) -> Dataset:
    """Return what a structured report takes from a film; original UIDs and names where the identity is known."""
    held, known = pydicom.dcmread(io.BytesIO(film), stop_before_pixels=True), report.identity
    found = Dataset()
    found.SOPClassUID = held.SOPClassUID
    found.SOPInstanceUID = UID(known.get(f"image_uid {held.SOPInstanceUID}", str(held.SOPInstanceUID)))
    found.SeriesInstanceUID = UID(known.get(f"series_uid {held.SeriesInstanceUID}", str(held.SeriesInstanceUID)))
    found.StudyInstanceUID = UID(known.get("study_uid", str(held.StudyInstanceUID)))
    found.PatientName = known.get("patient_name", report.study.pseudonym)
    found.PatientID = known.get("patient_id", report.study.pseudonym)
    found.PatientBirthDate = known.get("birth_date", "")
    found.PatientSex = report.study.sex
    found.AccessionNumber = known.get("accession", "")
    found.StudyID = ""
    found.StudyDate, found.StudyTime = known.get("study_date", ""), known.get("study_time", "")
    found.ReferringPhysicianName = known.get("referrer", "")
    return found


def _date(found: Dataset, signed_at: datetime) -> None:
    """Date the report by its signature: highdicom has the time of writing, and each copy would be another's."""
    here = signed_at.astimezone()  # dates without a zone are those of the place
    found.ContentDate, found.ContentTime = here.strftime("%Y%m%d"), here.strftime("%H%M%S.%f")
    found.VerifyingObserverSequence[0].VerificationDateTime = signed_at.strftime("%Y%m%d%H%M%S.%f%z")


def _told(report: Outgoing) -> str:
    """Return what makes one structured report another one than the next: none of them may share a UID."""
    told = [report.study.version, report.mark, report.language, report.sections, report.told, report.removed]
    return repr([*told, report.model, sorted(report.identity.items())])


def _person(report: Outgoing) -> str:
    assert report.signer is not None
    return report.signer.name.replace("^", " ").replace("=", " ")


def _uid(report: Outgoing, name: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(_SPACE, f'{report.study.id}/{name}').int}")
