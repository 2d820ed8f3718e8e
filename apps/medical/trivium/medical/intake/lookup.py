"""The lookup tables of a header, copied as what they are: numbers, one an entry, that rise or fall throughout.

A table of a radiograph is a curve. Bytes that are none say something else, and bytes behind the last entry, too.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

__all__ = ["cleaned_table"]


def cleaned_table(item: Dataset, *, is_little_endian: bool) -> Dataset | None:
    """Return the item with descriptor and entries alone (16 bits each, little-endian); None when it is no curve.

    Args:
        item: of a Modality, VOI or Presentation LUT Sequence.
        is_little_endian: of the file that it was read from.
    """
    try:
        described, entries = _read(item, "<u2" if is_little_endian else ">u2")
    except (KeyError, TypeError, ValueError):  # values of another form, or none
        return None
    count = (described[0] or 2**16) if len(described) == 3 else 0
    steps = np.diff(entries[:count])
    if not 0 < count <= len(entries) or ((steps > 0).any() and (steps < 0).any()):
        return None
    kept = Dataset()
    kept["LUTDescriptor"] = DataElement(item["LUTDescriptor"].tag, item["LUTDescriptor"].VR, described)
    kept["LUTData"] = DataElement(item["LUTData"].tag, "OW", entries[:count].astype("<u2").tobytes())
    return kept


def _read(item: Dataset, order: str) -> tuple[list[int], np.ndarray]:
    """Return the three numbers that describe a table, and all that its data hold."""
    descriptor, held = item["LUTDescriptor"].value, item["LUTData"].value
    described = [int(one) for one in descriptor][:3]
    if isinstance(held, bytes):
        return described, np.frombuffer(held[: len(held) // 2 * 2], order).astype(np.int64)
    return described, np.asarray([int(one) for one in held], dtype=np.int64)
