"""Random changes that leave a finding what it is: small shifts, turns, zoom, mirror, brightness, contrast, noise.

Everything is drawn from a generator of the caller, on the device of the films. Mirroring costs the side of the heart
(Hernia and Cardiomegaly do not need it) and doubles films that are few.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["augment"]

TURN = 0.12  # radians, about 7 degrees
ZOOM = 0.12
SHIFT = 0.1  # of half a side


def augment(films: Tensor, generator: torch.Generator) -> Tensor:
    """Return films `(B, 1, H, W)`, each changed at random."""
    B = len(films)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=films.device) * 2 - 1

    angle, scale, mirror = draw(B) * TURN, 1 + draw(B) * ZOOM, torch.sign(draw(B))
    cosine, sine, shift = torch.cos(angle) * scale, torch.sin(angle) * scale, draw(B, 2) * SHIFT
    theta = torch.stack(
        [torch.stack([cosine * mirror, -sine, shift[:, 0]], 1), torch.stack([sine * mirror, cosine, shift[:, 1]], 1)], 1
    )  # (B, 2, 3)
    grid = F.affine_grid(theta, list(films.shape), align_corners=False)
    x = F.grid_sample(films, grid, padding_mode="border", align_corners=False)
    x = x.clamp(1e-4, 1) ** torch.exp(draw(B, 1, 1, 1) * 0.3)
    x = (x - 0.5) * (1 + draw(B, 1, 1, 1) * 0.2) + 0.5 + draw(B, 1, 1, 1) * 0.1
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return x + noise * 0.03 * torch.rand(B, 1, 1, 1, generator=generator, device=x.device)
