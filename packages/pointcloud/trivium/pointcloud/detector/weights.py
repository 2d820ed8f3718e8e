"""Checkpoints of detectors: safetensors with the network's shape in the header. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.fusion import FusionNetwork
from trivium.pointcloud.detector.image_backbone import ImageBackbone
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.service.errors import ModelError

__all__ = ["SHIPPED", "SHIPPED_FUSED", "load_fusion", "load_network", "save_fusion", "save_network"]

Network = TypeVar("Network", bound=nn.Module)
SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "detector.safetensors"
SHIPPED_FUSED = SHIPPED.with_name("fused_detector.safetensors")


def save_network(network: DetectorNetwork, path: Path, *, half: bool) -> None:
    """Write weights and shape; in half precision they take half the room."""
    _save(network, {"config": json.dumps(network.config.as_dict())}, path, half)


def save_fusion(network: FusionNetwork, path: Path, *, half: bool) -> None:
    """Write weights and shape of a fused detector with its own backbone."""
    about = {"config": json.dumps(network.config.as_dict()), "channels": str(network.brush.in_channels)}
    _save(network, about, path, half)


def load_network(path: Path = SHIPPED) -> DetectorNetwork:
    """Return the network of a checkpoint, on the CPU, in evaluation mode.

    Raises:
        ModelError: if the file is missing, damaged, or made for another network.
    """
    about, tensors = _load(path)
    return _filled(DetectorNetwork(_config(about, path)), tensors, path)


def load_fusion(path: Path = SHIPPED_FUSED) -> FusionNetwork:
    """Return the fused network of a checkpoint, on the CPU, in evaluation mode.

    Raises:
        ModelError: as `load_network`.
    """
    about, tensors = _load(path)
    if not about.get("channels", "").isdigit():
        raise ModelError("no checkpoint of a fused detector", where=str(path), hint="train_fusion makes them")
    channels = int(about["channels"])
    return _filled(FusionNetwork(_config(about, path), ImageBackbone(channels), channels), tensors, path)


def _save(network: nn.Module, about: dict[str, str], path: Path, half: bool) -> None:
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    save_file(tensors, path, metadata=about)


def _load(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ModelError("no detector weights there", where=str(path), hint="train_detector makes them") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"no detector checkpoint ({error})", where=str(path)) from error


def _config(about: dict[str, str], path: Path) -> DetectorConfig:
    try:
        return DetectorConfig.from_dict(json.loads(about["config"]))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"no detector checkpoint ({error})", where=str(path)) from error


def _filled(network: Network, tensors: dict[str, torch.Tensor], path: Path) -> Network:
    try:
        network.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
        )
    except RuntimeError as error:
        raise ModelError("the weights do not fit the network they name", where=str(path)) from error
    return network.eval()
