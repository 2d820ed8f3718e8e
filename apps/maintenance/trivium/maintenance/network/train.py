"""Train the network on stretches of run-to-failure data; predict with it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from trivium.core_model.config import BalanceConfig
from trivium.core_model.heads import pinball_loss
from trivium.core_model.moe.balance import Balancer
from trivium.maintenance.network.encoder import SensorBatch, windows
from trivium.maintenance.network.model import LifeNetwork, NetworkConfig

__all__ = ["Schedule", "fit_network", "predict_network"]


@dataclass(frozen=True)
class Schedule:
    """How long and how hard to train."""

    epochs: int = 20
    """Passes over the training rows."""
    batch: int = 256
    """Stretches of one step."""
    rate: float = 2e-3
    """Peak learning rate; warmed up over the first twentieth, then along a cosine."""
    weight_decay: float = 0.05
    """Of AdamW, on all weights."""
    noise: float = 0.1
    """Standard deviation of the noise on the standardised channels."""
    averaging: float = 0.995
    """Decay of the running mean of the weights, which is what is kept."""


def fit_network(
    channels: np.ndarray,
    starts: np.ndarray,
    rows: np.ndarray,
    life: np.ndarray,
    within: np.ndarray,
    config: NetworkConfig,
    schedule: Schedule,
    *,
    seed: int,
    device: str = "cpu",
    progress: Callable[[float], None] = lambda share: None,
) -> LifeNetwork:
    """Train on the stretches that end at `rows`.

    Args:
        channels: (N, C), standardised.
        starts: (N,), first row of each row's asset.
        rows: (R,), rows to learn from.
        life: (N,), remaining life divided by its cap, at most 1.
        within: (N,), 1 where the asset fails within the horizon.
    """
    model = LifeNetwork(config).to(device)
    model.reset(seed)
    averaged = copy.deepcopy(model).eval()
    balancer = Balancer(model, BalanceConfig(bias_speed=0.001))
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.rate, weight_decay=schedule.weight_decay)
    stretches = windows(channels, starts, rows, config.width, config.patch)
    everything = tuple(
        torch.as_tensor(each, device=device)
        for each in (stretches.rows, stretches.lengths, life[rows].astype(np.float32), within[rows].astype(np.float32))
    )
    generator = torch.Generator(device).manual_seed(seed)
    torch.manual_seed(seed)  # dropout
    total = schedule.epochs * (len(rows) // schedule.batch)
    step = 0
    model.train()
    while step < total:
        order = torch.randperm(len(rows), generator=generator, device=device)
        for chosen in order[: len(rows) // schedule.batch * schedule.batch].view(-1, schedule.batch):
            x, lengths, life_B, within_B = (each[chosen] for each in everything)
            x = x + schedule.noise * torch.randn(x.shape, generator=generator, device=device)
            out = model(SensorBatch(x, lengths))
            loss = (
                10 * F.mse_loss(out.life, life_B)
                + pinball_loss(out.quantiles, life_B, config.quantiles)
                + 0.3 * F.binary_cross_entropy_with_logits(out.risk, within_B)
                + balancer.loss(out.routings)
            )
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate * _warm_cosine(step, total)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            balancer.after_step()
            _average(averaged, model, min(schedule.averaging, (step + 1) / (step + 10)))
            step += 1
        progress(step / total)
    return averaged


@torch.no_grad()
def predict_network(model: LifeNetwork, channels: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (R, 1 + Q + 1): mean life and quantiles in units of the cap, and the probability of the horizon."""
    device = model.heads.project.weight.device
    config = model.config
    found = []
    for part in np.array_split(rows, max(1, len(rows) // 4096)):
        stretches = windows(channels, starts, part, config.width, config.patch)
        out = model(SensorBatch(stretches.rows.to(device), stretches.lengths.to(device)))
        found.append(torch.cat((out.life[:, None], out.quantiles, out.risk.sigmoid()[:, None]), dim=1).cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _warm_cosine(step: int, total: int) -> float:
    warm = max(1, total // 20)
    return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / total)))


@torch.no_grad()
def _average(averaged: LifeNetwork, model: LifeNetwork, decay: float) -> None:
    for kept, new in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
