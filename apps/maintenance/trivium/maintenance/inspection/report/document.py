"""What a report shows, before it becomes a page or a print: texts in the reader's language, pictures, rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.report.views import View
from trivium.service.evidence import Sentence

__all__ = ["Bars", "Cell", "Cloud", "Document", "Grid", "Head", "bars_of", "page_of"]

_BARS = 40


@dataclass(frozen=True)
class Cell:
    """A text with the claims that its numbers are."""

    text: str
    claim_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A table; numbers stand to the right. Empty rows: `nothing` is said instead."""

    heading: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    nothing: str


@dataclass(frozen=True)
class Bars:
    """A histogram.

    Args:
        heading: above it.
        edges: (B + 1,) millimetres; the first and the last bar also hold what lies beyond.
        shares: (B,) of the seen area.
        limit: of the tolerance to either side.
        alt: what it shows, in a sentence.
        axis: text of the horizontal axis.
    """

    heading: str
    edges: Floats
    shares: Floats
    limit: float
    alt: str
    axis: str


@dataclass(frozen=True)
class Cloud:
    """What the 3D view shows.

    Args:
        xyz: (N, 3) places, millimetres.
        values: (N,) deviations; None for one colour.
        vertices: (V, 3) of the part.
        faces: (F, 3) of it; none when it has too many.
        marks: (D, 3) places that are numbered, in their order.
    """

    xyz: Floats
    values: Floats | None
    vertices: Floats
    faces: np.ndarray
    marks: Floats = field(default_factory=lambda: np.empty((0, 3)))


@dataclass(frozen=True)
class Head:
    """What a report and the app's own page both say: the verdict, the facts, the table.

    Args:
        tone: `good`, `bad`, `wait`: of the verdict's colour and sign; only a pass is good.
        verdict: large.
        warning: beside it where it is no pass; empty otherwise.
        facts: label and text.
    """

    title: str
    tone: str
    verdict: str
    warning: str
    facts: tuple[tuple[str, Cell], ...]
    table: Grid


@dataclass(frozen=True)
class Document:
    """A report.

    Args:
        tone: `good`, `bad`, `wait`: of the verdict's colour and sign; only a pass is good.
        verdict: large.
        warning: beside it where it is no pass; empty otherwise.
        sentences: checked.
        facts: label and text, for the head.
        close_ups: of the first regions, in their order.
        close_up_texts: below each: its number and how wide it is.
        limit: at which colours are half full; None when nothing is coloured.
    """

    title: str
    language: str
    tone: str
    verdict: str
    warning: str
    sentences: tuple[Cell, ...]
    facts: tuple[tuple[str, Cell], ...]
    views_heading: str
    views: tuple[View, View]
    view_alts: tuple[str, str]
    close_ups: tuple[View, ...]
    close_up_texts: tuple[str, ...]
    limit: float | None
    bars: Bars | None
    table: Grid
    method: tuple[str, ...]
    cloud: Cloud
    notes: tuple[str, ...] = ()


def bars_of(deviation: Floats, areas: Floats, limit: float) -> tuple[Floats, Floats, float]:
    """Return the edges and shares of a histogram over twice the limits, and the share of area within the limits."""
    edges = np.linspace(-2 * limit, 2 * limit, _BARS + 1)
    shares, _ = np.histogram(np.clip(deviation, edges[0], edges[-1]), edges, weights=areas / areas.sum())
    inside = float(areas[np.abs(deviation) <= limit].sum() / areas.sum())
    return edges, shares, inside


def page_of(head: Head, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Return what the app's own page shows of a result, as JSON data: the head of its report, and sentences."""
    return {
        "title": head.title,
        "tone": head.tone,
        "verdict": head.verdict,
        "warning": head.warning,
        "sentences": [one.text for one in sentences],
        "facts": [[label, cell.text] for label, cell in head.facts],
        "heading": head.table.heading,
        "heads": list(head.table.heads),
        "rows": [[cell.text for cell in row] for row in head.table.rows],
        "nothing": head.table.nothing,
    }
