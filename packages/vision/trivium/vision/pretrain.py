"""Learn from films without labels, and say what a linear probe of it is worth on films of other patients.

    python -m trivium.vision.pretrain DATA --out DIR [--device cuda --steps 3000] [--probe 20]

Chests laid over a template, as the classifier sees them: NIH, Hannover, PneumoniaMNIST's training part. A run that was
cut off goes on from `DIR/.../state.pt`. With `--probe SEED` the encoder is learned five times, each without the films
of one patient-grouped part of NIH, and a ridge on its tokens is scored on that part, beside the same ridge on
the frozen maps of ImageNet that ship. Without it one encoder learns from all films: `DIR/encoder.safetensors`.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from trivium.vision.alignment import lay, make_template
from trivium.vision.augment import augment
from trivium.vision.chest_films import NihFilms, pneumonia_films, read_nih, read_pictures
from trivium.vision.classifier import FindingsClassifier
from trivium.vision.films import Film, standard
from trivium.vision.folds import patient_folds
from trivium.vision.frozen import MAPS, describe
from trivium.vision.masked import MaskedAutoencoder
from trivium.vision.metrics import macro_auroc
from trivium.vision.train_findings import HEADLINE, chosen

__all__ = ["Settings", "pretrain", "probe_descriptors"]

_SAVE_EVERY = 500
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """How an encoder is learned.

    Args:
        steps: of AdamW; the rate rises over a twentieth of them and falls along a cosine.
        batch: films in a step.
        rate: highest learning rate.
        device: `cpu` or `cuda`.
        seed: of the start, the batches, their changes and what is hidden.
    """

    steps: int = 3000
    batch: int = 256
    rate: float = 1e-3
    device: str = "cpu"
    seed: int = 1


def pretrain(films: Film, settings: Settings, folder: Path) -> MaskedAutoencoder:
    """Learn from films `(N, 64, 64)`; goes on from `folder/state.pt`, which is gone when all is done."""
    torch.manual_seed(settings.seed)
    device = torch.device(settings.device)
    generator = torch.Generator(device=device).manual_seed(settings.seed)
    model = MaskedAutoencoder().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.05, betas=(0.9, 0.95))
    path, first = folder / "state.pt", 0
    if path.is_file():
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        first = int(state["step"])
    x = torch.from_numpy(films)[:, None].to(device)
    for step in range(first, settings.steps):
        for group in optimizer.param_groups:
            rising = min(1, (step + 1) / (0.05 * settings.steps))
            group["lr"] = settings.rate * rising * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        picked = torch.randint(len(x), (settings.batch,), generator=generator, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = model(augment(x[picked], generator).clamp(0, 1), generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == settings.steps:
            print(f"step {step + 1}: error {loss.item():.3f}", file=sys.stderr, flush=True)
            _save(path, model, optimizer, generator, step + 1)
    path.unlink(missing_ok=True)
    return model.eval()


@torch.no_grad()
def probe_descriptors(model: MaskedAutoencoder, films: Film) -> NDArray[np.float32]:
    """Return `(N, 16 * D)`: tokens of aligned films, means over the four of each of 4 x 4 cells."""
    device = model.places.device
    parts = []
    for start in range(0, len(films), _CHUNK):
        tokens, _ = model.encode(torch.from_numpy(films[start : start + _CHUNK])[:, None].to(device))
        cells = tokens.unflatten(1, (4, 2, 4, 2)).mean((2, 4))  # (B, 4, 4, D)
        parts.append(cells.flatten(1).float().cpu())
    return torch.cat(parts).numpy()


def _save(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator, step: int
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    torch.save({**kept, "generator": generator.get_state()}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _read(data: Path) -> tuple[NihFilms, Film, Film]:
    """Return NIH's films, their chests laid over a template, and those of the others that are open."""
    nih = read_nih(data / "nih")
    template = make_template(nih.films[~nih.is_small])
    children = np.stack([standard(one) for one in pneumonia_films(data / "pneumoniamnist", "train")[0]])
    films = [read_pictures(data / "hannover")[1], *np.array_split(children, 10)]
    return nih, lay(nih.films, template)[0], np.concatenate([lay(part, template)[0] for part in films])


def _probe(nih: NihFilms, aligned: Film, others: Film, settings: Settings, split: int, out: Path) -> None:
    """Print macro AUROC of the four frequent labels for the learned tokens and for the maps that ship."""
    small = np.flatnonzero(nih.is_small)
    maps = describe(FindingsClassifier.load().net, aligned)[:, :MAPS]
    scores = {"masked autoencoder": np.zeros((len(small), 15)), "frozen maps of ImageNet": np.zeros((len(small), 15))}
    for part, held in enumerate(patient_folds(nih.patients[small], split)):
        rest = ~np.isin(nih.patients, nih.patients[small[held]])
        model = pretrain(np.concatenate([aligned[rest], others]), settings, out / f"part-{part + 1}")
        for name, described in zip(scores, (probe_descriptors(model, aligned), maps), strict=True):
            linear, _ = chosen(described[rest], nih.labels[rest], nih.patients[rest], split + 1)
            scores[name][held] = linear(described[small[held]])
        print(f"part {part + 1} of 5 done", file=sys.stderr, flush=True)
    truth = nih.labels[small][:, HEADLINE]
    for name, one in scores.items():
        print(f"linear probe, {name}: macro AUROC {macro_auroc(one[:, HEADLINE], truth):.3f}")


def main() -> int:
    """Learn, and write or probe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder with nih, hannover and pneumoniamnist")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--batch", type=int, default=Settings().batch)
    parser.add_argument("--seed", type=int, default=Settings().seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--probe", type=int, metavar="SEED", help="of the split that a linear probe is measured on")
    given = parser.parse_args()
    start = time.monotonic()
    nih, aligned, others = _read(given.data)
    print(f"{len(aligned)} films of NIH, {len(others)} others", flush=True)
    settings = Settings(given.steps, given.batch, device=given.device, seed=given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.probe is not None:
        _probe(nih, aligned, others, settings, given.probe, given.out)
    else:
        model = pretrain(np.concatenate([aligned, others]), settings, given.out)
        tensors = {name: value.half().cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(tensors, given.out / "encoder.safetensors")
    print(f"done after {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
