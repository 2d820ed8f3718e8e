"""Whether a picture is a frontal chest film, which way it is turned, and whether bone is dark in it. numpy alone.

Three linear rules on plain descriptors, applied one after the other: the turn whose gradients look most upright; on the
film turned upright, whether its tones are inverted; on the film set right, whether it looks like a chest at all. A
linear rule on unsigned gradients cannot see an inversion, so the first needs no answer to the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from trivium.service.errors import ModelError
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.descriptors import block_means, gradients
from trivium.vision.films import Film, turn_upright

__all__ = ["CHEST_LIMIT", "Gate", "Verdict", "correct"]

CHEST_LIMIT = 0.0  # a chest score below it is no chest film
_TURNS = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one film.

    Args:
        chest: score of a frontal chest film; above 0 it is taken for one.
        quarter_turns: how often it is turned by 90 degrees counter-clockwise, 0 to 3.
        rotated: lead of the best turned reading over the upright one; above 0 when it is turned.
        inverted: above 0 when bone is dark.
        cropped: above 0 when a part of the chest is cut off.
    """

    chest: float
    quarter_turns: int
    rotated: float
    inverted: float
    cropped: float


class Gate:
    """The three rules.

    Args:
        tensors: `upright`, `inverted`, `chest`, `cropped`, each weights with the offset last; `mean` and `basis` of the
            chest films' block means.
    """

    def __init__(self, tensors: dict[str, NDArray[np.float32]]) -> None:
        self.tensors = tensors

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Gate:
        """Load the rules that ship.

        Raises:
            ModelError: if the file is missing or cannot be read.
        """
        try:
            return cls(load_file(folder / "quality.safetensors"))
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"the quality gate cannot be loaded ({error})", where=str(folder)) from error

    def judge(self, film: Film) -> Verdict:
        """Judge a standard film `(64, 64)`."""
        turned = np.stack([turn_upright(film, turn) for turn in range(_TURNS)])
        upright = self._rule("upright", gradients(turned))
        turns = int(upright.argmax())
        inverted = float(self._rule("inverted", block_means(turned[turns][None]))[0])
        right = correct(film, turns, inverted > 0)[None]
        return Verdict(
            float(self._rule("chest", self.describe(right))[0]),
            turns,
            float(upright[1:].max() - upright[0]),
            inverted,
            float(self._rule("cropped", self.describe(right))[0]),
        )

    def describe(self, films: Film) -> NDArray[np.float32]:
        """Return descriptors `(N, D)` of films set right: gradients, block means, distance from the span of chests."""
        blocks = block_means(films)
        centred = blocks - self.tensors["mean"]
        rest = centred - centred @ self.tensors["basis"].T @ self.tensors["basis"]
        distance = np.log((rest**2).mean(1) + 1e-3)
        return np.concatenate([gradients(films), blocks, distance[:, None], (distance**2)[:, None]], axis=1)

    def _rule(self, name: str, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        weights = self.tensors[name]
        return descriptors @ weights[:-1] + weights[-1]


def correct(film: Film, quarter_turns: int, is_inverted: bool) -> Film:
    """Turn a standard film upright and make its bone bright."""
    upright = turn_upright(film, quarter_turns)
    return 1 - upright if is_inverted else upright
