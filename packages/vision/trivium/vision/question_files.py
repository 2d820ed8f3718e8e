"""Questions and pictures from files: `[[question, answer, image_id], ...]` and a folder or an archive of pictures."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trivium.service.errors import InputError, NotFoundError
from trivium.vision.picture_encoder import cut_out
from trivium.vision.questions import answer_of

__all__ = ["Asked", "Pictures", "read_questions"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_SIDE = 256
_MAX_PIXELS = 64_000_000
_MAX_QUESTIONS_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Asked:
    """One question.

    Args:
        question: as given; empty where the row has none.
        image_id: as given; empty where the row has none.
        answer: that is right, one of `ANSWERS`; None where the file has none, or one that is none of them.
        problem: what is wrong with the row; empty for nothing.
    """

    question: str
    image_id: int | str
    answer: str | None
    problem: str = ""

    @property
    def can_be_answered(self) -> bool:
        """Whether there are a question and a picture; a wrong answer in the file keeps nobody from answering."""
        return bool(self.question) and self.image_id != ""


def read_questions(path: Path, *, is_strict: bool = True) -> list[Asked]:
    """Read a file of questions, gzip or not; rows `[question, answer, image_id]` or `[question, image_id]`.

    Args:
        is_strict: whether a row with something wrong in it is an error; else it is returned with its `problem`.

    Raises:
        InputError: if the file cannot be read, a row is none, or all are; the message names the first.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(_MAX_QUESTIONS_BYTES + 1)
        if len(data) > _MAX_QUESTIONS_BYTES:
            raise InputError("holds more than 512 MiB", where=str(path), hint="split the file")
        rows = json.loads(data.decode("utf-8-sig"))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({error})", where=str(path), hint="give a JSON file, gzip is fine") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, too deep, or a number of too many digits
        raise InputError(f"is not JSON ({error})", where=str(path), hint=_FORM) from error
    if not isinstance(rows, list) or not rows:
        raise InputError("holds no list of questions", where=str(path), hint=_FORM)
    asked = [_asked(row, number) for number, row in enumerate(rows, 1)]
    bad = [one.problem for one in asked if one.problem]
    if bad and (is_strict or not any(one.can_be_answered for one in asked)):
        raise InputError(bad[0], where=str(path), hint=_FORM)
    return asked


class Pictures:
    """Pictures of a folder or a zip archive by id: `17` or `"17"` is `17.png`, also in a folder below.

    Raises:
        InputError: if there is no such folder or archive, or no picture in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None
        if path.is_dir():
            names: Iterable[str] = (str(one.relative_to(path)) for one in sorted(path.rglob("*")) if one.is_file())
        else:
            try:
                self._archive = zipfile.ZipFile(path)
                names = sorted(self._archive.namelist())
            except (OSError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"is neither a folder nor a zip archive ({error})", where=str(path), hint="give one of pictures"
                ) from error
        self._names: dict[str, str] = {}
        for name in names:
            inside = Path(name)
            if inside.suffix.lower() in _SUFFIXES and not inside.name.startswith("."):
                for key in (name, inside.name, inside.stem):
                    self._names.setdefault(key, name)
        if not self._names:
            raise InputError("holds no picture", where=str(path), hint=f"known kinds: {', '.join(_SUFFIXES)}")

    def read(self, image_id: int | str) -> NDArray[np.uint8]:
        """Return what a picture shows as `(3, 24, 24)`.

        Raises:
            NotFoundError: if there is none of this id.
            InputError: if the file is no picture that can be read.
        """
        name = self._names.get(str(image_id))
        if name is None:
            raise NotFoundError(f"no picture for image {image_id}", where=str(self._path), hint="check the ids")
        place = f"{self._path}: {name}"
        try:
            data = self._archive.read(name) if self._archive else (self._path / name).read_bytes()
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                pixels = None if width * height > _MAX_PIXELS else _colors(image)
        except (
            OSError, SyntaxError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error,
            Image.DecompressionBombError,
        ) as error:  # fmt: skip
            raise InputError(
                f"is no picture that can be read ({error})", where=place, hint="export it as PNG"
            ) from error
        if pixels is None:
            raise InputError(f"{width} x {height} pixels are too many", where=place, hint="reduce the picture")
        return cut_out(pixels)


_FORM = "give [[question, answer, image_id], ...]"


def _asked(row: object, number: int) -> Asked:
    if not isinstance(row, list) or len(row) not in (2, 3):
        return Asked("", "", None, f"row {number} is no question")
    question, image_id, given = row[0], row[-1], row[1] if len(row) == 3 else None
    asked = question if isinstance(question, str) and question.strip() else ""
    place = image_id if isinstance(image_id, int | str) and not isinstance(image_id, bool) else ""
    answer = answer_of(given) if isinstance(given, str) else None
    problem = ""
    if not asked:
        problem = f"row {number} has no text as its question"
    elif place == "":
        problem = f"row {number} has no image id"
    elif given not in (None, "") and answer is None:
        problem = f"row {number} has the answer {given!r}, which is no color, no shape, not yes and not no"
    return Asked(asked, place, answer, problem)


def _colors(image: Image.Image) -> NDArray[np.uint8]:
    """Return `(H, W, 3)`, no side above `_SIDE`; what is transparent becomes white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = Image.new("RGBA", image.size, "white")
        over.alpha_composite(image.convert("RGBA"))
        image = over
    image = image.convert("RGB")
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)
