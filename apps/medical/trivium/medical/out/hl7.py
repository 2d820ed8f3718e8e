"""The report as an HL7 v2.5 message ORU^R01: one OBX a sentence, with the status of each in OBX-11.

`R` (entered, not verified) for a draft that nobody has looked at, `P` while somebody writes, `F` once signed, `C` after
a change, `W` once retracted, `X` when rejected. The interpreter (OBR-32) is whoever signed, never the model.
"""

from __future__ import annotations

from datetime import datetime

from trivium.medical.out.outgoing import Outgoing
from trivium.medical.out.text import signature_lines
from trivium.medical.workflow.states import ReportState
from trivium.service.text import catalogue

__all__ = ["STATUS", "render"]

STATUS = {
    ReportState.DRAFT: "R",
    ReportState.IN_REVIEW: "P",
    ReportState.SUBMITTED: "P",
    ReportState.SIGNED: "F",
    ReportState.AMENDED: "C",
    ReportState.RETRACTED: "W",
    ReportState.REJECTED: "X",
}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": "", "\n": "\\.br\\"}
_LOINC = "30745-4^XR Chest Views^LN"


def render(report: Outgoing, *, now: datetime) -> str:
    """Return the message; segments end with a carriage return, text is UTF-8.

    Args:
        now: when it is made, for MSH-7.
    """
    texts = catalogue("trivium.medical", report.language)
    status = _status(report)
    control = f"{report.study.id}-{report.study.version}"
    head = ["MSH", "^~\\&", "TRIVIUM", "", "", "", _time(now), "", "ORU^R01^ORU_R01", control, "P", "2.5"]
    segments = ["|".join([*head, *[""] * 5, "UNICODE UTF-8"]), _pid(report), _obr(report, status)]
    lines = [(texts[f"section.{name}"], one) for name, sentences in report.sections for one in sentences]
    mark = [(texts["page.status"], texts[f"out.{report.mark}"])] if report.mark else []
    signed = [(texts["page.status"], one) for one in signature_lines(report, texts)]
    for number, (heading, line) in enumerate([*mark, *lines, *signed], 1):
        fields = ["OBX", str(number), "TX", f"{number}^{_escaped(heading)}^L", "", _escaped(line), *[""] * 5, status]
        segments.append("|".join(fields))
    return "".join(f"{segment}\r" for segment in segments)


def _status(report: Outgoing) -> str:
    """Return the status of what goes out; while a change is written, that of the version before it."""
    if report.study.state == ReportState.AMENDING:
        return "F" if report.study.signed_versions == 1 else "C"
    return STATUS[report.study.state]


def _pid(report: Outgoing) -> str:
    number = _escaped(report.identity.get("patient_id", "")) or report.study.pseudonym
    name = "^".join(_escaped(part) for part in report.identity.get("patient_name", "").split("^"))
    birth = _escaped(report.identity.get("birth_date", ""))
    return "|".join(["PID", "1", "", number, "", name, "", birth, report.study.sex])


def _obr(report: Outgoing, status: str) -> str:
    """Return the order; its status has no letter for what was entered in error, which is a correction there."""
    fields = [""] * 33
    fields[0], fields[1], fields[3], fields[4] = "OBR", "1", report.study.id, _LOINC
    fields[2] = _escaped(report.identity.get("accession", ""))
    fields[25] = "C" if status == "W" else status
    if report.signer is not None:
        fields[22] = _time(report.signer.at)
        fields[32] = f"{_escaped(report.signer.id)}&{_escaped(report.signer.name)}"
    return "|".join(fields)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _time(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S+0000")
