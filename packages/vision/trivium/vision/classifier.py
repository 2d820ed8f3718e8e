"""The classifier of chest findings that ships: a film in, fifteen calibrated probabilities out.

Weights, calibration and thresholds lie in `weights/`, with a model card beside them. Loading takes a second; keep the
object. Not for deciding whether a picture is a chest film: `quality_gate.py` does that first.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from trivium.service.errors import ModelError
from trivium.vision.calibration import Platt
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.films import Film
from trivium.vision.findings import FINDINGS, NO_FINDING
from trivium.vision.frozen import FrozenNet, describe

__all__ = ["FindingsClassifier"]


class FindingsClassifier:
    """Scores standard films.

    Args:
        net: gives descriptors.
        weight: (D, 15), columns in the order of `FINDINGS`.
        offset: (15,).
        settings: content of `findings.json`.
        sha256: of the weights file, for the record.

    Attributes:
        supported: names of the findings that met the bar on unseen patients.
        deniable: names of those of them that met the higher bar which a sentence of absence asks for.
    """

    def __init__(
        self,
        net: FrozenNet,
        weight: NDArray[np.float32],
        offset: NDArray[np.float32],
        settings: dict[str, Any],
        sha256: str,
    ) -> None:
        self.net, self._weight, self._offset = net, weight, offset
        self._sha256 = sha256
        self._settings = settings
        table = settings["findings"]
        self._platts = [Platt(table[name]["slope"], table[name]["offset"]) for name in FINDINGS]
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
            tensors = load_file(path)
            settings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
            net = FrozenNet()
            state = {name[4:]: value.float() for name, value in tensors.items() if name.startswith("net.")}
            missing = net.load_state_dict(state, strict=False).missing_keys
            weight, offset = tensors["weight"].numpy(), tensors["offset"].numpy()
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"the classifier cannot be loaded ({error})", where=str(folder)) from error
        if [name for name in missing if not name.endswith("num_batches_tracked")]:
            raise ModelError(f"the weights lack {missing[0]}", where=str(path))
        return cls(net.for_reading(), weight, offset, settings, sha256)

    def logits(self, films: Film) -> NDArray[np.float32]:
        """Return uncalibrated scores `(N, 15)` of standard films `(N, 64, 64)`."""
        return describe(self.net, films) @ self._weight + self._offset

    def probabilities(self, films: Film) -> NDArray[np.float64]:
        """Return calibrated probabilities `(N, 15)` in the order of `FINDINGS`."""
        return self.calibrated(self.logits(films))

    def calibrated(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probabilities of logits `(N, 15)`."""
        return np.stack([platt(logits[:, column]) for column, platt in enumerate(self._platts)], 1)

    def limits(self, name: str) -> tuple[float, float]:
        """Return the lowest probabilities of a finding that a draft calls present and uncertain."""
        kind = "no_finding" if name == NO_FINDING else "pathology"
        limits = self._settings["limits"][kind]
        return float(limits["present_from"]), float(limits["uncertain_from"])

    def record(self) -> dict[str, Any]:
        """Return what identifies this classifier: hash of the weights, limits and bars."""
        kept = {key: self._settings[key] for key in ("bar", "deny_bar", "min_films", "limits")}
        return {"name": "trivium chest findings", "weights_sha256": self._sha256, **kept}
