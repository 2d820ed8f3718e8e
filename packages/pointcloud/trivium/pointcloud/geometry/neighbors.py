"""Who is near whom, by a grid of cells as wide as the radius: exact, in torch, memory as the number of near pairs.

For clouds of some 100,000 points. Thin a larger cloud first (`voxels.thin`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

__all__ = ["Pairs", "nearest", "within"]

_CANDIDATES = 1 << 22


@dataclass(frozen=True)
class Pairs:
    """Pairs of points, each of both orders, none with itself, by rising `first`.

    Args:
        first: (P,) int64.
        second: (P,) int64.
        distance: (P,) same float as the points.
    """

    first: torch.Tensor
    second: torch.Tensor
    distance: torch.Tensor


def within(xyz: torch.Tensor, radius: float, queries: torch.Tensor | None = None) -> Pairs:
    """Return all pairs at most `radius` apart.

    Args:
        xyz: (N, 3), finite.
        radius: metres, positive.
        queries: rows to give the neighbours of, int64; None for all.
    """
    rows = torch.arange(len(xyz), device=xyz.device) if queries is None else queries
    if not len(xyz) or not len(rows):
        nothing = rows.new_empty(0)
        return Pairs(nothing, nothing, xyz.new_empty(0))
    cell = ((xyz - xyz.amin(dim=0)) / radius).long() + 1  # one empty layer of cells around
    shape = cell.amax(dim=0) + 2
    key = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    ordered, order = key.sort()
    # The three cells of a column along z follow each other in the order, so nine ranges cover all 27.
    across = torch.tensor([[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)], device=xyz.device)
    column = (across[:, 0] * shape[1] + across[:, 1]) * shape[2]
    low = torch.searchsorted(ordered, key[rows, None] + column - 1)  # (Q, 9)
    high = torch.searchsorted(ordered, key[rows, None] + column + 1, right=True)
    counts = high - low
    parts = []
    for start, stop in _portions(counts.sum(dim=1)):
        count = counts[start:stop].flatten()
        first = rows[start:stop].repeat_interleave(9).repeat_interleave(count)
        offset = torch.arange(len(first), device=xyz.device) - (count.cumsum(0) - count).repeat_interleave(count)
        second = order[low[start:stop].flatten().repeat_interleave(count) + offset]
        distance = (xyz[first] - xyz[second]).norm(dim=1)
        keep = (distance <= radius) & (first != second)
        parts.append((first[keep], second[keep], distance[keep]))
    return Pairs(*(torch.cat(part) for part in zip(*parts, strict=True)))


def nearest(xyz: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `count` nearest other points of each point, nearest first.

    The radius doubles until every point has enough.

    Args:
        xyz: (N, 3), finite.
        count: at least 1 and less than N.

    Returns:
        Rows (N, count) int64 and distances (N, count).

    Raises:
        ValueError: if there are not that many other points.
    """
    if not 1 <= count < len(xyz):
        raise ValueError(f"{count} neighbours of {len(xyz)} points")
    rows = xyz.new_zeros((len(xyz), count), dtype=torch.int64)
    distances = xyz.new_zeros((len(xyz), count))
    open_rows = torch.arange(len(xyz), device=xyz.device)
    radius = _first_radius(xyz, count)
    while len(open_rows):
        pairs = within(xyz, radius, open_rows)
        by_distance = pairs.distance.argsort(stable=True)
        order = by_distance[pairs.first[by_distance].argsort(stable=True)]
        first, second, distance = pairs.first[order], pairs.second[order], pairs.distance[order]
        have = torch.bincount(first, minlength=len(xyz))
        starts = have.cumsum(0) - have
        done = open_rows[have[open_rows] >= count]
        picked = starts[done, None] + torch.arange(count, device=xyz.device)
        rows[done], distances[done] = second[picked], distance[picked]
        open_rows = open_rows[have[open_rows] < count]
        radius *= 2
    return rows, distances


def _first_radius(xyz: torch.Tensor, count: int) -> float:
    """Guess the radius that holds `count` points, from how far those of a sample are from their neighbours."""
    sample = xyz[:: max(1, len(xyz) // 64)][:64]
    distance = torch.cdist(sample, xyz)
    guess = float(distance.kthvalue(min(count + 1, len(xyz)), dim=1).values.median())
    return max(1.2 * guess, 1e-6 * float((xyz.amax(0) - xyz.amin(0)).max()) + 1e-12)


def _portions(counts: torch.Tensor) -> list[tuple[int, int]]:
    """Cut rows into portions of bounded numbers of candidates."""
    total = counts.cumsum(0)
    edges = [0]
    while edges[-1] < len(counts):
        before = int(total[edges[-1] - 1]) if edges[-1] else 0
        edge = int(torch.searchsorted(total, before + _CANDIDATES, right=True))
        edges.append(max(edge, edges[-1] + 1))
    return list(pairwise(edges))
