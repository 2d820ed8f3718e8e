"""The report as an HL7 v2.5 message ORU^R01: one OBX a sentence, with the status of each in OBX-11.

`R` (entered, not verified) for a draft that nobody has looked at, `P` while somebody writes, `F` once signed, `C` after
a change, `W` once retracted, `X` when rejected. The interpreter (OBR-32) is whoever signed, never the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from trivium.medical.out.names import NameGroup, groups_of, iso_date
from trivium.medical.out.outgoing import Outgoing
from trivium.medical.out.text import signature_lines
from trivium.medical.workflow.states import ReportState
from trivium.service.text import Catalogue, catalogue

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
_SECTIONS = {  # as DICOM's template for imaging reports names them (PS3.16, CID 7001); the heading is the local name
    "exam": "55111-9^Current Imaging Procedure Descriptions^LN",
    "indication": "18785-6^Indications for Procedure^LN",
    "technique": "55111-9^Current Imaging Procedure Descriptions^LN",
    "comparison": "18834-2^Comparison^LN",
    "findings": "59776-5^Findings^LN",
    "impression": "19005-8^Impressions^LN",
}


def render(report: Outgoing, *, now: datetime) -> str:
    """Return the message; segments end with a carriage return, text is UTF-8.

    Args:
        now: when it is made, for MSH-7.
    """
    texts = catalogue("trivium.medical", report.language)
    status = STATUS[report.state]
    control = f"{report.study.id}-{report.study.version}"
    head = ["MSH", "^~\\&", "TRIVIUM", "", "", "", _time(now), "", "ORU^R01^ORU_R01", control, "P", "2.5"]
    segments = ["|".join([*head, *[""] * 5, "UNICODE UTF-8"]), _pid(report), _obr(report, status)]
    mark = [texts[f"out.{report.mark}"]] if report.mark else []
    named = f"status^{_escaped(texts['page.status'])}^L"
    said: list[tuple[str, Sequence[str]]] = [
        (named, mark),
        *((_section(name, texts), lines) for name, lines in report.sections),
    ]
    said.append((named, signature_lines(report, texts)))
    places: Counter[str] = Counter()  # of lines within what they are about, for OBX-4
    for code, lines in said:
        for line in lines:
            places[code] += 1
            fields = ["OBX", str(places.total()), "TX", code, str(places[code]), _escaped(line), *[""] * 5, status]
            segments.append("|".join(fields))
    return "".join(f"{segment}\r" for segment in segments)


def _section(name: str, texts: Catalogue) -> str:
    """Return OBX-3 of a section: the code that others know it by, and our heading."""
    return f"{_SECTIONS[name]}^{name}^{_escaped(texts[f'section.{name}'])}^L"


def _pid(report: Outgoing) -> str:
    number = _escaped(report.identity.get("patient_id", "")) or report.study.pseudonym
    name = "~".join(_name(one) for one in groups_of(report.identity.get("patient_name", "")))
    birth = _escaped(report.identity.get("birth_date", ""))
    return "|".join(["PID", "1", "", number, "", name, "", birth, report.study.sex])


def _name(name: NameGroup) -> str:
    """Return one writing of a name as XPN, where the suffix comes before the prefix; Latin letters need no code."""
    parts = [
        name.family,
        name.given,
        name.middle,
        name.suffix,
        name.prefix,
        "",
        "",
        "" if name.kind == "A" else name.kind,
    ]
    return "^".join(map(_escaped, parts)).rstrip("^")


def _obr(report: Outgoing, status: str) -> str:
    """Return the order; its status has no letter for what was entered in error, which is a correction there."""
    fields = [""] * 33
    fields[0], fields[1], fields[3], fields[4] = "OBR", "1", report.study.id, _LOINC
    fields[2] = _escaped(report.identity.get("accession", ""))
    fields[7] = _taken(report)
    fields[25] = "C" if status == "W" else status
    if report.signer is not None:
        fields[22] = _time(report.signer.at)
        fields[32] = f"{_escaped(report.signer.id)}&{_escaped(report.signer.name)}"
    return "|".join(fields)


def _taken(report: Outgoing) -> str:
    """Return when the films were made, as the header has it: without a zone, that of the place."""
    day = iso_date(report.identity.get("study_date", "")).replace("-", "")
    clock = report.identity.get("study_time", "")[:6]
    return day + clock if day and len(clock) in (4, 6) and clock.isdecimal() else day


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _time(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S+0000")
