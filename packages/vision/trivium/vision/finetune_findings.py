"""Fine-tune early blocks of an ImageNet network on chest findings, and say on films of other patients how good it is.

    python -m trivium.vision.finetune_findings DATA --out DIR [--device cuda --workers 12 --pilot]

For each seed the films at 64 px are split into five parts by patient, and each part is scored by `--members` networks
that saw no film of its patients; their mean is the score. Then as many are trained on every film and written. With
`--pilot`, settings are first compared on seeds 0 and 1 alone, and the best are used. One H100 takes six minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
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

from trivium.vision.alignment import align, make_template
from trivium.vision.augment import augment, views
from trivium.vision.chest_films import NihFilms, read_nih
from trivium.vision.films import Film
from trivium.vision.findings import FINDINGS
from trivium.vision.folds import FOLDS, patient_folds
from trivium.vision.metrics import macro_auroc
from trivium.vision.network import EarlyLite0, Lite0, keep_statistics, load_imagenet

__all__ = ["HEADLINE", "PILOT", "TrainSettings", "fit", "score"]

HEADLINE = [FINDINGS.index(name) for name in ("No Finding", "Effusion", "Infiltration", "Atelectasis")]
_PILOT_SEEDS = (0, 1)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a network is trained.

    Args:
        blocks: of EfficientNet-Lite0 that are kept.
        resolution: pixels at which it sees a film.
        epochs: passes over the films.
        batch: films in a step.
        rate: highest learning rate; it rises over 30 steps and falls along a cosine.
        decay: weight decay of AdamW.
        averaged: share of the steps, the last ones, over which weights are averaged; 0 for the last weights alone.
        mixed: whether films are blended with others, their labels in the same share (mixup, ICLR 2018).
        imagenet: weights file; None for the one in its package.
        device: `cpu` or `cuda`.
    """

    blocks: int = 5
    resolution: int = 128
    epochs: int = 24
    batch: int = 32
    rate: float = 3e-4
    decay: float = 0.05
    averaged: float = 0.0
    mixed: bool = False
    imagenet: Path | None = None
    device: str = "cpu"


PILOT: tuple[dict[str, object], ...] = (
    {},
    {"averaged": 0.4},
    {"averaged": 0.4, "resolution": 96},
    {"averaged": 0.4, "mixed": True},
    {"averaged": 0.4, "mixed": True, "epochs": 36},
)


def fit(films: Film, labels: NDArray[np.bool_], settings: TrainSettings, seed: int) -> EarlyLite0:
    """Train one network from ImageNet weights and return it, in evaluation mode.

    The loss is binary cross-entropy; a label's positives weigh the square root of how rare they are, at most 2.8.
    """
    torch.manual_seed(seed)  # dropout and the start of the last layer
    device = torch.device(settings.device)
    generator = torch.Generator(device=device).manual_seed(seed)
    whole = Lite0(labels.shape[1])
    load_imagenet(whole, settings.imagenet)
    model = EarlyLite0(labels.shape[1], settings.blocks, settings.resolution)
    model.start_from(whole)
    model.to(device, memory_format=torch.channels_last).train()
    keep_statistics(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.decay)
    x, y = torch.tensor(films, device=device)[:, None], torch.tensor(labels, device=device, dtype=torch.float32)
    share = y.mean(0)
    weight = ((1 - share) / (share + 0.02)).clamp(0.3, 8).sqrt()
    steps = settings.epochs * max(1, len(films) // settings.batch)
    mean, counted = [torch.zeros_like(one) for one in model.parameters()], 0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * min(1, (step + 1) / 30) * 0.5 * (1 + np.cos(np.pi * step / steps))
        chosen = torch.randint(len(x), (settings.batch,), generator=generator, device=device)
        changed, goal = augment(x[chosen], generator), y[chosen]
        if settings.mixed:
            changed, goal = _mixed(changed, goal, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(changed).float()
        loss = F.binary_cross_entropy_with_logits(logits, goal, pos_weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= steps * (1 - settings.averaged):
            counted += 1
            for total, one in zip(mean, model.parameters(), strict=True):
                total.lerp_(one.detach(), 1 / counted)
    if counted:
        for total, one in zip(mean, model.parameters(), strict=True):
            one.data.copy_(total)
    return model.eval()


@torch.no_grad()
def score(model: EarlyLite0, films: Film, device: str = "cpu") -> Film:
    """Return logits `(N, labels)`: the mean over the ten views."""
    x = torch.tensor(films, device=device)[:, None]
    parts: list[Tensor] = []
    for chunk in x.split(128):
        parts.append(torch.stack([model(view).float() for view in views(chunk)]).mean(0))
    return torch.cat(parts).cpu().numpy()


def cross_validated(
    nih: NihFilms, settings: TrainSettings, seeds: list[int], members: int, pool: processes.pool.Pool
) -> Film:
    """Return logits `(seeds, members, N, 15)` of the films at 64 px, each by one that saw no film of its patient."""
    small = np.flatnonzero(nih.is_small)
    out = np.zeros((len(seeds), members, len(small), len(FINDINGS)), np.float32)
    jobs = [(seed, part, member) for seed in seeds for part in range(FOLDS) for member in range(members)]
    run = partial(_fold, nih, settings)
    for (seed, part, member), (held, logits) in zip(jobs, pool.imap(run, jobs), strict=True):
        out[seeds.index(seed), member, np.searchsorted(small, held)] = logits
        if member == members - 1:
            print(f"seed {seed}, part {part + 1} of {FOLDS}", file=sys.stderr, flush=True)
    return out


def _mixed(films: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blend each film with another; the share of the first lies between a half and one."""
    B = len(films)
    share = 1 - 0.5 * torch.rand(B, generator=generator, device=films.device) ** 2
    other = torch.randperm(B, generator=generator, device=films.device)
    a = share[:, None]
    return (
        films * a[..., None, None] + films[other] * (1 - a[..., None, None]),
        labels * a + labels[other] * (1 - a),
    )


def _fold(nih: NihFilms, settings: TrainSettings, job: tuple[int, int, int]) -> tuple[NDArray[np.intp], Film]:
    torch.set_num_threads(1)
    seed, part, member = job
    small = np.flatnonzero(nih.is_small)
    held = small[patient_folds(nih.patients[small], seed)[part]]
    seen = np.flatnonzero(~np.isin(nih.patients, nih.patients[held]))
    model = fit(nih.films[seen], nih.labels[seen], settings, (seed * FOLDS + part) * 10 + member)
    return held, score(model, nih.films[held], settings.device)


def _whole(nih: NihFilms, settings: TrainSettings, seed: int) -> dict[str, NDArray[np.float16]]:
    """Train one network on every film; return its weights, by name."""
    torch.set_num_threads(1)
    state = fit(nih.films, nih.labels, settings, seed).state_dict()
    return {name: value.half().cpu().numpy() for name, value in state.items() if value.is_floating_point()}


def _piloted(nih: NihFilms, settings: TrainSettings, out: Path, pool: processes.pool.Pool) -> TrainSettings:
    """Return the best of `PILOT` by macro AUROC on the pilot's seeds."""
    truth = nih.labels[nih.is_small][:, HEADLINE]
    merits = []
    for changes in PILOT:
        tried = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
        logits = cross_validated(nih, tried, list(_PILOT_SEEDS), 1, pool)[:, 0]
        each = [macro_auroc(one[:, HEADLINE], truth) for one in logits]
        merits.append(float(np.mean(each)))
        print(f"pilot {json.dumps(changes)}: {merits[-1]:.4f} ({', '.join(f'{one:.3f}' for one in each)})", flush=True)
        np.savez_compressed(out / f"pilot_{len(merits)}.npz", logits=logits)
    return dataclasses.replace(settings, **PILOT[int(np.argmax(merits))])  # type: ignore[arg-type]


def main() -> int:
    """Train, and print the cross-validated AUROC of the four frequent labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih/labels.csv and its films")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5, help="splits of the cross-validation; 0 leaves it out")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=5, help="of EfficientNet-Lite0's seven")
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--averaged", type=float, default=0.0, help="share of the steps whose weights are averaged")
    parser.add_argument("--aligned", action="store_true", help="lay films over a template first")
    parser.add_argument("--pilot", action="store_true", help="choose settings on seeds 0 and 1 first")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--imagenet", type=Path, help="weights file; the installed package's if not given")
    given = parser.parse_args()
    nih = read_nih(given.data / "nih")
    if given.aligned:
        nih = dataclasses.replace(nih, films=align(nih.films, make_template(nih.films[~nih.is_small]))[0])
    settings = TrainSettings(
        blocks=given.blocks,
        resolution=given.resolution,
        epochs=given.epochs,
        averaged=given.averaged,
        device=given.device,
        imagenet=given.imagenet,
    )
    given.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with processes.get_context("spawn").Pool(given.workers) as pool:
        if given.pilot:
            settings = _piloted(nih, settings, given.out, pool)
        chosen = {"blocks": settings.blocks, "resolution": settings.resolution, "members": given.members}
        print(f"{settings} after {time.monotonic() - start:.0f} s", flush=True)
        tensors: dict[str, Tensor] = {}
        for member, state in enumerate(pool.imap(partial(_whole, nih, settings), range(given.members))):
            tensors |= {f"{member}.{name}": torch.from_numpy(value) for name, value in state.items()}
        save_file(tensors, given.out / "network.safetensors", metadata={"settings": json.dumps(chosen)})
        if given.seeds:
            seeds = list(range(given.seed, given.seed + given.seeds))
            logits = cross_validated(nih, settings, seeds, given.members, pool)
            np.savez_compressed(given.out / "cross_validated.npz", logits=logits.mean(1), seeds=seeds, members=logits)
            truth = nih.labels[nih.is_small][:, HEADLINE]
            for one, seed in zip(logits.mean(1), seeds, strict=True):
                print(f"seed {seed}: macro AUROC {macro_auroc(one[:, HEADLINE], truth):.4f}", flush=True)
    print(f"done after {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
