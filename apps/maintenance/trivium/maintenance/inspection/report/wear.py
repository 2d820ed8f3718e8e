"""The report of a comparison of two scans as a document, and its head, which the app's own page shows, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from trivium.maintenance.inspection.claims import Source
from trivium.maintenance.inspection.narrate import percent, shown
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.report.document import Bars, Cell, Document, Head, bars_of
from trivium.maintenance.inspection.report.inspection import (
    close_ups_of,
    notes_of,
    percent_inside,
    points_cloud,
    regions_grid,
    surface_cloud,
)
from trivium.maintenance.inspection.report.views import Subject, draw_views
from trivium.maintenance.inspection.wear import Wear
from trivium.maintenance.inspection.wear_narrate import outcome_key
from trivium.service.evidence import Claim, Sentence
from trivium.service.text import Catalogue, catalogue

__all__ = ["wear_document", "wear_head"]

_TONES = {"unchanged": "good", "changed": "bad", "undecided": "wait", "incomplete": "wait", "untrusted": "wait"}
_EMPTY = np.empty((0, 3))
Sources = tuple[Source, Source, Source]


def wear_document(
    wear: Wear,
    reference: Reference,
    claims: Mapping[str, Claim],
    sentences: Sequence[Sentence],
    sources: Sources,
    language: str,
    made: datetime,
    num_removed: int = 0,
) -> Document:
    """Put a report together; `sources` are the earlier scan, the later one and the part."""
    texts = catalogue("trivium.maintenance", language)
    head = wear_head(wear, claims, sources, language, made)
    limit = wear.tolerance.limit_mm
    changes = wear.changes if wear.is_trusted else ()
    places, normals = (
        np.array([getattr(one, name) for one in changes]) if changes else _EMPTY for name in ("place", "normal")
    )
    subject = Subject(reference, wear.surface if wear.is_trusted else None, limit, places, normals)
    cloud = surface_cloud(wear.surface, reference, limit) if wear.is_trusted else points_cloud(wear.later, reference)
    return Document(
        head.title,
        language,
        head.tone,
        head.verdict,
        head.warning,
        tuple(Cell(one.text, one.claim_ids) for one in sentences),
        head.facts,
        texts["inspection.wear.views" if wear.is_trusted else "inspection.wear.views_untrusted"],
        draw_views(subject),
        (texts["inspection.view_alt"], texts["inspection.view_alt_back"]),
        *close_ups_of(subject, changes, texts),
        limit if wear.is_trusted else None,
        _bars(wear, texts) if wear.is_trusted and wear.surface.is_covered.any() else None,
        head.table,
        tuple(texts[f"inspection.wear.method_{name}"] for name in ("frame", "cells", "rule", "wear")),
        replace(cloud, marks=places),
        notes_of(sources, num_removed, texts),
    )


def wear_head(wear: Wear, claims: Mapping[str, Claim], sources: Sources, language: str, made: datetime) -> Head:
    """Return the head of the report of a comparison."""
    texts = catalogue("trivium.maintenance", language)
    key = outcome_key(wear)
    return Head(
        texts.say("inspection.wear.title", part=sources[2].name),
        _TONES[key],
        texts[f"inspection.wear.verdict_{key}"],
        texts["inspection.wear.not_unchanged"] if _TONES[key] == "wait" else "",
        _facts(wear, claims, sources, texts, made),
        regions_grid(claims, texts, "" if wear.is_trusted else "_untrusted", "volume"),
    )


def _facts(
    wear: Wear, claims: Mapping[str, Claim], sources: Sources, texts: Catalogue, made: datetime
) -> tuple[tuple[str, Cell], ...]:
    files = [Cell(texts.say("inspection.in_unit", name=one.name, unit=one.unit)) for one in sources]
    limit = Cell(texts.say("inspection.plus_minus", limit=shown(claims, "limit")), ("limit",))
    trust = texts["inspection.trusted" if wear.is_trusted else "inspection.untrusted"]
    aligned = texts.say("inspection.aligned_by", method=texts[f"inspection.{wear.method}"], trust=trust)
    shares = {"coverage": percent(claims, "coverage", "min_coverage"), "least": percent(claims, "min_coverage")}
    coverage = Cell(texts.say("inspection.coverage_values", **shares), ("coverage", "min_coverage"))
    rows = (
        ("part", files[2]),
        ("wear.before", files[0]),
        ("wear.after", files[1]),
        ("wear.change", limit),
        ("alignment", Cell(aligned, ("aligned",))),
        ("coverage_row", coverage if wear.is_trusted else Cell("-")),
        ("points_row", Cell(" + ".join(f"{count:,}" for count in wear.points if count))),
        ("made", Cell(f"{made:%Y-%m-%d %H:%M} UTC")),
    )
    return tuple((texts[f"inspection.{key}"], cell) for key, cell in rows)


def _bars(wear: Wear, texts: Catalogue) -> Bars:
    seen, limit = wear.surface.is_covered, wear.tolerance.limit_mm
    edges, shares, inside = bars_of(wear.surface.deviation[seen], wear.surface.areas[seen], limit)
    alt = texts.say("inspection.wear.histogram_alt", inside=percent_inside(inside))
    return Bars(texts["inspection.wear.histogram"], edges, shares, limit, alt, texts["inspection.histogram_axis"])
