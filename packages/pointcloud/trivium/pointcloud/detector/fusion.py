"""One detector for LiDAR, camera, or both: painted points and lifted image features meet in the picture from above.

The trunk is that of the LiDAR detector. Training drops one sensor or the other at random, so the same weights serve
when one is missing. `FusedDetector` is the door for programs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trivium.pointcloud.detector.boxes_from_heat import Found, boxes_from_heat
from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.image_backbone import ImageFeatures, padded
from trivium.pointcloud.detector.lift import Lift, View, paint
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.pillars import Grid, sort_into_pillars

__all__ = ["AHEAD", "FLAT_GROUND", "FusedDetector", "FusionNetwork", "Heads", "usable", "view_of"]

AHEAD = Grid((0.0, -38.4), (240, 240), 0.32)
"""What is searched: 76.8 m ahead, 38.4 m to each side."""
FLAT_GROUND = -1.73
"""z of the ground where no LiDAR says, metres: KITTI's height of the sensor."""


@dataclass(frozen=True)
class Heads:
    """Heat (B, 3, H, W) before the sigmoid, codes (B, 10, H, W), z of the ground (B, H, W)."""

    heat: torch.Tensor
    code: torch.Tensor
    ground: torch.Tensor


class FusionNetwork(nn.Module):
    """Points and image features to heat and codes.

    Args:
        config: of the trunk; `painted` image features come with each point.
        backbone: makes image features of pictures; None where they come as tensors from elsewhere.
        channels: C of the image features.
    """

    def __init__(self, config: DetectorConfig, backbone: nn.Module | None, channels: int) -> None:
        super().__init__()
        self.config = config
        self.trunk = DetectorNetwork(config)
        self.backbone = backbone
        self.brush = nn.Conv2d(channels, config.painted, 1)
        self.lift = Lift(channels, config.fine)
        if self.trunk.pillars.paint is not None:
            nn.init.zeros_(self.trunk.pillars.paint.weight)  # what the trunk has learned holds at the start

    def forward(self, points: torch.Tensor, frame: torch.Tensor, view: View, grid: Grid) -> Heads:
        """Find objects in B frames.

        Args:
            points: (N, 4); a frame without any has no LiDAR.
            frame: (N,) int64.
            view: what the cameras see.
            grid: its shape is a multiple of 8.
        """
        frames = len(view.is_there)
        has_lidar = torch.bincount(frame, minlength=frames) > 0
        colors = paint(points, frame, self.brush(view.context), view)
        pillars = sort_into_pillars(torch.cat((points, colors), dim=1), frame, frames, grid)
        ground = torch.where(has_lidar[:, None, None], pillars.ground_map, FLAT_GROUND)
        beside = self.lift(view, ground, grid)
        shared = self.trunk.features(self.trunk.pillars(pillars, grid, frames), beside)
        return Heads(self.trunk.heat(shared), self.trunk.code(shared), ground)

    def look(self, pictures: torch.Tensor, projection: torch.Tensor, is_there: torch.Tensor) -> View:
        """Return the view of pictures (B, 3, H, W), 0..255, by the backbone."""
        assert self.backbone is not None, "this network takes image features, not pictures"
        pictures = padded(pictures)
        return view_of(self.backbone(pictures), projection, pictures, is_there)


def view_of(image: ImageFeatures, projection: torch.Tensor, pictures: torch.Tensor, is_there: torch.Tensor) -> View:
    """Return image features with the place of the picture (B, 3, H, W), filled up, that they were made of."""
    high, wide = pictures.shape[-2:]
    return View(image.context, image.depth, projection, (high, wide), is_there)


class FusedDetector:
    """A trained network ready to be asked.

    Args:
        network: trained, with its backbone.
        device: where it runs.
    """

    def __init__(self, network: FusionNetwork, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self._network = network.eval().to(self.device)

    def find(
        self,
        points: torch.Tensor | None,
        picture: torch.Tensor | None,
        projection: torch.Tensor | None = None,
        *,
        min_score: float = 0.1,
    ) -> Found:
        """Return what stands ahead, from whatever sensors there are.

        Args:
            points: (N, 4) x, y, z, intensity 0..1, sensor's frame; None without LiDAR. Points that are not finite are
                left out.
            picture: (3, H, W) 0..255; None without camera.
            projection: (3, 4), as in `View`; needed with a picture.
            min_score: lesser ones are left out.

        Raises:
            ValueError: if a shape is another one, or the projection is missing or not finite.
        """
        if points is None:
            points = torch.zeros(0, 4)
        if points.dim() != 2 or points.shape[1] != 4:
            raise ValueError(f"points have shape {tuple(points.shape)}; give (N, 4)")
        if picture is not None and (picture.dim() != 3 or picture.shape[0] != 3):
            raise ValueError(f"the picture has shape {tuple(picture.shape)}; give (3, H, W)")
        if picture is not None and (
            projection is None or projection.shape != (3, 4) or not projection.isfinite().all()
        ):
            raise ValueError("a picture needs its projection, (3, 4) finite numbers")
        is_there = torch.tensor([picture is not None])
        picture = torch.zeros(3, 32, 32) if picture is None else picture
        projection = torch.zeros(3, 4) if projection is None else projection
        frame = torch.zeros(len(points), dtype=torch.int64)
        return self.find_all(points, frame, picture[None], projection[None], is_there, min_score=min_score)

    @torch.inference_mode()
    def find_all(
        self,
        points: torch.Tensor,
        frame: torch.Tensor,
        pictures: torch.Tensor,
        projection: torch.Tensor,
        is_there: torch.Tensor,
        *,
        min_score: float = 0.1,
    ) -> Found:
        """Return the objects of B frames at once; arguments as in `View` and `FusionNetwork`."""
        points, frame, pictures, projection, is_there = (
            one.to(self.device) for one in (points.float(), frame, pictures, projection.float(), is_there)
        )
        good = usable(points, AHEAD).nonzero()[:, 0]
        view = self._network.look(pictures, projection, is_there)
        said = self._network(points[good], frame[good], view, AHEAD)
        return boxes_from_heat(said.heat, said.code, said.ground, AHEAD, min_score=min_score)


def usable(points: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return which points are finite and on the grid, (N,) bool."""
    place = (points[:, :2] - points.new_tensor(grid.low)) / grid.cell
    inside = (place >= 0).all(dim=1) & (place[:, 0] < grid.shape[0]) & (place[:, 1] < grid.shape[1])
    return inside & points.isfinite().all(dim=1) & (points[:, 2].abs() < 1e3)
