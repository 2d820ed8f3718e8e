"""Text that is burned into the pixels of a film: found by its shape, and covered.

Glyphs are small marks of one brightness with sharp edges, and text is a row of them: of one height, on one line, close
together. Anatomy, wires and grain give marks as well, but no such rows. Looked for in several sizes, light and dark,
along rows and columns. A mark that stands alone, or two of them, stays: `L`, `R`, `PA` and `AP` say which side and view
the film shows, and a reader needs them. Nothing is read: what the text says is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

__all__ = ["Box", "cover_text", "find_text"]

_STROKE = 9  # px: what is wider is no stroke of a glyph at this size
_GLYPH_PX = (5, 44)  # height of a glyph
_LONGEST_GLYPH = 3.0  # width by height: two or three letters that touch
_FEWEST = 3  # glyphs of a text
_LEAST_CONTRAST = 18  # of 255
_NOISE = 2.5  # contrast of a glyph in means of the marks around it
# What a mark's contrast must be above, by the mean of the marks around it.
_LIMITS = np.minimum(np.maximum(np.arange(256) * _NOISE, _LEAST_CONTRAST), 255).astype(np.uint8)
_STEEP = 0.4  # of the contrast, from one pixel to the next
_STROKES = 2.5  # steps along a row of letters, of its width
_SHORTEST_JOINED = 2.2  # width by height: three letters that touch; `PA` and `AP` are narrower
_MOST_OF_A_ROW = 0.6
_SHORT = 4  # glyphs: a short row has to have sharper edges
_STEEP_ROW, _STEEP_SHORT_ROW = 0.48, 0.62  # of the outlines in a row
_LEAST_STEEP = 0.3  # of the outline of a glyph
_MOST_MARKS = 6000
_SMALLEST_SIDE = 200  # px, of a film that is reduced further
_WORD_GAP = 2.2  # of the height: between words of one line
_ALIKE = 50  # of 255: difference of brightness within a line
_DRAWN_CONTRAST = 50  # of 255: of a row
_COVERED_GAP = 0.5  # of the height: what is covered above and below a text; three times as much beside it


@dataclass(frozen=True, slots=True)
class Box:
    """A region in pixels of the film; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class _Marks:
    """Marks of one film, one row each.

    Args:
        box: (N, 4) left, top, right, bottom.
        level: (N,) brightness, 0 to 255.
        contrast: (N,) over what is around, 0 to 255.
        steepness: (N,) share of the outline that falls within a pixel, 0 to 1.
        fill: (N,) share of the box that is the mark's, 0 to 1.
        steps: (N, 2) steps from mark to ground along x and y.
    """

    box: np.ndarray
    level: np.ndarray
    contrast: np.ndarray
    steepness: np.ndarray
    fill: np.ndarray
    steps: np.ndarray

    @property
    def height(self) -> np.ndarray:
        """Return (N,) heights in pixels."""
        return self.box[:, 3] - self.box[:, 1]

    @property
    def width(self) -> np.ndarray:
        """Return (N,) widths in pixels."""
        return self.box[:, 2] - self.box[:, 0]

    def chosen(self, which: np.ndarray) -> _Marks:
        """Return some of the marks, by their numbers or by a mask."""
        return _Marks(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def turned(self) -> _Marks:
        """Return the marks of the film mirrored at its diagonal: columns are rows then."""
        return replace(self, box=_turned(self.box), steps=self.steps[:, ::-1])


def cover_text(values: np.ndarray) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Return a film whose text is covered with the brightness around it, and what was covered.

    Args:
        values: (H, W) stored values, whole numbers; not changed.
    """
    boxes = find_text(values)
    if not boxes:
        return values, ()
    covered = values.copy()
    for one in boxes:
        top, left = max(one.top - 2, 0), max(one.left - 2, 0)
        around = values[top : one.bottom + 2, left : one.right + 2].copy()
        inner = np.ones(around.shape, bool)
        inner[one.top - top : one.bottom - top, one.left - left : one.right - left] = False
        ring = around[inner]
        fill = np.median(ring if ring.size else around)
        covered[one.top : one.bottom, one.left : one.right] = values.dtype.type(fill)
    return covered, boxes


def find_text(values: np.ndarray) -> tuple[Box, ...]:
    """Return the regions of a film that hold text, each wide enough to cover it.

    Args:
        values: (H, W) whole numbers of any range.
    """
    film, factor, found = _to_bytes(values), 1, []
    while True:
        for kind in (film, 255 - film):
            marks = _marks(kind)
            for box in (*_rows(marks), *(_turned(one) for one in _rows(marks.turned()))):
                found.append(box * factor)
        if min(film.shape) // 2 < _SMALLEST_SIDE:
            break
        film, factor = _halved(film), factor * 2
    return tuple(_distinct(found, values.shape))


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Return the film as uint8; the few brightest and darkest values may be clipped."""
    sample = values[:: max(values.shape[0] // 1000, 1), :: max(values.shape[1] // 1000, 1)]
    low, high = (float(one) for one in np.percentile(sample, (0.1, 99.9)))
    low, high = min(low, float(sample.min()) * 0.5 + low * 0.5), max(high, float(sample.max()) * 0.5 + high * 0.5)
    scale = 255 / max(high - low, 1.0)
    out = np.empty(values.shape, np.uint8)
    for start in range(0, values.shape[0], 512):  # in strips: a whole film of floats is large
        part = values[start : start + 512].astype(np.float32)
        np.clip((part - low) * scale, 0, 255, out=part)
        out[start : start + 512] = part.astype(np.uint8)
    return out


def _halved(film: np.ndarray) -> np.ndarray:
    rows, columns = film.shape[0] // 2 * 2, film.shape[1] // 2 * 2
    sums = film[:rows:2, :columns:2].astype(np.uint16)
    for down, across in ((0, 1), (1, 0), (1, 1)):
        sums += film[down:rows:2, across:columns:2]
    return (sums >> 2).astype(np.uint8)


def _marks(film: np.ndarray) -> _Marks:
    """Return the light marks that could be glyphs."""
    hat = film - ndimage.grey_opening(film, size=(_STROKE, _STROKE))
    noise = ndimage.uniform_filter(hat, size=33)
    labels, count = ndimage.label(hat > _LIMITS[noise], structure=np.ones((3, 3), bool))
    slices = ndimage.find_objects(labels)
    box = np.array([(one[1].start, one[0].start, one[1].stop, one[0].stop) for one in slices], int).reshape(-1, 4)
    at = np.flatnonzero(labels)  # few pixels are marks: what follows asks those alone
    ids, peak = labels.ravel()[at], np.zeros(count + 1, np.float32)
    np.maximum.at(peak, ids, hat.ravel()[at].astype(np.float32))
    area = np.bincount(ids, minlength=count + 1)[1:]
    size = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    level = np.bincount(ids, film.ravel()[at], count + 1)[1:] / np.maximum(area, 1)
    steps, steepness = _outlines(film, labels, at, peak)
    found = _Marks(box, level, peak[1:], steepness[1:], area / np.maximum(size, 1), steps[1:])
    is_glyph = np.minimum(found.width, found.height) <= _GLYPH_PX[1]
    kept = np.flatnonzero(is_glyph & (found.steepness >= _LEAST_STEEP) & (area >= 3))
    return found.chosen(kept[np.argsort(-found.contrast[kept])[:_MOST_MARKS]])


def _outlines(film: np.ndarray, labels: np.ndarray, at: np.ndarray, peak: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps from mark to ground: how many by label, along x and y, and which share of them is steep.

    Args:
        at: places of the pixels of marks, in the film row by row.
    """
    (height, width), film, labels = film.shape, film.ravel(), labels.ravel()
    steep, steps = np.zeros(len(peak), int), np.zeros((len(peak), 2), int)
    rows, columns = np.divmod(at, width)
    for along, place, last, stride in ((0, columns, width - 1, 1), (1, rows, height - 1, width)):
        for step, inner in ((stride, at[place < last]), (-stride, at[place > 0])):
            inner = inner[labels[inner + step] == 0]
            ids, drop = labels[inner], film[inner].astype(np.int16) - film[inner + step]
            steps[:, along] += np.bincount(ids, minlength=len(peak))
            steep += np.bincount(ids[drop >= _STEEP * peak[ids]], minlength=len(peak))
    return steps, steep / np.maximum(steps.sum(axis=1), 1)


def _turned(box: np.ndarray) -> np.ndarray:
    return box[..., [1, 0, 3, 2]]


def _rows(marks: _Marks) -> Iterator[np.ndarray]:
    """Yield the box of each row of marks that reads like text."""
    tall, wide = marks.height, marks.width
    usable = (tall >= _GLYPH_PX[0]) & (tall <= _GLYPH_PX[1]) & (wide <= _LONGEST_GLYPH * tall)
    for joined in np.flatnonzero(_are_joined(marks)):
        yield _covering(_whole_line(marks, marks.chosen(np.array([joined]))))
    glyphs = marks.chosen(usable)
    glyphs = glyphs.chosen(np.argsort(glyphs.box[:, 0]))
    group = np.arange(len(glyphs.box))
    for index in range(len(group)):
        for other in _followers(glyphs, index):
            _join(group, index, other)
    roots = np.array([_root(group, index) for index in range(len(group))], int)
    for root, count in zip(*np.unique(roots, return_counts=True), strict=True):
        if count == _FEWEST - 1 and _are_joined_in_two(two := glyphs.chosen(roots == root)):
            yield _covering(_whole_line(marks, two))
        if count >= _FEWEST:
            whole = glyphs.chosen(roots == root)
            row = _of_one_kind(whole)
            if len(row.box) >= _FEWEST and _reads_like_text(row):
                is_alike = np.abs(whole.level - np.median(row.level)) <= _ALIKE
                yield _covering(_whole_line(marks, whole.chosen(is_alike)))


def _are_joined(marks: _Marks) -> np.ndarray:
    """Return which marks are a row of letters that touch: long, drawn, and crossed by many strokes."""
    tall, wide = marks.height, marks.width
    is_long = (wide > _SHORTEST_JOINED * tall) & (tall >= _GLYPH_PX[0]) & (tall <= _GLYPH_PX[1])
    is_short = wide <= _LONGEST_GLYPH * tall
    least = np.where(is_short, 0.7, 0.6), np.where(is_short, 80, _DRAWN_CONTRAST), np.where(is_short, 0.35, 0.28)
    is_drawn = (marks.steepness >= least[0]) & (marks.contrast >= least[1]) & (marks.fill >= least[2])
    return is_long & is_drawn & (marks.steps[:, 0] >= _STROKES * wide)


def _are_joined_in_two(row: _Marks) -> bool:
    """Return whether two marks of one height are as wide as three letters, sharply drawn, and crossed by strokes."""
    wide, tall = float(row.width.sum()), float(np.median(row.height))
    is_even = np.ptp(row.height) <= 1 and np.ptp(row.box[:, 3]) <= 1 and np.ptp(row.level) <= 30
    is_even &= row.width.max() >= 1.3 * tall  # at least two of them touch
    is_drawn = row.steepness.min() >= 0.7 and row.contrast.min() >= 100 and row.fill.min() >= 0.3
    return bool(is_even and is_drawn and wide > _SHORTEST_JOINED * tall and row.steps[:, 0].sum() >= 1.7 * wide)


def _of_one_kind(row: _Marks) -> _Marks:
    """Return the row without what only stands near it: the insides of letters, an edge beside them, a wire.

    What goes is of another brightness, has much less contrast, or another height; if it is most of the row, all stays.
    """
    tall = np.median(row.height)
    is_alike = np.abs(row.level - np.median(row.level)) <= _ALIKE
    is_alike &= row.contrast >= 0.4 * np.median(row.contrast)
    is_alike &= (row.height >= 0.55 * tall) & (row.height <= 1.6 * tall)
    return row.chosen(is_alike) if is_alike.mean() >= _MOST_OF_A_ROW else row


def _followers(glyphs: _Marks, index: int) -> np.ndarray:
    """Return the numbers of the marks that follow one on its line; marks come from left to right."""
    box, tall = glyphs.box, glyphs.height[index]
    last = np.searchsorted(box[:, 0], box[index, 2] + 2.6 * tall)
    rest = slice(index + 1, max(last, index + 1))
    larger, smaller = np.maximum(glyphs.height[rest], tall), np.minimum(glyphs.height[rest], tall)
    overlap = np.minimum(box[rest, 3], box[index, 3]) - np.maximum(box[rest, 1], box[index, 1])
    is_near = (box[rest, 0] - box[index, 2] <= 1.3 * larger) & (overlap >= 0.6 * smaller) & (larger <= 2.0 * smaller)
    is_alike = np.abs(glyphs.level[rest] - glyphs.level[index]) <= _ALIKE
    return index + 1 + np.flatnonzero(is_near & is_alike)


def _reads_like_text(row: _Marks) -> bool:
    """Return whether a row's marks have one height, one line, one brightness, and edges that someone drew."""
    box, tall, contrast = row.box, float(np.median(row.height)), float(np.median(row.contrast))
    is_long = box[:, 2].max() - box[:, 0].min() >= 1.4 * tall
    is_low = box[:, 3].max() - box[:, 1].min() <= 2.2 * tall
    is_even = float(np.std(row.height)) <= 0.35 * tall and float(np.std(box[:, 3])) <= 0.3 * tall
    steepness, fill = float(np.median(row.steepness)), float(np.median(row.fill))
    is_sharp = steepness >= 0.75 and contrast >= 80 and float(np.std(row.level)) <= 15  # what lies behind may vary then
    is_plain = float(np.std(row.level)) <= 28 and float(np.std(row.contrast)) <= (0.6 if is_sharp else 0.3) * contrast
    is_plain |= len(box) > _SHORT and _is_ruled(row) and float(np.std(row.level)) <= _ALIKE
    has_bodies = float(np.median(row.width)) >= 0.25 * tall and fill >= (0.2 if is_sharp else 0.28)
    least = _STEEP_ROW if len(box) > _SHORT else _STEEP_SHORT_ROW  # three wires side by side are no rarity
    is_drawn = steepness >= least and contrast >= _DRAWN_CONTRAST
    return is_long and is_low and is_even and is_plain and has_bodies and is_drawn


def _is_ruled(row: _Marks) -> bool:
    """Return whether all marks have one height and stand on one line to a pixel: what lies behind may vary then."""
    return bool(np.ptp(row.height) <= 1 and np.ptp(row.box[:, 3]) <= 1 and np.median(row.steepness) >= _STEEP_SHORT_ROW)


def _whole_line(marks: _Marks, row: _Marks) -> np.ndarray:
    """Return the boxes of a row and what else stands on its line: points, short words, what lies beyond a gap."""
    box, tall = row.box, float(np.median(row.height))
    middle = (marks.box[:, 1] + marks.box[:, 3]) / 2
    is_alike = np.abs(marks.level - np.median(row.level)) <= _ALIKE
    is_alike |= (marks.steepness >= _STEEP_SHORT_ROW) & (
        marks.height >= 0.6 * tall
    )  # what lies behind may have changed
    is_alike &= (marks.height <= 1.6 * tall) & (marks.contrast >= 0.3 * np.median(row.contrast))
    while True:
        first, last = box.min(axis=0), box.max(axis=0)
        is_on_line = (middle >= first[1]) & (middle <= last[3])
        is_near = (marks.box[:, 0] <= last[2] + _WORD_GAP * tall) & (marks.box[:, 2] >= first[0] - _WORD_GAP * tall)
        found = marks.box[is_alike & is_on_line & is_near]
        box = np.concatenate([box, found])
        if box[:, 0].min() >= first[0] and box[:, 2].max() <= last[2]:
            return box


def _covering(box: np.ndarray) -> np.ndarray:
    tall = float(np.median(box[:, 3] - box[:, 1]))
    around = int(np.ceil(_COVERED_GAP * tall))
    first, last = box.min(axis=0), box.max(axis=0)
    return np.array([first[0] - 3 * around, first[1] - around, last[2] + 3 * around, last[3] + around])


def _distinct(found: list[np.ndarray], shape: tuple[int, ...]) -> Iterator[Box]:
    """Yield boxes within the film, without those that lie in another."""
    limits = np.array([shape[1], shape[0], shape[1], shape[0]])
    boxes = np.unique(np.clip(np.array(found).reshape(-1, 4), 0, limits), axis=0)
    for index, one in enumerate(boxes):
        is_within = (boxes[:, :2] <= one[:2]).all(axis=1) & (boxes[:, 2:] >= one[2:]).all(axis=1)
        is_within[index] = False
        if not is_within.any():
            yield Box(*(int(side) for side in one))


def _root(group: np.ndarray, index: int) -> int:
    while group[index] != index:
        group[index] = group[group[index]]
        index = int(group[index])
    return index


def _join(group: np.ndarray, one: int, other: int) -> None:
    group[_root(group, int(other))] = _root(group, int(one))
