"""`trivium maintenance inspect`, `wear` and `people`: scans in, with CAD or a zone, and what they show out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trivium.maintenance.app import INSPECTION_NEEDS, needs_modules
from trivium.maintenance.terminal import progress_bar
from trivium.service.errors import InputError, TriviumError
from trivium.service.terminal import say
from trivium.service.text import LANGUAGES

__all__ = ["EPILOG", "PEOPLE_EPILOG", "WEAR_EPILOG", "inspect", "people", "wear"]

EPILOG = (
    "Example: trivium maintenance inspect scan.ply part.stl --tolerance 0.05 --unit mm --out result --formats html,pdf"
)

WEAR_EPILOG = (
    "Example: trivium maintenance wear may.ply july.ply --cad part.stl --tolerance 0.05 --unit mm --out result "
    "--formats html"
)

PEOPLE_EPILOG = "Example: trivium maintenance people frame.bin --zone press.json --out people.json"


def inspect(
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="PLY, PCD, XYZ, CSV or STL.", show_default=False)],
    cad: Annotated[Path, typer.Argument(metavar="CAD", help="STL or PLY mesh.", show_default=False)],
    tolerance: Annotated[float, typer.Option("--tolerance", metavar="MM", help="Deviation allowed, millimetres.")],
    unit: Annotated[str, typer.Option("--unit", help="Of both files: mm, cm, m or inch; they do not say.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into; made if need be.")],
    cad_unit: Annotated[str, typer.Option(help="Of the CAD where it differs from the scan's.")] = "",
    zone: Annotated[
        str, typer.Option(help="plus-minus: to either side; total: width of the zone, half to each side.")
    ] = "plus-minus",
    datum: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Align by datums: six lines 'A x y z', 3 of A, 2 of B, 1 of C."),
    ] = None,
    min_coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the surface that must be seen to pass.")
    ] = 0.8,
    smallest_defect: Annotated[
        float, typer.Option(metavar="MM", min=0.1, help="Width of the smallest defect to find.")
    ] = 6.0,
    scanner_uncertainty: Annotated[
        float, typer.Option(metavar="MM", min=0.0, help="Standard uncertainty that all points share.")
    ] = 0.0,
    formats: Annotated[
        str, typer.Option(metavar="LIST", help="Of html, pdf, json, ply, svg; inspection.json is always written.")
    ] = "json,ply",
    lang: Annotated[str, typer.Option(help="Of the report: en or zh.")] = "en",
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
) -> None:
    """Hold a scan against its CAD and write inspection.json, deviation.ply, not_covered.ply, and reports if asked."""
    needs_modules(*INSPECTION_NEEDS)
    from trivium.maintenance.inspection import pipeline
    from trivium.maintenance.inspection.inspect import Options, Tolerance

    if zone not in ("plus-minus", "total"):
        raise InputError(f"zone {zone!r} is unknown", where="--zone", hint="known: plus-minus, total")
    request = pipeline.Request(
        scan,
        cad,
        unit,
        cad_unit or unit,
        Tolerance(tolerance, "total" if zone == "total" else "plus_minus"),
        Options(min_coverage, smallest_defect, scanner_uncertainty, seed),
        datum,
        _language(lang),
        _formats(formats),
    )
    with progress_bar("Inspecting") as progress:
        result = pipeline.run(request, out, progress=lambda stage, share: progress(round(1000 * share), 1000))
    inspection = result.inspection
    aligned = "trusted" if inspection.trust.is_trusted else "untrusted"
    typer.echo(f"verdict: {inspection.verdict}")
    typer.echo(
        f"aligned: {aligned}; coverage {inspection.surface.coverage:.1%}; noise {inspection.surface.noise:.3f} mm"
    )
    for sentence in result.sentences:
        typer.echo(f"  {sentence.text}")
    typer.echo(f"written: {', '.join(str(path) for path in result.written)}")


def wear(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Earlier scan.", show_default=False)],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Later scan.", show_default=False)],
    tolerance: Annotated[float, typer.Option("--tolerance", metavar="MM", help="Change that counts, to either side.")],
    unit: Annotated[str, typer.Option("--unit", help="Of both scans: mm, cm, m or inch; they do not say.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into; made if need be.")],
    cad: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The part, STL or PLY mesh; else BEFORE has to be a mesh.")
    ] = None,
    cad_unit: Annotated[str, typer.Option(help="Of the CAD where it differs from the scans'.")] = "",
    datum: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Align by datums that do not wear: 'A x y z', 3 of A, 2 of B, 1 of C."),
    ] = None,
    min_coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the surface that both scans must have seen.")
    ] = 0.8,
    smallest_defect: Annotated[
        float, typer.Option(metavar="MM", min=0.1, help="Width of the smallest change to find.")
    ] = 6.0,
    scanner_uncertainty: Annotated[
        float, typer.Option(metavar="MM", min=0.0, help="Standard uncertainty that all points of a scan share.")
    ] = 0.0,
    formats: Annotated[
        str, typer.Option(metavar="LIST", help="Of html, pdf, json, ply, svg; wear.json is always written.")
    ] = "json,ply",
    lang: Annotated[str, typer.Option(help="Of the report: en or zh.")] = "en",
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
) -> None:
    """Compare two scans of a part: where material went or came, how deep, how much; write wear.json, change.ply."""
    needs_modules(*INSPECTION_NEEDS)
    from trivium.maintenance.inspection.inspect import Options, Tolerance
    from trivium.maintenance.inspection.wear_pipeline import WearRequest, run_wear

    request = WearRequest(
        before,
        after,
        cad,
        unit,
        cad_unit or unit,
        Tolerance(tolerance),
        Options(min_coverage, smallest_defect, scanner_uncertainty, seed),
        datum,
        _language(lang),
        _formats(formats),
    )
    with progress_bar("Comparing") as progress:
        result = run_wear(request, out, progress=lambda stage, share: progress(round(1000 * share), 1000))
    typer.echo(f"outcome: {result.wear.outcome}")
    typer.echo(f"aligned: {'trusted' if result.wear.is_trusted else 'untrusted'}")
    for sentence in result.sentences:
        typer.echo(f"  {sentence.text}")
    typer.echo(f"written: {', '.join(str(path) for path in result.written)}")


def people(
    clouds: Annotated[
        list[Path], typer.Argument(metavar="CLOUD...", help="LiDAR clouds, metres, sensor frame.", show_default=False)
    ],
    zone: Annotated[
        Path, typer.Option("--zone", metavar="FILE", help="JSON: machine, corners_m [[x, y], ...], margin_m.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="Where to write.")],
    min_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Lesser detections are left out.")] = 0.3,
    lang: Annotated[str, typer.Option(help="Of what is said: en or zh.")] = "en",
) -> None:
    """Find people in a zone around a machine. Information only, not a safety function."""
    needs_modules("torch")
    import json

    from trivium.maintenance.inspection import people as zones
    from trivium.maintenance.terminal import read_bytes
    from trivium.pointcloud.detector.detect import Detector

    language = _language(lang)
    try:
        data = json.loads(read_bytes(zone))
    except ValueError as error:
        raise InputError(f"is no JSON ({error})", where=str(zone)) from error
    wanted = zones.read_zone(data, str(zone))
    detector, frames, failed = Detector.load(), [], []
    with progress_bar("Looking") as progress:
        for number, path in enumerate(clouds):
            progress(number, len(clouds))
            try:
                frames += zones.watch([(path.name, path)], wanted, min_score=min_score, detector=detector)
            except TriviumError as error:
                failed.append(error.line)
    for line in failed:
        say(line)
    if frames:
        zones.write_people(out, wanted, frames, language)
        for frame in frames:
            typer.echo(f"{frame.file}: {frame.in_zone} of {len(frame.people)}")
        typer.echo(zones.note(language))
        typer.echo(f"written: {out}")
    if failed:
        raise typer.Exit(1)


def _language(language: str) -> str:
    """Return the language of a report.

    Raises:
        InputError: if it is unknown.
    """
    if language not in LANGUAGES:
        raise InputError(f"language {language!r} is unknown", where="--lang", hint=f"known: {', '.join(LANGUAGES)}")
    return language


def _formats(formats: str) -> tuple[str, ...]:
    """Return the formats of a list with commas."""
    return tuple(name.strip() for name in formats.split(",") if name.strip())
