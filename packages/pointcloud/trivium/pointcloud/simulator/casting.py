"""Where each beam ends: exact first hits on ground, solids and rounds; glass and leaves let beams pass by chance."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trivium.pointcloud.simulator import culling
from trivium.pointcloud.simulator.batch import SceneBatch
from trivium.pointcloud.simulator.chance import uniform
from trivium.pointcloud.simulator.shapes import NOBODY
from trivium.pointcloud.simulator.terrain import ground_range

__all__ = ["Candidates", "Hits", "cast", "round_hits", "solid_hits"]

_GLASS, _LEAF = 1_000, 2_000
_GROUND_REFLECTANCE = 0.25
_NOTHING = float("inf")


@dataclass(frozen=True)
class Hits:
    """What each beam meets, (B, R, C) each.

    Args:
        distance: metres, infinite for nothing.
        facing: cosine between the beam and the surface's normal, 0..1.
        reflectance: of the surface.
        owner: row of the batch's boxes; `NOBODY` for the rest.
    """

    distance: torch.Tensor
    facing: torch.Tensor
    reflectance: torch.Tensor
    owner: torch.Tensor


@dataclass(frozen=True)
class Candidates:
    """Hits of single parts, before the nearest is chosen: (M,) each; `face` is 0 for round bodies."""

    beam: torch.Tensor
    distance: torch.Tensor
    facing: torch.Tensor
    reflectance: torch.Tensor
    owner: torch.Tensor
    part: torch.Tensor
    face: torch.Tensor


def cast(batch: SceneBatch) -> Hits:
    """Send every beam of every scene.

    Objects and sensor move while the sensor turns, so boxes fit exactly what was seen straight ahead; the ground is
    taken as still, its unevenness is long beside the way of a tenth of a second.
    """
    beams = batch.elevations.shape[1] * batch.fired
    corners, velocity = batch.solids[0], batch.solids[-1]
    windows = culling.solid_windows(corners, _slack(velocity, batch.solid_frame, batch))
    found = [solid_hits(batch, culling.pair_up(windows, batch.solid_frame, batch), beams)]
    centre, reach, velocity = batch.rounds[0], batch.rounds[2], batch.rounds[-1]
    windows = culling.round_windows(centre, reach, _slack(velocity, batch.round_frame, batch))
    found.append(round_hits(batch, culling.pair_up(windows, batch.round_frame, batch), beams))
    azimuth, elevation = culling.angles(batch)
    distance = ground_range(batch.terrain, elevation, azimuth)  # (B, R, C)
    shape = distance.shape
    facing = elevation.sin().abs()[..., None].expand(shape).flatten().clone()
    distance = distance.flatten()
    ground = distance.new_full((), _GROUND_REFLECTANCE)
    reflectance = ground.expand(distance.shape).clone()
    owner = torch.full(distance.shape, NOBODY, dtype=torch.int64, device=distance.device)
    for one in found:
        distance.scatter_reduce_(0, one.beam, one.distance, "amin")
    for one in found:
        wins = (one.distance == _pick(distance, one.beam)).nonzero()[:, 0]
        beam = _pick(one.beam, wins)
        facing[beam], reflectance[beam] = _pick(one.facing, wins), _pick(one.reflectance, wins)
        owner[beam] = _pick(one.owner, wins)
    return Hits(*(one.view(shape) for one in (distance, facing, reflectance, owner)))


def _drift(velocity: torch.Tensor, frame: torch.Tensor, batch: SceneBatch) -> torch.Tensor:
    """Return the motion of each part seen from the sensor, (P, 2) m/s."""
    relative = velocity.clone()
    relative[:, 0] -= batch.sensor[frame, 2]
    return relative


def _slack(velocity: torch.Tensor, frame: torch.Tensor, batch: SceneBatch) -> torch.Tensor:
    """Return how far each part may be from its place while the sensor turns, (P,) metres."""
    return _drift(velocity, frame, batch).norm(dim=1) * batch.sensor[frame, 1] / 2


def solid_hits(batch: SceneBatch, pairs: culling.Pairs, beams: int) -> Candidates:
    """Return where beams meet leaning boxes.

    Args:
        batch: scenes seen from the origin.
        pairs: parts to try on beams; a direction's length is the unit of distances.
        beams: of one frame.
    """
    _, planes, passing, depth, reflectance, owner, velocity = batch.solids
    drift = _drift(velocity, batch.solid_frame, batch)
    part = pairs.part
    # Columns of one plane lie together: (P, 4 * 6) gathers whole rows and is then read without stride.
    table = torch.cat((planes.transpose(1, 2).flatten(1), drift), dim=1).index_select(0, part)
    normal_x, normal_y, normal_z, offset = table[:, :24].view(-1, 4, 6).unbind(dim=1)
    shift = table[:, 24:] * pairs.time_s[:, None]
    along = normal_x * pairs.direction[:, 0:1] + normal_y * pairs.direction[:, 1:2]
    along = along.addcmul(normal_z, pairs.direction[:, 2:3])
    offset = offset.addcmul(normal_x, shift[:, 0:1]).addcmul(normal_y, shift[:, 1:2])
    way = offset / (along + 1e-12)
    enter, entry = torch.where(along < 0, way, -_NOTHING).max(dim=1)
    leave, exit_ = torch.where(along >= 0, way, _NOTHING).min(dim=1)
    met = ((enter < leave) & (enter > 0.05)).nonzero()[:, 0]
    part, beam, enter, leave = (_pick(one, met) for one in (part, pairs.beam, enter, leave))
    entry, exit_, along = (_pick(one, met) for one in (entry, exit_, along))
    facing = along.gather(1, entry[:, None])[:, 0].abs()
    distance = enter.clone()
    place = _try(beam, part, beams)
    _let_through_glass(batch, part, place, entry, exit_, leave, passing, distance)
    _let_into_leaves(batch.seed[batch.solid_frame[part]], place, depth[part], leave, distance)
    return Candidates(beam, distance, facing, reflectance[part], owner[part], part, entry)


def _let_through_glass(
    batch: SceneBatch,
    part: torch.Tensor,
    place: torch.Tensor,
    entry: torch.Tensor,
    exit_: torch.Tensor,
    leave: torch.Tensor,
    passing: torch.Tensor,
    distance: torch.Tensor,
) -> None:
    """Move the end of beams that pass the near face to the far face, or beyond, in place."""
    share = passing[part, entry]
    rows = (share > 0).nonzero()[:, 0]
    part, place, share = part[rows], place[rows], share[rows]
    seed = batch.seed[batch.solid_frame[part]]
    passes = uniform(seed, place, _GLASS) < share
    again = uniform(seed, place, _GLASS + 1) < passing[part, exit_[rows]]
    beyond = torch.where(again, torch.full_like(share, _NOTHING), leave[rows])
    distance[rows] = torch.where(passes, beyond, distance[rows])


def _let_into_leaves(
    seed: torch.Tensor, place: torch.Tensor, depth: torch.Tensor, leave: torch.Tensor, distance: torch.Tensor
) -> None:
    """Let beams end inside parts that are not closed, at an exponential way in, or pass them; in place."""
    rows = (depth > 0).nonzero()[:, 0]
    way = -uniform(seed[rows], place[rows], _LEAF).log() * depth[rows]
    end = distance[rows] + way
    distance[rows] = torch.where(end < leave[rows], end, torch.full_like(end, _NOTHING))


def _pick(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return values.index_select(0, rows)


def _try(beam: torch.Tensor, part: torch.Tensor, beams: int) -> torch.Tensor:
    """Return a number for a beam on a part that does not depend on the frames beside it in the batch."""
    rest = (beam % beams) * 7_919
    return rest + part - _first_part(part, beam // beams)


def _first_part(part: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    """Return the first row of `part`'s frame among these tries."""
    size = int(frame.max()) + 1 if len(frame) else 1
    first = torch.full((size,), torch.iinfo(torch.int64).max, dtype=torch.int64, device=part.device)
    return first.scatter_reduce_(0, frame, part, "amin")[frame]


def round_hits(batch: SceneBatch, pairs: culling.Pairs, beams: int) -> Candidates:
    """Return where beams meet ellipsoids and tubes; see `solid_hits`."""
    centre, axes, _, is_tube, depth, reflectance, owner, velocity = batch.rounds
    drift = _drift(velocity, batch.round_frame, batch)
    part = pairs.part
    table = torch.cat((axes.flatten(1), centre, drift, is_tube[:, None]), dim=1).index_select(0, part)
    matrix, tube = table[:, :9].view(-1, 3, 3), table[:, 14] > 0
    begin = -table[:, 9:12]
    begin[:, :2] -= table[:, 12:14] * pairs.time_s[:, None]
    start = (matrix * begin[:, None]).sum(dim=2)  # (M, 3), in the part's own unit frame
    step = (matrix * pairs.direction[:, None]).sum(dim=2)
    weight = torch.ones_like(start)
    weight[:, 2] = (~tube).to(weight.dtype)
    a = (weight * step * step).sum(dim=1).clamp(min=1e-12)
    b = (weight * step * start).sum(dim=1)
    c = (weight * start * start).sum(dim=1) - 1
    root = b * b - a * c
    half = root.clamp(min=0).sqrt()
    enter, leave = (-b - half) / a, (-b + half) / a
    height = start[:, 2] + enter * step[:, 2]
    met = ((root > 0) & (enter > 0.05) & (~tube | (height.abs() <= 1))).nonzero()[:, 0]
    part, beam, enter, leave = (_pick(one, met) for one in (part, pairs.beam, enter, leave))
    normal = weight[met] * (start[met] + enter[:, None] * step[met])
    normal = (matrix[met] * normal[:, :, None]).sum(dim=1)
    facing = (normal * pairs.direction[met]).sum(dim=1).abs() / normal.norm(dim=1).clamp(min=1e-9)
    distance = enter.clone()
    seed = batch.seed[batch.round_frame[part]]
    _let_into_leaves(seed, _try(beam, part, beams), depth[part], leave, distance)
    return Candidates(beam, distance, facing, reflectance[part], owner[part], part, torch.zeros_like(part))
