"""The open chest films that models here are trained and measured on, in the layout that docs/data.md describes.

All are reduced to the standard form. Films of NIH at 512 px whose patient number is 1880 or above come turned by a
quarter counter-clockwise (they were published to teach a network about rotation); they are turned back here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trivium.service.errors import InputError
from trivium.vision.films import SIDE, Film, standard, turn_upright
from trivium.vision.findings import FINDINGS

__all__ = ["NihFilms", "pictures_of", "pneumonia_films", "read_film", "read_nih", "read_pictures"]

_FIRST_TURNED_PATIENT = 1880
_MAX_PIXELS = 40_000_000  # as the reader of films has it


@dataclass(frozen=True, slots=True)
class NihFilms:
    """Part of ChestX-ray14 (Wang et al., CVPR 2017).

    Args:
        names: paths inside the folder.
        films: (N, 64, 64) float32, standard, upright.
        labels: (N, 15) bool in the order of `FINDINGS`.
        patients: (N,) int.
        metadata: (N, 4) float: age in years, male, AP, follow-up number.
    """

    names: tuple[str, ...]
    films: Film
    labels: NDArray[np.bool_]
    patients: NDArray[np.int64]
    metadata: NDArray[np.float64]

    @property
    def is_small(self) -> NDArray[np.bool_]:
        """Whether a film comes at 64 px: the part on which figures are published."""
        return np.array([name.startswith("nih64/") for name in self.names])


def read_nih(folder: Path) -> NihFilms:
    """Read the films that `labels.csv` names.

    Raises:
        InputError: if the table is missing or lacks a column.
    """
    try:
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        names = tuple(row["file"] for row in rows)
        patients = np.array([int(row["patient_id"]) for row in rows])
        found = [row["labels"].split("|") for row in rows]
        metadata = np.array(
            [[float(row["age"]), row["sex"] == "M", row["view"] == "AP", float(row["followup"])] for row in rows]
        )
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(folder / "labels.csv"), hint="see docs/data.md"
        ) from error
    films = []
    for name, patient in zip(names, patients, strict=True):
        film = _read(folder / name)
        turned = name.startswith("nih512/") and patient >= _FIRST_TURNED_PATIENT
        films.append(standard(turn_upright(film, 1) if turned else film))
    labels = np.array([[name in one for name in FINDINGS] for one in found])
    return NihFilms(names, np.stack(films), labels, patients, metadata)


def pictures_of(folder: Path) -> list[Path]:
    """Return every PNG and JPEG below a folder, sorted.

    Raises:
        InputError: if there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder), hint="give a folder of films")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))


def read_pictures(folder: Path) -> tuple[tuple[str, ...], Film]:
    """Return the names and standard forms of every PNG and JPEG below a folder, sorted by name.

    Raises:
        InputError: if there is no such folder, or one cannot be read.
    """
    paths = pictures_of(folder)
    films = [read_film(path) for path in paths]
    return tuple(path.name for path in paths), np.stack(films) if films else np.zeros((0, SIDE, SIDE), np.float32)


def read_film(path: Path) -> Film:
    """Return the standard form of a PNG or JPEG with 8 or 16 bits.

    Raises:
        InputError: if it cannot be read, or has too few or too many pixels.
    """
    try:
        return standard(_read(path))
    except InputError as error:
        raise InputError(error.what, where=str(path), hint=error.hint) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"is no picture that can be read ({error})"
        raise InputError(what, where=str(path), hint="export it as PNG") from error


def pneumonia_films(folder: Path, part: str) -> tuple[Film, NDArray[np.bool_]]:
    """Return PneumoniaMNIST's films `(N, 28, 28)` in [0, 1] and whether each shows pneumonia; part `train` or `val`."""
    with np.load(folder / "pneumoniamnist_subset.npz") as stored:
        films = stored[f"{part}_images"].astype(np.float32) / 255
        return films, stored[f"{part}_labels"].reshape(-1).astype(bool)


def _read(path: Path) -> Film:
    with Image.open(path) as image:
        if image.width * image.height > _MAX_PIXELS:
            raise InputError(
                f"{image.width} x {image.height} pixels are more than the {_MAX_PIXELS:,} allowed", hint="reduce it"
            )
        if image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
            return np.asarray(image, dtype=np.float32) / np.float32(65535)
        return np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
