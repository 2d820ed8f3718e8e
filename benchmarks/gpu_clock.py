"""Median times of work on a GPU, by events; work as one CUDA graph; and the energy it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

__all__ = ["captured", "joules", "median_ms"]


def median_ms(work: Callable[[], object], warm: int = 5, times: int = 20) -> float:
    """Return the median time of one call; NaN without a GPU, where it is called all the same."""
    for _ in range(warm):
        work()
    if not torch.cuda.is_available():
        return float("nan")
    found = []
    for _ in range(times):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end))
    return statistics.median(found)


def captured(work: Callable[[], object]) -> Callable[[], object]:
    """Return a replay of the work as one CUDA graph, which reads tensors of the work that only the work holds."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()

    def replay(_kept: Callable[[], object] = work) -> None:
        graph.replay()

    return replay


def joules(work: Callable[[], object], seconds: float) -> tuple[float, int]:
    """Repeat the work for at least so long; return joules, from the driver's counter, and how many times it ran.

    The counter is read only, and moves every few hundredths of a second. NaN without a GPU.
    """
    if not torch.cuda.is_available():
        return float("nan"), 0
    import pynvml

    pynvml.nvmlInit()
    device = pynvml.nvmlDeviceGetHandleByIndex(torch.cuda.current_device())
    torch.cuda.synchronize()
    before = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    start, times = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        for _ in range(5):
            work()
        torch.cuda.synchronize()
        times += 5
    return (pynvml.nvmlDeviceGetTotalEnergyConsumption(device) - before) / 1e3, times
