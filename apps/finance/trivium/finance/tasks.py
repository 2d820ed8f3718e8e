"""The finance app's Celery tasks: thin doors from a job to `pipeline.run`. Messages carry the job's id only.

`finance.compare` compares the job's files; `finance.fetch` fetches filings from the SEC first, and keeps them among
the job's results. Both always write `comparison.json`, which the page is drawn from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery import shared_task

from trivium.finance import pipeline
from trivium.finance.edgar import SecClient
from trivium.finance.fetch import FetchResult, fetch_filings
from trivium.finance.pipeline import CompareRequest, SourceFile
from trivium.service.errors import InputError
from trivium.service.evidence import Report, ReportFile
from trivium.service.phrase import Phrase
from trivium.service.runner import JobContext, run_job
from trivium.service.settings import current_settings

__all__ = ["compare", "fetch"]

_FETCH_SHARE = 0.5
_MOST_YEARS = 30


@shared_task(name="finance.compare")
def compare(job_id: str) -> None:
    """Compare the files of a job."""
    run_job(job_id, compare_files)


@shared_task(name="finance.fetch")
def fetch(job_id: str) -> None:
    """Fetch a company's filings from the SEC and compare them."""
    run_job(job_id, fetch_and_compare)


def compare_files(context: JobContext) -> Report:
    """Run a `finance.compare` job.

    Raises:
        InputError: if the request is malformed, or no file can be read.
    """
    sources = [SourceFile(one.name, one.sha256) for one in context.inputs]
    return _compare(context, sources, context.progress)


def fetch_and_compare(context: JobContext) -> Report:
    """Run a `finance.fetch` job; its request has `ticker`, `forms`, `years` and `contact` beside a comparison's fields.

    Raises:
        InputError: if the request is malformed, or there is no contact.
        NotFoundError: if SEC lists no such company or filing.
        UpstreamError: if SEC cannot be asked.
    """

    def first_half(stage: str, share: float) -> None:
        context.progress(stage, share * _FETCH_SHARE)

    def second_half(stage: str, share: float) -> None:
        context.progress(stage, _FETCH_SHARE + share * (1 - _FETCH_SHARE))

    context.progress("fetch", 0.0)
    with tempfile.TemporaryDirectory(prefix="trivium-") as folder:
        fetched = _fetch(context.request, Path(folder), first_half)
        kept = [(file.path.name, context.store.put_file(file.path)) for file in fetched.files]
    if not kept:
        first = fetched.problems[0]
        raise InputError(first.what, where=first.where, hint="ask for newer years")
    report = _compare(context, [SourceFile(name, blob.sha256) for name, blob in kept], second_half)
    filings = tuple(ReportFile(name, "text/html", blob.sha256, blob.size) for name, blob in kept)
    unread = tuple(Phrase("{where}: {what}", where=one.where, what=one.what) for one in fetched.problems)
    return replace(report, files=(*report.files, *filings), problems=(*unread, *report.problems))


def _compare(context: JobContext, sources: Sequence[SourceFile], progress: Callable[[str, float], None]) -> Report:
    fields = {
        name: context.request[name] for name in ("language", "scale", "overrides", "rates") if name in context.request
    }
    formats = _names(context.request.get("formats", ("html",)), "formats")
    request = CompareRequest(tuple(sources), tuple(dict.fromkeys((*formats, "json"))), **_checked(fields))
    return pipeline.run(request, store=context.store, models=None, progress=progress)


def _fetch(request: Any, folder: Path, progress: Callable[[str, float], None]) -> FetchResult:
    years = request.get("years", 2)
    if not isinstance(years, int) or not 1 <= years <= _MOST_YEARS:
        raise InputError(
            Phrase("'{years}' is no number of years", years=years),
            where="years",
            hint=Phrase("give 1 to {most}", most=_MOST_YEARS),
        )
    forms = _names(request.get("forms", ("10-K",)), "forms")
    contact = str(request.get("contact") or current_settings().sec_contact)
    with SecClient(contact) as client:
        return fetch_filings(
            str(request.get("ticker", "")), folder, client=client, forms=forms, years=years, progress=progress
        )


def _names(given: Any, field: str) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(Phrase("'{given}' is not a list of names", given=given), where=field)
    return [str(name) for name in given]


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the request's fields, which came as JSON from outside, when their shapes are right."""
    overrides = fields.get("overrides", {})
    is_good = isinstance(overrides, dict) and all(isinstance(chosen, dict) for chosen in overrides.values())
    if not is_good:
        raise InputError("is not company to metric to concept", where="overrides")
    rates = fields.get("rates", [])
    if not isinstance(rates, list) or not all(isinstance(row, dict) and _is_text(row.values()) for row in rates):
        raise InputError("is not a list of rows of text", where="rates")
    return fields | {"rates": tuple(rates)}


def _is_text(cells: Iterable[Any]) -> bool:
    return all(isinstance(cell, str) for cell in cells)
