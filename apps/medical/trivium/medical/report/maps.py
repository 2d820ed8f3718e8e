"""Evidence maps as one gray picture, for the viewer: a column of squares, one a finding."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from trivium.medical.records import EvidenceMap

__all__ = ["maps_picture"]


def maps_picture(maps: Sequence[EvidenceMap]) -> bytes:
    """Return the bytes of a PNG of the maps below each other."""
    out = io.BytesIO()
    Image.fromarray(np.concatenate(maps)).save(out, "PNG")
    return out.getvalue()
