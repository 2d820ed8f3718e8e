"""What the page's buttons do: submit jobs on uploaded files, keep a chosen concept. Quick, and free of Gradio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trivium.finance import overrides
from trivium.finance.formats import FORMATS
from trivium.finance.gather import unique_names
from trivium.finance.rates import parse_rates
from trivium.finance.ui.words import Words
from trivium.service.errors import InputError
from trivium.service.jobs import Job, JobInput
from trivium.service.phrase import unpack
from trivium.service.runtime import Runtime

__all__ = ["EXTRA_FORMATS", "clear_concept", "problems_of", "run_again", "submit_fetch", "submit_files", "use_concept"]

EXTRA_FORMATS = tuple(name for name in FORMATS if name not in ("html", "json"))
"""What a visitor may leave out; the page itself needs the other two."""

_TITLE_LENGTH = 160
_SENTENCE = "a sentence was left out"


def submit_files(
    runtime: Runtime, owner: str, words: Words, files: Sequence[Mapping[str, str]], choices: Mapping[str, Any]
) -> Job:
    """Submit a comparison of files that the page has uploaded.

    Args:
        files: `name` and `sha256` of each.
        choices: `language`, `scale` (empty for usual), `formats` and `rates` (a table as text, or empty).

    Raises:
        InputError: if there is none.
        NotFoundError: if one is not in the store.
    """
    if not files:
        raise InputError(words["page.no_files"])
    names = unique_names(str(file["name"]) for file in files)
    hashes = [str(file["sha256"]) for file in files]
    inputs = [
        JobInput(name, sha256, runtime.store.path(sha256).stat().st_size)
        for name, sha256 in zip(names, hashes, strict=True)
    ]
    title = words.say("page.title_files", count=len(names), names=", ".join(names))
    return runtime.jobs.submit(
        app="finance",
        kind="compare",
        owner=owner,
        request=_request(runtime, owner, choices),
        inputs=inputs,
        title=title[:_TITLE_LENGTH],
    )


def submit_fetch(
    runtime: Runtime,
    owner: str,
    words: Words,
    asked: Mapping[str, Any],
    choices: Mapping[str, Any],
) -> Job:
    """Submit a job that fetches from the SEC and compares.

    Args:
        asked: `ticker`, `forms`, `years` and `contact` (empty for the deployment's).

    Raises:
        InputError: if the ticker or the forms are missing, or there is no contact.
    """
    from trivium.finance.edgar import check_contact

    ticker = str(asked["ticker"]).strip().upper()
    if not ticker:
        raise InputError(words["page.no_ticker"])
    if not asked["forms"]:
        raise InputError(words["page.no_forms"])
    given = str(asked["contact"] or "").strip() or runtime.settings.sec_contact
    if not given:
        raise InputError(words["page.no_contact"])
    contact = check_contact(given)
    fetched = {"ticker": ticker, "forms": list(asked["forms"]), "years": int(asked["years"]), "contact": contact}
    title = words.say("page.title_fetch", ticker=ticker, forms=", ".join(asked["forms"]), years=int(asked["years"]))
    return runtime.jobs.submit(
        app="finance",
        kind="fetch",
        owner=owner,
        request=_request(runtime, owner, choices) | fetched,
        title=title,
    )


def use_concept(runtime: Runtime, owner: str, job_id: str, company: str, metric: str, concept: str) -> Job:
    """Keep a chosen concept for the company, and compare the same files again with it.

    Raises:
        NotFoundError: if there is no such job of this owner.
        InputError: if a part of the choice is missing.
    """
    job = runtime.jobs.get(job_id, owner=owner)
    overrides.choose(runtime.database, owner, company, metric, concept, by=owner)
    return _again(runtime, owner, job)


def clear_concept(runtime: Runtime, owner: str, job_id: str, company: str, metric: str) -> Job:
    """Go back to the policy's choice, and compare the same files again.

    Raises:
        NotFoundError: if there is no such job of this owner.
    """
    job = runtime.jobs.get(job_id, owner=owner)
    overrides.clear(runtime.database, owner, company, metric)
    return _again(runtime, owner, job)


def run_again(runtime: Runtime, owner: str, job_id: str) -> Job:
    """Do what a job was asked for once more, with the concepts chosen by now.

    Raises:
        NotFoundError: if there is no such job of this owner.
    """
    return _again(runtime, owner, runtime.jobs.get(job_id, owner=owner))


def problems_of(runtime: Runtime, job: Job) -> dict[str, list[str]]:
    """Return what a report says went unread and which sentences were left out, by the text that heads them."""
    found: dict[str, list[str]] = {"page.names_unread": [], "page.names_left_out": []}
    if job.report_sha256:
        for line in map(unpack, json.loads(runtime.store.read(job.report_sha256))["problems"]):
            found["page.names_left_out" if line.startswith(_SENTENCE) else "page.names_unread"].append(line)
    return found


def _request(runtime: Runtime, owner: str, choices: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "formats": ["html", *(name for name in EXTRA_FORMATS if name in choices["formats"]), "json"],
        "language": choices["language"],
        "scale": choices["scale"],
        "rates": _rates(str(choices.get("rates") or "")),
        "overrides": overrides.overrides_of(runtime.database, owner),
    }


def _rates(text: str) -> list[dict[str, str]]:
    """Return the exchange rates that a visitor typed or pasted, as rows; none where the box is empty."""
    return [rate.to_row() for rate in parse_rates(text, "rates").rates] if text.strip() else []


def _again(runtime: Runtime, owner: str, job: Job) -> Job:
    """Submit the job's files again: those it was given, or those it fetched; it fetches when it has none."""
    fetched = [file for file in job.files if not file.name.startswith("comparison.")]
    inputs = job.inputs or tuple(JobInput(file.name, file.sha256, file.size) for file in fetched)
    kind = "compare" if inputs else job.kind
    request = dict(job.request) | {"overrides": overrides.overrides_of(runtime.database, owner)}
    return runtime.jobs.submit(app="finance", kind=kind, owner=owner, request=request, inputs=inputs, title=job.title)
