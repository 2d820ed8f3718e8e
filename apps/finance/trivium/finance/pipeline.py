"""The finance app: a request in, a report out. The command line, the worker and the page are doors to `run`.

Stages: parse -> analyze -> narrate -> check -> report. A source that cannot be read does not stop the others; it is
named in the report. Nothing here knows of jobs, brokers or pages.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from trivium.finance.analyze.compare import MAX_FILES, compare
from trivium.finance.analyze.model import Comparison
from trivium.finance.analyze.policy import Policy, load_policy
from trivium.finance.check import check
from trivium.finance.claims import claims_of, context_of, values_of
from trivium.finance.display import Scale, usual_scale
from trivium.finance.formats import FORMATS
from trivium.finance.garbage import rare_collections
from trivium.finance.narrate import narrate
from trivium.finance.parse.reader import is_companion, read_source
from trivium.finance.rates import rates_from_rows
from trivium.finance.records import Filing
from trivium.finance.report.content import Content
from trivium.finance.report.wording import Wording
from trivium.service.errors import InputError, TriviumError
from trivium.service.evidence import Report, ReportFile
from trivium.service.phrase import Phrase, joined
from trivium.service.text import LANGUAGES

__all__ = ["FORMATS", "CompareRequest", "SourceFile", "Store", "run"]

_SHARES = {"parse": 0.0, "analyze": 0.45, "narrate": 0.6, "check": 0.65, "report": 0.7}
Progress = Callable[[str, float], None]


class Store(Protocol):
    """What the pipeline needs of a blob store."""

    def read(self, sha256: str) -> bytes:
        """Return a blob's bytes."""

    def put(self, data: bytes) -> Any:
        """Keep bytes; the result has `sha256` and `size`."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One input in the blob store: the name the user gave it, and its hash."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What to compare and how to tell it.

    Args:
        sources: 1 to 60 filings, and the schema and linkbase files of instances among them.
        formats: keys of `FORMATS`.
        language: `en` or `zh`.
        scale: of printed amounts: full, thousand, million, billion, wan (1e4), yi (1e8); empty for what readers of the
            language expect of companies of this size (`display.usual_scale`).
        overrides: company key to metric to the concept a user chose.
        rates: exchange rates a user gave, as rows of `rates.RATE_COLUMNS`.

    Raises:
        InputError: if a field is not one of its choices; names the field and the choices.
    """

    sources: tuple[SourceFile, ...]
    formats: tuple[str, ...] = ("html", "json")
    language: str = "en"
    scale: str = ""
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rates: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        if unknown := [name for name in self.formats if name not in FORMATS]:
            raise InputError(
                Phrase("unknown format {given}", given=joined(unknown, ", ")),
                hint=Phrase("use {choices}", choices=joined(FORMATS, ", ")),
            )
        if self.language not in LANGUAGES:
            raise InputError(
                Phrase("unknown language '{language}'", language=self.language),
                hint=Phrase("use {choices}", choices=joined(LANGUAGES, ", ")),
            )
        if self.scale and self.scale not in [str(scale) for scale in Scale]:
            raise InputError(
                Phrase("unknown scale '{scale}'", scale=self.scale),
                hint=Phrase("use {choices}", choices=joined((str(scale) for scale in Scale), ", ")),
            )
        if not 1 <= len(self.sources) <= MAX_FILES * 6:
            raise InputError(
                Phrase("{count} files were given", count=len(self.sources)),
                hint=Phrase("give 1 to {most} filings", most=MAX_FILES),
            )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CompareRequest:
        """Read a job's request; missing fields take their defaults."""
        known = {key: data[key] for key in ("language", "scale", "overrides") if key in data}
        known |= {"rates": tuple(data["rates"])} if "rates" in data else {}
        sources = tuple(SourceFile(one["name"], one["sha256"]) for one in data.get("sources", ()))
        return cls(sources, tuple(data.get("formats", cls.__dataclass_fields__["formats"].default)), **known)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "sources": [{"name": one.name, "sha256": one.sha256} for one in self.sources],
            "formats": list(self.formats),
            "language": self.language,
            "scale": self.scale,
            "overrides": {company: dict(chosen) for company, chosen in self.overrides.items()},
            "rates": [dict(row) for row in self.rates],
        }


@rare_collections()
def run(
    request: CompareRequest, *, store: Store, models: None, progress: Progress, policy: Policy | None = None
) -> Report:
    """Read, compare, tell, check and export.

    Args:
        models: language models that may rephrase; None means templates only, the one choice today.
        progress: called with a stage's key and the share of the whole that is done.
        policy: mapping rules; the shipped ones if None.

    Raises:
        InputError: if no source could be read; names each one and why.
    """
    filings, failures = _parse(request, store, progress)
    progress("analyze", _SHARES["analyze"])
    comparison = compare(
        filings,
        policy or load_policy(),
        created=datetime.datetime.now(tz=datetime.UTC).date(),
        overrides=request.overrides,
        rates=rates_from_rows(request.rates, "rates") if request.rates else None,
        unread=[(error.where, error.what) for error in failures],
    )
    progress("narrate", _SHARES["narrate"])
    claims = claims_of(values_of(comparison))
    scale = Scale(request.scale) if request.scale else usual_scale(comparison, request.language)
    told = narrate(comparison, request.language, scale)
    progress("check", _SHARES["check"])
    kept, removed = check(told, claims, request.language, context=context_of(comparison))
    content = Content(comparison, kept, claims, request.language, scale, removed)
    files = tuple(_export(request.formats, store, progress, content))
    return Report(
        title=_title(comparison, Wording(comparison, request.language, scale)),
        language=request.language,
        claims=claims,
        sentences=tuple(kept),
        files=files,
        problems=(
            *(error.line for error in failures),
            *(
                Phrase("a sentence was left out: {text}: {reason}", text=one.sentence.text, reason=one.reason)
                for one in removed
            ),
        ),
    )


def _parse(request: CompareRequest, store: Store, progress: Progress) -> tuple[list[Filing], list[TriviumError]]:
    by_name = {source.name: source for source in request.sources}
    data = {source.name: store.read(source.sha256) for source in request.sources}

    def beside(name: str) -> bytes | None:
        return data.get(name)

    wanted = [name for name in by_name if not is_companion(data[name])] or list(by_name)
    if len(wanted) > MAX_FILES:
        raise InputError(
            Phrase("{count} filings were given", count=len(wanted)), hint=Phrase("give at most {most}", most=MAX_FILES)
        )
    filings: list[Filing] = []
    failures: list[TriviumError] = []
    for count, name in enumerate(wanted):
        progress("parse", _SHARES["analyze"] * count / len(wanted))
        try:
            filings += read_source(name, data[name], beside, list(data))
        except InputError as error:
            failures.append(error)
    if len(failures) > 1 and not filings:
        named = joined(Phrase("{where}: {what}", where=error.where, what=error.what) for error in failures)
        raise InputError(
            Phrase("none of the {count} files could be read: {named}", count=len(wanted), named=named),
            hint=failures[0].hint,
        )
    if not filings:
        raise failures[0]
    return filings, failures


def _export(formats: Sequence[str], store: Store, progress: Progress, content: Content) -> Iterator[ReportFile]:
    for count, name in enumerate(formats):
        progress("report", _SHARES["report"] + (1 - _SHARES["report"]) * count / len(formats))
        media_type, renderer = FORMATS[name]
        module, function = renderer.split(":")
        render = getattr(import_module(module), function)
        written = render(content)
        blob = store.put(written.encode() if isinstance(written, str) else written)
        yield ReportFile(f"comparison.{name}", media_type, blob.sha256, blob.size)
    progress("report", 1.0)


def _title(comparison: Comparison, wording: Wording) -> str:
    names = dict.fromkeys(series.company.name for series in comparison.series)
    labels = list(dict.fromkeys(wording.span(column.span) for column in comparison.columns))
    periods = labels[0] if len(labels) == 1 else f"{labels[0]} - {labels[-1]}"
    return f"{', '.join(names)}{wording.say('colon')}{periods}"
