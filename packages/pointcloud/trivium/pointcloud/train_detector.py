"""Train the detector on simulated frames: `python -m trivium.pointcloud.train_detector --out DIR --minutes M`.

Frames are made while it trains; each is seen `--repeat` times, altered. `--out` keeps `state.safetensors` and
`state.json` (written every minute; the same command goes on from them), `detector.safetensors` (running mean of the
weights, half precision) and `log.jsonl`. The learning rate follows the share of the minutes that has passed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from trivium.pointcloud.detector.codes import teach
from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.loss import losses
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.pillars import Grid
from trivium.pointcloud.detector.stream import alter, frames
from trivium.pointcloud.detector.weights import save_network
from trivium.pointcloud.simulator.frames import Frames
from trivium.pointcloud.simulator.splits import TRAINING_SEED

__all__ = ["Progress", "main", "training_parser"]

_TILE = 240  # cells of a training picture along each side: 76.8 m
_SAVE_S, _LOG_S = 60.0, 10.0
_DECAY = 0.998


@dataclass
class Progress:
    """How far training has come: steps done and seconds spent, over all starts."""

    step: int = 0
    spent_s: float = 0.0


def training_parser(description: str | None, *, batch: int, rate: float) -> argparse.ArgumentParser:
    """Return the options that training by the clock has in common."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="of training in all, over all starts")
    parser.add_argument("--stop-after", type=float, default=math.inf, help="minutes of this start")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate, help="highest learning rate")
    parser.add_argument("--workers", type=int, default=0, help="processes that compose scenes")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Train until the minutes are over."""
    parser = training_parser(__doc__, batch=24, rate=3e-3)
    parser.add_argument("--repeat", type=int, default=2, help="steps taken on each batch, altered anew each time")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(given.seed)
    network = DetectorNetwork(DetectorConfig()).to(given.device).to(memory_format=torch.channels_last)
    mean = DetectorNetwork(DetectorConfig()).to(given.device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=given.rate, weight_decay=0.01, betas=(0.9, 0.99))
    progress = _resume(given.out, network, mean, optimizer, given.device)
    _train(given, network, mean, optimizer, progress)
    return 0


def _train(
    given: argparse.Namespace,
    network: DetectorNetwork,
    mean: DetectorNetwork,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    source = frames(
        TRAINING_SEED + given.seed,
        progress.step // given.repeat,
        given.batch,
        workers=given.workers,
        device=given.device,
    )
    first = next(source)  # workers take seconds to start; they are no training
    start = mark = logged = saved = time.monotonic()
    total_s, counted = given.minutes * 60, 0
    seen: Frames | None = first
    while progress.spent_s < total_s and time.monotonic() - start < given.stop_after * 60:
        seen = next(source) if seen is None else seen
        rate = _rate(progress.spent_s / total_s) * given.rate
        for group in optimizer.param_groups:
            group["lr"] = rate
        parts = _step(network, optimizer, seen, given, progress.step)
        _follow(mean, network, progress.step)
        progress.step += 1
        seen = None if progress.step % given.repeat == 0 else seen
        counted += 1
        now = time.monotonic()
        progress.spent_s, mark = progress.spent_s + now - mark, now
        if now - logged > _LOG_S:
            row = {"step": progress.step, "minutes": round(progress.spent_s / 60, 2), "rate": rate}
            row |= {name: round(float(value), 4) for name, value in parts.items()}
            row["frames_per_s"] = round(counted * given.batch / (now - logged), 1)
            print(json.dumps(row), flush=True)
            with (given.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            logged, counted = now, 0
        if now - saved > _SAVE_S:
            _save(given.out, network, mean, optimizer, progress)
            saved = mark = time.monotonic()
    _save(given.out, network, mean, optimizer, progress)


def _step(
    network: DetectorNetwork, optimizer: torch.optim.Optimizer, seen: Frames, given: argparse.Namespace, step: int
) -> dict[str, torch.Tensor]:
    generator = torch.Generator(given.device).manual_seed(given.seed * 1_000_003 + step)
    heading, grid = _tile(generator, network.config.cell)
    seen = alter(seen, given.batch, heading, generator)
    lesson = teach(seen.boxes, seen.kinds, seen.box_frame, seen.visible, given.batch, grid)
    network.train()
    with torch.autocast(given.device, torch.bfloat16, enabled=given.device != "cpu"):
        heat, code, ground = network(seen.points, seen.frame, given.batch, grid)
    parts = losses(heat, code, ground, lesson, grid)
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(parts.values())).sum().backward()
    nn.utils.clip_grad_norm_(network.parameters(), 10.0)
    optimizer.step()
    return {name: value.detach() for name, value in parts.items()}


def _tile(generator: torch.Generator, cell: float) -> tuple[float, Grid]:
    """Return where the frames of a step look, radians, and the part of the ground that is learned from."""
    look, turn, near, distance = torch.rand(4, generator=generator, device=generator.device).tolist()
    heading = 0.0 if look < 0.5 else (2 * turn - 1) * math.pi
    away = 36.0 if near < 0.6 else 36.0 * distance
    side = _TILE * cell
    low = (away * math.cos(heading) - side / 2, away * math.sin(heading) - side / 2)
    return heading, Grid(low, (_TILE, _TILE), cell)


def _rate(share: float) -> float:
    """Return the learning rate of a share of the whole, 0..1: up for a twentieth, then down by a cosine."""
    if share < 0.05:
        return 0.05 + 0.95 * share / 0.05
    return 0.5 * (1 + math.cos(math.pi * (share - 0.05) / 0.95)) + 1e-3


@torch.no_grad()
def _follow(mean: DetectorNetwork, network: DetectorNetwork, step: int) -> None:
    decay = min(_DECAY, (1 + step) / (10 + step))
    for slow, fast in zip(mean.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)
    for slow, fast in zip(mean.buffers(), network.buffers(), strict=True):
        slow.copy_(fast)


def _save(
    out: Path, network: DetectorNetwork, mean: DetectorNetwork, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write all that a later start needs; each file replaces the last at once."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(tensors, out / "state.new")
    (out / "state.new").replace(out / "state.safetensors")
    (out / "state.json").write_text(json.dumps({"step": progress.step, "spent_s": progress.spent_s}), encoding="utf-8")
    save_network(mean, out / "detector.new", half=True)
    (out / "detector.new").replace(out / "detector.safetensors")


def _resume(
    out: Path,
    network: DetectorNetwork,
    mean: DetectorNetwork,
    optimizer: torch.optim.Optimizer,
    device: str,
) -> Progress:
    if not (out / "state.safetensors").exists():
        mean.load_state_dict(network.state_dict())
        return Progress()
    tensors = load_file(out / "state.safetensors", device=device)
    for name, target in (("network", network), ("mean", mean)):
        start = f"{name}."
        target.load_state_dict({key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = value.cpu() if name == "step" else value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return Progress(**json.loads((out / "state.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    sys.exit(main())
