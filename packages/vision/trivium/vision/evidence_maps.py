"""Where a score comes from: what each place of a film adds to it beyond what a usual film would show there.

Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) from the usual film (`usual.py`) to the film itself: the
values of all places add up to the difference of both scores, a place that looks as usual has none, and what is left is
the classifier's own. An occlusion map of the same classifier points half as well (docs/experiments.md). The classifier
weighs them by how far a place stands out before it gathers them: many places that add a little each are no region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivium.vision.films import SIDE, Film

__all__ = ["gathered", "integrated_gradients", "strongest_region"]

_STEPS = 8
_SPREAD = 2.5  # pixels of 64 over which single values are gathered


def integrated_gradients(
    score: Callable[[Tensor], Tensor], film: Film, usual: Film, columns: Sequence[int], steps: int = _STEPS
) -> NDArray[np.float32]:
    """Return `(len(columns), 64, 64)`: what each pixel adds to each score, up or down.

    Args:
        score: gives scores `(B, L)` of films `(B, 1, 64, 64)`, with gradient.
        film: (64, 64).
        usual: (64, 64), where the path begins.
        columns: of the scores.
        steps: middles of as many stretches of the path.
    """
    away = film - usual
    path = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    with torch.enable_grad():
        x = torch.from_numpy(usual + path[:, None, None] * away)[:, None].requires_grad_()
        scores = score(x)
        slopes = [torch.autograd.grad(scores[:, one].sum(), x, retain_graph=True)[0].mean((0, 1)) for one in columns]
    return np.stack([slope.numpy() * away for slope in slopes]).astype(np.float32)


def gathered(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return maps `(N, 64, 64)` smoothed to the size of what a film shows, nothing under 0."""
    place = np.arange(SIDE)
    kernel = np.exp(-((place[:, None] - place[None]) ** 2) / (2 * _SPREAD**2))
    kernel /= kernel.sum(0)  # of a value near the edge nothing is lost
    return np.maximum(np.einsum("ij,njk,lk->nil", kernel, values, kernel, optimize=True), 0).astype(np.float32)


def strongest_region(values: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    """Return row, column, height, width of the part around the maximum above half of it; None for a flat map."""
    peak = float(values.max())
    if peak <= 0:
        return None
    above = values >= peak / 2
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    top = low = int(row)
    left = right = int(column)
    grown = True
    while grown:
        grown = False
        if top > 0 and above[top - 1, left : right + 1].any():
            top, grown = top - 1, True
        if low < SIDE - 1 and above[low + 1, left : right + 1].any():
            low, grown = low + 1, True
        if left > 0 and above[top : low + 1, left - 1].any():
            left, grown = left - 1, True
        if right < SIDE - 1 and above[top : low + 1, right + 1].any():
            right, grown = right + 1, True
    return top, left, low - top + 1, right - left + 1
