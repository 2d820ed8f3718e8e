"""Pictures of a part with its deviations, from rays and our own shading: no window, no driver, no GPU.

Every pixel is a ray (parallel projection). What it meets has the colour of the deviation of its cell, a chequered grey
where nothing was seen, and is lit from the viewer's side; edges are drawn where the surface turns or steps back.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from trivium.maintenance.inspection.deviation import Surface
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.report.colors import UNSEEN, colors
from trivium.pointcloud.raycasting import Hits, Places

__all__ = ["Mark", "Subject", "View", "draw_views"]

_CORNERS = np.array([(1, -1, 0.8), (-1, -1, 0.8), (1, 1, 0.8), (-1, 1, 0.8)]) / (2.64**0.5)
_MARGIN = 1.06
_PLAIN = np.array([226, 229, 233], dtype=np.float64)
_EDGE = 0.35
_TURN = 0.9  # cosine between neighbouring pixels' normals
_STEP = 0.02  # of the diagonal, between neighbouring pixels' depths
_CHECK_PX = 6


@dataclass(frozen=True)
class Mark:
    """A numbered place in a picture, pixels from its left upper corner; `is_hidden` when it lies on the far side."""

    number: int
    x: float
    y: float
    is_hidden: bool


@dataclass(frozen=True)
class View:
    """A picture: PNG bytes, its size in pixels, where the defects are in it, how long 1 mm is, and the axes' tips.

    Args:
        axes: (3, 2) directions of the part's x, y and z in the picture, to the right and down.
    """

    png: bytes
    width: int
    height: int
    marks: tuple[Mark, ...]
    px_per_mm: float
    axes: Floats


@dataclass(frozen=True)
class Subject:
    """What is drawn.

    Args:
        reference: the part.
        surface: its cells; None draws it plain, because no deviation means anything.
        limit: of the tolerance to either side, or the change from which on colours count, millimetres.
        places: (D, 3) of what is numbered, in order.
        normals: (D, 3) outwards there.
    """

    reference: Reference
    surface: Surface | None
    limit: float
    places: Floats
    normals: Floats


def draw_views(subject: Subject, width: int = 900) -> tuple[View, View]:
    """Draw a part from two opposite corners; the first picture shows the first place."""
    towards = _CORNERS
    first = towards[int((towards @ subject.normals[0]).argmax())] if len(subject.normals) else towards[0]
    if len(subject.normals) and first @ subject.normals[0] < 0:
        first = first * [1, 1, -1]  # seen from below
    return _draw(subject, first, width), _draw(subject, -first, width)


def _draw(subject: Subject, towards: Floats, width: int) -> View:
    """Draw from the side that `towards` points to, (3,) length 1."""
    reference = subject.reference
    side = np.cross([0.0, 0, 1], towards)
    side /= np.linalg.norm(side)
    frame = np.stack((side, np.cross(towards, side)))  # (2, 3): right and up
    flat = reference.outline @ frame.T
    middle, extent = (flat.min(axis=0) + flat.max(axis=0)) / 2, np.ptp(flat, axis=0) * _MARGIN
    step = max(extent[0] / width, extent[1] / (0.8 * width))
    height = max(int(np.ceil(extent[1] / step)), 1)
    wide = max(int(np.ceil(extent[0] / step)), 1)
    u = middle[0] + (np.arange(wide) - (wide - 1) / 2) * step
    v = middle[1] - (np.arange(height) - (height - 1) / 2) * step
    far = float((reference.outline @ towards).max() + 0.1 * reference.diagonal)
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    starts = grid @ frame + far * towards
    hits = reference.scene.cast(starts, np.broadcast_to(-towards, starts.shape))
    rgb = _shaded(subject, hits, starts, towards, (height, wide))
    picture = io.BytesIO()
    Image.fromarray(rgb).quantize(255, method=Image.Quantize.FASTOCTREE).save(picture, "PNG", optimize=True)
    marks = _marks(subject, frame, towards, far, middle, step, (height, wide))
    axes = frame.T * [1, -1]
    return View(picture.getvalue(), wide, height, marks, 1 / step, axes)


def _shaded(subject: Subject, hits: Hits, starts: Floats, towards: Floats, shape: tuple[int, int]) -> np.ndarray:
    """Return the picture, (height, width, 3) uint8, white where there is nothing."""
    is_hit = hits.triangles >= 0
    rows = np.flatnonzero(is_hit)
    places = Places(starts[rows] - hits.distances[rows, None] * towards, hits.triangles[rows], hits.normals[rows])
    color = np.tile(_PLAIN, (len(rows), 1))
    if subject.surface is not None:
        cell = subject.surface.cells_of(places, subject.reference)
        seen = (cell >= 0) & subject.surface.is_covered[cell]
        color[seen] = colors(subject.surface.deviation[cell[seen]], subject.limit)
        at = rows[~seen]
        check = ((at // shape[1]) // _CHECK_PX + (at % shape[1]) // _CHECK_PX) % 2
        color[~seen] = np.array(UNSEEN, dtype=np.float64)[check]
    light = 0.62 + 0.38 * np.abs(places.normals @ towards)
    # A second lamp from above the viewer's left tells faces apart that the first lights alike.
    light *= 0.9 + 0.1 * np.clip(places.normals @ _lamp(towards), 0, 1)
    flat = np.full((shape[0] * shape[1], 3), 255.0)
    flat[rows] = color * light[:, None]
    image = flat.reshape(*shape, 3)
    image[_edges(hits, is_hit, shape, subject.reference.diagonal)] *= _EDGE
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _lamp(towards: Floats) -> Floats:
    lamp = towards + [0, 0, 0.8] + 0.5 * np.cross(towards, [0, 0, 1.0])
    return lamp / np.linalg.norm(lamp)


def _edges(hits: Hits, is_hit: np.ndarray, shape: tuple[int, int], diagonal: float) -> np.ndarray:
    """Return which pixels lie on an edge, (height, width)."""
    seen = is_hit.reshape(shape)
    normals = np.where(is_hit[:, None], hits.normals, 0).reshape(*shape, 3)
    depth = np.where(is_hit, hits.distances, 0).reshape(shape)
    edges = np.zeros(shape, dtype=bool)
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        both = seen[one] & seen[two]
        turns = np.einsum("ijk,ijk->ij", normals[one], normals[two]) < _TURN
        steps = np.abs(depth[one] - depth[two]) > _STEP * diagonal
        edges[one] |= (seen[one] != seen[two]) | (both & (turns | steps))
    return edges


def _marks(
    subject: Subject, frame: Floats, towards: Floats, far: float, middle: Floats, step: float, shape: tuple[int, int]
) -> tuple[Mark, ...]:
    marks: Sequence[Mark] = ()
    if len(subject.places):
        flat = (subject.places @ frame.T - middle) / step
        lifted = subject.places + 0.002 * subject.reference.diagonal * subject.normals
        starts = lifted + (far - lifted @ towards)[:, None] * towards
        hits = subject.reference.scene.cast(starts, np.broadcast_to(-towards, starts.shape))
        reach = np.einsum("ij,j->i", starts - lifted, towards)
        hidden = hits.distances < reach - 0.002 * subject.reference.diagonal
        marks = [
            Mark(number, shape[1] / 2 + x, shape[0] / 2 - y, bool(is_hidden))
            for number, ((x, y), is_hidden) in enumerate(zip(flat, hidden, strict=True), 1)
        ]
    return tuple(marks)
