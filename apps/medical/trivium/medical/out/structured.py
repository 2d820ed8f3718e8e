"""The report as a DICOM structured report (Comprehensive SR, TID 2000): headings, sentences, who observed, which films.

Unverified and preliminary until signed, with the model as observing device; verified and final once signed, with the
signer as observer and verifier. A retracted report is written as its retraction: by whom and why, and nothing of what
it said. A rejected one is written as none. With the patient's identity it carries the original UIDs, so that it finds
its study; without, those of the de-identified copy.
"""

from __future__ import annotations

import io
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import highdicom as hd
import pydicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, ComprehensiveSRStorage

from trivium.medical.out.outgoing import Outgoing, Signer
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase
from trivium.service.text import catalogue

__all__ = ["SOP_CLASS", "Document", "render"]

SOP_CLASS = str(ComprehensiveSRStorage)

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


@dataclass(frozen=True, slots=True)
class Document:
    """A structured report and its own UID: the same report, of the same films, has the same one each time."""

    content: bytes
    sop_uid: str


def render(report: Outgoing, films: Sequence[bytes], *, previous: Sequence[str] = ()) -> Document:
    """Return the structured report.

    Args:
        films: the de-identified files that the report speaks of.
        previous: UIDs of structured reports of this study that went out before, which it takes the place of.

    Raises:
        InputError: if the report was rejected, says nothing, or no film is DICOM.
    """
    if report.mark == "rejected" or not report.sections:
        state = "was rejected" if report.mark == "rejected" else "says nothing yet"
        what = Phrase("the report {state}, and is written as no structured report", state=state)
        raise InputError(what, where=report.study.id)
    evidence = [_evidence(report, film) for film in films if film[128:132] == b"DICM"]
    if not evidence:
        raise InputError("no film of the study is DICOM, so a structured report has nothing to point to")
    by = report.retracted_by or (report.signer if not report.mark else None)
    series = _uid(report, f"series of {evidence[0].StudyInstanceUID}")
    told = [report.number or report.study.version, report.mark, report.model, list(previous)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of names that are no person's, such as a pseudonym
        content = _content(report, by)
        sop_uid = _uid(report, repr([*told, *(one.to_json() for one in (content[0], *evidence))]))
        found = hd.sr.ComprehensiveSR(
            evidence=evidence,
            content=content[0],
            series_instance_uid=series,
            series_number=900,
            sop_instance_uid=sop_uid,
            instance_number=max(report.number, 1) + (report.retracted_by is not None),
            manufacturer="Trivium",
            is_complete=by is not None,
            is_final=by is not None,
            is_verified=by is not None,
            verifying_observer_name=_person(by) if by else None,
            verifying_organization="not stated" if by else None,
            previous_versions=[_reference(one, series, evidence[0].StudyInstanceUID) for one in previous] or None,
        )
        found.SpecificCharacterSet = "ISO_IR 192"
        if by is not None:
            _date(found, by.at)
        out = io.BytesIO()
        found.save_as(out)
    return Document(out.getvalue(), str(sop_uid))


def _content(report: Outgoing, by: Signer | None) -> Any:
    root = hd.sr.ContainerContentItem(name=codes.LN.DiagnosticImagingReport, template_id="2000")
    items = hd.sr.ContentSequence()
    code, meaning = _LANGUAGES[report.language]
    language = hd.sr.CodedConcept(code, "RFC5646", meaning)
    items.append(hd.sr.CodeContentItem(codes.DCM.LanguageOfContentItemAndDescendants, language, _MODIFIER))
    items.extend(_observer(report, by))
    texts = catalogue("trivium.medical", report.language)
    if report.mark:
        items.append(hd.sr.TextContentItem(codes.DCM.Summary, texts[f"out.{report.mark}"], _CONTAINS))
    if report.reason:
        said = texts.say("out.reason", reason=report.reason)
        items.append(hd.sr.TextContentItem(codes.DCM.Comment, said, _CONTAINS))
    for name, sentences in () if report.retracted_by else report.sections:
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


def _observer(report: Outgoing, by: Signer | None) -> list[Any]:
    """Return who observed: whoever signed or retracted, and before that the model as a device."""
    if by is not None:
        return [
            hd.sr.CodeContentItem(codes.DCM.ObserverType, codes.DCM.Person, _CONTEXT),
            hd.sr.PnameContentItem(codes.DCM.PersonObserverName, _person(by), _CONTEXT),
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
    if issuer := known.get("issuer"):
        found.IssuerOfPatientID = issuer
    found.PatientBirthDate = known.get("birth_date", "")
    found.PatientSex = report.study.sex
    found.AccessionNumber = known.get("accession", "")
    found.StudyID = ""
    found.StudyDate, found.StudyTime = known.get("study_date", ""), known.get("study_time", "")
    found.ReferringPhysicianName = known.get("referrer", "")
    return found


def _date(found: Dataset, signed_at: datetime) -> None:
    """Date the report by its signature or retraction: highdicom has the time of writing, another in each copy."""
    here = signed_at.astimezone()  # dates without a zone are those of the place
    found.ContentDate, found.ContentTime = here.strftime("%Y%m%d"), here.strftime("%H%M%S.%f")
    found.VerifyingObserverSequence[0].VerificationDateTime = signed_at.strftime("%Y%m%d%H%M%S.%f%z")


def _reference(sop_uid: str, series_uid: str, study_uid: str) -> Dataset:
    """Return what names an earlier structured report; all of a study are of one series."""
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = ComprehensiveSRStorage, sop_uid
    found.SeriesInstanceUID, found.StudyInstanceUID = series_uid, study_uid
    return found


def _person(by: Signer) -> str:
    return by.name.replace("^", " ").replace("=", " ")


def _uid(report: Outgoing, name: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(_SPACE, f'{report.study.id}/{name}').int}")
