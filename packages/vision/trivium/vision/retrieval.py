"""Films by text and texts by film: a dual encoder whose two sides meet in one small space.

The text side is latent semantic indexing (Deerwester et al., 1990) of sentences in both languages at once, so that a
Chinese term lies where its English one does; the image side is a ridge from the classifier's descriptors into that
space. Both are linear and need a second to fit. The reports that it learned from are made from labels, so that it knows
no more than the classifier of findings; `likeness` adds what the classifier says of the findings that a text names. Not
for diagnosis, and no replacement of a search in report texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from trivium.service.errors import InputError, ModelError
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.findings import FINDINGS
from trivium.vision.report_text import Vocabulary, named_findings
from trivium.vision.train_findings import SHARES, fit_linear

__all__ = ["Retriever"]

_WIDTH = 14
_STRENGTH = 30.0  # of the ridge, as the classifier's
_NATS = 13.0  # of a likeness of 1: on other patients' films it then spreads as far as the classifier's evidence


@dataclass(frozen=True, slots=True)
class Retriever:
    """Both encoders.

    Args:
        vocabulary: of the text side.
        text_mean: (V,) of the texts it was fitted on.
        text_weight: (V, K).
        image_weight: (D, K) on the descriptors of `frozen.py`.
        image_offset: (K,).
    """

    vocabulary: Vocabulary
    text_mean: NDArray[np.float32]
    text_weight: NDArray[np.float32]
    image_weight: NDArray[np.float32]
    image_offset: NDArray[np.float32]

    @classmethod
    def fit(cls, descriptors: NDArray[np.floating], texts: Sequence[str]) -> Retriever:
        """Fit to films `(N, D)` and the text of each."""
        vocabulary = Vocabulary.fit(texts)
        vectors = vocabulary.vectors(texts)
        mean = vectors.mean(0)
        _, _, axes = np.linalg.svd(vectors - mean, full_matrices=False)
        weight = axes[:_WIDTH].T  # (V, K)
        (image,) = fit_linear(descriptors, (vectors - mean) @ weight, (_STRENGTH,), SHARES[1])
        return cls(vocabulary, mean, weight, image.weight.astype(np.float32), image.offset.astype(np.float32))

    def of_films(self, descriptors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return films `(N, D)` in the shared space, `(N, K)`.

        How far a film lies from the mean says how much it shows, so that its length is kept.
        """
        return (descriptors @ self.image_weight + self.image_offset).astype(np.float32)

    def of_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts in the shared space, `(N, K)` of length 1.

        Raises:
            InputError: if a text has no known word.
        """
        vectors = self.vocabulary.vectors(texts)
        for text, vector in zip(texts, vectors, strict=True):
            if not vector.any():
                raise InputError(
                    f"{text!r} has no word that is known",
                    hint="name a finding, such as 'pleural effusion' or '胸腔积液'",
                )
        # A word that a text leaves out says nothing: the mean is taken off what it holds alone.
        return _unit((vectors - self.text_mean * (vectors > 0)) @ self.text_weight)

    def likeness(
        self, descriptors: NDArray[np.floating], evidence: NDArray[np.floating], texts: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return how well each text fits each film, `(films, texts)`, in nats; 0 for the mean film.

        Args:
            descriptors: (N, D).
            evidence: (N, 15), by how many nats the classifier finds each finding likelier than on the mean film; for a
                text it is the mean over the findings named, turned where one is denied.
            texts: each with a known word.

        Raises:
            InputError: as `of_texts`.
        """
        signs = np.array([[named_findings(text).get(name, 0) for name in FINDINGS] for text in texts], float)
        shares = signs / np.maximum(np.abs(signs).sum(1, keepdims=True), 1)
        both: NDArray[np.float64] = _NATS * self.of_films(descriptors) @ self.of_texts(texts).T + evidence @ shares.T
        return both

    def save(self, folder: Path) -> None:
        """Write `retrieval.safetensors`, both sides."""
        words = np.frombuffer("\n".join(self.vocabulary.words).encode(), np.uint8)
        stored: dict[str, NDArray[Any]] = {
            "words": words.copy(),
            "word_weights": self.vocabulary.weights,
            "text_mean": self.text_mean,
            "text_weight": np.ascontiguousarray(self.text_weight),
            "image_weight": self.image_weight,
            "image_offset": self.image_offset,
        }
        save_file(stored, folder / "retrieval.safetensors")

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Retriever:
        """Read what `save` wrote.

        Raises:
            ModelError: if the file is missing or does not fit.
        """
        try:
            stored = load_file(folder / "retrieval.safetensors")
            words = stored.pop("words").tobytes().decode().split("\n")
            return cls(Vocabulary(words, stored.pop("word_weights")), **stored)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the encoders of retrieval cannot be loaded ({error})", where=str(folder)) from error


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-9)).astype(np.float32)
