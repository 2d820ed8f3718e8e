"""The exported classifier: parity of the float graph, what INT8 costs, latency.

    python benchmarks/vision_export.py --seed 10

AUROC as in vision_findings.py on NIH films at 64 px: models of five patient-grouped parts, fitted on float descriptors,
score the descriptors that each graph gives of films of held patients. Ranges of the INT8 graph come from drawn films,
none of NIH. Latency: one aligned film, one thread, median of many; alignment is the same for all and not in it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession, SessionOptions
from setting import DATA, arguments, require_data, setting, verdict

from trivium.vision.alignment import lay, make_template
from trivium.vision.chest_films import read_nih
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.export_findings import FLOAT_NAME, INT8_NAME, export, run_graph
from trivium.vision.folds import patient_folds
from trivium.vision.metrics import macro_auroc
from trivium.vision.train_findings import HEADLINE, SHARES, fit_linear

STRENGTH = 10.0  # of the ridge, as the shipped model's for the frequent labels


def held_out(fitted_on, scored, nih, seed):
    """Return scores of the films at 64 px, each by a model fitted on one kind of descriptor and shown another."""
    films = np.flatnonzero(nih.is_small)
    out = [np.zeros((len(films), len(HEADLINE))) for _ in scored]
    for part in patient_folds(nih.patients[films], seed):
        rest = ~np.isin(nih.patients, nih.patients[films[part]])
        (model,) = fit_linear(fitted_on[rest], nih.labels[rest], (STRENGTH,), SHARES[0])
        for one, descriptors in zip(out, scored, strict=True):
            one[part] = model(descriptors[films[part]])[:, HEADLINE]
    return [macro_auroc(one, nih.labels[films][:, HEADLINE]) for one in out]


def latency(call, times=200):
    for _ in range(10):
        call()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return 1e3 * float(np.median(spent))


def session_of(path):
    settings = SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    return InferenceSession(path, settings, providers=["CPUExecutionProvider"])


def main() -> int:
    parser = arguments(__doc__)
    parser.set_defaults(seed=10)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    require_data(DATA / "medical")
    torch.set_num_threads(1)
    print(setting(("torch", "onnx", "onnxruntime"), given.seed))
    nih, classifier = read_nih(DATA / "medical" / "nih"), FindingsClassifier.load()
    aligned, _ = lay(nih.films, make_template(nih.films[~nih.is_small]))
    with tempfile.TemporaryDirectory() as folder:
        export(classifier, Path(folder), int8=True)
        graphs = [Path(folder) / name for name in (FLOAT_NAME, INT8_NAME)]
        plain = classifier.calibrated(classifier.logits_aligned(aligned))
        away = [np.abs(run_graph(one, aligned) - plain) for one in graphs]
        described = [run_graph(one, aligned, "descriptors").astype(np.float32) for one in graphs]
        for one, apart in zip(graphs, away, strict=True):
            size = one.stat().st_size / 2**20
            print(
                f"{one.name:20s} {size:.2f} MiB; probabilities differ by {apart.mean():.2g}, at most {apart.max():.2g}"
            )
        merits = np.array([held_out(described[0], described, nih, given.seed + k) for k in range(given.seeds)])
        lost = float((merits[:, 0] - merits[:, 1]).mean())
        means = merits.mean(0)
        print(f"macro AUROC of {given.seeds} seeds: float {means[0]:.4f}, INT8 {means[1]:.4f}, lost {lost:+.4f}")
        film = np.ascontiguousarray(aligned[:1, None])
        times = [latency(lambda: classifier.logits_aligned(film[0]))]
        for one in graphs:
            session = session_of(one)
            times.append(latency(partial(session.run, ["scores"], {"films": film})))
    print(f"one film: torch {times[0]:.2f} ms, ONNX {times[1]:.2f} ms, INT8 {times[2]:.2f} ms")
    good = away[0].max() <= 1e-4 and lost <= 0.005
    return verdict(good, f"float graph within {away[0].max():.1g} (1e-4); INT8 loses {lost:+.4f} of AUROC (0.005)")


if __name__ == "__main__":
    sys.exit(main())
