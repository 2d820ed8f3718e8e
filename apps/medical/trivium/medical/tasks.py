"""The medical app's Celery task: a thin door from a job to the pipeline. Messages carry the job's id only.

`medical.draft` drafts a report on the films of one study, already under a pseudonym, and keeps the draft in the
database, once in the job's life. A film that cannot be read ends in "no draft", and the report opens blank.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from celery import shared_task

from trivium.medical.workflow.reports import Reports
from trivium.medical.workflow.states import Actor, ActorKind
from trivium.service.errors import InputError
from trivium.service.evidence import Report
from trivium.service.runner import JobContext, run_job
from trivium.service.runtime import Runtime, current_runtime
from trivium.service.text import LANGUAGES

if TYPE_CHECKING:
    from trivium.medical.pipeline import Models

__all__ = ["draft", "draft_study"]

_EFFECT = "draft"


@shared_task(name="medical.draft")
def draft(job_id: str) -> None:
    """Draft the report of a job's study."""
    run_job(job_id, lambda context: draft_study(context, current_runtime(), _models()))


def draft_study(context: JobContext, runtime: Runtime, models: Models) -> Report:
    """Draft on each film and keep the best: the first that was not refused, else the first that could be read.

    Raises:
        InputError: if the request is malformed.
    """
    study_id, language = str(context.request.get("study", "")), str(context.request.get("language", "en"))
    reports, actor = Reports(runtime.database), Actor(ActorKind.MODEL, context.job.id)
    found: tuple[int, dict[str, dict[str, Any]]] | None = None
    faults = []
    for position, film in enumerate(context.inputs, 1):
        context.progress("analyze", (position - 1) / len(context.inputs))
        try:
            documents = _documents(film.name, context.store.read(film.sha256), language, models)
        except InputError as error:
            faults.append(error.line)
            continue
        if found is None or (found[1][language]["refused"] and not documents[language]["refused"]):
            found = (position, documents)
    context.progress("report", 0.95)
    if found is None:
        reason = "; ".join(faults) or "the study has no films"
        context.once(_EFFECT, lambda c: reports.record_no_draft(c, study_id, actor, reason), is_durable=True)
        raise InputError(f"no draft could be made: {reason}", where=study_id)
    chosen, documents = found
    context.once(
        _EFFECT,
        lambda c: reports.record_draft(c, study_id, actor, documents, image_position=chosen),
        is_durable=True,
    )
    return Report(title=context.job.title, language=language, problems=tuple(faults))


def _documents(name: str, data: bytes, language: str, models: Models) -> dict[str, dict[str, Any]]:
    """Return one film's draft as `draft.json` has it, in each language, the asked one first; the film is read once."""
    from trivium.medical.check import check
    from trivium.medical.narrate import load_phrases, narrate
    from trivium.medical.parse.reader import read_bytes
    from trivium.medical.pipeline import draft_of
    from trivium.medical.report import json as json_report

    radiograph = read_bytes(name, data)
    made, claims = draft_of(radiograph, models, load_phrases(language))
    drafts = {language: made}
    for other in (one for one in LANGUAGES if one != language):
        phrases = load_phrases(other)
        told = narrate(radiograph, made.quality, made.findings, models.classifier.deniable, phrases)
        sections, removed = check(told, claims, made.findings, radiograph, phrases)
        drafts[other] = replace(made, sections=sections, removed=tuple(removed), language=other)
    record = models.record()
    return {key: json.loads(json_report.render(one, claims, record)) for key, one in drafts.items()}


@functools.cache
def _models() -> Models:
    """Load the models of this process, on the first job and never before a fork."""
    from trivium.medical.pipeline import Models

    return Models.load()
