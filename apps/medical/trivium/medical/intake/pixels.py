"""Pixels as the viewer's window and level work on them: unsigned, 8 or 16 bits, before any window is applied."""

from __future__ import annotations

import gzip
import warnings
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

__all__ = ["Display", "of_dicom", "of_picture"]

_HIGHEST = 65535
_DARK, _BRIGHT = 0.5, 99.5  # percentiles of the window where the file states none


@dataclass(frozen=True, slots=True)
class Display:
    """What a viewer draws.

    Args:
        data: gzip of the values, row by row, little-endian; one byte each up to 8 bits, else two.
        rows: of pixels.
        columns: of pixels.
        bits: 8 or 16, of a value in `data`.
        is_inverted: whether the lowest value is shown white.
        center: of the window at first, in values.
        width: of that window, in values.
        spacing_mm: rows, columns; None where nobody knows.
        spacing: `patient` where the file says so, `detector` where it is the imager's, else `none`.
    """

    data: bytes
    rows: int
    columns: int
    bits: int
    is_inverted: bool
    center: float
    width: float
    spacing_mm: tuple[float, float] | None
    spacing: str


def of_dicom(dataset: Dataset, stored: np.ndarray) -> Display:
    """Return the film of a DICOM file after its modality step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(apply_modality_lut(stored, dataset))
    low, high = min(0.0, float(values.min())), float(values.max())
    scale = min(1.0, _HIGHEST / max(high - low, 1.0))
    is_plain = values.dtype.kind in "ui" and low == 0 and scale == 1  # most films: nothing to compute
    shown = values.astype(np.uint16) if is_plain else np.rint((values - low) * scale).astype(np.uint16)
    window = _window(dataset)
    center, width = ((window[0] - low) * scale, window[1] * scale) if window else _spread(shown)
    spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    kind = "patient" if dataset.get("PixelSpacing") else "detector" if spacing else "none"
    is_inverted = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    spacing_mm = (float(spacing[0]), float(spacing[1])) if spacing else None
    return _display(shown, is_inverted, center, width, spacing_mm, kind)


def of_picture(pixels: np.ndarray) -> Display:
    """Return a picture (H, W) uint8 or uint16, shown from its lowest to its highest possible value."""
    full = float(np.iinfo(pixels.dtype).max)
    if pixels.dtype == np.uint8:
        return _display(pixels, False, full / 2, full, None, "none")
    return _display(pixels, False, *_spread(pixels), None, "none")


def _display(
    shown: np.ndarray, is_inverted: bool, center: float, width: float, spacing: tuple[float, float] | None, kind: str
) -> Display:
    is_small = int(shown.max(initial=0)) < 256
    data = shown.astype("u1" if is_small else "<u2").tobytes()
    packed = gzip.compress(data, compresslevel=1, mtime=0)
    rows, columns = shown.shape
    bits = 8 if is_small else 16
    return Display(packed, rows, columns, bits, is_inverted, round(center, 2), round(max(width, 1.0), 2), spacing, kind)


def _window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the file's own window; of a table, the range of values that it covers."""
    center, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if center is not None and width is not None:
        first = (float(np.atleast_1d(center)[0]), float(np.atleast_1d(width)[0]))
        return first if first[1] > 0 else None
    for item in dataset.get("VOILUTSequence") or ():
        entries, start, _ = (int(one) for one in item.LUTDescriptor)
        entries = entries or 65536
        return start + entries / 2, float(entries)
    return None


def _spread(shown: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(shown[::4, ::4], (_DARK, _BRIGHT))
    return float(low + high) / 2, float(max(high - low, 1.0))
