"""The report as text, marked at the top and the bottom while nobody has signed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trivium.medical.out.names import shown_date, shown_name
from trivium.medical.out.outgoing import Outgoing, Told
from trivium.service.text import Catalogue, catalogue

__all__ = ["heading_lines", "identity_lines", "render", "signature_lines"]

_IDENTITY: dict[str, Callable[[str], str]] = {
    "patient_name": shown_name,
    "patient_id": str,
    "birth_date": shown_date,
    "accession": str,
    "study_date": shown_date,
}


def render(report: Outgoing) -> str:
    """Return the text, ending with a line break."""
    texts = catalogue("trivium.medical", report.language)
    mark = [f"*** {texts[f'out.{report.mark}']} ***", ""] if report.mark else []
    head = [*heading_lines(report, texts), texts["draft.disclaimer_short"], ""]
    return "\n".join([*mark, *head, report.text, *signature_lines(report, texts), "", *mark[:1]]).rstrip() + "\n"


def heading_lines(report: Outgoing, texts: Catalogue) -> list[str]:
    """Return what stands above the report: title, patient, study."""
    lines = [texts["out.title"], *identity_lines(report.identity, texts)]
    lines.append(f"{texts['out.pseudonym']}: {report.study.pseudonym}")
    lines.append(f"{texts['out.study']}: {report.study.id}")
    return lines


def identity_lines(identity: Mapping[str, str], texts: Catalogue) -> list[str]:
    """Return what is known of the patient, one line each."""
    told = {key: form(identity.get(key, "")).strip() for key, form in _IDENTITY.items()}
    return [f"{texts[f'identity.{key}']}: {value}" for key, value in told.items() if value]


def signature_lines(report: Outgoing, texts: Catalogue) -> list[str]:
    """Return what stands below it: who was told of what is critical, who signed when, how many films came since, if it
    is being changed, why it was retracted, what was removed.
    """
    lines = [_told_line(one, texts) for one in report.told]
    if report.signer is not None:
        at = report.signer.at.strftime("%Y-%m-%d %H:%M UTC")
        lines.append(texts.say("out.signed", name=report.signer.name, at=at, number=report.number))
        lines.append(texts.say("out.bound", hash=report.signer.bound_sha256))
    if report.films_since and not report.mark:
        lines.append(texts.say("out.films_since", count=report.films_since))
        if report.looked is not None:
            at = report.looked.at.strftime("%Y-%m-%d %H:%M UTC")
            lines.append(texts.say("out.films_looked", name=report.looked.name, at=at))
    if report.is_changing:
        lines.append(texts["out.changing"])
    if report.reason:
        lines.append(texts.say("out.reason", reason=report.reason))
    if report.removed:
        lines.append(texts.say("out.scrubbed", count=report.removed))
    return lines


def _told_line(told: Told, texts: Catalogue) -> str:
    back = texts["ui.with_back" if told.is_read_back else "ui.without_back"]
    what = texts[f"finding.{told.finding.replace(' ', '_')}"]
    at = told.at.strftime("%Y-%m-%d %H:%M UTC")
    return texts.say("ui.told_done", what=what, who=told.who, at=at, back=back)
