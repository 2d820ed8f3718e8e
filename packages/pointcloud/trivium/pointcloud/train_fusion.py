"""Train one detector for both sensors: `python -m trivium.pointcloud.train_fusion --out DIR --minutes M --seed S`.

The trunk starts from the LiDAR detector that ships; backbone and lifting start fresh. Simulated frames with pictures
are made while it trains until the pool is full, and drawn from it, altered anew each time; a sensor is dropped at
random. `--out` keeps `fused.safetensors` (running mean of the weights, half precision), `state.safetensors` and
`state.json` (the same command goes on from them) and `log.jsonl`. The learning rate follows the share of the minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.codes import teach
from trivium.pointcloud.detector.fusion import AHEAD, FusionNetwork, view_of
from trivium.pointcloud.detector.image_backbone import IMAGE_STRIDE, ImageBackbone, padded
from trivium.pointcloud.detector.lift import depth_bin
from trivium.pointcloud.detector.loss import losses
from trivium.pointcloud.detector.paired import Paired, Pool, alter_pair, evidence, pair
from trivium.pointcloud.detector.weights import SHIPPED, load_fusion, load_network, save_fusion
from trivium.pointcloud.simulator.batch import Scene, collate
from trivium.pointcloud.simulator.camera import Camera
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.splits import TRAINING_SEED
from trivium.pointcloud.train_detector import training_parser

__all__ = ["Source", "main", "new_network", "step_losses"]

# As likely as named: sparse sensors more often, as in the frames to judge by, and dense ones.
KINDS = (
    SimulatorConfig("hdl32", 90.0, 0.1), SimulatorConfig("vlp16", 90.0, 0.1), SimulatorConfig("hdl32", 90.0, 0.1),
    SimulatorConfig("vlp16", 90.0, 0.1), SimulatorConfig("hdl64", 90.0, 0.1), SimulatorConfig("vlp32", 90.0, 0.1),
)  # fmt: skip
PAINTED, CHANNELS = 16, 48
_SERIES = 500_000  # apart from the frames that the LiDAR detector learned from
_MADE, _WAITING, _FEWEST = 12, 4, 240
_DECAY, _SAVE_S, _LOG_S = 0.998, 60.0, 15.0
_DEPTH_WEIGHT, _CLASS_WEIGHT = 0.3, 0.5
_CLASS_BALANCE = (0.3, 1.0, 3.0, 3.0)


def main(arguments: list[str] | None = None) -> int:
    """Train until the minutes are over."""
    parser = training_parser(__doc__, batch=16, rate=2e-3)
    parser.add_argument("--pool", type=int, default=9000, help="frames kept to learn from")
    parser.add_argument("--start", type=Path, help="fused checkpoint to start from in place of the LiDAR detector")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(given.seed)
    with Source(given.seed, given.workers, given.device) as source:
        Training(given, source).run()
    return 0


def new_network() -> FusionNetwork:
    """Return a network whose trunk is the shipped LiDAR detector and whose eye is blank."""
    shipped = load_network(SHIPPED)
    network = FusionNetwork(replace(shipped.config, painted=PAINTED), ImageBackbone(CHANNELS), CHANNELS)
    missing, strange = network.trunk.load_state_dict(shipped.state_dict(), strict=False)
    assert missing == ["pillars.paint.weight"]
    assert not strange
    return network


class Source:
    """Batches of new frames: processes compose scenes, the training device lets both sensors look.

    Args:
        seed: of the series.
        workers: processes; 0 composes here.
        device: where sensors look.
    """

    def __init__(self, seed: int, workers: int, device: str) -> None:
        self._seed, self._device, self._next = TRAINING_SEED + _SERIES + seed, device, 0
        self._waiting: deque[Future[list[Scene]]] = deque()
        self._workers = workers
        self._pool = (
            ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
            )
            if workers
            else None
        )

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def take(self, *, wait: bool) -> Paired | None:
        """Return the next batch; None if it is not ready and nobody waits."""
        if self._pool is None:
            scenes = scenes_of(self._seed, self._next)
            self._next += 1
        else:
            while len(self._waiting) < _WAITING * self._workers:
                self._waiting.append(self._pool.submit(scenes_of, self._seed, self._next))
                self._next += 1
            if not wait and not self._waiting[0].done():
                return None
            scenes = self._waiting.popleft().result()
        return pair(collate(scenes).to(self._device), Camera())


def scenes_of(seed: int, step: int) -> list[Scene]:
    """Return the scenes of one batch, all of one kind."""
    kind = KINDS[step % len(KINDS)]
    return [compose(kind, seed, step * _MADE + at, is_littered=True) for at in range(_MADE)]


class Training:
    """One run: network, running mean, optimizer, pool.

    Args:
        given: the command's arguments.
        source: of frames.
    """

    def __init__(self, given: argparse.Namespace, source: Source) -> None:
        self.given, self.source, self.pool = given, source, Pool()
        network = new_network() if given.start is None else load_fusion(given.start)
        self.network = network.to(given.device).to(memory_format=torch.channels_last)
        self.mean = new_network().to(given.device)
        self.mean.load_state_dict(self.network.state_dict())
        groups = [
            {"params": list(self.network.trunk.parameters()), "scale": 0.5},
            {"params": [p for name, p in self.network.named_parameters() if not name.startswith("trunk.")], "scale": 1},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=given.rate, weight_decay=0.01, betas=(0.9, 0.99))
        self.step, self.spent_s = 0, 0.0
        self._resume()

    def run(self) -> None:
        """Take steps until the time is over."""
        given = self.given
        while len(self.pool) < min(_FEWEST, given.pool):
            self.pool.add(self._new(wait=True))
        start = mark = logged = saved = time.monotonic()
        counted = 0
        while self.spent_s < given.minutes * 60 and time.monotonic() - start < given.stop_after * 60:
            if len(self.pool) < given.pool and (fresh := self.source.take(wait=False)) is not None:
                self.pool.add(fresh)
            parts = self._step()
            counted += 1
            now = time.monotonic()
            self.spent_s, mark = self.spent_s + now - mark, now
            if now - logged > _LOG_S:
                self._log(parts, counted * given.batch / (now - logged))
                logged, counted = now, 0
            if now - saved > _SAVE_S:
                self._save()
                saved = mark = time.monotonic()
        self._save()

    def _new(self, *, wait: bool) -> Paired:
        fresh = self.source.take(wait=wait)
        assert fresh is not None
        return fresh

    def _step(self) -> dict[str, torch.Tensor]:
        given = self.given
        rate = _rate(self.spent_s / (given.minutes * 60)) * given.rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        chance = torch.Generator().manual_seed(given.seed * 1_000_003 + self.step)
        numbers = torch.randint(len(self.pool), (given.batch,), generator=chance).tolist()
        generator = torch.Generator(given.device).manual_seed(given.seed * 1_000_003 + self.step)
        seen = alter_pair(self.pool.draw(numbers), generator)
        self.network.train()
        parts = step_losses(self.network, seen)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self._follow()
        self.step += 1
        return {name: value.detach() for name, value in parts.items()}

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(_DECAY, (1 + self.step) / (10 + self.step))
        slow, fast = list(self.mean.parameters()), [one.detach() for one in self.network.parameters()]
        torch._foreach_lerp_(slow, fast, 1 - decay)
        for old, new in zip(self.mean.buffers(), self.network.buffers(), strict=True):
            old.copy_(new)

    def _log(self, parts: dict[str, torch.Tensor], pace: float) -> None:
        row = {"step": self.step, "minutes": round(self.spent_s / 60, 2), "pool": len(self.pool)}
        row |= {name: round(float(value), 4) for name, value in parts.items()}
        row["frames_per_s"] = round(pace, 1)
        print(json.dumps(row), flush=True)
        with (self.given.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")

    def _save(self) -> None:
        """Write all that a later start needs; each file replaces the last at once."""
        out = self.given.out
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"mean.{name}": value for name, value in self.mean.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, out / "state.new")
        (out / "state.new").replace(out / "state.safetensors")
        about = {"step": self.step, "spent_s": self.spent_s}
        (out / "state.json").write_text(json.dumps(about), encoding="utf-8")
        save_fusion(self.mean, out / "fused.new", half=True)
        (out / "fused.new").replace(out / "fused.safetensors")

    def _resume(self) -> None:
        out = self.given.out
        if not (out / "state.json").exists():
            return
        tensors = load_file(out / "state.safetensors", device=self.given.device)
        for name, target in (("network", self.network), ("mean", self.mean)):
            start = f"{name}."
            target.load_state_dict({key[len(start) :]: one for key, one in tensors.items() if key.startswith(start)})
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, number, name = key.split(".")
                state.setdefault(int(number), {})[name] = value.cpu() if name == "step" else value
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        about = json.loads((out / "state.json").read_text(encoding="utf-8"))
        self.step, self.spent_s = about["step"], about["spent_s"]


def step_losses(network: FusionNetwork, seen: Paired) -> dict[str, torch.Tensor]:
    """Return the parts of the loss of a batch, each a scalar: of the boxes, of the image's depth and classes."""
    assert network.backbone is not None
    frames, device = seen.frames, seen.colors.device.type
    lesson = teach(frames.boxes, frames.kinds, frames.box_frame, evidence(seen), len(seen.colors), AHEAD)
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        pictures = padded(seen.colors)
        image = network.backbone(pictures)
        view = view_of(image, seen.projection, pictures, seen.has_camera)
        said = network(frames.points, frames.frame, view, AHEAD)
    parts = losses(said.heat, said.code, said.ground, lesson, AHEAD)
    depth = _at_features(seen.depth, math.inf)
    wanted = torch.where(depth.isfinite(), depth_bin(depth.float()).round(), -100).long()
    parts["depth"] = _DEPTH_WEIGHT * F.cross_entropy(image.depth.float(), wanted, ignore_index=-100)
    balance = torch.tensor(_CLASS_BALANCE, device=depth.device)
    classes = _at_features(seen.classes, 0).long()
    parts["classes"] = _CLASS_WEIGHT * F.cross_entropy(image.classes.float(), classes, weight=balance)
    return parts


def _at_features(pictures: torch.Tensor, beyond: float) -> torch.Tensor:
    """Return (B, h, w): values where the places of the features lie, `beyond` where the picture was filled up."""
    high, wide = padded(pictures).shape[-2:]
    grown = F.pad(pictures, (0, wide - pictures.shape[-1], 0, high - pictures.shape[-2]), value=beyond)
    return grown[:, ::IMAGE_STRIDE, ::IMAGE_STRIDE]


def _rate(share: float) -> float:
    """Return the learning rate of a share of the whole, 0..1: up for a twentieth, then down by a cosine."""
    if share < 0.05:
        return 0.05 + 0.95 * share / 0.05
    return 0.5 * (1 + math.cos(math.pi * (share - 0.05) / 0.95)) + 1e-3


if __name__ == "__main__":
    sys.exit(main())
