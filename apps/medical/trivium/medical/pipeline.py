"""The medical app: a film in, a draft out. The command line, the worker and the page are doors to `run`.

Stages: parse -> analyze -> narrate -> check -> report. A film that the gate refuses still gets its probabilities; it
gets no sentences. Nothing here knows of jobs, brokers or pages.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from trivium.medical.analyze.findings import read_findings
from trivium.medical.analyze.heart_size import measure, with_heart_size
from trivium.medical.analyze.pneumonia import with_pneumonia
from trivium.medical.analyze.quality import assess, upright
from trivium.medical.check import check
from trivium.medical.claims import claims_of
from trivium.medical.narrate import Phrases, load_phrases, narrate
from trivium.medical.parse.reader import read_bytes
from trivium.medical.records import Draft, Radiograph
from trivium.medical.report import json, text
from trivium.service.errors import InputError
from trivium.service.evidence import Claim, Report, ReportFile
from trivium.service.text import LANGUAGES
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.heart_rule import HeartRule
from trivium.vision.outlines import Outlines
from trivium.vision.pneumonia import PneumoniaClassifier
from trivium.vision.quality_gate import Gate

__all__ = ["DraftRequest", "Models", "Store", "draft_of", "run"]

Progress = Callable[[str, float], None]


class Store(Protocol):
    """What the pipeline needs of a blob store."""

    def read(self, sha256: str) -> bytes:
        """Return a blob's bytes."""

    def put(self, data: bytes) -> Any:
        """Keep bytes; the result has `sha256` and `size`."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models that read a film: gate, classifier, pneumonia on small films, outlines, and the heart's rule."""

    gate: Gate
    classifier: FindingsClassifier
    pneumonia: PneumoniaClassifier
    outlines: Outlines
    heart_rule: HeartRule

    @classmethod
    def load(cls) -> Models:
        """Load what ships, and leave one core to others: torch's threads wait for each other busily.

        On two busy cores two threads once took 23 s for a film that one thread reads in one.

        Raises:
            ModelError: if a weights file is missing or does not fit.
        """
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
        return cls(
            Gate.load(), FindingsClassifier.load(), PneumoniaClassifier.load(), Outlines.load(), HeartRule.load()
        )

    def record(self) -> dict[str, Any]:
        """Return what identifies the models, for `draft.json`."""
        return {
            **self.classifier.record(),
            "pneumonia": self.pneumonia.record(),
            "outlines": self.outlines.record(),
            "heart_rule": self.heart_rule.record(),
        }


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """One film to draft a report for.

    Args:
        name: what the user calls the file; used in messages only.
        sha256: of the file in the store.
        language: `en` or `zh`.
        phrases: a site's own phrase file; None for the one that ships.

    Raises:
        InputError: if the language is unknown.
    """

    name: str
    sha256: str
    language: str = "en"
    phrases: Path | None = None

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise InputError(f"unknown language {self.language!r}", hint=f"use {', '.join(LANGUAGES)}")


def run(request: DraftRequest, *, store: Store, models: Models, progress: Progress) -> Report:
    """Read, judge, score, tell, check and export one film.

    Raises:
        InputError: if the file is not a film that can be read.
    """
    progress("parse", 0.0)
    radiograph = read_bytes(request.name, store.read(request.sha256))
    progress("analyze", 0.2)
    draft, claims = draft_of(radiograph, models, load_phrases(request.language, request.phrases))
    progress("report", 0.9)
    files = tuple(
        ReportFile(name, media_type, blob.sha256, blob.size)
        for name, media_type, content in (
            ("draft.json", "application/json", json.render(draft, claims, models.record())),
            ("draft.txt", "text/plain", text.render(draft)),
        )
        for blob in (store.put(content.encode()),)
    )
    progress("report", 1.0)
    return Report(
        title=request.name,
        language=request.language,
        claims=claims,
        sentences=tuple(one for sentences in draft.sections.values() for one in sentences),
        files=files,
        problems=tuple(f"a sentence was left out: {one}" for one in draft.removed),
    )


def draft_of(
    radiograph: Radiograph, models: Models, phrases: Phrases, *, has_prior: bool = False
) -> tuple[Draft, dict[str, Claim]]:
    """Return the draft of a film that was read, and the claims its sentences are bound to.

    Args:
        has_prior: whether an earlier film of the patient is here, which the draft then says.

    Raises:
        InputError: if the film is too small to be reduced to the standard form.
    """
    try:
        quality, film = assess(radiograph, models.gate)
    except InputError as error:
        raise InputError(error.what, where=radiograph.name, hint=error.hint) from error
    laid = models.classifier.laid(film)
    findings = read_findings(laid, quality, radiograph.size, models.classifier)
    heart_size = measure(film, laid, quality, radiograph.size, models.outlines)
    findings = with_heart_size(findings, heart_size, models.classifier, models.heart_rule)
    findings = with_pneumonia(findings, upright(radiograph.film, quality), radiograph.size, models.pneumonia)
    claims = claims_of(radiograph, findings, heart_size)
    told = narrate(
        radiograph,
        quality,
        findings,
        models.classifier.deniable,
        phrases,
        heart_size=heart_size,
        has_prior=has_prior,
    )
    sections, removed = check(told, claims, findings, radiograph, phrases, has_prior=has_prior)
    return Draft(radiograph, quality, findings, sections, tuple(removed), phrases.language, heart_size), claims
