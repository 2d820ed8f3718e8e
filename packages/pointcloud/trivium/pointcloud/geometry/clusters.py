"""Groups of points that hang together: density clusters (DBSCAN, Ester et al. 1996) and connected parts of a graph."""

from __future__ import annotations

import torch

from trivium.pointcloud.geometry.neighbors import within

__all__ = ["clusters", "connected"]


def clusters(xyz: torch.Tensor, *, radius: float, min_points: int) -> torch.Tensor:
    """Return the cluster of each point, (N,) int64 from 0 in order of their first points; -1 for noise.

    A point is a core when `min_points`, itself included, lie within `radius` metres. Cores within reach of each other
    share a cluster; another point belongs to that of its nearest core in reach.
    """
    pairs = within(xyz, radius)
    is_core = torch.bincount(pairs.first, minlength=len(xyz)) + 1 >= min_points
    both = is_core[pairs.first] & is_core[pairs.second]
    group = connected(len(xyz), pairs.first[both], pairs.second[both])
    border = ~is_core[pairs.first] & is_core[pairs.second]
    first, second, distance = pairs.first[border], pairs.second[border], pairs.distance[border]
    order = distance.argsort(descending=True, stable=True)  # the nearest is written last and stays
    best = torch.full((len(xyz),), -1, dtype=torch.int64, device=xyz.device)
    for_each = xyz.new_full((len(xyz),), float("inf")).scatter_reduce_(0, first, distance, "amin")
    is_best = distance[order] == for_each[first[order]]
    best[first[order][is_best]] = second[order][is_best]
    label = torch.full_like(best, -1)
    label[is_core] = group[is_core]
    label[best >= 0] = group[best[best >= 0]]
    return _numbered(label)


def connected(count: int, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the connected part of each of `count` nodes as its smallest node, (count,) int64.

    Args:
        first: (P,) one end of each edge.
        second: (P,) its other end. Each edge may be given once or in both directions.
    """
    parent = torch.arange(count, device=first.device)
    while True:
        # Hook the larger root under the smaller one, then shorten all paths to their root.
        low = torch.minimum(parent[first], parent[second])
        hooked = parent.clone()
        hooked.scatter_reduce_(0, parent[first], low, "amin")
        hooked.scatter_reduce_(0, parent[second], low, "amin")
        while not torch.equal(hooked, hooked[hooked]):
            hooked = hooked[hooked]
        if torch.equal(hooked, parent):
            return parent
        parent = hooked


def _numbered(label: torch.Tensor) -> torch.Tensor:
    numbered = torch.full_like(label, -1)
    is_member = label >= 0
    numbered[is_member] = label[is_member].unique(return_inverse=True)[1]
    return numbered
