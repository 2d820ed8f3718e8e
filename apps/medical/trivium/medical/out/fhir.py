"""The report as a FHIR R4 bundle: the status says how far a person stands behind it, and the model is a device.

`partial` for a draft that nobody has looked at, `preliminary` for one that somebody is writing in, `final` once signed,
`amended` after a change, `entered-in-error` once retracted, `cancelled` when rejected. The model never performs or
interprets: it is the device of its observations and the assembler in the provenance. Its observations are results of
the report until somebody signs, and then only what the report was made from.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from trivium.medical.out import text
from trivium.medical.out.names import NameGroup, groups_of, iso_date
from trivium.medical.out.outgoing import Outgoing
from trivium.medical.workflow.states import ReportState

__all__ = ["STATUS", "render"]

STATUS = {
    ReportState.DRAFT: "partial",
    ReportState.IN_REVIEW: "preliminary",
    ReportState.SUBMITTED: "preliminary",
    ReportState.SIGNED: "final",
    ReportState.AMENDED: "amended",
    ReportState.RETRACTED: "entered-in-error",
    ReportState.REJECTED: "cancelled",
}
_LOINC = {"system": "http://loinc.org", "code": "30745-4", "display": "XR Chest Views"}
_IMAGING = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology"}
_ACCESSION = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}
_NO_FINDING = "No Finding"  # as the model names it; the web server knows no model
_SPACE = uuid.UUID("6f2c0f3e-7f1b-4a52-9c53-0a5be0f0c7d1")
_SCRIPT = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_SEXES = {"M": "male", "F": "female", "O": "other"}


def render(report: Outgoing) -> dict[str, Any]:
    """Return the bundle."""
    ids = {name: _id(report, name) for name in ("report", "patient", "device", "signer", "provenance")}
    entries = [
        _entry(ids["report"], _diagnostic_report(report, ids)),
        _entry(ids["patient"], _patient(report)),
        *(_entry(_finding(report, one), _observation(report, one, ids)) for one in _told(report)),
        _entry(ids["provenance"], _provenance(report, ids)),
    ]
    if report.model[0]:
        entries.append(_entry(ids["device"], _device(report)))
    if report.signer is not None:
        name = {"resourceType": "Practitioner", "name": [{"text": report.signer.name}]}
        entries.append(_entry(ids["signer"], name))
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _diagnostic_report(report: Outgoing, ids: dict[str, str]) -> dict[str, Any]:
    impression = [one for name, sentences in report.sections if name == "impression" for one in sentences]
    content = base64.b64encode(text.render(report).encode()).decode()
    found: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:trivium:study", "value": report.study.id}],
        "status": STATUS[report.state],
        "category": [{"coding": [_IMAGING]}],
        "code": {"coding": [_LOINC]},
        "subject": {"reference": ids["patient"]},
        "presentedForm": [{"contentType": "text/plain; charset=utf-8", "language": report.language, "data": content}],
    }
    found["identifier"] += _accession(report)
    if taken := iso_date(report.identity.get("study_date", "")):
        found["effectiveDateTime"] = taken
    if uid := report.identity.get("study_uid"):
        study = {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}
        found["imagingStudy"] = [{"type": "ImagingStudy", "identifier": study}]
    if impression:
        found["conclusion"] = " ".join(impression)
    if report.signer is None and _told(report):  # what a person signed is in their words alone
        found["result"] = [{"reference": _finding(report, one)} for one in _told(report)]
    if report.signer is not None:
        found["issued"] = report.signer.at.isoformat()
        found["resultsInterpreter"] = [{"reference": ids["signer"]}]
    return found


def _accession(report: Outgoing) -> list[dict[str, Any]]:
    number = report.identity.get("accession")
    return [{"type": {"coding": [_ACCESSION]}, "value": number}] if number else []


def _patient(report: Outgoing) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:trivium:pseudonym", "value": report.study.pseudonym}],
    }
    if report.study.sex in _SEXES:
        found["gender"] = _SEXES[report.study.sex]
    if number := report.identity.get("patient_id"):
        found["identifier"].append({"value": number})
    if names := groups_of(report.identity.get("patient_name", "")):
        found["name"] = [_name(one) for one in names]
    if born := iso_date(report.identity.get("birth_date", "")):
        found["birthDate"] = born
    return found


def _name(name: NameGroup) -> dict[str, Any]:
    """Return one writing of a name; the extension is that of FHIR for names in other scripts."""
    parts = {
        "text": name.shown,
        "family": name.family,
        "given": [one for one in (name.given, name.middle) if one],
        "prefix": [name.prefix] if name.prefix else [],
        "suffix": [name.suffix] if name.suffix else [],
    }
    script = {"url": _SCRIPT, "valueCode": {"A": "ABC", "I": "IDE", "P": "SYL"}[name.kind]}
    return {"extension": [script], **{key: value for key, value in parts.items() if value}}


def _told(report: Outgoing) -> list[dict[str, Any]]:
    """Return the model's findings that it was fit to speak of; "No Finding" is none, and would call a film normal."""
    told = [one for one in report.findings if one["name"] != _NO_FINDING]
    return [one for one in told if one.get("state") not in (None, "not_assessed")]


def _finding(report: Outgoing, finding: dict[str, Any]) -> str:
    return _id(report, f"finding-{finding['name']}")


def _observation(report: Outgoing, finding: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """Return one finding as the model saw it: preliminary whatever became of the report, for nobody signs it alone."""
    return {
        "resourceType": "Observation",
        "status": "preliminary" if report.study.state != ReportState.RETRACTED else "entered-in-error",
        "code": {"text": finding["name"]},
        "subject": {"reference": ids["patient"]},
        "device": {"reference": ids["device"]},
        "valueString": finding["state"],
        "component": [
            {"code": {"text": "probability"}, "valueQuantity": {"value": finding["probability"], "unit": "1"}}
        ],
    }


def _device(report: Outgoing) -> dict[str, Any]:
    name, weights = report.model
    return {
        "resourceType": "Device",
        "deviceName": [{"name": name, "type": "user-friendly-name"}],
        "version": [{"value": f"weights sha256 {weights}"}],
    }


def _provenance(report: Outgoing, ids: dict[str, str]) -> dict[str, Any]:
    agents = []
    if report.model[0]:
        agents.append({"type": _role("assembler"), "who": {"reference": ids["device"]}})
    if report.signer is not None:
        agents.append({"type": _role("legal"), "who": {"reference": ids["signer"]}})
    found: dict[str, Any] = {
        "resourceType": "Provenance",
        "target": [{"reference": ids["report"]}],
        "recorded": (report.signer.at if report.signer else report.study.arrived_at).isoformat(),
        "agent": agents or [{"type": _role("assembler"), "who": {"display": "Trivium"}}],
    }
    if report.signer is not None:
        bound = {"identifier": {"value": report.signer.bound_sha256}}
        found["entity"] = [{"role": "source", "what": bound}]
        found["entity"] += [{"role": "source", "what": {"reference": _finding(report, one)}} for one in _told(report)]
    return found


def _role(code: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return {"coding": [{"system": system, "code": code}]}


def _id(report: Outgoing, name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_SPACE, f'{report.study.id}/{name}')}"


def _entry(full_url: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": full_url, "resource": resource}
