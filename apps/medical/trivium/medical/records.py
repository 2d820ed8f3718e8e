"""What the stages of a draft hand on: films, their quality, findings, and the draft itself.

Values only. Nothing here identifies a patient: the parser reads from a DICOM header what the reading of the film needs
(view, age, sex, pixel spacing) and leaves the rest where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from trivium.service.evidence import ImageRegion, Sentence

__all__ = [
    "Draft",
    "EvidenceMap",
    "Film",
    "Finding",
    "Header",
    "HeartSize",
    "Quality",
    "Radiograph",
    "Section",
    "State",
]

Film = NDArray[np.float32]
"""As `trivium.vision.films.Film`; named here, because the door reads films and knows no model."""


EvidenceMap = NDArray[np.uint8]
"""Where a score comes from, `(64, 64)` over the whole source film as it lies; 255 is the strongest place."""


class State(StrEnum):
    """What a draft may say of a finding."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    NOT_ASSESSED = "not_assessed"


class Section(StrEnum):
    """The headings of a report, in their order."""

    EXAM = "exam"
    INDICATION = "indication"
    TECHNIQUE = "technique"
    COMPARISON = "comparison"
    FINDINGS = "findings"
    IMPRESSION = "impression"


@dataclass(frozen=True, slots=True)
class Header:
    """What a DICOM header says about how the film was made; None where it says nothing or there is no header.

    Args:
        modality: as written, such as `DX`.
        view: `PA`, `AP`, `LATERAL`, `OBLIQUE`, `DECUBITUS`, or the view position as written.
        age_years: at the time of the study.
        sex: `M`, `F` or `O`.
        body_part: as written, such as `CHEST`.
        pixel_spacing_mm: rows, columns; at the detector where only the imager's spacing is given.
    """

    modality: str | None = None
    view: str | None = None
    age_years: float | None = None
    sex: str | None = None
    body_part: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Radiograph:
    """One film as read from a file.

    Args:
        name: the file's name as the user gave it, without folders.
        sha256: of the file's bytes after decompression.
        film: (H, W) float32 in [0, 1], MONOCHROME2.
        format: `PNG`, `JPEG` or `DICOM`.
        bits: of a stored pixel, 1 to 16.
        header: what a DICOM header adds.
        notes: what the reader should know of how the pixels were made, one sentence each.
    """

    name: str
    sha256: str
    film: Film
    format: str
    bits: int
    header: Header = Header()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.film.shape[1], self.film.shape[0]


@dataclass(frozen=True, slots=True)
class Quality:
    """What the gate found before any finding was read.

    Args:
        level: `good`, `low` (small, or uncertain in one of the checks) or `refused`.
        reasons: keys of the catalogue under `refusal`; empty unless refused.
        warnings: keys of the catalogue under `warning`.
        chest: probability that this is a frontal chest film, 0 to 1.
        quarter_turns: how often the film is turned by 90 degrees counter-clockwise, 0 to 3.
        inverted: probability that bone is dark, 0 to 1.
        cropped: probability that a part of the lungs is cut off, 0 to 1.
        view_verified: whether the header says that the view is frontal.
    """

    level: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    chest: float
    quarter_turns: int
    inverted: float
    cropped: float
    view_verified: bool

    @property
    def is_refused(self) -> bool:
        """Whether no sentence may be written."""
        return self.level == "refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding with its calibrated probability.

    Args:
        name: one of `trivium.vision.findings.FINDINGS`.
        probability: calibrated, 0 to 1.
        state: what the draft may say.
        supported: whether the model met the bar for this finding on patients it was not trained on.
        region: where the score comes from, in pixels of the source; None when nothing stands out or it was not asked.
        is_outside: whether the strongest place of the region lies outside the chest, where no finding can be seen.
        evidence_map: the map that the region is the strongest part of; None without a region. Not in `draft.json`.
    """

    name: str
    probability: float
    state: State
    supported: bool
    region: ImageRegion | None = None
    is_outside: bool = False
    evidence_map: EvidenceMap | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HeartSize:
    """A measured cardiothoracic ratio.

    Args:
        ratio: the heart's greatest width over that of the chest, to two digits.
        heart: box around the heart, in pixels of the source.
        chest: box of the greatest width of the chest, a row of the standard film high, likewise.
    """

    ratio: float
    heart: ImageRegion
    chest: ImageRegion


@dataclass(frozen=True, slots=True)
class Draft:
    """One film's draft report.

    Args:
        radiograph: the film.
        quality: of the film.
        findings: all of them, in the order of `FINDINGS`, also when refused.
        sections: sentences by heading, each bound to findings; empty when refused.
        removed: why a sentence was left out by the checker.
        language: `en` or `zh`.
        heart_size: None where the film is refused or the outlines are not to be trusted.
    """

    radiograph: Radiograph
    quality: Quality
    findings: tuple[Finding, ...]
    sections: dict[Section, tuple[Sentence, ...]]
    removed: tuple[str, ...]
    language: str
    heart_size: HeartSize | None = None
