"""The classifier of chest findings that ships: a film in, fifteen calibrated probabilities out.

Weights, calibration and thresholds lie in `weights/`, with a model card beside them. Loading takes a second; keep the
object. Not for deciding whether a picture is a chest film: `quality_gate.py` does that first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trivium.service.errors import ModelError
from trivium.vision.alignment import Motions, lay, moved_back, within_chest
from trivium.vision.calibration import Platt
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.conformal import SetLimits
from trivium.vision.evidence_maps import gathered, integrated_gradients
from trivium.vision.films import SIDE, Film
from trivium.vision.findings import FINDINGS
from trivium.vision.frozen import FrozenNet, describe
from trivium.vision.usual import UsualFilms

__all__ = ["FindingsClassifier", "Laid", "Parts"]


@dataclass(frozen=True, slots=True)
class Laid:
    """A standard film laid over the template, once for all that is asked of it.

    Args:
        picture: (64, 64) of the chest, as the network sees it.
        motion: (1, 2, 3) that brought it there; leads maps back over the film.
    """

    picture: Film
    motion: Motions


@dataclass(frozen=True, slots=True)
class Parts:
    """What the weights file holds.

    Args:
        net: gives descriptors of aligned films.
        weight: (D, 15), columns in the order of `FINDINGS`.
        offset: (15,).
        template: (64, 64) that films are laid over.
        usual: what aligned films have in common.
    """

    net: FrozenNet
    weight: NDArray[np.float32]
    offset: NDArray[np.float32]
    template: Film
    usual: UsualFilms

    def scores(self, films: Tensor) -> Tensor:
        """Return scores `(B, 15)` of aligned films `(B, 1, 64, 64)`, with gradient."""
        return self.net(films) @ torch.from_numpy(self.weight) + torch.from_numpy(self.offset)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the tensors to store; the network and the components in half precision, but for vectors."""
        state = {n: v for n, v in self.net.state_dict().items() if not n.endswith("num_batches_tracked")}
        net = {f"net.{name}": value.half() if value.ndim > 1 else value for name, value in state.items()}
        usual = {
            "usual.mean": torch.from_numpy(self.usual.mean),
            "usual.components": torch.from_numpy(self.usual.components).half(),
            "usual.variance": torch.from_numpy(self.usual.variance),
        }
        linear = {"weight": torch.from_numpy(self.weight), "offset": torch.from_numpy(self.offset)}
        stored = {**net, **usual, **linear, "template": torch.from_numpy(self.template)}
        return {name: value.contiguous() for name, value in stored.items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Parts:
        """Build from what `to_tensors` gave.

        Raises:
            KeyError: if a tensor is missing.
            RuntimeError: if one has another shape than the network.
        """
        net = FrozenNet()
        state = {name[4:]: value.float() for name, value in tensors.items() if name.startswith("net.")}
        missing = [n for n in net.load_state_dict(state, strict=False)[0] if not n.endswith("num_batches_tracked")]
        if missing:
            raise KeyError(f"net.{missing[0]}")
        usual = UsualFilms(*(tensors[f"usual.{name}"].float().numpy() for name in ("mean", "components", "variance")))
        weight, offset, template = (tensors[name].float().numpy() for name in ("weight", "offset", "template"))
        return cls(net, weight, offset, template, usual)


class FindingsClassifier:
    """Scores standard films, and says which places of a film a score rests on.

    Args:
        parts: what the weights file holds.
        settings: content of `findings.json`.
        sha256: of the weights file, for the record.

    Attributes:
        parts: what it was made of.
        net: gives descriptors of aligned films.
        platts: make a probability of each score.
        supported: names of the findings that met the bar on unseen patients.
        deniable: names of those of them that met the higher bar which a sentence of absence asks for.
    """

    def __init__(self, parts: Parts, settings: dict[str, Any], sha256: str) -> None:
        self.parts, self.net = parts, parts.net
        self._sha256 = sha256
        self._settings = settings
        table = settings["findings"]
        self.platts = [Platt(table[name]["slope"], table[name]["offset"]) for name in FINDINGS]
        self.supported = frozenset(name for name in FINDINGS if table[name]["supported"])
        self.deniable = frozenset(name for name in FINDINGS if table[name]["deniable"])

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> FindingsClassifier:
        """Load the weights and settings of a folder.

        Raises:
            ModelError: if a file is missing or does not fit.
        """
        path = folder / "findings.safetensors"
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            parts = Parts.from_tensors(load_file(path))
            settings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"the classifier cannot be loaded ({error})", where=str(folder)) from error
        parts.net.for_reading()
        return cls(parts, settings, sha256)

    def logits(self, films: Film) -> NDArray[np.float32]:
        """Return uncalibrated scores `(N, 15)` of standard films `(N, 64, 64)`."""
        return self.logits_aligned(self.laid_all(films))

    def logits_aligned(self, films: Film) -> NDArray[np.float32]:
        """Return the scores of films that were laid over the template."""
        return describe(self.parts.net, films) @ self.parts.weight + self.parts.offset

    def probabilities(self, films: Film) -> NDArray[np.float64]:
        """Return calibrated probabilities `(N, 15)` in the order of `FINDINGS`."""
        return self.calibrated(self.logits(films))

    def calibrated(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probabilities of logits `(N, 15)`."""
        return np.stack([platt(logits[:, column]) for column, platt in enumerate(self.platts)], 1)

    def laid(self, film: Film) -> Laid:
        """Lay a standard film `(64, 64)` over the template. It takes a third of a draft: pass the result on."""
        pictures, motion = lay(film[None], self.parts.template)
        return Laid(pictures[0], motion)

    def evidence(self, laid: Laid, columns: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Return for each column of `FINDINGS` a map `(64, 64)` over a standard film: what raises its score there.

        What a place adds to the score counts by how far the place stands out from a usual film; a map is zero where
        nothing raises the score, and outside the part of the film that the classifier reads.
        """
        if not columns:
            return {}
        usual = self.parts.usual.of(laid.picture)
        values = integrated_gradients(self.parts.scores, laid.picture, usual, columns)
        maps = gathered(np.maximum(values, 0) * np.abs(laid.picture - usual))
        back = moved_back(maps, np.repeat(laid.motion, len(columns), 0))
        return dict(zip(columns, back, strict=True))

    def chest(self, laid: Laid) -> NDArray[np.bool_]:
        """Return which places `(64, 64)` of a standard film lie in the chest: elsewhere no finding can be seen."""
        inside: NDArray[np.bool_] = within_chest(laid.motion, SIDE)[0]
        return inside

    def laid_all(self, films: Film) -> Film:
        """Return standard films `(N, 64, 64)` laid over the template."""
        return lay(films, self.parts.template)[0]

    def drawn(self, count: int, seed: int) -> Film:
        """Return films `(count, 64, 64)` that are of no one: drawn from what aligned films have in common."""
        return self.parts.usual.drawn(count, seed)

    def limits(self, name: str) -> tuple[float, float]:
        """Return the lowest probabilities of a supported finding that a draft calls present and uncertain."""
        row = self._settings["findings"][name]
        return float(row["present_from"]), float(row["uncertain_from"])

    def set_limits(self, name: str) -> SetLimits:
        """Return the limits of a finding's conformal set; how often it misses stands in `record`."""
        row = self._settings["findings"][name]["conformal"]
        return SetLimits(float(row["present_from"]), float(row["absent_to"]))

    def record(self) -> dict[str, Any]:
        """Return what identifies this classifier: hash of the weights, limits and bars."""
        kept = {key: self._settings[key] for key in ("bar", "deny_bar", "min_films", "alpha")}
        names = ("present_from", "uncertain_from")
        limits = {name: dict(zip(names, self.limits(name), strict=True)) for name in FINDINGS if name in self.supported}
        return {"name": "trivium chest findings", "weights_sha256": self._sha256, **kept, "limits": limits}
