"""AdamW as training uses it: who decays, float32 copies of bfloat16 weights, clipping, and an average of weights.

State goes out and comes in as named tensors, so that a checkpoint needs no pickle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from trivium.core_model.parallel.ranks import Ranks
from trivium.core_model.train.config import TrainConfig
from trivium.service.errors import ModelError

__all__ = ["Optimizer", "decays"]

_UNDECAYED_MODULES = (nn.Embedding, nn.LayerNorm)
_MEMORY = ("memory_key", "memory_value", "memory_latent", "memory_rope")


class Optimizer:
    """Steps the parameters of a model.

    Weights that are not float32 (or float64) have a float32 copy, the master: gradients are added up and steps are
    taken there, and the weight is the master rounded. A learning rate of 1e-4 would vanish in bfloat16 otherwise.

    Args:
        model: its parameters that ask for gradients are stepped.
        config: AdamW's settings, `clip_norm` and `ema_decay`.
        ranks: those over which the weights are spread, which are float32 then.
    """

    def __init__(self, model: nn.Module, config: TrainConfig, ranks: Ranks | None = None) -> None:
        self.config = config
        self.ranks = ranks or Ranks()
        self.weights = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self.masters = {
            name: weight if torch.finfo(weight.dtype).bits >= 32 else nn.Parameter(weight.detach().float())
            for name, weight in self.weights.items()
        }
        self.averages = {name: master.detach().clone() for name, master in self.masters.items() if config.ema_decay}
        decayed = decays(model)
        groups = [
            {
                "params": [master for name, master in self.masters.items() if (name in decayed) == is_decayed],
                "weight_decay": config.weight_decay if is_decayed else 0.0,
            }
            for is_decayed in (True, False)
        ]
        self.adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            eps=config.epsilon,
            foreach=False if self.ranks.count > 1 else None,  # weights of several meshes are not stepped in one call
        )

    def collect(self) -> None:
        """Add the gradients of a micro-batch to those of the step; call it after each `backward`."""
        for name, weight in self.weights.items():
            master = self.masters[name]
            if master is not weight and weight.grad is not None:
                gradient = weight.grad.float()
                master.grad = gradient if master.grad is None else master.grad + gradient
                weight.grad = None

    def step(self, rate: float) -> float:
        """Clip, step at this learning rate, forget the gradients, and return the gradient's length before clipping.

        Raises:
            ModelError: if the gradient is not finite; no weight is changed then.
        """
        length = self._clip()
        if not torch.isfinite(torch.tensor(length)):
            raise ModelError(f"the gradient's length is {length}", hint="lower learning_rate, or lengthen the warm-up")
        for group in self.adamw.param_groups:
            group["lr"] = rate
        self.adamw.step()
        self.adamw.zero_grad()
        self._publish()
        return length

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put averaged weights into the model for a while, where there are any."""
        if not self.averages:
            yield
            return
        with torch.no_grad():
            kept = {name: weight.detach().clone() for name, weight in self.weights.items()}
            for name, weight in self.weights.items():
                weight.copy_(self.averages[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, weight in self.weights.items():
                    weight.copy_(kept[name])

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that a resumed run needs beside the weights: `kind/parameter` to tensor; see `Ranks.gather`."""
        found: dict[str, torch.Tensor] = {}
        for name, master in self.masters.items():
            if master is not self.weights[name] or self._rounds_when_saved():
                found[f"master/{name}"] = master.detach()
            for kind, value in self.adamw.state.get(master, {}).items():
                found[f"{kind}/{name}"] = value
        found |= {f"average/{name}": value for name, value in self.averages.items()}
        return self.ranks.gather(found)

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take back what `state` gave.

        Raises:
            ModelError: if the tensors are not those of this model.
        """
        for key, value in state.items():
            kind, _, name = key.partition("/")
            if name not in self.masters:
                raise ModelError(f"the optimizer state has {key}, the model no such parameter")
            master = self.masters[name]
            if kind == "master":
                self.ranks.put(master, value)
            elif kind == "average":
                self.ranks.put(self.averages[name], value)
            elif kind == "step":  # AdamW counts on the CPU, whatever the device of the parameter
                self.adamw.state[master][kind] = value.clone()
            else:
                self.ranks.put(self.adamw.state[master].setdefault(kind, torch.empty_like(master.detach())), value)

    @torch.no_grad()
    def _clip(self) -> float:
        """Shorten the gradient to `clip_norm`; return the length that it had."""
        limit = self.config.clip_norm or float("inf")
        if self.ranks.count == 1:
            return float(nn.utils.clip_grad_norm_(list(self.masters.values()), limit))
        # Every part of every weight lies on one rank, so squares add up; torch refuses weights of several meshes.
        parts = [master.grad.to_local() for master in self.masters.values() if master.grad is not None]
        (square,) = self.ranks.sum(float(sum(part.double().square().sum() for part in parts)))
        length = math.sqrt(square)
        for part in parts:
            part.mul_(min(limit / (length + 1e-6), 1.0))
        return length

    def _rounds_when_saved(self) -> bool:
        """Say whether the model's file holds less than these weights: spread ones are float32 in any run."""
        return self.ranks.count > 1 and self.config.precision != "float32"

    @torch.no_grad()
    def _publish(self) -> None:
        """Round masters to weights, and move the average."""
        for name, weight in self.weights.items():
            if self.masters[name] is not weight:
                weight.copy_(self.masters[name])
        for name, average in self.averages.items():
            average.lerp_(self.masters[name].detach(), 1 - self.config.ema_decay)


def decays(model: nn.Module) -> set[str]:
    """Return the names of the parameters that decay: matrices, but no embedding and no memory slot."""
    undecayed = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, _UNDECAYED_MODULES)
        for parameter in module.parameters(recurse=False)
    }
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2 and id(parameter) not in undecayed and name.rpartition(".")[2] not in _MEMORY
    }
