"""Checkpoints of a detector: safetensors with the network's shape in the header. No pickle."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.service.errors import ModelError

__all__ = ["SHIPPED", "load_network", "save_network"]

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "detector.safetensors"


def save_network(network: DetectorNetwork, path: Path, *, half: bool) -> None:
    """Write weights and shape; in half precision they take half the room."""
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    save_file(tensors, path, metadata={"config": json.dumps(network.config.as_dict())})


def load_network(path: Path = SHIPPED) -> DetectorNetwork:
    """Return the network of a checkpoint, on the CPU, in evaluation mode.

    Raises:
        ModelError: if the file is missing, damaged, or made for another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            config = DetectorConfig.from_dict(json.loads((file.metadata() or {})["config"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise ModelError("no detector weights there", where=str(path), hint="train_detector makes them") from error
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise ModelError(f"no detector checkpoint ({error})", where=str(path)) from error
    network = DetectorNetwork(config)
    try:
        network.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
        )
    except RuntimeError as error:
        raise ModelError("the weights do not fit the network they name", where=str(path)) from error
    network.eval()
    return network
