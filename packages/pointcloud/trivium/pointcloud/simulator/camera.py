"""A camera beside the LiDAR: pictures of the same scenes, with the exact depth and owner of every pixel.

A pinhole looks along x, without distortion; its shutter opens when the LiDAR looks ahead. What is hidden is hidden
exactly; a part is tried only on the pixels of its own window. Not drawn: cast shadows, reflections, motion blur.

# B frames, H rows, W columns of pixels, N labelled objects
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from trivium.pointcloud.simulator.batch import SceneBatch
from trivium.pointcloud.simulator.casting import Candidates, round_hits, solid_hits
from trivium.pointcloud.simulator.culling import Pairs
from trivium.pointcloud.simulator.shading import GROUND, SKY, Surfaces, shade
from trivium.pointcloud.simulator.shapes import NOBODY
from trivium.pointcloud.simulator.terrain import ground_reach

__all__ = ["Camera", "Pictures", "photograph"]

_NEAR = 0.1  # metres ahead of the camera where pictures begin
_SEEN_GLASS = 0.6  # of the beams that a LiDAR sends through glass; the rest of what the eye meets is its surface
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))


@dataclass(frozen=True)
class Camera:
    """Half of KITTI's picture, at KITTI's place.

    Args:
        width: pixels.
        height: pixels.
        focal: pixels.
        centre_u: column of the optical axis.
        centre_v: row of the optical axis.
        place: of the camera in the LiDAR's frame, metres.
    """

    width: int = 620
    height: int = 188
    focal: float = 360.0
    centre_u: float = 310.0
    centre_v: float = 94.0
    place: tuple[float, float, float] = (0.27, 0.0, -0.08)

    def scaled(self, factor: float) -> Camera:
        """Return the same view with `factor` times the pixels along each side."""
        return Camera(
            round(self.width * factor), round(self.height * factor), self.focal * factor, self.centre_u * factor,
            self.centre_v * factor, self.place,
        )  # fmt: skip

    def projection(self) -> torch.Tensor:
        """Return (3, 4) float32 that takes (x, y, z, 1) of the LiDAR's frame to depth times (u, v, 1)."""
        x, y, z = self.place
        turn = torch.tensor([[0.0, -1.0, 0.0, y], [0.0, 0.0, -1.0, z], [1.0, 0.0, 0.0, -x]])
        lens = torch.tensor([[self.focal, 0.0, self.centre_u], [0.0, self.focal, self.centre_v], [0.0, 0.0, 1.0]])
        return lens @ turn


@dataclass(frozen=True)
class Pictures:
    """What the camera sees.

    Args:
        colors: (B, 3, H, W) uint8.
        depth: (B, H, W) float32 along the optical axis, metres; infinite for the sky.
        owner: (B, H, W) int64 row of the batch's boxes; -1 for the rest of the world.
        visible: (N,) int64 pixels of each object.
    """

    colors: torch.Tensor
    depth: torch.Tensor
    owner: torch.Tensor
    visible: torch.Tensor


@torch.no_grad()
def photograph(batch: SceneBatch, camera: Camera) -> Pictures:
    """Return the pictures of a batch."""
    seen = _from_camera(batch, camera)
    pixels = camera.width * camera.height
    corners = seen.solids[0]
    found = [solid_hits(seen, _pairs(_window(corners, camera), seen.solid_frame, camera), pixels)]
    found.append(round_hits(seen, _pairs(_window(_around(seen), camera), seen.round_frame, camera), pixels))
    depth = _ground_depth(seen, camera)  # (B, H, W)
    shape = depth.shape
    depth = depth.flatten()
    part = torch.where(depth.isfinite(), GROUND, SKY)
    face = torch.zeros_like(part)
    owner = torch.full_like(part, NOBODY)
    for one in found:
        depth.scatter_reduce_(0, one.beam, one.distance, "amin")
    first = 0
    for one, count in zip(found, (len(corners), len(seen.round_frame)), strict=True):
        _take(one, first, depth, part, face, owner)
        first += count
    surfaces = Surfaces(depth.view(shape), part.view(shape), face.view(shape), owner.view(shape))
    colors = shade(seen, surfaces, _directions(camera, depth.device))
    visible = torch.zeros(len(batch.boxes), dtype=torch.int64, device=depth.device)
    mine = owner[owner >= 0]
    visible.index_add_(0, mine, torch.ones_like(mine))
    return Pictures(colors, depth.view(shape), owner.view(shape), visible)


def _take(
    one: Candidates, first: int, depth: torch.Tensor, part: torch.Tensor, face: torch.Tensor, owner: torch.Tensor
) -> None:
    """Note part, face and owner of the candidates that are nearest, in place."""
    wins = ((one.distance == depth.index_select(0, one.beam)) & one.distance.isfinite()).nonzero()[:, 0]
    beam = one.beam[wins]
    part[beam], face[beam], owner[beam] = one.part[wins] + first, one.face[wins], one.owner[wins]


def _from_camera(batch: SceneBatch, camera: Camera) -> SceneBatch:
    """Return the scenes as seen from the camera, terrain included."""
    place = torch.tensor(camera.place, device=batch.boxes.device)
    corners, planes, passing, *rest = batch.solids
    planes = torch.cat((planes[..., :3], planes[..., 3:] - (planes[..., :3] @ place)[..., None]), dim=2)
    centre, *others = batch.rounds
    return replace(
        batch,
        solids=(corners - place, planes, passing * _SEEN_GLASS, *rest),
        rounds=(centre - place, *others),
    )


def _around(batch: SceneBatch) -> torch.Tensor:
    """Return upright boxes around round bodies, (Q, 8, 3)."""
    centre, _, reach, *_ = batch.rounds
    unit = centre.new_tensor([(x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    return centre[:, None] + unit * reach[:, [0, 0, 1]][:, None]


def _window(corners: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Return (P, 4) int64 of each box (P, 8, 3): first column, first row, columns, rows that it may cover."""
    one, two = (corners[:, [edge[end] for edge in _EDGES]] for end in (0, 1))
    share = (_NEAR - one[..., :1]) / (two[..., :1] - one[..., :1]).where(
        (two[..., :1] - one[..., :1]).abs() > 1e-9, 1e-9
    )
    cut = one + share.clamp(0, 1) * (two - one)  # (P, 12, 3), where edges pass the near plane
    is_cut = (one[..., 0] < _NEAR) != (two[..., 0] < _NEAR)
    ends = torch.cat((corners, cut), dim=1)
    counts = torch.cat((corners[..., 0] >= _NEAR, is_cut), dim=1)
    ahead = ends[..., 0].clamp(min=_NEAR)
    u = camera.centre_u - camera.focal * ends[..., 1] / ahead
    v = camera.centre_v - camera.focal * ends[..., 2] / ahead
    bounds = []
    for one, size in ((u, camera.width), (v, camera.height)):
        low = torch.where(counts, one, float("inf")).amin(dim=1).ceil().clamp(0, size)
        high = torch.where(counts, one, -float("inf")).amax(dim=1).floor().clamp(-1, size - 1)
        bounds.append((low.long(), (high - low + 1).clamp(min=0).long()))
    (left, wide), (top, high) = bounds
    return torch.stack((left, top, wide, high), dim=1)


def _pairs(window: torch.Tensor, frame: torch.Tensor, camera: Camera) -> Pairs:
    """Return a pair for each part and each pixel of its window; directions have length 1 along x."""
    total = window[:, 2] * window[:, 3]
    part = torch.arange(len(frame), device=frame.device).repeat_interleave(total)
    left, top, wide, before, own = (
        torch.cat((window[:, :3], (total.cumsum(0) - total)[:, None], frame[:, None]), dim=1)
        .index_select(0, part)
        .unbind(dim=1)
    )
    place = torch.arange(len(part), device=frame.device) - before
    row = torch.div(place, wide, rounding_mode="trunc")
    column = left + place - row * wide
    row = row + top
    pixel = row * camera.width + column
    direction = _directions(camera, frame.device).flatten(0, 1).index_select(0, pixel)
    return Pairs(part, own * (camera.width * camera.height) + pixel, direction, direction.new_zeros(len(part)))


def _directions(camera: Camera, device: torch.device) -> torch.Tensor:
    """Return (H, W, 3), 1 along x."""
    across = (camera.centre_u - torch.arange(camera.width, device=device)) / camera.focal
    up = (camera.centre_v - torch.arange(camera.height, device=device)) / camera.focal
    shape = (camera.height, camera.width)
    return torch.stack((across.new_ones(shape), across.expand(shape), up[:, None].expand(shape)), dim=2)


def _ground_depth(batch: SceneBatch, camera: Camera) -> torch.Tensor:
    """Return the depth of the ground, (B, H, W); all pixels of a column look along one azimuth."""
    direction = _directions(camera, batch.boxes.device)
    across = direction[0, :, 1]  # (W,)
    flat = (1 + across**2).sqrt()
    tangent = (direction[:, :, 2] / flat).T  # (W, H)
    frames = len(batch.seed)
    reach = ground_reach(
        batch.terrain, tangent.expand(frames, -1, -1), torch.atan(across).expand(frames, -1),
        ahead=camera.place[0], lift=camera.place[2],
    )  # fmt: skip
    return (reach / flat[:, None]).transpose(1, 2)
