"""Inspections as jobs: `maintenance.inspect` with scan, CAD and, at will, a file of datums as its inputs;
`maintenance.wear` with the earlier scan, the CAD and the later scan; `maintenance.people` with LiDAR clouds.

The request has `plant`, `asset` (empty for none), `unit`, `cad_unit`, `tolerance_mm`, `zone`, `min_coverage`,
`smallest_defect_mm`, `scanner_uncertainty_mm` and `language`; what it does not have is as for the command. That for
people has `plant`, `asset`, `machine`, `corners_m`, `margin_m`, `min_score` and `language`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trivium.maintenance.app import INSPECTION_NEEDS, needs_modules
from trivium.maintenance.inspection.stored import Inspected, write_inspected
from trivium.maintenance.registry import read_registry
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import Report, ReportFile
from trivium.service.jobs import JobInput
from trivium.service.phrase import Phrase
from trivium.service.runner import JobContext
from trivium.service.store import BlobStore
from trivium.service.text import LANGUAGES

if TYPE_CHECKING:
    from trivium.maintenance.inspection.inspect import Options
    from trivium.maintenance.inspection.pipeline import Request, Result
    from trivium.maintenance.inspection.wear_pipeline import WearResult

__all__ = ["run_inspection", "run_people", "run_wear_job"]

_FORMATS = ("html", "pdf", "json", "ply", "svg")
_ENDINGS = (".ply", ".pcd", ".xyz", ".txt", ".csv", ".asc", ".stl", ".bin", ".npy", ".npz")


def run_inspection(context: JobContext, database: Database) -> Report:
    """Run the job: inspect, keep the files, and the row that the pages show.

    Raises:
        InputError: if the request or a file cannot be used, or what an inspection needs is not installed.
        NotFoundError: if there is no such plant or asset.
    """
    needs_modules(*INSPECTION_NEEDS)
    from trivium.maintenance.inspection import pipeline
    from trivium.maintenance.inspection.check import check
    from trivium.maintenance.inspection.narrate import narrate, verdict_key
    from trivium.maintenance.inspection.report.document import page_of
    from trivium.maintenance.inspection.report.inspection import head_of

    plant, asset, language = _checked_place(context.request, database)
    if not 2 <= len(context.inputs) <= 3:
        raise InputError("an inspection needs a scan and its CAD", where="request")
    with tempfile.TemporaryDirectory(prefix="trivium-") as name:
        folder = Path(name)
        paths = _placed(context.inputs, context.store, folder)
        with _named(paths, context.inputs):
            result = pipeline.run(_request(context, paths, language), folder / "out", progress=context.progress)
        files = _stored_files(result.written, context.store)
    pages = {}
    for one in LANGUAGES:
        kept, _ = check(narrate(result.inspection, result.claims, one), result.claims)
        pages[one] = page_of(head_of(result.inspection, result.claims, result.sources, one, result.made), kept)
    place = (plant, asset, "inspect", verdict_key(result.inspection))
    return _kept(context, place, pages, files, language, result)


def run_wear_job(context: JobContext, database: Database) -> Report:
    """Run the job: compare two scans, keep the files, and the row that the pages show; errors as `run_inspection`."""
    needs_modules(*INSPECTION_NEEDS)
    from trivium.maintenance.inspection import wear_pipeline
    from trivium.maintenance.inspection.check import check
    from trivium.maintenance.inspection.inspect import Tolerance
    from trivium.maintenance.inspection.report.document import page_of
    from trivium.maintenance.inspection.report.wear import wear_head
    from trivium.maintenance.inspection.wear_narrate import narrate_wear, outcome_key

    asked = context.request
    plant, asset, language = _checked_place(asked, database)
    if len(context.inputs) != 3:
        raise InputError("a comparison needs an earlier scan, the CAD and a later scan", where="request")
    with tempfile.TemporaryDirectory(prefix="trivium-") as name:
        folder = Path(name)
        paths = _placed(context.inputs, context.store, folder)
        before, cad, after = (one.name for one in context.inputs)
        unit = str(asked.get("unit", ""))
        request = wear_pipeline.WearRequest(
            paths[0], paths[2], paths[1], unit, str(asked.get("cad_unit") or unit),
            Tolerance(_number_of(asked, "tolerance_mm", 0.0)), _options(asked), None, language, _FORMATS,
            (before, after, cad),
        )  # fmt: skip
        with _named(paths, context.inputs):
            result = wear_pipeline.run_wear(request, folder / "out", progress=context.progress)
        files = _stored_files(result.written, context.store)
    pages = {}
    for one in LANGUAGES:
        kept, _ = check(narrate_wear(result.wear, result.claims, one), result.claims)
        pages[one] = page_of(wear_head(result.wear, result.claims, result.sources, one, result.made), kept)
    place = (plant, asset, "wear", outcome_key(result.wear))
    return _kept(context, place, pages, files, language, result)


def run_people(context: JobContext, database: Database) -> Report:
    """Run the job `maintenance.people`: find people near a machine in LiDAR clouds; information only.

    Raises:
        InputError: if the zone or a cloud cannot be used, or what the detector needs is not installed.
        NotFoundError: if there is no such plant or asset.
    """
    needs_modules("torch")
    from trivium.maintenance.inspection import people
    from trivium.pointcloud.detector.detect import Detector

    plant, asset, language = _checked_place(context.request, database)
    zone = people.read_zone(context.request, "request")
    if not context.inputs:
        raise InputError("give at least one cloud", where="request")
    detector = Detector.load()
    with tempfile.TemporaryDirectory(prefix="trivium-") as name:
        folder = Path(name)
        paths = _placed(context.inputs, context.store, folder)
        clouds = [(one.name, path) for one, path in zip(context.inputs, paths, strict=True)]
        with _named(paths, context.inputs):
            frames = people.watch(
                clouds, zone, min_score=_number_of(context.request, "min_score", 0.3), detector=detector,
                progress=lambda done, whole: context.progress("detect", done / whole),
            )  # fmt: skip
        files = _stored_files(
            [people.write_people(folder / "out" / "people.json", zone, frames, language)], context.store
        )
    pages = {one: people.people_page(zone, frames, one) for one in LANGUAGES}
    title = pages[language]["title"]
    row = Inspected(
        context.job.id, plant, asset, "people", title, "note", {"pages": pages}, files, context.job.owner, utc_now()
    )
    context.once("inspection", lambda connection: write_inspected(connection, row))
    return Report(title, language, files=files, problems=(people.note(language),))


def _kept(
    context: JobContext,
    place: tuple[str, str, str, str],
    pages: Mapping[str, Any],
    files: tuple[ReportFile, ...],
    language: str,
    result: Result | WearResult,
) -> Report:
    """Keep the row, once in the job's life, and return the job's report."""
    title = pages[language]["title"]
    plant, asset, kind, outcome = place
    row = Inspected(
        context.job.id, plant, asset, kind, title, outcome, {"pages": pages}, files, context.job.owner, utc_now()
    )
    context.once("inspection", lambda connection: write_inspected(connection, row))
    return Report(title, language, result.claims, result.sentences, files, result.removed)


def _checked_place(request: Mapping[str, Any], database: Database) -> tuple[str, str, str]:
    """Return plant, asset and language of a request.

    Raises:
        NotFoundError: if there is no such plant or asset.
    """
    plant, asset = str(request.get("plant", "")), str(request.get("asset", ""))
    with database.read() as connection:
        registry = read_registry(connection, plant)
    if not registry.version:
        raise NotFoundError("no plant is registered under this name", where=plant[:120])
    if asset and asset not in registry.assets:
        raise NotFoundError("the plant has no such asset", where=asset[:200])
    language = request.get("language", "en")
    return plant, asset, language if language in LANGUAGES else "en"


def _placed(inputs: Sequence[JobInput], store: BlobStore, folder: Path) -> list[Path]:
    """Give blobs names that readers know them by, and return these; the user's names stay out of the file system."""
    paths = []
    for number, one in enumerate(inputs):
        name = one.name.lower().removesuffix(".gz")
        ending = next((known for known in _ENDINGS if name.endswith(known)), Path(name).suffix[:8])
        path = folder / f"input-{number}{ending if ending.isascii() and ending[1:].isalnum() else ''}"
        path.symlink_to(store.path(one.sha256))
        paths.append(path)
    return paths


@contextmanager
def _named(paths: Sequence[Path], inputs: Sequence[JobInput]) -> Iterator[None]:
    """Let errors inside name the user's files, not where they lie for the moment."""
    try:
        yield
    except InputError as error:
        for path, one in zip(paths, inputs, strict=True):
            if error.where.startswith(str(path)):
                raise InputError(error.what, where=_put(error.where, str(path), one.name), hint=error.hint) from error
        raise


def _put(text: str, path: str, name: str) -> str:
    """Return a text with a name in place of a path, a `Phrase` with its template."""
    if isinstance(text, Phrase):
        return Phrase(text.template, **{key: _put(value, path, name) for key, value in text.values.items()})
    return text.replace(path, name, 1)


def _number_of(request: Mapping[str, Any], name: str, usual: float) -> float:
    """Return a number of a request.

    Raises:
        InputError: if it is none.
    """
    try:
        return float(request.get(name, usual))
    except (TypeError, ValueError) as error:
        raise InputError(Phrase("{name} is no number", name=name), where="request") from error


def _stored_files(written: Sequence[Path], store: BlobStore) -> tuple[ReportFile, ...]:
    """Put files into the store."""
    from trivium.maintenance.inspection.pipeline import MEDIA

    files = []
    for path in written:
        blob = store.put_file(path)
        files.append(ReportFile(path.name, MEDIA[path.suffix], blob.sha256, blob.size))
    return tuple(files)


def _request(context: JobContext, paths: Sequence[Path], language: str) -> Request:
    from trivium.maintenance.inspection.inspect import Tolerance
    from trivium.maintenance.inspection.pipeline import Request

    asked = context.request
    zone = str(asked.get("zone", "plus_minus"))
    if zone not in ("plus_minus", "total"):
        raise InputError(
            Phrase("zone '{zone}' is unknown", zone=zone[:20]),
            where="request",
            hint=Phrase("known: {choices}", choices="plus_minus, total"),
        )
    unit = str(asked.get("unit", ""))
    scan, cad, *_ = (one.name for one in context.inputs)
    return Request(
        paths[0],
        paths[1],
        unit,
        str(asked.get("cad_unit") or unit),
        Tolerance(_number_of(asked, "tolerance_mm", 0.0), "total" if zone == "total" else "plus_minus"),
        _options(asked),
        paths[2] if len(paths) > 2 else None,
        language,
        _FORMATS,
        (scan, cad),
    )


def _options(asked: Mapping[str, Any]) -> Options:
    from trivium.maintenance.inspection.inspect import Options

    return Options(
        _number_of(asked, "min_coverage", 0.8),
        _number_of(asked, "smallest_defect_mm", 6.0),
        _number_of(asked, "scanner_uncertainty_mm", 0.0),
    )
