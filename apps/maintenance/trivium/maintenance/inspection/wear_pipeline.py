"""Two scans of a part in, what changed between them out, with the report's files: as `pipeline` for one scan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from trivium.maintenance.inspection import files
from trivium.maintenance.inspection.check import check
from trivium.maintenance.inspection.claims import Source
from trivium.maintenance.inspection.datum import read_datums
from trivium.maintenance.inspection.inspect import Options, Tolerance
from trivium.maintenance.inspection.pipeline import Progress, described, refuse_unknown, write_document
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.wear import Wear, compare
from trivium.maintenance.inspection.wear_narrate import narrate_wear, wear_claims
from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.evidence import Claim, Sentence
from trivium.service.phrase import Phrase

__all__ = ["WearRequest", "WearResult", "run_wear"]


@dataclass(frozen=True)
class WearRequest:
    """What is asked.

    Args:
        before: file of the earlier scan.
        after: file of the later one.
        cad: file of the part; None takes `before`, which then has to be a mesh.
        unit: of both scans' numbers.
        cad_unit: of the part's, and of the datums'.
        names: what reports call the three files where their paths say nothing; empty for the files' own.
    """

    before: Path
    after: Path
    cad: Path | None
    unit: str
    cad_unit: str
    tolerance: Tolerance
    options: Options = field(default_factory=Options)
    datum: Path | None = None
    language: str = "en"
    formats: tuple[str, ...] = ("json", "ply")
    names: tuple[str, str, str] = ("", "", "")

    def __post_init__(self) -> None:
        refuse_unknown(self.formats)


@dataclass(frozen=True)
class WearResult:
    """What came out: the comparison, its claims, the sentences that follow from them, when, and the files."""

    wear: Wear
    claims: Mapping[str, Claim]
    sentences: tuple[Sentence, ...]
    removed: tuple[str, ...]
    sources: tuple[Source, Source, Source]
    made: datetime
    written: tuple[Path, ...] = ()


def run_wear(
    request: WearRequest,
    folder: Path,
    *,
    progress: Progress = lambda stage, share: None,
    made: datetime | None = None,
) -> WearResult:
    """Compare and write the report; arguments as for `pipeline.run`.

    Raises:
        InputError: if a file cannot be used, or the folder not be written to.
    """
    progress("read", 0.0)
    reference = _reference(request)
    before = files.read_scan(request.before, request.unit) if request.cad is not None else None
    after = files.read_scan(request.after, request.unit)
    datums = None
    if request.datum is not None:
        unit = request.cad_unit if request.cad is not None else request.unit
        datums = read_datums(request.datum, files.factor_of(unit), reference)
    paths = (request.before, request.after, request.cad or request.before)
    units = (request.unit, request.unit, request.cad_unit if request.cad is not None else request.unit)
    first, second, part = (files.source_of(*one) for one in zip(paths, units, request.names, strict=True))
    wear = compare(
        before, after, reference, request.tolerance, request.options,
        datums=datums, where=(first.name, second.name), progress=progress,
    )  # fmt: skip
    progress("report", 0.85)
    claims = wear_claims(wear, second)
    sentences, removed = check(narrate_wear(wear, claims, request.language), claims)
    reasons = tuple(f"{one.reason}: {one.sentence.text}" for one in removed)
    result = WearResult(wear, claims, sentences, reasons, (first, second, part), made or utc_now())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return replace(result, written=tuple(_write(request, result, reference, folder)))
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(folder)) from error


def _reference(request: WearRequest) -> Reference:
    if request.cad is not None:
        return files.read_reference(request.cad, request.cad_unit)
    try:
        return files.read_reference(request.before, request.unit)
    except InputError as error:
        hint = "give the part with --cad, or an earlier scan that is a mesh"
        raise InputError(
            Phrase("is no mesh to compare with ({reason})", reason=error.what), where=str(request.before), hint=hint
        ) from error


def _write(request: WearRequest, result: WearResult, reference: Reference, folder: Path) -> list[Path]:
    wear = result.wear
    told = wear.to_json() | {"made": result.made.isoformat()}
    told |= {name: asdict(one) for name, one in zip(("before", "after", "part"), result.sources, strict=True)}
    told |= described(result.claims, result.sentences) | {"left_out": list(result.removed)}
    written = [folder / "wear.json"]
    written[0].write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    if "ply" in request.formats:
        seen = wear.surface.is_covered
        places, change = wear.surface.places[seen], wear.surface.deviation[seen]
        written.append(files.write_deviation(folder / "change.ply", places, change, wear.tolerance.limit_mm))
    if {"html", "pdf", "svg"} & set(request.formats):
        from trivium.maintenance.inspection.report.wear import wear_document

        told_by = (result.claims, result.sentences, result.sources, request.language, result.made, len(result.removed))
        written += write_document(wear_document(wear, reference, *told_by), "wear", request.formats, folder)
    return written
