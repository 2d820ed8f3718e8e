"""The report of an inspection as a document: what `narrate` said and `check` kept, and the numbers as claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from trivium.maintenance.inspection.claims import Source
from trivium.maintenance.inspection.deviation import Surface
from trivium.maintenance.inspection.inspect import Inspection
from trivium.maintenance.inspection.narrate import percent, shown, verdict_key
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.regions import Defect
from trivium.maintenance.inspection.report.document import Bars, Cell, Cloud, Document, Grid, Head, bars_of
from trivium.maintenance.inspection.report.views import Subject, View, draw_close_ups, draw_views
from trivium.service.evidence import Claim, Sentence
from trivium.service.text import Catalogue, catalogue

__all__ = [
    "TONES",
    "close_ups_of",
    "document_of",
    "head_of",
    "notes_of",
    "percent_inside",
    "points_cloud",
    "regions_grid",
    "surface_cloud",
]

TONES = {"pass": "good", "fail": "bad", "undecided": "wait", "incomplete": "wait", "untrusted": "wait"}
_MOST_PLACES = 25_000
_CLOSE_UPS = 6
_LEAST_CELLS = 15  # in a close-up
_MOST_FACES = 20_000
_EMPTY = np.empty((0, 3))


def document_of(
    inspection: Inspection,
    reference: Reference,
    claims: Mapping[str, Claim],
    sentences: Sequence[Sentence],
    sources: tuple[Source, Source],
    language: str,
    made: datetime,
    num_removed: int = 0,
) -> Document:
    """Put a report together.

    Args:
        inspection: the result.
        reference: the part.
        claims: of the inspection.
        sentences: checked ones, the verdict first.
        sources: the scan and the CAD.
        language: `en` or `zh`.
        made: when.
        num_removed: sentences that the check took out.
    """
    texts = catalogue("trivium.maintenance", language)
    is_trusted, limit = inspection.trust.is_trusted, inspection.tolerance.limit_mm
    defects = inspection.defects if is_trusted else ()
    places = np.array([one.place for one in defects]) if defects else _EMPTY
    normals = np.array([one.normal for one in defects]) if defects else _EMPTY
    subject = Subject(reference, inspection.surface if is_trusted else None, limit, places, normals)
    head = head_of(inspection, claims, sources, language, made)
    return Document(
        head.title,
        language,
        head.tone,
        head.verdict,
        head.warning,
        tuple(Cell(one.text, one.claim_ids) for one in sentences),
        head.facts,
        texts["inspection.views" if is_trusted else "inspection.views_untrusted"],
        draw_views(subject),
        (texts["inspection.view_alt"], texts["inspection.view_alt_back"]),
        *close_ups_of(subject, defects, texts),
        limit if is_trusted else None,
        _bars(inspection, texts) if is_trusted and inspection.surface.is_covered.any() else None,
        head.table,
        tuple(texts[f"inspection.method_{name}"] for name in ("frame", "cells", "rule", "cad")),
        replace(_cloud(inspection, reference), marks=places),
        notes_of(sources, num_removed, texts),
    )


def close_ups_of(
    subject: Subject, defects: Sequence[Defect], texts: Catalogue
) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """Return pictures of the first regions, twice as wide as these, and what stands below each."""
    some = defects[:_CLOSE_UPS]
    spans = np.array([max(2 * float(one.extent_mm.max()), _LEAST_CELLS * subject.surface.size) for one in some
                      if subject.surface is not None])  # fmt: skip
    near = replace(subject, places=subject.places[: len(spans)], normals=subject.normals[: len(spans)])
    captions = [texts.say("inspection.close_up", number=at, width=f"{span:.0f}") for at, span in enumerate(spans, 1)]
    return draw_close_ups(near, spans), tuple(captions)


def notes_of(sources: Sequence[Source], num_removed: int, texts: Catalogue) -> tuple[str, ...]:
    """Return the last lines of a report: which bytes were read, and whether a sentence was left out."""
    lines = [texts.say("inspection.fingerprint", name=one.name, sha256=one.sha256) for one in dict.fromkeys(sources)]
    return (*lines, *([texts.say("inspection.removed", count=num_removed)] if num_removed else []))


def head_of(
    inspection: Inspection,
    claims: Mapping[str, Claim],
    sources: tuple[Source, Source],
    language: str,
    made: datetime,
) -> Head:
    """Return the head of an inspection's report; arguments as for `document_of`."""
    texts = catalogue("trivium.maintenance", language)
    key = verdict_key(inspection)
    return Head(
        texts.say("inspection.title", part=sources[1].name),
        TONES[key],
        texts[f"inspection.verdict_{key}"],
        texts["inspection.not_a_pass"] if TONES[key] == "wait" else "",
        _facts(inspection, claims, sources, texts, made),
        regions_grid(claims, texts, "" if inspection.trust.is_trusted else "_untrusted"),
    )


def regions_grid(claims: Mapping[str, Claim], texts: Catalogue, nothing: str = "", fourth: str = "out") -> Grid:
    """Return the table of all regions that have claims.

    Args:
        nothing: ending of the text for a table without rows.
        fourth: the claim after the area, `out` or `volume`.
    """
    rows = []
    number = 1
    while f"d{number}.depth" in claims:
        group = f"d{number}"
        kind = claims[f"{group}.kind"].value
        lengths = [
            Cell(shown(claims, f"{group}.{name}"), (f"{group}.{name}",)) for name in ("depth", "u", "area", fourth)
        ]
        place = ", ".join(shown(claims, f"{group}.{axis}") for axis in "xyz")
        at = Cell(place, tuple(f"{group}.{axis}" for axis in "xyz"))
        rows.append((Cell(str(number)), Cell(texts[f"inspection.kind_{kind}"], (f"{group}.kind",)), *lengths, at))
        number += 1
    heads = tuple(texts[f"inspection.{name}"] for name in ("number", "kind", "depth", "u", "area", fourth, "place"))
    return Grid(texts["inspection.regions"], heads, tuple(rows), texts[f"inspection.no_regions{nothing}"])


def surface_cloud(surface: Surface, reference: Reference, limit: float) -> Cloud:
    """Return what the 3D view shows of seen cells.

    Of cells beyond the limit as many as can be shown are, and the rest is thinned.
    """
    seen = np.flatnonzero(surface.is_covered)
    is_beyond = np.abs(surface.deviation[seen]) > limit
    seen = np.concatenate((seen[is_beyond][:_MOST_PLACES], _thinned(seen[~is_beyond], _MOST_PLACES)))
    return _cloud_of(surface.places[seen], surface.deviation[seen], reference)


def points_cloud(points: Floats, reference: Reference) -> Cloud:
    """Return what the 3D view shows of bare points, where no deviation counts."""
    return _cloud_of(_thinned(points, _MOST_PLACES), None, reference)


def _thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """Return `most` of the rows in their order, by chance: every so many would show as stripes."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(0).choice(len(rows), most, replace=False))]


def _cloud_of(places: Floats, values: Floats | None, reference: Reference) -> Cloud:
    mesh = reference.scene.mesh
    faces = mesh.faces if len(mesh.faces) <= _MOST_FACES else mesh.faces[:0]
    vertices = mesh.vertices.astype(np.float64) if len(faces) else _EMPTY
    return Cloud(places, values, vertices, faces)


def _cloud(inspection: Inspection, reference: Reference) -> Cloud:
    """Return means over cells, which show what single points hide in their noise, where deviations count."""
    if not inspection.trust.is_trusted:
        return points_cloud(inspection.points, reference)
    return surface_cloud(inspection.surface, reference, inspection.tolerance.limit_mm)


def _facts(
    inspection: Inspection,
    claims: Mapping[str, Claim],
    sources: tuple[Source, Source],
    texts: Catalogue,
    made: datetime,
) -> tuple[tuple[str, Cell], ...]:
    def say(key: str, *names: str) -> Cell:
        values = {name: shown(claims, name) for name in names if name not in ("coverage", "min_coverage")}
        values |= {"coverage": percent(claims, "coverage", "min_coverage"), "least": percent(claims, "min_coverage")}
        return Cell(texts.say(f"inspection.{key}", **values), names)

    scan, cad = sources
    trust = "trusted" if inspection.trust.is_trusted else "untrusted"
    aligned = texts.say(
        "inspection.aligned_by", method=texts[f"inspection.{inspection.method}"], trust=texts[f"inspection.{trust}"]
    )
    points = Cell(f"{int(claims['points'].value):,}", ("points",))
    is_trusted = inspection.trust.is_trusted
    uncertainty = say("uncertainty_values", "noise", "uncertainty") if is_trusted else Cell("-")
    coverage = say("coverage_values", "coverage", "min_coverage") if is_trusted else Cell("-")
    rows = (
        ("part", Cell(texts.say("inspection.in_unit", name=cad.name, unit=cad.unit))),
        ("scan", Cell(texts.say("inspection.in_unit", name=scan.name, unit=scan.unit))),
        ("tolerance", say(inspection.tolerance.zone, "tolerance", "limit")),
        ("alignment", Cell(aligned, ("aligned",))),
        ("uncertainty_row", uncertainty),
        ("coverage_row", coverage),
        ("points_row", points),
        ("made", Cell(f"{made:%Y-%m-%d %H:%M} UTC")),
    )
    return tuple((texts[f"inspection.{key}"], cell) for key, cell in rows)


def percent_inside(share: float) -> str:
    """Return a share in percent, which is 100 only when nothing is missing."""
    digits = 1
    while share < 1 and float(f"{100 * share:.{digits}f}") == 100 and digits < 6:
        digits += 1
    return f"{100 * share:.{digits}f}"


def _bars(inspection: Inspection, texts: Catalogue) -> Bars:
    surface, limit = inspection.surface, inspection.tolerance.limit_mm
    seen = surface.is_covered
    edges, shares, inside = bars_of(surface.deviation[seen], surface.areas[seen], limit)
    alt = texts.say("inspection.histogram_alt", inside=percent_inside(inside))
    return Bars(texts["inspection.histogram"], edges, shares, limit, alt, texts["inspection.histogram_axis"])
