"""Fine-tune the whole network on chest findings, and say on films of other patients how good it is.

    python -m trivium.vision.finetune_findings DATA --out DIR [--device cuda --workers 12]

For each seed the films at 64 px are split into five parts by patient, and each part is scored by a network that saw no
film of its patients; then one network is trained on every film. One H100 takes two minutes, two cores several hours.
What ships is the linear model of `train_findings.py`; docs/experiments.md compares them.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch import multiprocessing as processes
from torch.nn import functional as F

from trivium.vision.augment import augment, views
from trivium.vision.chest_films import NihFilms, read_nih
from trivium.vision.films import Film
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import FOLDS, patient_folds
from trivium.vision.metrics import auroc
from trivium.vision.network import Lite0, load_imagenet

__all__ = ["TrainSettings", "fit", "score"]

HEADLINE = ("No Finding", "Effusion", "Infiltration", "Atelectasis")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a network is trained.

    Args:
        epochs: passes over the films.
        batch: films in a step.
        rate: highest learning rate; it rises over 30 steps and falls along a cosine.
        decay: weight decay of AdamW.
            imagenet: weights file; None for the one in its package.
        device: `cpu` or `cuda`.
    """

    epochs: int = 24
    batch: int = 32
    rate: float = 3e-4
    decay: float = 0.05
    imagenet: Path | None = None
    device: str = "cpu"


def fit(films: Film, labels: NDArray[np.bool_], settings: TrainSettings, seed: int) -> Lite0:
    """Train one network from ImageNet weights and return it, in evaluation mode.

    The loss is binary cross-entropy; a label's positives weigh the square root of how rare they are, at most 2.8.
    """
    torch.manual_seed(seed)  # dropout and the start of the last layer
    device = torch.device(settings.device)
    generator = torch.Generator(device=device).manual_seed(seed)
    model = Lite0(labels.shape[1])
    load_imagenet(model, settings.imagenet)
    model.to(device, memory_format=torch.channels_last).train()
    model.keep_statistics()
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.decay)
    x, y = torch.tensor(films, device=device)[:, None], torch.tensor(labels, device=device, dtype=torch.float32)
    share = y.mean(0)
    weight = ((1 - share) / (share + 0.02)).clamp(0.3, 8).sqrt()
    steps = settings.epochs * max(1, len(films) // settings.batch)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1, (step + 1) / 30) * 0.5 * (1 + np.cos(np.pi * step / steps))
        chosen = torch.randint(len(x), (settings.batch,), generator=generator, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(augment(x[chosen], generator)).float()
        loss = F.binary_cross_entropy_with_logits(logits, y[chosen], pos_weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def score(model: Lite0, films: Film, device: str = "cpu") -> Film:
    """Return logits `(N, labels)`: the mean over the ten views."""
    x = torch.tensor(films, device=device)[:, None]
    parts: list[Tensor] = []
    for chunk in x.split(128):
        parts.append(torch.stack([model(view).float() for view in views(chunk)]).mean(0))
    return torch.cat(parts).cpu().numpy()


def cross_validated(nih: NihFilms, settings: TrainSettings, seeds: list[int], workers: int) -> Film:
    """Return logits `(seeds, N, 15)` of the films at 64 px, each by a network that saw no film of its patient."""
    small = np.flatnonzero(nih.is_small)
    out = np.zeros((len(seeds), len(small), len(FINDINGS)), np.float32)
    jobs = [(seed, part) for seed in seeds for part in range(FOLDS)]
    with processes.get_context("spawn").Pool(workers) as pool:
        run = partial(_fold, nih, settings)
        for (seed, part), (held, logits) in zip(jobs, pool.imap(run, jobs), strict=True):
            out[seeds.index(seed), np.searchsorted(small, held)] = logits
            print(f"seed {seed}, part {part + 1} of {FOLDS}", file=sys.stderr, flush=True)
    return out


def _fold(nih: NihFilms, settings: TrainSettings, job: tuple[int, int]) -> tuple[NDArray[np.intp], Film]:
    torch.set_num_threads(1)
    seed, part = job
    small = np.flatnonzero(nih.is_small)
    held = small[patient_folds(nih.patients[small], seed)[part]]
    seen = np.flatnonzero(~np.isin(nih.patients, nih.patients[held]))
    model = fit(nih.films[seen], nih.labels[seen], settings, seed * FOLDS + part)
    return held, score(model, nih.films[held], settings.device)


def main() -> int:
    """Train, and print the cross-validated AUROC of the four frequent labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih/labels.csv and its films")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5, help="splits of the cross-validation; 0 leaves it out")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--imagenet", type=Path, help="weights file; the installed package's if not given")
    given = parser.parse_args()
    nih = read_nih(given.data / "nih")
    settings = TrainSettings(epochs=given.epochs, device=given.device, imagenet=given.imagenet)
    given.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    if given.seeds:
        seeds = list(range(given.seed, given.seed + given.seeds))
        logits = cross_validated(nih, settings, seeds, given.workers)
        np.savez_compressed(given.out / "cross_validated.npz", logits=logits, seeds=seeds)
        labels = nih.labels[nih.is_small]
        for one, seed in zip(logits, seeds, strict=True):
            values = [auroc(one[:, c], labels[:, c]) for c in map(FINDINGS.index, HEADLINE)]
            print(f"seed {seed}: {np.mean(values):.3f} ", " ".join(f"{value:.3f}" for value in values), flush=True)
    model = fit(nih.films, nih.labels, settings, given.seed)
    state = {
        name: value.half().cpu().contiguous() for name, value in model.state_dict().items() if value.is_floating_point()
    }
    save_file(state, given.out / "network.safetensors")
    print(f"done after {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
