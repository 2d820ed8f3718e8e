"""The report that leaves: which text, in which state, signed by whom. Every format is made from this and nothing else.

While a change to a signed report is being written, the version that was signed goes out. What was never signed goes out
as a draft, and says so; what was retracted goes out as retracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from trivium.medical import tables
from trivium.medical.out.scrub import Scrubber
from trivium.medical.workflow import content as words
from trivium.medical.workflow.critical import critical_findings
from trivium.medical.workflow.late import Look, last_look
from trivium.medical.workflow.states import PUBLISHED, ReportState
from trivium.medical.workflow.studies import Study, draft_document, images, latest_draft, study_of, versions
from trivium.service.text import catalogue

__all__ = ["Outgoing", "Signer", "Told", "outgoing", "without_identifiers"]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed the version that goes out: account, name, when, and the hash that the signature binds."""

    id: str
    name: str
    at: datetime
    bound_sha256: str


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told of a critical finding, when (aware), and whether they read it back."""

    finding: str
    who: str
    at: datetime
    is_read_back: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One report to be written in some format.

    Args:
        study: as it stands.
        language: of the text.
        sections: heading and sentences, in order.
        text: the same as one text.
        mark: `draft`, `rejected` or `retracted` where the report is not valid; empty where it is.
        signer: of this version; None unless signed.
        number: of this version; 0 for what was not kept as one.
        is_changing: whether a change to it is being written.
        reason: why it was retracted.
        retracted_by: who did, with their name, and when; None unless it was.
        told: of its critical findings, the oldest first.
        findings: of the draft that it began with, as `draft.json` has them.
        model: name and hash of the weights of that draft; empty for none.
        image_hashes: of the de-identified files: of a signed version, those that its signature binds.
        films_since: how many films came after that signature, of which this version does not speak.
        looked: who has looked at all of these and says that it stands; None for nobody.
        identity: of the patient, when whoever asks may see it; else empty.
        removed: places of the text that repeated the sealed identity; None where it was not compared with one.
    """

    study: Study
    language: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    text: str
    mark: str
    signer: Signer | None
    number: int
    is_changing: bool
    reason: str
    findings: tuple[dict[str, Any], ...]
    model: tuple[str, str]
    image_hashes: tuple[str, ...]
    films_since: int = 0
    looked: Look | None = None
    retracted_by: Signer | None = None
    told: tuple[Told, ...] = ()
    identity: dict[str, str] = field(default_factory=dict)
    removed: int | None = None

    @property
    def state(self) -> ReportState:
        """Where what goes out stands: while a change is written, the version before it does."""
        if self.study.state != ReportState.AMENDING:
            return self.study.state
        return ReportState.SIGNED if self.study.signed_versions == 1 else ReportState.AMENDED


def outgoing(
    connection: Connection, study_id: str, *, identity: dict[str, str] | None = None, language: str = "en"
) -> Outgoing:
    """Read the report that goes out.

    Args:
        identity: of the patient, for whoever may see it.
        language: of a draft that nobody has begun to write in.

    Raises:
        NotFoundError: if there is no such study.
    """
    study, made = study_of(connection, study_id), versions(connection, study_id)
    held, seen = [one.sha256 for one in images(connection, study_id)], last_look(connection, study_id)
    signed = next((one for one in reversed(made) if one.kind == "signed"), None)
    is_valid = study.state in PUBLISHED
    row = tables.working
    working = connection.execute(select(row).where(row.c.study_id == study_id)).first()
    draft = latest_draft(connection, study_id)
    if signed is not None:
        content, number = signed.content, signed.number
    elif working is not None:
        content, number = working.content, 0
    else:
        content = words.blank(language)
        if draft is not None:
            content = words.from_draft(draft_document(draft, language), draft.number)
        number = 0
    return Outgoing(
        study=study,
        language=content["language"],
        sections=words.said(content),
        text=words.text_of(content, catalogue("trivium.medical", content["language"])),
        mark="" if is_valid else _mark(study.state),
        signer=_signer(signed) if signed is not None else None,
        number=number,
        is_changing=study.state == ReportState.AMENDING,
        reason=_reason(made),
        findings=tuple(draft_document(draft, content["language"]).get("findings", ())) if draft else (),
        model=(draft.model, draft.weights_sha256) if draft else ("", ""),
        image_hashes=tuple(held if signed is None else signed.images),
        films_since=0 if signed is None else len(held) - len(signed.images),
        looked=seen if seen is not None and seen.num_films == len(held) else None,
        retracted_by=_retracted_by(made),
        told=_told(connection, study_id, critical_findings(content)),
        identity=identity or {},
    )  # fmt: skip


def without_identifiers(report: Outgoing, identity: Mapping[str, str]) -> Outgoing:
    """Return a copy whose text does not repeat the identity, with the count of places; what is kept stays as it is.

    Args:
        identity: as it was sealed.
    """
    texts = catalogue("trivium.medical", report.language)
    scrubber = Scrubber(identity, texts["out.removed"])
    sections = tuple((name, tuple(map(scrubber.clean, sentences))) for name, sentences in report.sections)
    reason = scrubber.clean(report.reason)
    told = tuple(replace(one, who=scrubber.clean(one.who)) for one in report.told)
    text = words.joined(sections, texts)
    return replace(report, sections=sections, text=text, reason=reason, told=told, removed=scrubber.count)


def _mark(state: ReportState) -> str:
    return {ReportState.RETRACTED: "retracted", ReportState.REJECTED: "rejected"}.get(state, "draft")


def _signer(made: Row[Any]) -> Signer:
    return Signer(made.author, made.signer_name, made.signed_at, made.bound_sha256)


def _retracted_by(made: Sequence[Row[Any]]) -> Signer | None:
    last = made[-1] if made and made[-1].kind == "retracted" else None
    return last and Signer(last.author, last.author_name, last.made_at, "")


def _told(connection: Connection, study_id: str, findings: Sequence[str]) -> tuple[Told, ...]:
    row = tables.critical
    of_these = select(row).where(row.c.study_id == study_id, row.c.finding.in_(findings))
    found = connection.execute(of_these.order_by(row.c.id))
    return tuple(Told(one.finding, one.told, one.told_at, one.is_read_back) for one in found)


def _reason(made: Sequence[Row[Any]]) -> str:
    return str(made[-1].reason) if made and made[-1].kind == "retracted" else ""
