"""Write the classifier of findings for other engines: ONNX in float32, and in INT8 with calibrated activations.

    written = export(FindingsClassifier.load(), Path("out"), int8=True)

Beside the graphs lies what a reader of them needs: `findings.json` with names, limits and how a film becomes an input,
and `template.npy`, which the chest of a film is laid over first (`alignment.lay`).
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from trivium.service.errors import InputError, ModelError
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import Film
from trivium.vision.findings import FINDINGS
from trivium.vision.onnx_graph import classifier_graph

__all__ = ["FLOAT_NAME", "INT8_NAME", "TOLERANCE", "export", "run_graph"]

FLOAT_NAME, INT8_NAME = "findings.onnx", "findings.int8.onnx"
TOLERANCE = 1e-4  # of a probability, between the float graph and the classifier
_CHUNK = 16
_DRAWN = 128  # films that ranges of activations are read from, where none are given
_INPUT = (
    "trivium.vision.films.standard makes (64, 64) of a film that is upright and whose bone is bright; "
    "trivium.vision.alignment.lay lays its chest over template.npy; films is (N, 1, 64, 64) float32 of such"
)


def export(
    classifier: FindingsClassifier, out: Path, *, int8: bool = False, films: Film | None = None, seed: int = 1
) -> list[Path]:
    """Write graphs and their description, each graph checked against the classifier.

    Args:
        out: folder, made where it is missing.
        int8: whether to write the quantised graph too.
        films: (N, 64, 64) standard films that ranges of activations are read from; drawn from what films have in common
            where not given.
        seed: of that drawing.

    Returns:
        The files written.

    Raises:
        InputError: if the folder cannot be written to.
        ModelError: if a graph does not give what the classifier gives.
    """
    read = classifier.drawn(_DRAWN, seed) if films is None else classifier.laid_all(films)
    paths = [out / FLOAT_NAME, *([out / INT8_NAME] if int8 else []), out / "findings.json", out / "template.npy"]
    try:
        out.mkdir(parents=True, exist_ok=True)
        onnx.save(classifier_graph(classifier.parts, classifier.platts), paths[0])
        np.save(out / "template.npy", classifier.parts.template)
        (out / "findings.json").write_text(json.dumps(_about(classifier), indent=1) + "\n", encoding="utf-8")
        if int8:
            _quantize(paths[0], paths[1], read)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(out)) from error
    away = np.abs(run_graph(paths[0], read) - classifier.calibrated(classifier.logits_aligned(read))).max()
    if away > TOLERANCE:
        raise ModelError(f"the graph's probabilities differ by {away:.2g}", where=str(paths[0]))
    return paths


def run_graph(path: Path, films: Film, output: str = "probabilities", threads: int = 1) -> NDArray[np.float64]:
    """Return an output of a graph, `(N, ...)`, for aligned films `(N, 64, 64)`, on the CPU."""
    settings = SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = threads
    session = InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    parts = [session.run([output], {"films": chunk})[0] for chunk in _chunks(films)]
    return np.concatenate(parts).astype(np.float64)


def _quantize(source: Path, target: Path, films: Film) -> None:
    """Quantise convolutions, weights by channel; sums and the last layer are left in float.

    With sums in INT8 too, a probability of the films at hand was up to 0.38 away, so 0.024 at most (mean 0.0014).
    """
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # it advises to do what the next line does
    try:
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder) / "ready.onnx"
            quant_pre_process(source, ready)
            quantize_static(
                ready,
                target,
                _Films(films),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "Clip"],
            )
    finally:
        log.setLevel(level)


class _Films(CalibrationDataReader):
    """Hands out films in chunks, as the quantiser asks for them."""

    def __init__(self, films: Film) -> None:
        self._left = ({"films": chunk} for chunk in _chunks(films))

    def get_next(self) -> dict[str, Film] | None:
        return next(self._left, None)


def _chunks(films: Film) -> Iterator[Film]:
    for start in range(0, len(films), _CHUNK):
        yield np.ascontiguousarray(films[start : start + _CHUNK, None], np.float32)


def _about(classifier: FindingsClassifier) -> dict[str, object]:
    return {
        **classifier.record(),
        "names": list(FINDINGS),
        "outputs": ["descriptors", "scores", "probabilities"],
        "input": _INPUT,
    }
