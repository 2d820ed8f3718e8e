"""Whether an alignment can be trusted, and if not, why. A wrong alignment makes every number after it wrong.

A pose is trusted when the scan lies on the part under it (but for one broken place), no other pose explains the scan
nearly as well (unless the part looks the same from there), and the scan holds the part in every direction (unless it
may slide on itself).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch

from trivium.maintenance.inspection.align import Alignment, Candidate, align
from trivium.maintenance.inspection.datum import Fit
from trivium.maintenance.inspection.poses import Floats, apply, exponential, inverse
from trivium.maintenance.inspection.reference import Reference
from trivium.pointcloud.geometry.clusters import clusters

__all__ = ["SYMMETRY_MM", "Reason", "Trust", "apart", "is_off", "judge_hand", "judge_trust", "on_datums", "symmetric"]

SYMMETRY_MM = 0.05
"""A motion that carries the part off itself by no more is a symmetry."""

Reason = Literal["size", "off_surface", "mirrored", "rival", "slides", "datum_unseen"]

_MAX_OFF = 0.02  # share of points off the surface
_MAX_BROKEN = 0.1  # the same with the largest place where it is off
_BROKEN = 0.5  # of the diagonal: how far that place may reach to be one
_MAX_NOISE = 0.002  # of the diagonal: above, the scan does not lie on the surface at all
_SIGMAS = 5.0
_SOME_OFF = 0.001  # share of points off the surface from which on the other hand is tried
_BETTER = 0.2  # of the points off, or of the noise: what the other hand must leave of them
_SIZES = (0.1, 3.0)  # of the part's diagonal: a scan this much smaller or larger has another unit
_SLIDE = 0.01  # of the diagonal: how far a slide is tried
_LOOSE_MM = 0.02  # standard deviation of the pose at the part's outline


@dataclass(frozen=True)
class Trust:
    """The verdict on an alignment.

    Args:
        reasons: why it is not trusted; none when it is.
        symmetries: other poses found that are as good because the part looks the same from there.
        off_share: share of points farther off the surface than noise goes.
        rival_off_share: the same under the best other pose that is no symmetry; None without one.
        looseness_mm: standard deviation of the pose at the part's outline in its loosest direction that matters.
    """

    reasons: tuple[Reason, ...]
    symmetries: int
    off_share: float
    rival_off_share: float | None
    looseness_mm: float

    @property
    def is_trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def judge_trust(scan: Floats, alignment: Alignment, reference: Reference) -> Trust:
    """Judge the best pose of an alignment.

    Args:
        scan: (N, 3) the points that were aligned, millimetres.
        alignment: what the search found.
        reference: the part.
    """
    best, *others = alignment.candidates
    is_same = symmetric(best.pose, np.stack([one.pose for one in others]), reference) if others else np.empty(0, bool)
    rivals = [one for one, same in zip(others, is_same, strict=True) if not same]
    rival = min(rivals, key=lambda one: one.off, default=None)
    better, worse = (0, 0) if rival is None else apart(best, rival)
    looseness = _looseness(scan, best.pose, alignment.noise, reference)
    reasons: list[Reason] = []
    if is_off(alignment, reference) or alignment.noise > _MAX_NOISE * reference.diagonal:
        reasons.append("off_surface")
    if rival is not None and better - worse < _SIGMAS * (better + worse + 1) ** 0.5:
        reasons.append("rival")
    if looseness > _LOOSE_MM:
        reasons.append("slides")
    if reasons and not _SIZES[0] < _size(scan) / reference.diagonal < _SIZES[1]:
        reasons.insert(0, "size")  # no reason by itself: a scan may hold a detail, or the table too
    return Trust(
        tuple(reasons),
        int(is_same.sum()),
        best.off / alignment.judged,
        None if rival is None else rival.off / alignment.judged,
        looseness,
    )


def judge_hand(trust: Trust, scan: Floats, alignment: Alignment, reference: Reference, seed: int = 0) -> Trust:
    """Return a trust that is lost when the scan's mirror image fits far better: a part of the other hand.

    Only a scan of the part's size with points off the surface is tried; arguments as for `judge_trust` and `align`.
    """
    here = alignment.candidates[0].off / alignment.judged
    if "size" in trust.reasons or (here < _SOME_OFF and "off_surface" not in trust.reasons):
        return trust
    other = align(scan * [-1.0, 1, 1], reference, seed)
    there = other.candidates[0].off / other.judged
    is_on = there <= _MAX_OFF and other.noise <= min(_MAX_NOISE * reference.diagonal, alignment.noise)
    if not is_on or (there > _BETTER * here and other.noise > _BETTER * alignment.noise):
        return trust
    reasons: list[Reason] = [*trust.reasons, "mirrored"]
    return replace(trust, reasons=tuple(sorted(reasons, key=get_args(Reason).index)))


def on_datums(trust: Trust, fit: Fit) -> Trust:
    """Return the trust in a pose by datums, which began at a best fit: it must have begun right, and be held.

    The places hold the scan also where it could slide on the part as a whole.
    """
    reasons: list[Reason] = [one for one in trust.reasons if one != "slides"]
    if not fit.is_seen:
        reasons.append("datum_unseen")
    elif fit.looseness_mm > _LOOSE_MM:
        reasons.append("slides")
    return replace(trust, reasons=tuple(reasons), looseness_mm=fit.looseness_mm)


def symmetric(pose: Floats, others: Floats, reference: Reference) -> np.ndarray:
    """Return for each of (H, 4, 4) poses whether the part looks the same under it as under `pose`, both ways.

    A motion may carry the surface onto itself, and the motion back not: a face that is longer than its counterpart.
    """
    there = others @ inverse(pose)
    back = np.stack([inverse(one) for one in there])
    return np.maximum(reference.self_distance(there), reference.self_distance(back)) <= SYMMETRY_MM


def apart(best: Candidate, rival: Candidate) -> tuple[int, int]:
    """Return how many points are off under the rival alone, and under the best pose alone (McNemar 1947).

    What is off under both, as a broken edge is, tells nothing about which of the two is right.
    """
    return int((rival.is_off & ~best.is_off).sum()), int((best.is_off & ~rival.is_off).sum())


def is_off(alignment: Alignment, reference: Reference) -> bool:
    """Whether too many points lie off the surface, not counting one place that a break or a missing boss explains."""
    best = alignment.candidates[0]
    share = best.off / alignment.judged
    if not _MAX_OFF < share <= _MAX_BROKEN:
        return share > _MAX_OFF
    off = apply(best.pose, alignment.points[best.is_off])
    reach = 1.5 * (reference.area / alignment.judged) ** 0.5  # of points that lie side by side
    place = clusters(torch.from_numpy(off), radius=2 * reach, min_points=4).numpy()
    sizes = np.bincount(place[place >= 0], minlength=1)
    largest = off[place == sizes.argmax()]
    is_local = len(largest) > 0 and np.linalg.norm(np.ptp(largest, axis=0)) <= _BROKEN * reference.diagonal
    return bool(share - (len(largest) if is_local else 0) / alignment.judged > _MAX_OFF)


def _size(scan: Floats) -> float:
    """Return the diagonal of the box around all but a few points."""
    low, high = np.quantile(scan[:: max(1, len(scan) // 10_000)], (0.01, 0.99), axis=0)
    return float(np.linalg.norm(high - low))


def _looseness(scan: Floats, pose: Floats, noise: float, reference: Reference) -> float:
    """Return the standard deviation of the pose, as movement of the outline, leaving out slides along itself."""
    some = apply(pose, scan[:: max(1, len(scan) // 4000)])
    places = reference.scene.nearest(some)
    centre, size = (reference.low + reference.high) / 2, reference.diagonal / 2
    slope = np.concatenate((np.cross((places.positions - centre) / size, places.normals), places.normals), axis=1)
    values, vectors = np.linalg.eigh(slope.T @ slope * len(scan) / len(some))
    worst = 0.0
    for value, vector in zip(values, vectors.T, strict=True):
        loose = noise / max(value, 1e-12) ** 0.5
        if loose <= _LOOSE_MM:
            worst = max(worst, loose)
            continue
        step = np.concatenate((vector[:3] / size, vector[3:])) * _SLIDE * size
        motion = exponential(step[None])
        motion[:, :3, 3] += centre - motion[0, :3, :3] @ centre
        if reference.self_distance(motion)[0] > SYMMETRY_MM:
            worst = max(worst, loose)
    return worst
