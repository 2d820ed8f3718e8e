"""Simulated frames with pictures: made in batches, kept in a pool, drawn and altered to learn from.

Alterations change points, boxes, pictures and the projection together, so that what belongs together still does; then
the projection is put a little wrong, as calibrations are, and a sensor may be taken away.

# B frames, H x W pixels, N objects
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from trivium.pointcloud.boxes import wrap_angle
from trivium.pointcloud.detector.stream import displace_few
from trivium.pointcloud.simulator.batch import SceneBatch
from trivium.pointcloud.simulator.camera import Camera, photograph
from trivium.pointcloud.simulator.frames import Frames, sense

__all__ = ["MODES", "Paired", "Pool", "alter_pair", "evidence", "pair", "shifted"]

MODES = ("both", "lidar", "camera")
_SHARES = (0.5, 0.2, 0.3)  # of training frames that show both sensors, LiDAR alone, camera alone
_TURN = 0.08  # radians
_THINNED, _LOST = 0.6, 0.75  # share of frames that lose points, and the largest share of points lost
_BEAMLESS, _BEAMS_LOST = 0.3, 0.6  # the same of whole beams
_BEAM_DEG = (0.4, 2.0)  # between beams
_BANDS = 256  # from -45 degrees on; what lies lower or higher is in the first or last
_CALIBRATION = (math.radians(0.25), 0.02)  # standard deviations of each axis: radians, metres
_POINTS_PER, _PIXELS_PER = 2, 8
Draw = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Paired:
    """Frames of both sensors.

    Args:
        frames: what the LiDAR reports, and the truth.
        colors: (B, 3, H, W) uint8.
        depth: (B, H, W) float16, metres; infinite for the sky.
        classes: (B, H, W) uint8: 0 nothing, 1 + row of `CLASSES`.
        pixels: (N,) int64 that show each object.
        projection: (B, 3, 4).
        has_lidar: (B,) bool.
        has_camera: (B,) bool.
    """

    frames: Frames
    colors: torch.Tensor
    depth: torch.Tensor
    classes: torch.Tensor
    pixels: torch.Tensor
    projection: torch.Tensor
    has_lidar: torch.Tensor
    has_camera: torch.Tensor


def pair(batch: SceneBatch, camera: Camera) -> Paired:
    """Let both sensors look at a batch of scenes."""
    frames, seen = sense(batch), photograph(batch, camera)
    kinds = torch.cat((frames.kinds + 1, frames.kinds.new_zeros(1)))  # the last: owner -1
    count, device = len(seen.colors), seen.colors.device
    there = torch.ones(count, dtype=torch.bool, device=device)
    return Paired(
        frames, seen.colors, seen.depth.half(), kinds[seen.owner].to(torch.uint8), seen.visible,
        camera.projection().to(device).expand(count, 3, 4).clone(), there, there,
    )  # fmt: skip


class Pool:
    """Frames kept one by one, to be drawn in any order."""

    def __init__(self) -> None:
        self._kept: list[Paired] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, many: Paired) -> None:
        """Keep each frame of a batch."""
        count = len(many.colors)
        f = many.frames
        of_points = torch.bincount(f.frame, minlength=count).tolist()
        of_boxes = torch.bincount(f.box_frame, minlength=count).tolist()
        first = torch.cumsum(torch.tensor([0, *of_boxes]), 0).tolist()
        points, owner = f.points.split(of_points), f.owner.split(of_points)
        tables = [one.split(of_boxes) for one in (f.boxes, f.kinds, f.visible, many.pixels)]
        for at in range(count):
            boxes, kinds, visible, pixels = (table[at].clone() for table in tables)
            own = torch.where(owner[at] >= 0, owner[at] - first[at], owner[at])
            zero = torch.zeros(1, dtype=torch.int64, device=boxes.device)
            one = Frames(
                points[at].clone(), zero.expand(of_points[at]), own, boxes, kinds, zero.expand(len(boxes)), visible
            )
            cut = slice(at, at + 1)
            self._kept.append(
                Paired(
                    one, many.colors[cut].clone(), many.depth[cut].clone(), many.classes[cut].clone(), pixels,
                    many.projection[cut].clone(), many.has_lidar[cut].clone(), many.has_camera[cut].clone(),
                )
            )  # fmt: skip

    def draw(self, numbers: list[int]) -> Paired:
        """Return the frames of these numbers as one batch."""
        return joined([self._kept[number] for number in numbers])


def joined(parts: list[Paired]) -> Paired:
    """Return batches as one."""
    device = parts[0].colors.device
    frame_at, box_at, frames, boxes, owners = 0, 0, [], [], []
    for one in parts:
        frames.append(one.frames.frame + frame_at)
        boxes.append(one.frames.box_frame + frame_at)
        owners.append(torch.where(one.frames.owner >= 0, one.frames.owner + box_at, one.frames.owner))
        frame_at, box_at = frame_at + len(one.colors), box_at + len(one.frames.boxes)

    def cat(name: str) -> torch.Tensor:
        return torch.cat([getattr(one, name) for one in parts]).to(device)

    def of_frames(name: str) -> torch.Tensor:
        return torch.cat([getattr(one.frames, name) for one in parts])

    both = Frames(
        of_frames("points"), torch.cat(frames), torch.cat(owners), of_frames("boxes"), of_frames("kinds"),
        torch.cat(boxes), of_frames("visible"),
    )  # fmt: skip
    names = ("colors", "depth", "classes", "pixels", "projection", "has_lidar", "has_camera")
    return Paired(both, *(cat(name) for name in names))


def alter_pair(seen: Paired, generator: torch.Generator) -> Paired:
    """Return frames mirrored, turned, thinned, dimmed and littered, with calibration errors, some without a sensor."""
    count, device = len(seen.colors), seen.colors.device

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    has_lidar, has_camera = _modes(draw(count))
    frames = _thin(seen.frames, has_lidar, draw)
    mirror = torch.where(draw(count) < 0.5, -1.0, 1.0)
    turn = _TURN * (2 * draw(count) - 1)
    points, boxes = frames.points.clone(), frames.boxes.clone()
    for xyz, own in ((points, frames.frame), (boxes, frames.box_frame)):
        x, y = xyz[:, 0].clone(), xyz[:, 1] * mirror[own]
        cos, sin = turn[own].cos(), turn[own].sin()
        xyz[:, 0], xyz[:, 1] = x * cos - y * sin, x * sin + y * cos
    boxes[:, 6] = wrap_angle(boxes[:, 6] * mirror[frames.box_frame] + turn[frames.box_frame])
    bright = torch.where(draw(count) < 0.2, torch.zeros(count, device=device), 0.6 + 0.8 * draw(count))
    points[:, 3] = (points[:, 3] * bright[frames.frame]).clamp(0, 1)
    displace_few(points, draw)
    flip = mirror < 0
    colors, depth, classes = (_flipped(one, flip) for one in (seen.colors, seen.depth, seen.classes))
    projection = _projection(seen.projection, mirror, turn, seen.colors.shape[-1])
    error = torch.randn(count, 6, generator=generator, device=device)
    projection = shifted(projection, error[:, :3] * _CALIBRATION[0], error[:, 3:] * _CALIBRATION[1])
    return Paired(
        replace(frames, points=points, boxes=boxes), _toned(colors, draw), depth, classes, seen.pixels, projection,
        has_lidar, has_camera,
    )  # fmt: skip


def shifted(projection: torch.Tensor, turn: torch.Tensor, move: torch.Tensor) -> torch.Tensor:
    """Return projections (B, 3, 4) of cameras turned by (B, 3) radians about each axis and moved by (B, 3) metres."""
    zero = torch.zeros_like(turn[:, 0])
    x, y, z = turn.unbind(dim=1)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=1).view(-1, 3, 3)
    rotation = torch.matrix_exp(skew)
    left = projection[:, :, :3] @ rotation
    right = projection[:, :, 3:] + projection[:, :, :3] @ move[:, :, None]
    return torch.cat((left, right), dim=2)


def evidence(seen: Paired) -> torch.Tensor:
    """Return (N,) how much the sensors at hand show of each object, as `teach` counts: 5 is enough, 0 nothing."""
    frame = seen.frames.box_frame
    by_points = seen.frames.visible * _POINTS_PER * seen.has_lidar[frame]
    by_pixels = torch.div(seen.pixels, _PIXELS_PER, rounding_mode="floor") * seen.has_camera[frame]
    return torch.maximum(by_points, by_pixels)


def _modes(chance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    both, lidar, _ = _SHARES
    is_camera_alone = chance >= both + lidar
    return ~is_camera_alone, (chance < both) | is_camera_alone


def _thin(frames: Frames, has_lidar: torch.Tensor, draw: Draw) -> Frames:
    """Leave out points or beams of some frames, all points of those without LiDAR; count those on objects anew."""
    count = len(has_lidar)
    lost = torch.where(draw(count) < _THINNED, _LOST * draw(count), torch.zeros(count, device=has_lidar.device))
    lost = torch.where(has_lidar, lost, 2.0)
    stays = (draw(len(frames.points)) >= lost[frames.frame]) & ~_beamless(frames, count, draw)
    kept = stays.nonzero()[:, 0]
    owner = frames.owner[kept]
    visible = torch.bincount(owner[owner >= 0], minlength=len(frames.boxes))
    return replace(frames, points=frames.points[kept], frame=frames.frame[kept], owner=owner, visible=visible)


def _beamless(frames: Frames, count: int, draw: Draw) -> torch.Tensor:
    """Return which points lie in bands of elevation, as wide as beams are apart, that their frame loses, (N,) bool."""
    least, most = _BEAM_DEG
    share = torch.where(
        draw(count) < _BEAMLESS, _BEAMS_LOST * draw(count), torch.zeros(count, device=frames.points.device)
    )
    wide = (least + (most - least) * draw(count))[frames.frame]
    is_lost = draw(count, _BANDS) < share[:, None]
    xyz = frames.points[:, :3]
    elevation = torch.rad2deg(torch.atan2(xyz[:, 2], xyz[:, :2].norm(dim=1)))
    band = ((elevation + 45) / wide).long().clamp(0, _BANDS - 1)
    return is_lost[frames.frame, band]


def _projection(projection: torch.Tensor, mirror: torch.Tensor, turn: torch.Tensor, wide: int) -> torch.Tensor:
    """Return the projection of places after mirroring and turning; mirrored pictures are flipped."""
    cos, sin, zero, one = turn.cos(), turn.sin(), torch.zeros_like(turn), torch.ones_like(turn)
    # Back to where the places were: turned back, then mirrored back.
    back = torch.stack((cos, sin, zero, -sin * mirror, cos * mirror, zero, zero, zero, one), dim=1).view(-1, 3, 3)
    moved = torch.cat((projection[:, :, :3] @ back, projection[:, :, 3:]), dim=2)
    flipped = moved.clone()
    flipped[:, 0] = (wide - 1) * moved[:, 2] - moved[:, 0]
    return torch.where((mirror < 0)[:, None, None], flipped, moved)


def _flipped(pictures: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
    return torch.where(flip.view(-1, *[1] * (pictures.dim() - 1)), pictures.flip(-1), pictures)


def _toned(colors: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Return pictures of other exposure and white balance, and noise, float 0..255."""
    count = len(colors)
    gain = 0.75 + 0.5 * draw(count, 1, 1, 1) + 0.2 * (draw(count, 3, 1, 1) - 0.5)
    noise = 16 * draw(count, 1, 1, 1) * (draw(*colors.shape) - 0.5)
    return (colors.float() * gain + 40 * (draw(count, 1, 1, 1) - 0.5) + noise).clamp(0, 255)
