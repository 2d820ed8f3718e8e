"""Best fit of a scan onto its part from many starts, with the runners-up kept, because they tell how sure it is.

Rounds, each on more points and fewer poses:
1. turns spread over all there are, and the 24 that lay the scan's axes along the part's; point-to-point steps (Besl
   and McKay 1992) against a coarse grid of nearest places;
2. the best distinct poses; point-to-plane steps (Chen and Medioni 1992) against the exact surface;
3. the best two turned by 90 and 180 degrees about the part's axes, because plates and trays almost fit when flipped;
4. the best one moved a little, because it may be stuck near its true place, then turned in all those ways once more,
   now that it lies finely, and shifted by the part's length, width and height, because a scan of one flat side fits
   the opposite one as well;
5. the best few, on many points, told apart by what lies off the surface by more than the scan's own noise.
When points still lie off the surface, because the part is damaged or because every round missed its true place, the
search is made again from other points, and the poses of both are judged together.
Weights fade out what lies far off (Geman-McClure), so that damage does not pull. Poses are judged by the mean of the
distance, cut off at a limit: a hole in the wrong place costs, a dent costs little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivium.maintenance.inspection.poses import Floats, apply, exponential, spread_rotations
from trivium.maintenance.inspection.reference import Reference

__all__ = ["Alignment", "Candidate", "align", "judge", "refine"]

_TURNS = 400
_ROUNDS = ((150, 10, 32), (300, 8, 8))  # points, steps, poses kept
_FLIPS = (200, 4, 10)
_FINAL = (1000, 6, 8)
_OTHER = 1_000_003  # added to the seed of a second search
_AGAIN = 0.001  # share of points off the surface from which on the search is made again
_HOPELESS = 3.0  # times the cost of the best pose
_CUTS = (0.03, 0.01, 0.01, 0.01, 0.01)  # of the diagonal
_FINE = 0.004  # the same for the last fit
_NUDGES = (24, 0.03)  # small motions tried, and how far they move the outline, of the diagonal
_SAME = 0.03  # poses that put the part's outline this close (of the diagonal) are one
_JUDGE_POINTS = 40_000
_CLOSE_POINTS = 3000  # on which all poses are fitted before they are told apart
_FIT_POINTS = 15_000
_OFF = 5.0  # times the noise: farther off the surface than noise goes


@dataclass(frozen=True)
class Candidate:
    """A pose that the scan may have.

    Args:
        pose: (4, 4) from the scan's frame to the part's.
        is_off: (P,) for each of the judged points whether it lies farther off the surface than noise goes.
    """

    pose: Floats
    is_off: NDArray[np.bool_]

    @property
    def off(self) -> int:
        """Number of the points that do."""
        return int(self.is_off.sum())


@dataclass(frozen=True)
class Alignment:
    """What the search found.

    Args:
        candidates: distinct poses, best first; at least one.
        points: (P, 3) those judged, in the scan's frame, millimetres.
        noise: of a point about the surface under the best pose, robust standard deviation, millimetres.
    """

    candidates: tuple[Candidate, ...]
    points: Floats
    noise: float

    @property
    def judged(self) -> int:
        """Number of the points judged."""
        return len(self.points)


def align(scan: Floats, reference: Reference, seed: int = 0) -> Alignment:
    """Find how the scan lies in the part's frame.

    Args:
        scan: (N, 3) millimetres.
        reference: the part.
        seed: picks the points that are looked at.
    """
    poses = _search(scan, reference, seed)
    found = judge(scan, poses, reference, seed)
    if found.candidates[0].off <= _AGAIN * found.judged:
        return found
    return judge(scan, np.concatenate((poses, _search(scan, reference, seed + _OTHER))), reference, seed)


def judge(scan: Floats, poses: Floats, reference: Reference, seed: int = 0) -> Alignment:
    """Fit poses closely, tell them apart on many points, and fit the best one finely.

    Args:
        scan: (N, 3) millimetres.
        poses: (H, 4, 4) near where they belong.
    """
    generator = np.random.default_rng(seed)
    some = scan[generator.permutation(len(scan))[:_JUDGE_POINTS]]
    poses, _ = refine(some[:_CLOSE_POINTS], poses, reference, 6, _FINE * reference.diagonal)
    distance = np.stack([np.abs(reference.signed(apply(pose, some))[0]) for pose in poses])  # (H, P)
    noise = float(1.4826 * np.median(distance, axis=1).min())
    order = _distinct(poses, np.minimum(distance, 2 * _OFF * noise).mean(axis=1), reference, len(poses))
    fitted, _ = refine(some[:_FIT_POINTS], poses[order[:1]], reference, 8, _FINE * reference.diagonal)
    best = np.abs(reference.signed(apply(fitted[0], some))[0])
    noise = min(noise, float(1.4826 * np.median(best)))
    final = np.concatenate((fitted, poses[order[1:]]))
    is_off = np.concatenate((best[None], distance[order[1:]])) > _OFF * noise
    return Alignment(tuple(Candidate(*one) for one in zip(final, is_off, strict=True)), some, noise)


def refine(points: Floats, poses: Floats, reference: Reference, steps: int, cut: float) -> tuple[Floats, Floats]:
    """Improve poses by weighted point-to-plane steps against the exact surface.

    Args:
        points: (P, 3) of the scan.
        poses: (H, 4, 4) to start from.
        reference: the part.
        steps: number of them; weights narrow from one to the next.
        cut: distance at which the cost is cut off and where weights begin to fade at first, millimetres.

    Returns:
        Poses (H, 4, 4) and costs (H,).
    """
    centre = (reference.low + reference.high) / 2
    size = reference.diagonal / 2
    for number in range(steps):
        moved = apply(poses, points)  # (H, P, 3)
        places = reference.scene.nearest(moved.reshape(-1, 3))
        normals = places.normals.reshape(moved.shape)
        offset = moved - places.positions.reshape(moved.shape)
        gap = np.einsum("hpi,hpi->hp", offset, normals)
        # Wide at first: most points lie on large faces, and the few that show a shift along them must be heard.
        scale = np.maximum(3 * np.median(np.linalg.norm(offset, axis=2), axis=1), cut * 0.5**number)[:, None]
        weight = 1 / (1 + (gap / scale) ** 2) ** 2
        # Turns about the part's centre, in units of its size, so that turn and shift weigh alike.
        arm = (moved - centre) / size
        slope = np.concatenate((np.cross(arm, normals), normals), axis=2)  # (H, P, 6)
        left = np.einsum("hpi,hp,hpj->hij", slope, weight, slope)
        right = np.einsum("hpi,hp,hp->hi", slope, weight, gap)
        left += 1e-9 * np.trace(left, axis1=1, axis2=2)[:, None, None] * np.eye(6)
        step = -np.linalg.solve(left, right[..., None])[..., 0]
        step[:, :3] /= size
        motion = exponential(step)
        motion[:, :3, 3] += centre - np.einsum("hij,j->hi", motion[:, :3, :3], centre)
        poses = motion @ poses
    moved = apply(poses, points)
    distance = np.linalg.norm(moved.reshape(-1, 3) - reference.scene.nearest(moved.reshape(-1, 3)).positions, axis=1)
    return poses, np.minimum(distance.reshape(len(poses), -1), cut).mean(axis=1)


def _search(scan: Floats, reference: Reference, seed: int) -> Floats:
    """Return the poses, (H, 4, 4), that the rounds before the last leave."""
    generator = np.random.default_rng(seed)
    poses = _starts(scan[generator.permutation(len(scan))[:2000]], reference)
    for number, (points, steps, keep) in enumerate(_ROUNDS):
        some = scan[generator.permutation(len(scan))[:points]]
        fit = _rough_fit if number == 0 else refine
        poses, costs = fit(some, poses, reference, steps, _CUTS[number] * reference.diagonal)
        poses = poses[_distinct(poses, costs, reference, keep)]
    flips = _flips(reference)
    poses = np.concatenate((poses, *(flips @ pose for pose in poses[:2])))
    for number, (points, steps, keep) in enumerate((_FLIPS, _FINAL, _FINAL), 2):
        some = scan[generator.permutation(len(scan))[:points]]
        poses, costs = refine(some, poses, reference, steps, _CUTS[number] * reference.diagonal)
        kept = _distinct(poses, costs, reference, keep)
        poses, costs = poses[kept], costs[kept]
        if number == 2:
            poses = np.concatenate((poses, _nudges(reference, generator) @ poses[0]))
        elif number == 3:
            poses = np.concatenate((poses, np.concatenate((flips, _shifts(reference))) @ poses[0]))
    return poses[costs <= _HOPELESS * costs[0]]


def _starts(scan: Floats, reference: Reference) -> Floats:
    """Return poses that put the middle of the scan on the middle of the part, in many turns."""
    own, target = _axes(scan), _axes(reference.samples.positions)
    turns = np.concatenate((target @ _axis_turns() @ own.T, spread_rotations(_TURNS)))
    turned = scan @ np.swapaxes(turns, 1, 2)  # (H, P, 3)
    middle = (np.quantile(turned, 0.005, axis=1) + np.quantile(turned, 0.995, axis=1)) / 2
    poses = np.tile(np.eye(4), (len(turns), 1, 1))
    poses[:, :3, :3] = turns
    poses[:, :3, 3] = (reference.low + reference.high) / 2 - middle
    return poses


def _axes(points: Floats) -> Floats:
    vectors = np.linalg.eigh(np.cov(points.T))[1]
    vectors[:, 0] *= np.sign(np.linalg.det(vectors))
    return vectors


def _flips(reference: Reference) -> Floats:
    """Return the motions that turn the part by quarters and halves about its middle: its own axes, and the file's."""
    middle = (reference.low + reference.high) / 2
    own = _axes(reference.samples.positions)
    turns = np.concatenate((_axis_turns(), own @ _axis_turns() @ own.T))
    motions = np.tile(np.eye(4), (len(turns), 1, 1))
    motions[:, :3, :3] = turns
    motions[:, :3, 3] = middle - turns @ middle
    return motions


def _shifts(reference: Reference) -> Floats:
    """Return the six motions that shift the part by the sides of its box, either way."""
    motions = np.tile(np.eye(4), (6, 1, 1))
    motions[:3, :3, 3] = np.diag(reference.high - reference.low)
    motions[3:, :3, 3] = -motions[:3, :3, 3]
    return motions


def _nudges(reference: Reference, generator: np.random.Generator) -> Floats:
    """Return small motions about the part's middle."""
    count, far = _NUDGES
    middle = (reference.low + reference.high) / 2
    steps = generator.normal(0, far, (count, 6))
    steps[:, 3:] *= reference.diagonal
    motions = exponential(steps)
    motions[:, :3, 3] += middle - motions[:, :3, :3] @ middle
    return motions


def _axis_turns() -> Floats:
    """Return the 24 turns that lay axes along axes."""
    turns = []
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2)):
        for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            turn = np.zeros((3, 3))
            turn[order[0], 0], turn[order[1], 1] = signs
            turn[:, 2] = np.cross(turn[:, 0], turn[:, 1])
            turns.append(turn)
    return np.stack(turns)


def _rough_fit(points: Floats, poses: Floats, reference: Reference, steps: int, cut: float) -> tuple[Floats, Floats]:
    """Improve many poses by point-to-point steps against the coarse grid."""
    for _ in range(steps):
        moved = apply(poses, points)
        target = reference.roughly_nearest(moved)
        distance = np.linalg.norm(moved - target, axis=2)
        scale = np.maximum(2 * np.median(distance, axis=1), cut / 3)[:, None]
        weight = 1 / (1 + (distance / scale) ** 2) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        from_middle = np.einsum("hp,hpi->hi", weight, moved)
        to_middle = np.einsum("hp,hpi->hi", weight, target)
        spread = np.einsum("hp,hpi,hpj->hij", weight, target - to_middle[:, None], moved - from_middle[:, None])
        u, _, v = np.linalg.svd(spread)
        u[:, :, 2] *= np.sign(np.linalg.det(u @ v))[:, None]
        motion = np.tile(np.eye(4), (len(poses), 1, 1))
        motion[:, :3, :3] = u @ v
        motion[:, :3, 3] = to_middle - np.einsum("hij,hj->hi", motion[:, :3, :3], from_middle)
        poses = motion @ poses
    moved = apply(poses, points)
    distance = np.linalg.norm(moved - reference.roughly_nearest(moved), axis=2)
    return poses, np.minimum(distance, cut).mean(axis=1)


def _distinct(poses: Floats, costs: Floats, reference: Reference, keep: int) -> list[int]:
    """Return the rows of the best poses, leaving out those that are almost the same as a better one."""
    outlines = apply(np.linalg.inv(poses).astype(np.float64), reference.outline)  # (H, 8, 3), in the scan's frame
    kept: list[int] = []
    for row in np.argsort(costs, kind="stable").tolist():
        gaps = np.linalg.norm(outlines[kept] - outlines[row], axis=2).max(axis=1)
        if not len(gaps) or gaps.min() > _SAME * reference.diagonal:
            kept.append(row)
        if len(kept) == keep:
            break
    return kept
