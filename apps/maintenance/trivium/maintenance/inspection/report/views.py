"""Pictures of a part with its deviations, from rays and our own shading: no window, no driver, no GPU.

Every pixel is a ray (parallel projection). What it meets has the colour of the deviation of its cell, a chequered grey
where nothing was seen, and is lit from the viewer's side; edges are drawn where the surface turns or steps back.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from trivium.maintenance.inspection.deviation import Surface
from trivium.maintenance.inspection.poses import Floats
from trivium.maintenance.inspection.reference import Reference
from trivium.maintenance.inspection.report.colors import UNSEEN, colors
from trivium.pointcloud.raycasting import Hits, Places

__all__ = ["Mark", "Subject", "View", "draw_close_ups", "draw_views"]

_CORNERS = np.array([(1, -1, 0.8), (-1, -1, 0.8), (1, 1, 0.8), (-1, 1, 0.8)]) / (2.64**0.5)
_MARGIN = 1.06
_TALL = 0.76  # of the width
_UPRIGHT = 0.9  # of a direction along z: then y is up in the picture
_PLAIN = np.array([226, 229, 233], dtype=np.float64)
_EDGE = 0.35
_TURN = 0.9  # cosine between neighbouring pixels' normals
_STEP = 0.02  # of the diagonal, between neighbouring pixels' depths
_CHECK_PX = 6
_AWAY = 0.07  # of a picture's width, from a place to its number


@dataclass(frozen=True)
class Mark:
    """A numbered place in a picture, pixels from its left upper corner; `is_hidden` when it lies on the far side."""

    number: int
    x: float
    y: float
    is_hidden: bool

    def label(self, width: float, height: float) -> tuple[float, float]:
        """Return where the number stands: beside the place, away from the picture's middle, so that both are seen."""
        x, y = self.x - width / 2, self.y - height / 2
        length = max(math.hypot(x, y), 1e-9)
        away = _AWAY * width
        at = (self.x + away * (x / length if length > 1 else 0.7), self.y + away * (y / length if length > 1 else -0.7))
        edge = 0.03 * width
        return min(max(at[0], edge), width - edge), min(max(at[1], edge), height - edge)


@dataclass(frozen=True)
class View:
    """A picture: PNG bytes, its size in pixels, where the defects are in it, how long 1 mm is, and the axes' tips.

    Args:
        axes: (3, 2) directions of the part's x, y and z in the picture, to the right and down.
        towards: (3,) from the part to the viewer.
    """

    png: bytes
    width: int
    height: int
    marks: tuple[Mark, ...]
    px_per_mm: float
    axes: Floats
    towards: Floats


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
    shape = (round(_TALL * width), width)
    return _draw(subject, _whole(subject, first, shape)), _draw(subject, _whole(subject, -first, shape))


def draw_close_ups(subject: Subject, spans: Floats, width: int = 240) -> tuple[View, ...]:
    """Draw each place from straight above; `spans` are the widths of the pictures, (D,) millimetres."""
    return tuple(
        _draw(replace(subject, places=subject.places[:0]), _above(subject, place, normal, span, width))
        for place, normal, span in zip(subject.places, subject.normals, spans, strict=True)
    )


@dataclass(frozen=True)
class _Camera:
    """Where a picture is taken from, by parallel rays.

    Args:
        towards: (3,) from the part to the viewer.
        frame: (2, 3) to the right and up in the picture.
        middle: (2,) of the picture, in that frame.
        step: millimetres a pixel.
        shape: height and width in pixels.
        far: how far from the origin rays begin.
    """

    towards: Floats
    frame: Floats
    middle: Floats
    step: float
    shape: tuple[int, int]
    far: float

    def starts(self) -> Floats:
        """Return where the ray of each pixel begins, (height x width, 3)."""
        height, width = self.shape
        u = self.middle[0] + (np.arange(width) - (width - 1) / 2) * self.step
        v = self.middle[1] - (np.arange(height) - (height - 1) / 2) * self.step
        flat = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
        return flat @ self.frame + self.far * self.towards


def _frame(towards: Floats) -> Floats:
    up = [0.0, 0, 1] if abs(towards[2]) < _UPRIGHT else [0.0, 1, 0]
    side = np.cross(up, towards)
    side /= np.linalg.norm(side)
    return np.stack((side, np.cross(towards, side)))


def _whole(subject: Subject, towards: Floats, shape: tuple[int, int]) -> _Camera:
    frame = _frame(towards)
    flat = subject.reference.outline @ frame.T
    extent = np.ptp(flat, axis=0) * _MARGIN
    middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
    return _Camera(
        towards, frame, middle, max(extent[0] / shape[1], extent[1] / shape[0]), shape, _far(subject, towards)
    )


def _above(subject: Subject, place: Floats, normal: Floats, span: float, width: int) -> _Camera:
    frame = _frame(normal)
    # From just above the place: what stands between it and a far viewer would hide it.
    return _Camera(normal, frame, frame @ place, span / width, (width, width), float(place @ normal) + span)


def _far(subject: Subject, towards: Floats) -> float:
    return float((subject.reference.outline @ towards).max() + 0.1 * subject.reference.diagonal)


def _draw(subject: Subject, camera: _Camera) -> View:
    starts = camera.starts()
    hits = subject.reference.scene.cast(starts, np.broadcast_to(-camera.towards, starts.shape))
    rgb = _shaded(subject, hits, starts, camera.towards, camera.shape)
    picture = io.BytesIO()
    Image.fromarray(rgb).quantize(255, method=Image.Quantize.FASTOCTREE).save(picture, "PNG", optimize=True)
    height, width = camera.shape
    axes = camera.frame.T * [1, -1]
    return View(picture.getvalue(), width, height, _marks(subject, camera), 1 / camera.step, axes, camera.towards)


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


def _marks(subject: Subject, camera: _Camera) -> tuple[Mark, ...]:
    if not len(subject.places):
        return ()
    towards, (height, width) = camera.towards, camera.shape
    clear = 0.002 * subject.reference.diagonal
    flat = (subject.places @ camera.frame.T - camera.middle) / camera.step
    lifted = subject.places + clear * subject.normals
    starts = lifted + (camera.far - lifted @ towards)[:, None] * towards
    hits = subject.reference.scene.cast(starts, np.broadcast_to(-towards, starts.shape))
    hidden = hits.distances < np.einsum("ij,j->i", starts - lifted, towards) - clear
    return tuple(
        Mark(number, width / 2 + x, height / 2 - y, bool(is_hidden))
        for number, ((x, y), is_hidden) in enumerate(zip(flat.tolist(), hidden, strict=True), 1)
    )
