"""The ranks of one run, and what crosses between them: sums, whole tensors, and each rank's part of a tensor.

    with ranks_of_environment("cpu") as ranks:      # one rank, unless torchrun started this process
        ...

A run asks its ranks instead of `torch.distributed`, so that one process is the case without communication.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import distributed
from torch.distributed.tensor import DTensor

__all__ = ["Ranks", "ranks_of_environment"]

_PATIENCE = timedelta(minutes=30)  # others wait while the first one tokenises


@dataclass(frozen=True)
class Ranks:
    """What one process knows of the others of its run.

    Args:
        number: of the process, from 0.
        count: processes; 1 for a run without communication.
        device: of tensors that cross.
    """

    number: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Say whether this process writes what one alone may write."""
        return self.number == 0

    def sum(self, *values: float) -> tuple[float, ...]:
        """Return the sums of numbers over all ranks."""
        if self.count == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return tuple(total.tolist())

    def wait(self) -> None:
        """Return when all ranks have come here."""
        if self.count > 1:
            distributed.barrier()

    def share(self, numbers: range) -> range:
        """Return this rank's stretch of numbers that `count` divides."""
        size = len(numbers) // self.count
        return numbers[self.number * size : (self.number + 1) * size]

    def whole(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor that may be spread over ranks as it is without; call it on every rank."""
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def gather(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return tensors whole, on the CPU, on the first rank, and nothing on the others; call it on every rank.

        One process gets them as they are. A tensor is gathered at a time, so that no rank's device holds all.
        """
        if self.count == 1:
            return dict(tensors)
        found = {}
        for name, tensor in tensors.items():
            whole = self.whole(tensor)
            if self.is_first:
                found[name] = whole.cpu()
        return found

    @torch.no_grad()
    def put(self, target: torch.Tensor, whole: torch.Tensor) -> None:
        """Write this rank's part of a whole tensor into one that may be spread."""
        if isinstance(target, DTensor):
            target.to_local().copy_(_own_part(target, whole))
        else:
            target.copy_(whole)


@contextmanager
def ranks_of_environment(device: str) -> Iterator[Ranks]:
    """Join the ranks that torchrun started, for as long as a run takes; one rank where it did not.

    Args:
        device: `cpu` (gloo) or `cuda` (NCCL), on which each rank takes the GPU of its local number.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks()
        return
    is_gpu = torch.device(device).type == "cuda"
    place = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if is_gpu else torch.device("cpu")
    if is_gpu:
        torch.cuda.set_device(place)
    # Experts are whole again after two gathers, not one; torch says so at each checkpoint.
    logging.getLogger("torch.distributed.tensor._redistribute").setLevel(logging.ERROR)
    distributed.init_process_group("nccl" if is_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(distributed.get_rank(), count, place)
    finally:
        distributed.destroy_process_group()


def _own_part(target: DTensor, whole: torch.Tensor) -> torch.Tensor:
    """Cut along the first dimension as `spread` does: experts between the ranks that hold a copy, then each stretch."""
    mesh = target.device_mesh
    for axis in reversed(range(mesh.ndim)):  # (replica, expert): experts are cut first
        whole = _chunk(whole, mesh.size(axis), mesh.get_local_rank(axis))
    return whole


def _chunk(tensor: torch.Tensor, count: int, number: int) -> torch.Tensor:
    parts = tensor.chunk(count)
    return parts[number] if number < len(parts) else tensor[:0]
