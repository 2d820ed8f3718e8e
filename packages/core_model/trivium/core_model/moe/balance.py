"""Keep experts evenly loaded: one `Balancer` per training run, called from outside the model.

    balancer = Balancer(model, BalanceConfig(bias_speed=0.001))
    for step in range(steps):
        for batch in micro_batches:
            out = model(batch)
            loss = next_token_loss(out.logits, batch) + balancer.loss(out.routings)
            loss.backward()
        optimizer.step()
        balancer.after_step()
        log(balancer.metrics())

Loads are counted from the `Routing`s that a forward pass returns, never inside `forward`: recomputation under
activation checkpointing cannot count twice. They are summed over micro-batches and over the ranks of `group`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed, nn

from trivium.core_model.config import BalanceConfig, ModelConfig
from trivium.core_model.moe.loads import expert_loads, load_entropy, max_violation, utilisation
from trivium.core_model.moe.losses import auxiliary_loss, kept_ids, sequence_loss, z_loss
from trivium.core_model.moe.router import Router, Routing
from trivium.service.errors import InputError

__all__ = ["Balancer", "update_bias"]


class Balancer:
    """Add balancing losses, correct router biases, open capacities, and measure loads.

    Args:
        model: a decoder, or whatever wraps it; dense ones are fine, and nothing is done to them.
        config: which methods, and how strongly.
        group: ranks that train on different tokens, whose loads count together; None for this process alone.

    Raises:
        InputError: if a method asks for something that the model's config does not have.
    """

    def __init__(
        self,
        model: nn.Module,
        config: BalanceConfig | None = None,
        *,
        group: distributed.ProcessGroup | None = None,
    ) -> None:
        self.config = config or BalanceConfig()
        self.group = group
        self.steps = 0
        self.routers = [module for module in model.modules() if isinstance(module, Router)]
        self.auxiliary_weight = self.config.auxiliary_weight or 0.0
        self._running: torch.Tensor | None = None  # (layers, E + 2) since the last step
        self._last: torch.Tensor | None = None  # the same of the last step
        if self.routers:
            model_config: ModelConfig = self.routers[0].config
            self.config.check(model_config)
            if self.config.auxiliary_weight is None:
                self.auxiliary_weight = model_config.aux_loss_weight
            self._open_capacity()

    def loss(self, routings: Sequence[Routing], mask: torch.Tensor | None = None) -> torch.Tensor:
        """Count the loads of one micro-batch of training and return what to add to its loss.

        Args:
            routings: `DecoderOutput.routings`.
            mask: (B, T), 0 for padding, which then counts for nothing; None for none.

        Returns:
            A scalar: the sum over layers of the weighted losses; 0 where there are none.
        """
        if not routings:
            return torch.zeros(())
        masks = [_mask_of(routing, mask) for routing in routings]
        counts = torch.stack([_count(*pair) for pair in zip(routings, masks, strict=True)])  # (layers, E + 2)
        self._add(counts)
        total = routings[0].scores_TE.new_zeros(())
        if self.auxiliary_weight:
            # f_e of all ranks, so that the mean of their losses is the loss of the whole batch.
            share = self._sum_over_ranks(counts)
            for layer, (routing, mask_T) in enumerate(zip(routings, masks, strict=True)):
                load_share_E = share[layer, :-2] / share[layer, -1].clamp(min=1)
                total = total + self.auxiliary_weight * auxiliary_loss(routing, mask_T, load_share_E)
        for weight, method in ((self.config.sequence_weight, sequence_loss), (self.config.z_weight, z_loss)):
            if weight:
                for routing, mask_T in zip(routings, masks, strict=True):
                    total = total + weight * method(routing, mask_T)
        return total

    @torch.no_grad()
    def after_step(self) -> None:
        """Take one balancing step; call it once after each optimizer step, on every rank of the group."""
        self.steps += 1
        if self._running is not None:
            self._last, self._running = self._sum_over_ranks(self._running), None
            if self.config.bias_speed:
                for router, counts in zip(self.routers, self._last, strict=False):
                    assert router.bias is not None
                    update_bias(router.bias, counts[:-2], self.config.bias_speed, self.config.bias_rule)
        self._open_capacity()

    def metrics(self) -> dict[str, float]:
        """Return measures of the last optimizer step: of each layer with experts, `name/layer`, and their mean, `name`.

        Names: `utilisation` (mean over largest load), `load_entropy` (1 when even), `max_violation` (MaxVio, 0 when
        even), `dropped_share` (slots turned away by full experts), `slots_per_token`. Loads are as chosen, before
        any drop. Empty before the first step and for dense models.
        """
        if self._last is None:
            return {}
        layers: dict[str, list[float]] = {}
        for counts in self._last.cpu():
            loads_E, dropped, tokens = counts[:-2], float(counts[-2]), max(float(counts[-1]), 1.0)
            slots = max(float(loads_E.sum()), 1.0)
            for name, value in (
                ("utilisation", utilisation(loads_E)),
                ("load_entropy", load_entropy(loads_E)),
                ("max_violation", max_violation(loads_E)),
                ("dropped_share", dropped / slots),
                ("slots_per_token", slots / tokens),
            ):
                layers.setdefault(name, []).append(value)
        found = {name: sum(values) / len(values) for name, values in layers.items()}
        if self.config.capacity_start:
            found["capacity_factor"] = self.config.capacity_factor(self.steps - 1)
        return found | {
            f"{name}/{layer}": value for name, values in layers.items() for layer, value in enumerate(values)
        }

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs beside the model, in whose buffers the biases are."""
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, which must be between optimizer steps."""
        if set(state) != {"steps"}:
            raise InputError(
                f"balancer state has {sorted(state)}, not ['steps']", hint="resume from another checkpoint"
            )
        self.steps = int(state["steps"])
        self._running = self._last = None
        self._open_capacity()

    def _open_capacity(self) -> None:
        factor = self.config.capacity_factor(self.steps)
        for router in self.routers:
            router.capacity_factor = factor

    def _add(self, counts: torch.Tensor) -> None:
        if self._running is None:
            self._running = torch.zeros_like(counts)
        self._running += counts

    def _sum_over_ranks(self, counts: torch.Tensor) -> torch.Tensor:
        if self.group is None:
            return counts
        counts = counts.clone()
        distributed.all_reduce(counts, group=self.group)
        return counts


@torch.no_grad()
def update_bias(bias_E: torch.Tensor, loads_E: torch.Tensor, speed: float, rule: str = "sign") -> None:
    """Raise the bias of experts below the mean load and lower it above, in place.

    Loss-free balancing (arXiv 2408.15664): by `speed` (`sign`, its algorithm 1; DeepSeek-V3 used 0.001), or by
    `speed` times the distance over the mean (`proportional`, its section 4.3), which settles instead of swinging. Call
    once per optimizer step with loads of the whole batch.
    """
    loads = loads_E.to(bias_E.dtype)
    below = loads.mean() - loads
    bias_E += speed * (below.sign() if rule == "sign" else below / loads.mean().clamp(min=1e-9))


def _count(routing: Routing, mask_T: torch.Tensor | None) -> torch.Tensor:
    """Return the chosen slots of each expert, the dropped slots and the tokens: `(E + 2,)` int64."""
    loads_E = expert_loads(kept_ids(routing, mask_T), routing.scores_TE.shape[1])
    tokens = loads_E.new_tensor(len(routing.scores_TE)) if mask_T is None else mask_T.sum()
    dropped = loads_E.new_zeros(())
    if routing.dropped_TK is not None:
        dropped = (routing.dropped_TK if mask_T is None else routing.dropped_TK & mask_T[:, None]).sum()
    return torch.cat((loads_E, torch.stack((dropped, tokens))))


def _mask_of(routing: Routing, mask: torch.Tensor | None) -> torch.Tensor | None:
    """Flatten a `(B, T)` mask to the tokens of a routing, which may lack the last ones of each sequence."""
    if mask is None:
        return None
    length = len(routing.scores_TE) // routing.num_sequences
    return mask[:, :length].flatten() != 0
