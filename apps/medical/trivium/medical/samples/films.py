"""The demo's films: which cases there are, and each as a DICOM file whose header says that it was generated.

The same files on every machine: seeds and UIDs are fixed, so that a film that is here already is known again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from trivium.medical.samples.phantom import HIGHEST, PIXEL_MM, Body, Lesion, frontal, lateral

__all__ = ["FILMS", "STAT", "Film", "write_samples"]

_UID_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's own, for UIDs made of a hash
STAT = "stat"


@dataclass(frozen=True, slots=True)
class Film:
    """One sample film.

    Args:
        name: of its file, without the ending; its beginning up to the first `-` is the study.
        patient: name and number, invented.
        sex: `M` or `F`.
        age: as DICOM writes it.
        taken: date and time of the study.
        body: what is drawn.
        view: `PA`, `AP` or `LL`.
        modality: `DX` or `CR`.
        flaw: `sideways` for a film turned by 90 degrees, `cut` for one without bases and half a lung, else empty.
        is_inverted: whether it is stored as MONOCHROME1.
    """

    name: str
    patient: tuple[str, str]
    sex: str
    age: str
    taken: tuple[str, str]
    body: Body
    view: str = "PA"
    modality: str = "DX"
    flaw: str = ""
    is_inverted: bool = False

    @property
    def study(self) -> str:
        """What the films of one study share."""
        return self.name.partition("-")[0]


_ADA, _BRUNO, _CLARA = ("Sample^Ada", "DEMO-001"), ("Sample^Bruno", "DEMO-002"), ("Sample^Clara", "DEMO-003")
_DINO, _EWA, _FRED = ("Sample^Dino", "DEMO-004"), ("Sample^Ewa", "DEMO-005"), ("Sample^Fred", "DEMO-006")
_GITA, _HUGO = ("Sample^Gita", "DEMO-007"), ("Sample^Hugo", "DEMO-008")

# In the order in which they arrive: a prior before the study that it is the prior of.
FILMS = (
    Film("clara prior-pa", _CLARA, "F", "071Y", ("20260112", "091500"), Body(31, heart=0.9, has_breasts=True)),
    Film(
        "clara-ap", _CLARA, "F", "071Y", ("20260309", "221000"),
        Body(32, heart=0.92, has_breasts=True, lesions=(Lesion("effusion", 6, 29.0),)), view="AP", modality="CR",
    ),
    Film("ada-1 pa", _ADA, "F", "054Y", ("20260310", "081200"), Body(11, heart=0.85, has_breasts=True)),
    Film("ada-2 lateral", _ADA, "F", "054Y", ("20260310", "081200"), Body(11, heart=0.85, marker=""), view="LL"),
    Film(
        f"bruno {STAT}-pa", _BRUNO, "M", "067Y", ("20260310", "083000"),
        Body(21, heart=0.9, lesions=(Lesion("patch", -8.0, 24.5, 3.0),)),
    ),
    Film("dino-ap", _DINO, "M", "006Y", ("20260310", "084100"), Body(41, size=0.6), view="AP", modality="CR"),
    Film(
        "ewa-pa", _EWA, "F", "045Y", ("20260310", "085500"),
        Body(51, heart=0.85, has_breasts=True, lesions=(Lesion("nodule", 7.5, 12.5, 1.1),)), is_inverted=True,
    ),
    Film(
        "fred-ap", _FRED, "M", "083Y", ("20260310", "090200"), Body(61, heart=1.1, photons=900), view="AP",
        modality="CR", flaw="cut",
    ),
    Film("gita-pa", _GITA, "F", "038Y", ("20260310", "091000"), Body(71, has_breasts=True), flaw="sideways"),
    Film("hugo-pa", _HUGO, "M", "076Y", ("20260310", "092400"), Body(81, heart=1.32)),
)  # fmt: skip


def write_samples(folder: Path) -> list[Path]:
    """Write the films that are not there yet; about a second each.

    Returns:
        Their paths, in the order of `FILMS`.
    """
    paths = []
    for film in FILMS:
        path = folder / f"{film.name.replace(' ', '_')}.dcm"
        if not path.is_file():
            partly = path.with_suffix(".part")
            _dataset(film).save_as(partly, enforce_file_format=True)
            partly.replace(path)
        paths.append(path)
    return paths


def _pixels(film: Film) -> NDArray[np.uint16]:
    drawn = lateral(film.body) if film.view == "LL" else frontal(film.body)
    if film.flaw == "sideways":
        drawn = np.rot90(drawn)
    if film.flaw == "cut":
        drawn = drawn[: int(0.8 * drawn.shape[0]), int(0.3 * drawn.shape[1]) :]
    return np.ascontiguousarray(HIGHEST - drawn if film.is_inverted else drawn)


def _dataset(film: Film) -> Dataset:
    """Return the film as a file's content."""
    pixels = _pixels(film)
    kind = ComputedRadiographyImageStorage if film.modality == "CR" else DigitalXRayImageStorageForPresentation
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = kind, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = _uid("image", film.name)
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = _uid("study", film.study), _uid("series", film.name)
    made.PatientName, made.PatientID = film.patient
    made.PatientSex, made.PatientAge, made.PatientBirthDate = film.sex, film.age, ""
    made.StudyDate, made.StudyTime = film.taken
    made.AccessionNumber, made.ReferringPhysicianName, made.StudyID = "", "", ""
    made.Modality, made.ViewPosition, made.BodyPartExamined = film.modality, film.view, "CHEST"
    made.Manufacturer, made.ManufacturerModelName = "Trivium", "drawn sample, no person"
    made.StudyDescription, made.SeriesNumber, made.InstanceNumber = "Chest (generated sample)", 1, 1
    made.PatientOrientation, made.ImagerPixelSpacing = "", [round(PIXEL_MM, 4)] * 2
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PixelRepresentation = 1, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    made.PhotometricInterpretation = "MONOCHROME1" if film.is_inverted else "MONOCHROME2"
    made.PresentationLUTShape = "INVERSE" if film.is_inverted else "IDENTITY"
    made.WindowCenter, made.WindowWidth = 2048, 4096
    made.PixelData = pixels.astype("<u2").tobytes()
    return made


def _uid(*parts: str) -> UID:
    return generate_uid(prefix=_UID_ROOT, entropy_srcs=["trivium sample", *parts])
