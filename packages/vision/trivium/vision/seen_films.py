"""Which films the shipped models learned from: `python -m trivium.vision.seen_films DATA --out DIR` writes the list.

A film is known by a hash of its 8-bit pixels, so that another file format or name does not hide it; another size does.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from trivium.service.errors import ModelError
from trivium.vision.chest_films import pneumonia_films, read_nih
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.films import Film

__all__ = ["film_key", "load_seen"]


def film_key(film: Film) -> int:
    """Return the first 8 bytes of a SHA-256 over the shape and the 8-bit pixels of a film `(H, W)` in [0, 1]."""
    pixels = np.round(film * 255).astype(np.uint8)
    head = f"{pixels.shape[0]}x{pixels.shape[1]}:".encode()
    return int.from_bytes(hashlib.sha256(head + pixels.tobytes()).digest()[:8], "big")


def load_seen(folder: Path = WEIGHTS) -> frozenset[int]:
    """Return the keys of the films that the findings and pneumonia classifiers were fitted on.

    Raises:
        ModelError: if the list is missing or cannot be read.
    """
    try:
        return frozenset(int(one) for one in load_file(folder / "seen_films.safetensors")["keys"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"the list of training films cannot be loaded ({error})", where=str(folder)) from error


def main() -> int:
    """Write the keys of NIH's and PneumoniaMNIST's training films."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    keys = [film_key(film) for film in pneumonia_films(given.data / "pneumoniamnist", "train")[0]]
    for name in read_nih(given.data / "nih").names:
        with Image.open(given.data / "nih" / name) as image:
            keys.append(film_key(np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)))
    stored: NDArray[np.uint64] = np.array(sorted(set(keys)), dtype=np.uint64)
    given.out.mkdir(parents=True, exist_ok=True)
    save_file({"keys": stored}, given.out / "seen_films.safetensors")
    print(f"{len(keys)} films, {len(stored)} different")
    return 0


if __name__ == "__main__":
    sys.exit(main())
