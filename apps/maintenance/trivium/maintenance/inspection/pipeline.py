"""An inspection as the app runs it: files in, the verdict and the report's files out. Command and job are thin doors.

read -> inspect -> claims -> narrate -> check -> report. In this process; no broker, no database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from trivium.maintenance.inspection import files
from trivium.maintenance.inspection.check import check
from trivium.maintenance.inspection.claims import Source, claims_of
from trivium.maintenance.inspection.datum import read_datums
from trivium.maintenance.inspection.inspect import Inspection, Options, Tolerance, inspect
from trivium.maintenance.inspection.narrate import narrate
from trivium.maintenance.inspection.reference import Reference
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.evidence import Claim, Sentence
from trivium.service.text import catalogue

__all__ = [
    "FORMATS",
    "MEDIA",
    "Progress",
    "Request",
    "Result",
    "described",
    "refuse_unknown",
    "run",
    "write_document",
]

FORMATS = ("html", "pdf", "json", "ply", "svg")
MEDIA = {
    ".json": "application/json",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".ply": "application/octet-stream",
    ".svg": "image/svg+xml",
}
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What is asked.

    Args:
        scan: file of points.
        cad: file of the part.
        unit: of the scan's numbers.
        cad_unit: of the part's, and of the datums'.
        datum: file of six places; None for best fit.
        formats: of `FORMATS`; `inspection.json` is always written.
        names: what reports call the two files where their paths say nothing; empty for the files' own.
    """

    scan: Path
    cad: Path
    unit: str
    cad_unit: str
    tolerance: Tolerance
    options: Options = field(default_factory=Options)
    datum: Path | None = None
    language: str = "en"
    formats: tuple[str, ...] = ("json", "ply")
    names: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        refuse_unknown(self.formats)


@dataclass(frozen=True)
class Result:
    """What came out: the inspection, its claims, the sentences that follow from them, when, and the files."""

    inspection: Inspection
    claims: Mapping[str, Claim]
    sentences: tuple[Sentence, ...]
    removed: tuple[str, ...]
    sources: tuple[Source, Source]
    made: datetime
    written: tuple[Path, ...] = ()


def run(
    request: Request,
    folder: Path,
    *,
    progress: Progress = lambda stage, share: None,
    made: datetime | None = None,
) -> Result:
    """Inspect and write the report.

    Args:
        folder: to write into; made if need be.
        progress: told each stage, and the share of the whole when it begins.
        made: time that the report states; now if not given.

    Raises:
        InputError: if a file cannot be used, or the folder not be written to.
    """
    progress("read", 0.0)
    points = files.read_scan(request.scan, request.unit)
    reference = files.read_reference(request.cad, request.cad_unit)
    datums = None
    if request.datum is not None:
        datums = read_datums(request.datum, files.factor_of(request.cad_unit), reference)
    units = (request.unit, request.cad_unit)
    paths = (request.scan, request.cad)
    scan, cad = (files.source_of(*one) for one in zip(paths, units, request.names, strict=True))
    inspection = inspect(
        points, reference, request.tolerance, request.options, datums=datums, where=scan.name, progress=progress
    )
    progress("report", 0.8)
    claims = claims_of(inspection, scan)
    sentences, removed = check(narrate(inspection, claims, request.language), claims)
    reasons = tuple(f"{one.reason}: {one.sentence.text}" for one in removed)
    result = Result(inspection, claims, sentences, reasons, (scan, cad), made or utc_now())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return replace(result, written=tuple(_write(request, result, reference, folder)))
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(folder)) from error


def refuse_unknown(formats: tuple[str, ...]) -> None:
    """Stop at a format that is not one of ours.

    Raises:
        InputError: naming it.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"format {unknown[0]!r} is unknown", where="--formats", hint=f"known: {', '.join(FORMATS)}")


def write_document(document: Any, stem: str, formats: tuple[str, ...], folder: Path) -> list[Path]:
    """Write a report's HTML and PDF, those that are asked for."""
    from trivium.maintenance.inspection.report.html import legend_svg, picture_svg, render_html

    written = []
    if "svg" in formats:
        pictures = {f"view-{at}": one for at, one in enumerate(zip(document.views, document.view_alts, strict=True), 1)}
        drawn = {name: picture_svg(*one) for name, one in pictures.items()}
        if document.limit is not None:
            drawn["scale"] = legend_svg(document.limit, catalogue("trivium.maintenance", document.language))
        for name, text in drawn.items():
            written.append(folder / f"{name}.svg")
            written[-1].write_text(text, encoding="utf-8")
    if "html" in formats:
        written.append(folder / f"{stem}.html")
        written[-1].write_text(render_html(document), encoding="utf-8")
    if "pdf" in formats:
        from trivium.maintenance.inspection.report.pdf import render_pdf  # reportlab takes 0.3 s

        written.append(folder / f"{stem}.pdf")
        written[-1].write_bytes(render_pdf(document))
    return written


def described(claims: Mapping[str, Claim], sentences: tuple[Sentence, ...]) -> dict[str, Any]:
    """Return claims and sentences as JSON data."""
    return {
        "sentences": [asdict(one) for one in sentences],
        "claims": [
            {
                "id": one.id,
                "value": str(one.value),
                "unit": one.unit,
                "evidence": [evidence.to_json() for evidence in one.evidence],
                "formula": one.formula,
                "inputs": list(one.inputs),
            }
            for one in claims.values()
        ],
    }


def _write(request: Request, result: Result, reference: Reference, folder: Path) -> list[Path]:
    inspection = result.inspection
    scan, cad = result.sources
    told = inspection.to_json() | {"made": result.made.isoformat(), "scan": asdict(scan), "cad": asdict(cad)}
    told |= described(result.claims, result.sentences) | {"left_out": list(result.removed)}
    written = [folder / "inspection.json"]
    written[0].write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    if "ply" in request.formats:
        limit = inspection.tolerance.limit_mm
        cloud = files.write_deviation(folder / "deviation.ply", inspection.points, inspection.deviation, limit)
        written += [cloud, files.write_unseen(folder / "not_covered.ply", inspection.surface)]
    if {"html", "pdf", "svg"} & set(request.formats):
        from trivium.maintenance.inspection.report.inspection import document_of

        told_by = (result.claims, result.sentences, result.sources, request.language, result.made, len(result.removed))
        written += write_document(document_of(inspection, reference, *told_by), "inspection", request.formats, folder)
    return written
