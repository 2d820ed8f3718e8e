"""How training data are split to choose and to judge: by asset, by class, by stretches of time; and cut like a test."""

from __future__ import annotations

import itertools

import numpy as np

__all__ = ["asset_folds", "block_folds", "class_folds", "cut_rows"]

Fold = tuple[np.ndarray, np.ndarray]


def asset_folds(asset: np.ndarray, count: int, seed: int) -> list[Fold]:
    """Split rows so that no asset is on both sides.

    Returns:
        (rows to learn from, rows to judge on) of each fold.
    """
    assets = np.random.default_rng(seed).permutation(np.unique(asset))
    return [_fold(np.isin(asset, part)) for part in np.array_split(assets, min(count, len(assets)))]


def class_folds(label: np.ndarray, count: int, seed: int) -> list[Fold]:
    """Split rows at random, each fold with the same share of failures."""
    rng = np.random.default_rng(seed)
    place = np.empty(len(label), np.int64)
    for value in (0, 1):
        rows = rng.permutation(np.flatnonzero(label == value))
        place[rows] = np.arange(len(rows)) % count
    return [_fold(place == one) for one in range(count)]


def block_folds(label: np.ndarray, count: int) -> list[Fold]:
    """Split a single series into stretches of time that hold equally many failures.

    Neighbouring rows are alike; a random split would judge a model on copies of what it has seen.
    """
    reached = np.cumsum(label) / max(label.sum(), 1)
    place = np.minimum((reached * count - 1e-9).astype(np.int64), count - 1)
    return [_fold(place == one) for one in range(count) if (place == one).any()]


def cut_rows(asset: np.ndarray, per_asset: int, seed: int, lengths: np.ndarray | None = None) -> np.ndarray:
    """Choose rows at which histories end when a run-to-failure asset is cut off like a test asset.

    Args:
        asset: (N,), rows of an asset together.
        per_asset: cuts of each asset, with repetition.
        lengths: histories of a test set, in rows, to draw from; without them every length from 30 rows, or a
            fifth of a shorter life, up to the last but five is as likely.

    Returns:
        (assets * per_asset,) index of rows.
    """
    rng = np.random.default_rng(seed)
    rows = []
    edges = np.flatnonzero(np.r_[True, asset[1:] != asset[:-1], True])
    for start, stop in itertools.pairwise(edges):
        life = int(stop - start)
        possible = np.arange(min(30, 1 + life // 5), max(life - 5, 2 + life // 5))
        if lengths is not None and (lengths < life - 5).any():
            possible = lengths[lengths < life - 5]
        rows.append(start + rng.choice(possible, per_asset) - 1)
    return np.concatenate(rows)


def _fold(is_judged: np.ndarray) -> Fold:
    return np.flatnonzero(~is_judged), np.flatnonzero(is_judged)
