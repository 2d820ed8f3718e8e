"""`trivium maintenance inspect`: a scan and its CAD in, numbers, a verdict and coloured clouds out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trivium.maintenance.app import needs_modules
from trivium.service.errors import InputError

__all__ = ["EPILOG", "inspect"]

EPILOG = "Example: trivium maintenance inspect scan.ply part.stl --tolerance 0.05 --unit mm --out result"

_REASONS = {
    "off_surface": "too many points lie off the part: another part, another unit, or much is bent or missing",
    "rival": "another way to lay the scan on the part fits about as well: scan more sides",
    "slides": "the scan can slide on the part: scan more sides",
}


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
    min_coverage: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the surface that must be seen to pass.")
    ] = 0.8,
    smallest_defect: Annotated[
        float, typer.Option(metavar="MM", min=0.1, help="Width of the smallest defect to find.")
    ] = 6.0,
    scanner_uncertainty: Annotated[
        float, typer.Option(metavar="MM", min=0.0, help="Standard uncertainty that all points share.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
) -> None:
    """Hold a scan against its CAD and write inspection.json, deviation.ply and not_covered.ply."""
    needs_modules("torch", "open3d")
    from trivium.maintenance.inspection import files
    from trivium.maintenance.inspection.inspect import Tolerance
    from trivium.maintenance.inspection.inspect import inspect as run

    if zone not in ("plus-minus", "total"):
        raise InputError(f"zone {zone!r} is unknown", where="--zone", hint="known: plus-minus, total")
    limits = Tolerance(tolerance, "total" if zone == "total" else "plus_minus")
    points = files.read_scan(scan, unit)
    reference = files.read_reference(cad, cad_unit or unit)
    result = run(
        points,
        reference,
        limits,
        min_coverage=min_coverage,
        resolution_mm=smallest_defect,
        uncertainty_mm=scanner_uncertainty,
        seed=seed,
        where=str(scan),
    )
    written = files.write(result, out)
    aligned = "trusted" if result.trust.is_trusted else "untrusted"
    typer.echo(f"verdict: {result.verdict}")
    typer.echo(f"aligned: {aligned}; coverage {result.surface.coverage:.1%}; noise {result.surface.noise:.3f} mm")
    for reason in result.trust.reasons:
        typer.echo(f"  {_REASONS[reason]}")
    if result.trust.is_trusted:
        for number, one in enumerate(result.defects, 1):
            x, y, z = one.place
            typer.echo(
                f"  {number}. {one.kind} {one.depth_mm:.3f} +- {one.uncertainty_mm:.3f} mm, {one.area_mm2:.1f} mm2, "
                f"at ({x:.1f}, {y:.1f}, {z:.1f})"
            )
    typer.echo(f"written: {', '.join(str(path) for path in written)}")
