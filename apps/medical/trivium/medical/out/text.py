"""The report as text, marked at the top and the bottom while nobody has signed it."""

from __future__ import annotations

from trivium.medical.out.outgoing import Outgoing
from trivium.service.text import Catalogue, catalogue

__all__ = ["heading_lines", "render", "signature_lines"]


def render(report: Outgoing) -> str:
    """Return the text, ending with a line break."""
    texts = catalogue("trivium.medical", report.language)
    mark = [f"*** {texts[f'out.{report.mark}']} ***", ""] if report.mark else []
    head = [*heading_lines(report, texts), texts["draft.disclaimer_short"], ""]
    return "\n".join([*mark, *head, report.text, *signature_lines(report, texts), "", *mark[:1]]).rstrip() + "\n"


def heading_lines(report: Outgoing, texts: Catalogue) -> list[str]:
    """Return what stands above the report: title, patient, study."""
    lines = [texts["out.title"]]
    shown = ("patient_name", "patient_id", "birth_date", "accession", "study_date")
    lines += [
        f"{texts[f'identity.{key}']}: {report.identity[key].replace('^', ' ').strip()}"
        for key in shown
        if report.identity.get(key)
    ]
    lines.append(f"{texts['out.pseudonym']}: {report.study.pseudonym}")
    lines.append(f"{texts['out.study']}: {report.study.id}")
    return lines


def signature_lines(report: Outgoing, texts: Catalogue) -> list[str]:
    """Return what stands below it: who signed when, if it is being changed, why it was retracted, what was removed."""
    lines = []
    if report.signer is not None:
        at = report.signer.at.strftime("%Y-%m-%d %H:%M UTC")
        lines.append(texts.say("out.signed", name=report.signer.name, at=at, number=report.number))
        lines.append(texts.say("out.bound", hash=report.signer.bound_sha256))
    if report.is_changing:
        lines.append(texts["out.changing"])
    if report.reason:
        lines.append(texts.say("out.reason", reason=report.reason))
    if report.removed:
        lines.append(texts.say("out.scrubbed", count=report.removed))
    return lines
