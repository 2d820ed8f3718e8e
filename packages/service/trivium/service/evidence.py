"""Claims and where they come from: nothing is said without evidence.

A `Claim` is one value with its unit. It is either read from a source (`evidence`) or computed from other claims
(`formula` and `inputs`); a claim with neither cannot be made. A `Sentence` carries the claims it is bound to, and
an app's checker removes a sentence whose numbers do not follow from exactly those. Standard library only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = [
    "Claim",
    "Evidence",
    "FactAnchor",
    "ImageRegion",
    "JsonPointer",
    "Locator",
    "Report",
    "ReportFile",
    "ScanRegion",
    "SensorWindow",
    "Sentence",
    "SheetCell",
]


@dataclass(frozen=True, slots=True)
class FactAnchor:
    """A tagged fact in an HTML or XML document.

    Args:
        document: file name inside the source; empty when the source is one document.
        fact_id: the element's `id`, or `#N` for the N-th fact of the document (from 1) when it has none.
    """

    document: str
    fact_id: str


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A cell of a workbook or CSV file: sheet name (empty for CSV) and address such as `B12`."""

    sheet: str
    cell: str


@dataclass(frozen=True, slots=True)
class JsonPointer:
    """A value inside a JSON document, by RFC 6901 pointer."""

    pointer: str


@dataclass(frozen=True, slots=True)
class ImageRegion:
    """A rectangle of an image, in pixels of the source as stored: its left upper corner and its extent.

    Args:
        x: column of the leftmost pixel, from 0.
        y: row of the uppermost pixel, from 0.
        width: columns, at least 1.
        height: rows, at least 1.
        frame: of a multi-frame image, from 0.

    Raises:
        ValueError: if the rectangle is empty or begins outside the image.
    """

    x: int
    y: int
    width: int
    height: int
    frame: int = 0

    def __post_init__(self) -> None:
        if min(self.x, self.y, self.frame) < 0 or min(self.width, self.height) < 1:
            raise ValueError(f"image region {self.x},{self.y} {self.width}x{self.height} is empty or outside the image")


@dataclass(frozen=True, slots=True)
class SensorWindow:
    """Readings of one sensor of an asset, from one time to another, both included, in microseconds since 1970 in UTC.

    The hash of such a source is that of the values that were looked at, with their times.

    Raises:
        ValueError: if the times are not in order.
    """

    asset: str
    sensor: str
    from_us: int
    to_us: int

    def __post_init__(self) -> None:
        if self.from_us > self.to_us:
            raise ValueError(f"sensor window {self.sensor}: {self.from_us} is after {self.to_us}")


@dataclass(frozen=True, slots=True)
class ScanRegion:
    """The points of a scan that lie in a ball: its middle and radius in the scan's own frame, millimetres.

    Raises:
        ValueError: if the radius is not positive.
    """

    x: float
    y: float
    z: float
    radius: float

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ValueError(f"a ball of radius {self.radius} holds no points")


Locator = FactAnchor | SheetCell | JsonPointer | ImageRegion | SensorWindow | ScanRegion
_KINDS: dict[str, type[Locator]] = {
    "fact": FactAnchor,
    "cell": SheetCell,
    "json": JsonPointer,
    "image": ImageRegion,
    "sensor": SensorWindow,
    "scan": ScanRegion,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The place in a source that a value was read from.

    Args:
        source_sha256: hash of the source's bytes after decompression, 64 hexadecimal digits.
        locator: the place inside the source.
    """

    source_sha256: str
    locator: Locator

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_json` reads back."""
        kind = next(name for name, cls in _KINDS.items() if isinstance(self.locator, cls))
        return {"source_sha256": self.source_sha256, "kind": kind, **dataclasses.asdict(self.locator)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if the locator kind is unknown.
        """
        fields = dict(data)
        source, kind = fields.pop("source_sha256"), fields.pop("kind")
        if kind not in _KINDS:
            raise ValueError(f"unknown locator kind {kind!r}; known: {', '.join(_KINDS)}")
        return cls(source, _KINDS[kind](**fields))


@dataclass(frozen=True, slots=True)
class Claim:
    """One value that a report may state.

    Args:
        id: stable within a report.
        value: the number in full units, or the text.
        unit: `USD`, `shares`, `USD/shares`, `pure` (a ratio), `days`; empty for text.
        evidence: places the value was read from; empty for a computed claim.
        formula: how the value follows from `inputs`; empty for a claim that was read.
        inputs: ids of the claims it was computed from.

    Raises:
        ValueError: if the claim has neither evidence nor a formula with inputs.
    """

    id: str
    value: Decimal | str
    unit: str
    evidence: tuple[Evidence, ...] = ()
    formula: str = ""
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.evidence and not (self.formula and self.inputs):
            raise ValueError(f"claim {self.id!r} has neither evidence nor a formula with inputs")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the claims, by id, that every number and direction word in it must follow from."""

    text: str
    claim_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One exported file: name, media type, and its bytes' hash in the blob store."""

    name: str
    media_type: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a pipeline returns: claims, the sentences bound to them, the exported files and what went unread."""

    title: str
    language: str
    claims: Mapping[str, Claim] = field(default_factory=dict)
    sentences: tuple[Sentence, ...] = ()
    files: tuple[ReportFile, ...] = ()
    problems: tuple[str, ...] = ()
