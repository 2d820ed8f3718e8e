"""Teach a network where lungs and heart lie, on drawn films.

    python -m trivium.vision.train_outlines DRAWN.npz --out DIR

`trivium.medical.samples.drawn_outlines` draws them. Every film is moved, bent and given other tones anew in each step:
brightness that drifts, soft white clouds, saturation, dark or bright borders, a marker, blur and noise. No film of a
person is seen, so the network can be measured on any. Two minutes on an H100, about an hour on a core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from trivium.vision.films import SIDE
from trivium.vision.outlines import OutlineNet

__all__ = ["Chance", "outline_loss"]

_RATE, _DECAY, _BATCH = 2e-3, 1e-3, 96
# What of a drawn film a view shows: zoom in x and in y, and how far below its middle. So lungs lie as in the template.
_ZOOM_X, _ZOOM_Y, _BELOW = (0.9, 1.35), (1.0, 1.45), 0.17


class Chance:
    """Random views and tones, all from one generator.

    Args:
        seed: of it.
        device: on which films lie.
    """

    def __init__(self, seed: int, device: str) -> None:
        self._device = device
        self._generator = torch.Generator(device).manual_seed(seed)

    def pick(self, count: int, below: int) -> Tensor:
        """Return `(count,)` whole numbers below a limit."""
        return torch.randint(below, (count,), generator=self._generator, device=self._device)

    def views(self, films: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
        """Return films `(B, 1, 64, 64)` moved and bent at random, and their parts `(B, 3, 64, 64)` likewise."""
        B = len(films)
        zoom_x, zoom_y = self._even(B, *_ZOOM_X), self._even(B, *_ZOOM_Y)
        turn, lean = self._even(B, -0.12, 0.12), self._even(B, -0.1, 0.1)
        right, down = self._even(B, -0.12, 0.12), self._even(B, -0.1, 0.1) + _BELOW
        rows = [
            torch.stack([zoom_x * torch.cos(turn), -zoom_y * torch.sin(turn) + lean, right], 1),
            torch.stack([zoom_x * torch.sin(turn), zoom_y * torch.cos(turn), down], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), [B, 1, SIDE, SIDE], align_corners=False)
        grid = grid + torch.stack([self._drift(B, 5, 0.04), self._drift(B, 5, 0.04)], -1)
        moved = F.grid_sample(films, grid, padding_mode="border", align_corners=False)
        return moved, F.grid_sample(parts, grid, align_corners=False)

    def tones(self, films: Tensor) -> Tensor:
        """Return films `(B, 1, 64, 64)` with tones changed at random, in [0, 1]."""
        f = _stretched(films[:, 0])
        B = len(f)

        def draw(low: float, high: float) -> Tensor:
            return self._even(B, low, high)[:, None, None]

        f = f + self._drift(B, 3, 0.08) * draw(0, 1) + self._drift(B, 8, 0.05) * draw(0, 1)
        f = _stretched(f).clamp_min(1e-3) ** torch.exp(draw(-0.6, 0.6))
        f = torch.where(draw(0, 1) < 0.4, torch.sigmoid((f - draw(0.3, 0.7)) * draw(3, 8)), f)
        place = torch.linspace(-1, 1, SIDE, device=self._device)
        y, x = torch.meshgrid(place, place, indexing="ij")
        for _ in range(2):
            cloud = torch.exp(
                -((x - draw(-0.8, 0.8)) ** 2 / draw(0.01, 0.2) + (y - draw(-0.8, 0.8)) ** 2 / draw(0.01, 0.2))
            )
            f = f + (draw(0, 1) < 0.35) * draw(-0.1, 0.5) * cloud
        for away in (x, -x, y, -y):
            f = torch.where((draw(0, 1) < 0.15) & (away > draw(0.75, 1)), draw(0, 1).expand_as(f), f)
        marker = (x - draw(-0.9, 0.9)) ** 2 + (y - draw(-0.9, -0.5)) ** 2 < 0.004
        f = torch.where((draw(0, 1) < 0.4) & marker, torch.ones_like(f), f)
        share = draw(0, 1)
        f = f * share + F.avg_pool2d(f[:, None], 3, 1, 1)[:, 0] * (1 - share)
        noise = torch.randn(f.shape, generator=self._generator, device=self._device)
        return _stretched(f + noise * 0.03 * draw(0, 1))[:, None]

    def _even(self, count: int, low: float, high: float) -> Tensor:
        return torch.rand(count, generator=self._generator, device=self._device) * (high - low) + low

    def _drift(self, count: int, cells: int, spread: float) -> Tensor:
        coarse = torch.randn(count, 1, cells, cells, generator=self._generator, device=self._device) * spread
        return F.interpolate(coarse, size=SIDE, mode="bicubic")[:, 0]


def outline_loss(logits: Tensor, parts: Tensor) -> Tensor:
    """Return cross-entropy plus the share by which each part and its outline differ (Dice)."""
    p = torch.sigmoid(logits)
    shared = 2 * (p * parts).sum((2, 3)) + 1
    differ = 1 - shared / (p.sum((2, 3)) + parts.sum((2, 3)) + 1)
    return 1.5 * F.binary_cross_entropy_with_logits(logits, parts) + differ.mean()


def _stretched(f: Tensor) -> Tensor:
    """Return films `(B, 64, 64)` with the 1st to 99th percentile over [0, 1], as `films.standard` does."""
    low, high = (torch.quantile(f.flatten(1), share, 1)[:, None, None] for share in (0.01, 0.99))
    return ((f - low) / (high - low).clamp_min(1e-3)).clamp(0, 1)


def main() -> int:
    """Train, write `outlines.safetensors`, print the loss on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("drawn", type=Path, help="films and parts of trivium.medical.samples.drawn_outlines")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    with np.load(given.drawn) as stored:
        films = torch.from_numpy(stored["films"]).to(given.device).float()[:, None] / 255
        parts = torch.from_numpy(stored["parts"]).to(given.device).float()
    torch.manual_seed(given.seed)
    net, chance = OutlineNet().to(given.device), Chance(given.seed, given.device)
    optimizer = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, given.steps, pct_start=0.1)
    for step in range(1, given.steps + 1):
        chosen = chance.pick(_BATCH, len(films))
        seen, wanted = chance.views(films[chosen], parts[chosen])
        loss = outline_loss(net(chance.tones(seen)), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == given.steps:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    state = {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    stored_as = {n: (value.half() if value.ndim > 1 else value).contiguous().cpu() for n, value in state.items()}
    save_file(stored_as, given.out / "outlines.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
