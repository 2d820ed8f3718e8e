"""Bring tokens to their experts and results back: within one process, or between the ranks that hold the experts.

    # T tokens of this rank, K slots per token, E experts, e experts of this rank, D model width
    # S slots of this rank that some expert serves, R rows that this rank's experts work on (S = R in one process)

A dispatcher plans the way for one routing; the plan sends tokens and collects results. Rows come sorted by expert;
those of one expert by rank, then token, as one process would sort the tokens of all ranks: expert parallelism adds
up in the same order, bit for bit. A rank without tokens and an expert without rows are ordinary cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import distributed
from torch.nn import functional as F

from trivium.core_model.moe.loads import expert_loads

__all__ = ["AllToAllDispatcher", "Dispatcher", "LocalDispatcher", "Plan"]


class Plan(Protocol):
    """The way for one routing."""

    @property
    def loads_e(self) -> torch.Tensor:
        """Rows of each expert of this rank, int64."""

    def send(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Copy each token once per expert that serves it: `(R, D)`, sorted by expert."""

    def collect(self, out_RD: torch.Tensor, weights_TK: torch.Tensor) -> torch.Tensor:
        """Bring results back and add up those of each token by weight: `(T, D)`."""


class Dispatcher(Protocol):
    """Who decides where rows are computed."""

    def plan(self, expert_ids_TK: torch.Tensor, num_experts: int) -> Plan:
        """Plan for these experts; a slot with the id `num_experts` is served by nobody."""

    def local(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the part of a weight `(E, ...)` that belongs to this rank's experts: `(e, ...)`."""


class LocalDispatcher:
    """All experts are here."""

    def plan(self, expert_ids_TK: torch.Tensor, num_experts: int) -> LocalPlan:
        """Sort the served slots by expert."""
        order = expert_ids_TK.flatten().argsort(stable=True)  # slots that nobody serves come last
        loads_E = expert_loads(expert_ids_TK, num_experts)
        order_S = order[: int(loads_E.sum())]
        place = torch.full_like(order, len(order_S))
        place.scatter_(0, order_S, torch.arange(len(order_S), device=order.device))
        return LocalPlan(loads_E, order_S, order_S // expert_ids_TK.shape[1], place.view_as(expert_ids_TK))

    def local(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the whole weight."""
        return weight


@dataclass(frozen=True)
class LocalPlan:
    """A permutation of slots, and the way back.

    Args:
        loads_e: rows of each expert.
        order_S: the slot of each row, counted through `(T, K)`.
        token_S: its token.
        place_TK: the row of each slot; S for a slot that nobody serves.
    """

    loads_e: torch.Tensor
    order_S: torch.Tensor
    token_S: torch.Tensor
    place_TK: torch.Tensor

    def send(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Copy each token once per row."""
        return _Spread.apply(x_TD, self.token_S, self.place_TK)

    def collect(self, out_RD: torch.Tensor, weights_TK: torch.Tensor) -> torch.Tensor:
        """Add up the rows of each token by weight, in the order of its slots."""
        return _Gather.apply(out_RD, weights_TK.to(out_RD.dtype), self.order_S, self.token_S, self.place_TK)


class AllToAllDispatcher:
    """Each rank of a group holds an equal stretch of the experts, in the order of ranks.

    Args:
        group: the ranks.
        gradient_divisor: gradients of expert weights are divided by this. Rows of all ranks meet in one expert, so
            its gradient is a sum over ranks where that of every other weight is averaged later: their number.
    """

    def __init__(self, group: distributed.ProcessGroup, gradient_divisor: float) -> None:
        self.group = group
        self.gradient_divisor = gradient_divisor

    def plan(self, expert_ids_TK: torch.Tensor, num_experts: int) -> RemotePlan:
        """Sort the served slots by expert and tell every rank how many rows come."""
        here = LocalDispatcher().plan(expert_ids_TK, num_experts)
        sent = here.loads_e.view(self.group.size(), -1)  # (ranks, e)
        received = torch.empty_like(sent)
        distributed.all_to_all_single(received, sent, group=self.group)
        expert_R = torch.arange(sent.shape[1], device=sent.device).expand_as(sent).flatten()
        expert_R = expert_R.repeat_interleave(received.flatten())  # sorted by rank, then expert
        order_R = expert_R.argsort(stable=True)
        place_R = torch.empty_like(order_R)
        place_R[order_R] = torch.arange(len(order_R), device=order_R.device)
        splits = (sent.sum(dim=1).tolist(), received.sum(dim=1).tolist())
        return RemotePlan(received.sum(dim=0), here, order_R, place_R, splits, self.group)

    def local(self, weight: torch.Tensor) -> torch.Tensor:
        """Return this rank's part of a sharded weight, or the weight where it holds no more than that part."""
        part = weight.to_local() if hasattr(weight, "to_local") else weight
        return _DivideGradient.apply(part, self.gradient_divisor)


@dataclass(frozen=True)
class RemotePlan:
    """Rows sorted by expert here, exchanged between ranks, sorted by expert there; and all of it back.

    Args:
        loads_e: rows of each expert of this rank.
        here: how this rank's slots are sorted before they leave.
        order_R: how received rows are sorted, `place_R` its inverse.
        place_R: see above.
        splits: rows that go to each rank, and that come from it.
        group: the ranks.
    """

    loads_e: torch.Tensor
    here: LocalPlan
    order_R: torch.Tensor
    place_R: torch.Tensor
    splits: tuple[list[int], list[int]]
    group: distributed.ProcessGroup

    def send(self, x_TD: torch.Tensor) -> torch.Tensor:
        """Send a copy of each token to every rank that serves it."""
        sent, received = self.splits
        x_RD = _Exchange.apply(self.here.send(x_TD), sent, received, self.group)
        return _Spread.apply(x_RD, self.order_R, self.place_R[:, None])

    def collect(self, out_RD: torch.Tensor, weights_TK: torch.Tensor) -> torch.Tensor:
        """Send each result to the rank it came from and add up there."""
        sent, received = self.splits
        out_RD = _Spread.apply(out_RD, self.place_R, self.order_R[:, None])
        return self.here.collect(_Exchange.apply(out_RD, received, sent, self.group), weights_TK)


class _Spread(torch.autograd.Function):
    """`x[token]`, with a gradient that adds up the rows of each token in a fixed order."""

    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, token_S: torch.Tensor, place_TK: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(place_TK)
        return x_TD.index_select(0, token_S)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (place_TK,) = ctx.saved_tensors
        return _sum_rows(gradients[0], place_TK), None, None


class _Gather(torch.autograd.Function):
    """Weighted sum of the rows of each token."""

    @staticmethod
    def forward(
        ctx: Any,
        out_SD: torch.Tensor,
        weights_TK: torch.Tensor,
        order_S: torch.Tensor,
        token_S: torch.Tensor,
        place_TK: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(out_SD, weights_TK, order_S, token_S)
        return _sum_rows(out_SD, place_TK, weights_TK)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        out_SD, weights_TK, order_S, token_S = ctx.saved_tensors
        d_SD = gradients[0].index_select(0, token_S)
        d_weights = torch.zeros_like(weights_TK).flatten()
        d_weights.scatter_(0, order_S, (d_SD * out_SD).sum(dim=-1))
        weight_S = weights_TK.flatten().index_select(0, order_S)
        return d_SD.mul_(weight_S[:, None]), d_weights.view_as(weights_TK), None, None, None


class _Exchange(torch.autograd.Function):
    """All-to-all of uneven stretches of rows; its gradient goes the opposite way."""

    @staticmethod
    def forward(
        ctx: Any, x_SD: torch.Tensor, sent: list[int], received: list[int], group: distributed.ProcessGroup
    ) -> torch.Tensor:
        ctx.sent, ctx.received, ctx.group = sent, received, group
        return _exchange(x_SD, sent, received, group)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return _exchange(gradients[0], ctx.received, ctx.sent, ctx.group), None, None, None


class _DivideGradient(torch.autograd.Function):
    """Its input, with a divided gradient."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, divisor: float) -> torch.Tensor:
        ctx.divisor = divisor
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return gradients[0] / ctx.divisor, None


def _sum_rows(rows_SD: torch.Tensor, place_TK: torch.Tensor, weights_TK: torch.Tensor | None = None) -> torch.Tensor:
    """Add up the rows at each token's places, first slot first; a place beyond the last row adds nothing."""
    if place_TK.numel() > len(rows_SD):
        rows_SD = F.pad(rows_SD, (0, 0, 0, 1))
    return F.embedding_bag(place_TK, rows_SD.contiguous(), mode="sum", per_sample_weights=weights_TK)


def _exchange(
    x_SD: torch.Tensor, sent: list[int], received: list[int], group: distributed.ProcessGroup
) -> torch.Tensor:
    out_RD = x_SD.new_empty(sum(received), x_SD.shape[1])
    distributed.all_to_all_single(out_RD, x_SD.contiguous(), received, sent, group=group)
    return out_RD
