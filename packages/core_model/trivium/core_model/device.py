"""The device that a user named, known to be there before anything is read."""

from __future__ import annotations

import torch

from trivium.service.errors import InputError

__all__ = ["usable_device"]


def usable_device(name: str | torch.device) -> torch.device:
    """Return the device of a name such as `cpu`, `cuda` or `cuda:1`.

    Raises:
        InputError: if torch knows no such device, or this machine has none.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(
            f"device {name!r} is unknown", hint="use cpu, cuda, or cuda and a number as in cuda:0"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device is {name}, and torch finds no CUDA device", hint="use cpu")
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise InputError(f"device is {name}, and there are {count} CUDA devices", hint="they count from cuda:0")
    return device
