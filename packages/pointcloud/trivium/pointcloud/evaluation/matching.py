"""Give each seeker of a frame its best free target, one seeker after the other, in all frames at once.

    # S seekers, N targets, P pairs that may match, T score thresholds

The order matters (a target goes to the first seeker that wants it), so seekers of one frame are handled in turn; but
frames do not touch each other, nor do thresholds. The loop is over places in the order (at most the number of seekers
in the fullest frame), and each step handles every frame and every threshold.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["assign", "rank_in_frame", "same_frame_pairs"]

Ints = NDArray[np.int64]


def same_frame_pairs(first_frames: Ints, second_frames: Ints) -> tuple[Ints, Ints]:
    """Return the rows `(P,)`, `(P,)` of all pairs from the same frame, by first row, then second row.

    Args:
        first_frames: (A,) frame of each row, any order.
        second_frames: (B,), likewise.
    """
    order = np.argsort(second_frames, kind="stable")
    low = np.searchsorted(second_frames[order], first_frames, side="left")
    counts = np.searchsorted(second_frames[order], first_frames, side="right") - low
    first = np.repeat(np.arange(len(first_frames)), counts)
    within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first, order[np.repeat(low, counts) + within]


def rank_in_frame(frames: Ints) -> Ints:
    """Return how many earlier rows have the same frame, (S,)."""
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    rank = np.empty(len(frames), np.int64)
    rank[order] = np.arange(len(frames)) - np.searchsorted(ordered, ordered, side="left")
    return rank


def assign(
    seekers: Ints, targets: Ints, preference: NDArray[np.floating], turn: Ints, allowed: NDArray[np.bool_]
) -> Ints:
    """Return the target of each seeker at each threshold, (S, T) int64; -1 where none was free.

    Args:
        seekers: (P,) row of the seeker of each pair.
        targets: (P,) row of its target.
        preference: (P,) a seeker takes the free target with the smallest; of equal ones the earliest pair.
        turn: (S,) place of each seeker in the order of its frame; no two of one frame have the same.
        allowed: (N, T) targets that exist at each threshold.
    """
    chosen = np.full((len(turn), allowed.shape[1]), -1, np.int64)
    free = allowed.copy()
    order = np.lexsort((np.arange(len(seekers)), preference, seekers, turn[seekers]))
    seekers, targets = seekers[order], targets[order]
    turns = turn[seekers]
    starts = _heads(turns)
    for start, stop in pairwise([*starts.tolist(), len(turns)]):
        seeker, target = seekers[start:stop], targets[start:stop]
        heads = _heads(seeker)
        place = np.where(free[target], np.arange(len(target))[:, None], len(target))
        best = np.minimum.reduceat(place, heads, axis=0)  # (seekers of this turn, T)
        row, threshold = np.nonzero(best < len(target))
        taken = target[best[row, threshold]]
        chosen[seeker[heads[row]], threshold] = taken
        free[taken, threshold] = False
    return chosen


def _heads(values: Ints) -> Ints:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])
