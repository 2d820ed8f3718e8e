"""Bring every chest to the same place: shift, zoom of each axis and turn that make a film most like a template.

Once the lungs of all films lie in one place, a pixel or a cell of a network's map means the same place in each, which
is worth more to a linear model of few films than any descriptor tried here (docs/experiments.md). The correlation of
both smoothed pictures is climbed by Adam from where the film is; a penalty keeps films without a chest where they are.
Each film is aligned alone: its result does not depend on its batch.

`lay` then lets the chest fill the picture: a classifier that sees jaw, arms and markers rests its scores on them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from trivium.vision.films import Film

__all__ = ["Motions", "align", "lay", "make_template", "moved", "moved_back", "whole", "within_chest"]

# (N, 2, 3): where in the film each place of the aligned film comes from, both from -1 to 1, as `affine_grid` takes it.
Motions = NDArray[np.float32]
_STEPS, _RATE = 60, 0.05  # the rate falls along a cosine; more steps change nothing
_SPREAD = 2.0  # pixels of the smoothing
_PENALTY = (0.3, 0.3, 0.3, 0.3, 0.9)  # on the squares of shift in x and y, log zoom in x and y, turn
# Of 64 rows and columns of the template: lungs (10 to 38, 13 to 51), their bases behind the domes, and the chest wall.
_TOP, _LOW, _LEFT, _RIGHT = 3, 51, 5, 60
_APEX = 6  # the first row in which a finding can lie
_ROUNDS = 3  # of a template: aligned to the mean of the round before


def align(films: Film, template: Film) -> tuple[Film, Motions]:
    """Return films `(N, 64, 64)` laid over a template `(64, 64)`, and the motion of each."""
    x, goal = torch.from_numpy(films)[:, None], _centred(_smooth(torch.from_numpy(template)[None, None]))
    smooth = _smooth(x)
    penalty = torch.tensor(_PENALTY)
    with torch.enable_grad():
        motion = torch.zeros(len(x), 5, requires_grad=True)
        climber = torch.optim.Adam([motion], lr=_RATE)
        for step in range(_STEPS):
            climber.param_groups[0]["lr"] = _RATE * 0.5 * (1 + np.cos(np.pi * step / _STEPS))
            likeness = (_centred(_sampled(smooth, _theta(motion))) * goal).mean((1, 2, 3))
            loss = (motion**2 * penalty).sum() - likeness.sum()
            climber.zero_grad()
            loss.backward()
            climber.step()
    theta = _theta(motion.detach())
    return _sampled(x, theta)[:, 0].numpy(), theta.numpy()


def lay(films: Film, template: Film) -> tuple[Film, Motions]:
    """Return the chests of films `(N, 64, 64)` laid over a template's, each filling its picture, and the motions."""
    motions = align(films, template)[1] @ _window(template.shape[0])
    return moved(films, motions), motions


def whole(motions: Motions, side: int) -> Motions:
    """Return what lays films over the whole template, not its chest alone, of the motions that `lay` gave."""
    found: Motions = (motions @ np.linalg.inv(_window(side))).astype(np.float32)
    return found


def within_chest(motions: Motions, side: int) -> NDArray[np.bool_]:
    """Return which places `(N, side, side)` of films lie in the chest that was laid.

    Of its picture the corners, beyond x**4 + y**4 = 1, hold shoulders and markers, and the top the neck and a jaw.
    """
    x = (np.arange(side, dtype=np.float32) * 2 + 1) / side - 1
    y = 1 - (1 - x) * (_LOW - _TOP) / (_LOW - _APEX)
    chest = (y[:, None] ** 4 + x[None] ** 4 <= 1).astype(np.float32)
    return moved_back(np.repeat(chest[None], len(motions), 0), motions) >= 0.5


def make_template(films: Film) -> Film:
    """Return the mean `(64, 64)` of films laid over one another."""
    template = films.mean(0)
    for _ in range(_ROUNDS):
        template = align(films, template)[0].mean(0)
    return template


def moved(films: Film, motions: Motions) -> Film:
    """Return films moved as given."""
    return _sampled(torch.from_numpy(films)[:, None], torch.from_numpy(motions))[:, 0].numpy()


def moved_back(pictures: Film, motions: Motions) -> Film:
    """Return pictures that lie over aligned films `(N, 64, 64)`, such as maps, over the films themselves; 0 outside."""
    last = np.tile(np.array([0, 0, 1], np.float32), (len(motions), 1, 1))
    square = np.concatenate([motions, last], 1)
    back = torch.from_numpy(np.linalg.inv(square)[:, :2].astype(np.float32))
    x = torch.from_numpy(pictures)[:, None]
    grid = F.affine_grid(back, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="zeros", align_corners=False)[:, 0].numpy()


def _window(side: int) -> NDArray[np.float32]:
    """Return what leads from a picture of the chest to the whole template, `(3, 3)`."""
    wide, high = (_RIGHT - _LEFT) / side, (_LOW - _TOP) / side
    rows = [[wide, 0, (_LEFT + _RIGHT) / side - 1], [0, high, (_TOP + _LOW) / side - 1], [0, 0, 1]]
    return np.array(rows, np.float32)


def _theta(motion: Tensor) -> Tensor:
    """Return affine matrices `(N, 2, 3)` of shift, log zoom and turn `(N, 5)`."""
    dx, dy, zoom_x, zoom_y, turn = motion.unbind(1)
    cosine, sine, wide, high = torch.cos(turn), torch.sin(turn), torch.exp(zoom_x), torch.exp(zoom_y)
    rows = [torch.stack([wide * cosine, -high * sine, dx], 1), torch.stack([wide * sine, high * cosine, dy], 1)]
    return torch.stack(rows, 1)


def _sampled(x: Tensor, theta: Tensor) -> Tensor:
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _centred(x: Tensor) -> Tensor:
    x = x - x.mean((2, 3), keepdim=True)
    return x / x.std((2, 3), keepdim=True).clamp_min(1e-3)


def _smooth(x: Tensor) -> Tensor:
    reach = int(3 * _SPREAD)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=x.dtype) ** 2) / (2 * _SPREAD**2))
    kernel = kernel / kernel.sum()
    x = F.pad(x, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
