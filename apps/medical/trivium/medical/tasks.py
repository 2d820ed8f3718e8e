"""The medical app's Celery tasks: thin doors from a job to the pipeline, and to the archive. Messages carry ids only.

`medical.draft` drafts a report on the films of one study, already under a pseudonym, and keeps the draft in the
database, once in the job's life. A film that cannot be read ends in "no draft", and the report opens blank.
`medical.priors` fetches a patient's earlier films, `medical.send` sends a signed report to the archive; a light worker
takes both, and loads no model.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from celery import shared_task
from sqlalchemy import Connection

from trivium.medical.workflow.drafts import Drafts
from trivium.medical.workflow.fetches import note_fetched
from trivium.medical.workflow.sendings import Sending, begun, note_answer, note_uid, sent_uids
from trivium.medical.workflow.states import Actor, ActorKind
from trivium.medical.workflow.studies import Evidence, sealed_identity, study_of
from trivium.medical.workflow.studies import priors as known_priors
from trivium.service.audit import Entry
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.evidence import Report
from trivium.service.phrase import Phrase, joined
from trivium.service.runner import JobContext, run_job
from trivium.service.runtime import Runtime, current_runtime
from trivium.service.text import LANGUAGES, catalogue

if TYPE_CHECKING:
    from trivium.medical.out.structured import Document
    from trivium.medical.pipeline import Models

__all__ = ["draft", "draft_study", "fetch_priors", "priors", "send", "send_report"]

_EFFECT, _FETCHED, _ANSWERED = "draft", "priors", "answered"


@shared_task(name="medical.draft")
def draft(job_id: str) -> None:
    """Draft the report of a job's study."""
    run_job(job_id, lambda context: draft_study(context, current_runtime(), _models()))


@shared_task(name="medical.priors")
def priors(job_id: str) -> None:
    """Fetch the earlier films of a job's patient."""
    run_job(job_id, lambda context: fetch_priors(context, current_runtime()))


@shared_task(name="medical.send")
def send(job_id: str) -> None:
    """Send the report of a job's study."""
    run_job(job_id, lambda context: send_report(context, current_runtime()))


def send_report(context: JobContext, runtime: Runtime) -> Report:
    """Send a version that is due to the destination, with the patient's identity, and keep what became of it.

    The identity is opened for whoever signed, retracted or asked for it, on record. Nothing of the report is kept: it
    is written anew each time, and is the same object each time.

    Returns:
        A report with the archive's words where it did not take ours: another job follows, or somebody sends it again.

    Raises:
        InputError: if no destination is set.
    """
    from trivium.medical.network.entity import entity_of
    from trivium.medical.network.sending import Answer
    from trivium.medical.network.sending import send as send_to

    study_id, number = str(context.request.get("study", "")), int(context.request.get("number", 0))
    with runtime.database.read() as connection:
        due = begun(connection, study_id, number)
    report = Report(title=context.job.title, language="en")
    if due is None:
        return report
    entity = entity_of(runtime.settings)
    peer = entity.destination
    if peer is None:
        raise InputError("is not set", where="TRIVIUM_MEDICAL_DESTINATION")
    try:
        document, others, clean = _documents(runtime, due)
    except InputError as error:
        answer, uid = Answer(is_taken=False, is_final=True, problem=error.line), ""
    else:
        uid = document.sop_uid
        with runtime.database.write(is_durable=True) as connection:
            note_uid(connection, due, peer.title, uid)
        context.progress("send", 0.3)
        answer = send_to(entity, [one.content for one in (document, *others)], clean=clean)

    def keep(connection: Connection) -> None:
        state = note_answer(
            connection, due, utc_now(), is_taken=answer.is_taken, is_final=answer.is_final, problem=answer.problem
        )
        told = {"number": number, "destination": peer.title, "uid": uid, "attempt": due.attempts + 1}
        action = {"sent": "report.sent", "refused": "report.refused"}.get(state, "report.not_sent")
        runtime.audit.append(connection, Entry(action, due.asked_by, "study", study_id, "", told))

    context.once(_ANSWERED, keep, is_durable=True)
    return replace(report, problems=(answer.problem,) if answer.problem else ())


def _documents(runtime: Runtime, due: Sending) -> tuple[Document, list[Document], Callable[[str], str]]:
    """Write the report that is due, as the archive knows study and patient: structured, and whatever else the site has
    sent; and what takes the patient out of texts.
    """
    from trivium.medical.intake.vault import open_vault
    from trivium.medical.out import encapsulated, pdf
    from trivium.medical.out.outgoing import outgoing
    from trivium.medical.out.scrub import Scrubber
    from trivium.medical.out.structured import render

    with runtime.database.read() as connection:
        study, sealed = study_of(connection, due.study_id), sealed_identity(connection, due.study_id)
        previous = sent_uids(connection, due.study_id, before=due.number)
    if sealed is None:
        raise InputError("no identity of this study is kept", where=due.study_id)
    entry = Entry("identity.read", due.asked_by, "study", study.id, str(study.version), {"for": "sending"})
    runtime.audit.record(entry)  # before it is opened
    known = open_vault(runtime.settings).open(due.study_id, sealed)
    with runtime.database.read() as connection:
        report = outgoing(connection, due.study_id, identity=known)
    films = [runtime.store.read(one) for one in report.image_hashes]
    texts = catalogue("trivium.medical", report.language)
    document = render(report, films, previous=previous)
    others = []
    if runtime.settings.medical_destination_pdf:
        others = [encapsulated.render(document, pdf.render(report), texts["out.title"])]
    return document, others, Scrubber(known, texts["out.removed"]).clean


def fetch_priors(context: JobContext, runtime: Runtime) -> Report:
    """Have the archive send the priors of a study, and keep what came.

    Raises:
        InputError: if no archive is set, or no identity of the study is kept.
        UpstreamError: if the archive cannot be asked, or sends nothing of what it has.
    """
    from trivium.medical.network.entity import entity_of
    from trivium.medical.network.priors import bring_priors

    study_id, job = str(context.request.get("study", "")), context.job
    entity = entity_of(runtime.settings)
    fetched = bring_priors(runtime, entity, study_id, actor=job.owner, progress=context.progress)

    def keep(connection: Connection) -> None:
        study = study_of(connection, study_id, to_write=True)
        note_fetched(connection, study_id, job.id, job.owner, fetched)
        told = {"studies": fetched.studies, "films": fetched.films, "problem": fetched.problem}
        runtime.audit.append(
            connection, Entry("priors.fetched", job.owner, "study", study_id, str(study.version), told)
        )

    context.once(_FETCHED, keep, is_durable=True)
    return Report(title=job.title, language="en", problems=(fetched.problem,) if fetched.problem else ())


def draft_study(context: JobContext, runtime: Runtime, models: Models) -> Report:
    """Draft on each film and keep the best: the first that was not refused, else the first that could be read.

    Raises:
        InputError: if the request is malformed.
    """
    study_id, language = str(context.request.get("study", "")), str(context.request.get("language", "en"))
    kept, actor = Drafts(runtime.database), Actor(ActorKind.MODEL, context.job.id)
    with runtime.database.read() as connection:
        has_prior = bool(known_priors(connection, study_of(connection, study_id), most=1))
    found: tuple[int, _Drafted] | None = None
    faults = []
    for position, film in enumerate(context.inputs, 1):
        context.progress("analyze", (position - 1) / len(context.inputs))
        try:
            drafted = _drafted(film.name, context.store.read(film.sha256), language, models, has_prior=has_prior)
        except InputError as error:
            faults.append(error.line)
            continue
        if found is None or (found[1].is_refused and not drafted.is_refused):
            found = (position, drafted)
    context.progress("report", 0.95)
    if found is None:
        reason = joined(faults) or "the study has no films"
        context.once(_EFFECT, lambda c: kept.record_none(c, study_id, actor, reason), is_durable=True)
        raise InputError(Phrase("no draft could be made: {reason}", reason=reason), where=study_id)
    chosen, drafted = found
    evidence = Evidence(context.store.put(drafted.maps).sha256, drafted.placed) if drafted.placed else None
    context.once(
        _EFFECT,
        lambda c: kept.record(c, study_id, actor, drafted.documents, image_position=chosen, evidence=evidence),
        is_durable=True,
    )
    return Report(title=context.job.title, language=language, problems=tuple(faults))


@dataclass(frozen=True, slots=True)
class _Drafted:
    """One film's draft: by language as `draft.json` has it, and the evidence maps as a PNG with whose they are."""

    documents: dict[str, dict[str, Any]]
    is_refused: bool
    placed: tuple[str, ...]
    maps: bytes


def _drafted(name: str, data: bytes, language: str, models: Models, *, has_prior: bool) -> _Drafted:
    """Draft on one film in each language, the asked one first; the film is read once."""
    from trivium.medical.check import check
    from trivium.medical.narrate import load_phrases, narrate
    from trivium.medical.parse.reader import read_bytes
    from trivium.medical.pipeline import draft_of
    from trivium.medical.report import json as json_report
    from trivium.medical.report.maps import maps_picture

    radiograph = read_bytes(name, data)
    made, claims = draft_of(radiograph, models, load_phrases(language), has_prior=has_prior)
    drafts = {language: made}
    for other in (one for one in LANGUAGES if one != language):
        phrases = load_phrases(other)
        deniable = models.classifier.deniable
        told = narrate(
            radiograph,
            made.quality,
            made.findings,
            deniable,
            phrases,
            heart_size=made.heart_size,
            has_prior=has_prior,
        )
        sections, removed = check(told, claims, made.findings, radiograph, phrases, has_prior=has_prior)
        drafts[other] = replace(made, sections=sections, removed=tuple(removed), language=other)
    record = models.record()
    documents = {key: json.loads(json_report.render(one, claims, record)) for key, one in drafts.items()}
    placed = [(one.name, one.evidence_map) for one in made.findings if one.evidence_map is not None]
    maps = maps_picture([values for _, values in placed]) if placed else b""
    return _Drafted(documents, made.quality.is_refused, tuple(name for name, _ in placed), maps)


@functools.cache
def _models() -> Models:
    """Load the models of this process, on the first job and never before a fork."""
    from trivium.medical.pipeline import Models

    return Models.load()
