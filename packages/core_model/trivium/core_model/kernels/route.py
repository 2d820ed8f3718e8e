"""A softmax router in one launch: scores of all experts, the K best of each token, and their weights.

    # T tokens, E experts, K slots per token, D model width

The plain router does the same with several kernels; at decoding, where a layer has microseconds, their launches cost
more than the experts. Products of bfloat16 are exact in float32, in which they are summed.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.moe.precise import precise_gradients

__all__ = ["route", "route_plain"]

_FEW = 64  # tokens that have a program each, which reads all of the router's weights at once
_TILE = 32768  # elements of weights in its registers


def route(
    x_TD: Tensor, weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return logits and scores `(T, E)`, ids `(T, K)` int64, best first, and weights `(T, K)`; all but ids float32.

    Among equal scores the expert of the lower number is chosen.

    Args:
        x_TD, weight_ED: bfloat16 on a GPU.
        num_chosen: K.
        normalize: divide the scores of the chosen by their sum.
        scale: factor on the weights.
    """
    return _route(x_TD, weight_ED, num_chosen, normalize, scale)


def route_plain(
    x_TD: Tensor, weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`route` in torch: its plain twin."""
    logits_TE = F.linear(x_TD.float(), weight_ED.float())
    scores_TE = logits_TE.softmax(dim=-1)
    ids_TK = scores_TE.topk(num_chosen, dim=-1).indices
    weights_TK = scores_TE.gather(1, ids_TK)
    if normalize:
        weights_TK = weights_TK / weights_TK.sum(dim=-1, keepdim=True)
    return logits_TE, scores_TE, ids_TK, scale * weights_TK


@torch.library.custom_op("trivium::route", mutates_args=())
def _route(
    x_TD: Tensor, weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    (tokens, width), experts = x_TD.shape, len(weight_ED)
    x_TD = x_TD.contiguous()
    out = _empty(x_TD, experts, num_chosen)
    columns = max(triton.next_power_of_2(experts), 16)
    rows = 1 if tokens <= _FEW else 16 if tokens <= 2048 else 64
    sizes = {
        "CHOSEN": num_chosen,
        "SLOTS": triton.next_power_of_2(num_chosen),
        "ROWS": rows,
        "COLUMNS": columns,
        "INNER": min(_TILE // columns, triton.next_power_of_2(width)) if rows == 1 else 128 if columns <= 64 else 64,
        "NORMALIZE": normalize,
    }
    _choose[(triton.cdiv(tokens, rows),)](
        x_TD, weight_ED, *out, tokens, experts, width, scale, num_warps=8 if rows == 1 else 4, num_stages=4, **sizes
    )
    return out


@_route.register_fake
def _(
    x_TD: Tensor, weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _empty(x_TD, len(weight_ED), num_chosen)


def _empty(x_TD: Tensor, experts: int, num_chosen: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logits_TE = x_TD.new_empty((len(x_TD), experts), dtype=torch.float32)
    weights_TK = x_TD.new_empty((len(x_TD), num_chosen), dtype=torch.float32)
    return logits_TE, torch.empty_like(logits_TE), torch.empty_like(weights_TK, dtype=torch.int64), weights_TK


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(inputs[0], inputs[1], output[1], output[2])
    ctx.normalize, ctx.scale = inputs[3:]


def _differentiate(
    ctx: Any, dlogits_TE: Tensor, dscores_TE: Tensor, _: Tensor, dweights_TK: Tensor
) -> tuple[Tensor | None, ...]:
    x_TD, weight_ED, scores_TE, ids_TK = ctx.saved_tensors
    dchosen_TK = ctx.scale * dweights_TK
    if ctx.normalize:
        chosen_TK = scores_TE.gather(1, ids_TK)
        total_T1 = chosen_TK.sum(dim=-1, keepdim=True)
        dchosen_TK = (dchosen_TK - (dchosen_TK * chosen_TK).sum(dim=-1, keepdim=True) / total_T1) / total_T1
    dscores_TE = dscores_TE.scatter_add(1, ids_TK, dchosen_TK)
    dlogits_TE = dlogits_TE + scores_TE * (dscores_TE - (dscores_TE * scores_TE).sum(dim=-1, keepdim=True))
    return (*precise_gradients(dlogits_TE, x_TD, weight_ED), None, None, None)


_route.register_autograd(_differentiate, setup_context=_remember)


@triton.jit
def _choose(
    x,
    weight,
    logits,
    scores,
    ids,
    weights,
    tokens,
    experts,
    width,
    scale,
    CHOSEN: tl.constexpr,
    SLOTS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    NORMALIZE: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column, inner, slots = tl.arange(0, COLUMNS), tl.arange(0, INNER), tl.arange(0, SLOTS)
    is_row, is_column = (row < tokens)[:, None], (column < experts)[None, :]
    x_start = x + row.to(tl.int64)[:, None] * width + inner[None, :]
    weight_start = weight + column[None, :] * width + inner[:, None]
    logit = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for step in range(0, width, INNER):
        is_inside = inner < width - step
        x_tile = tl.load(x_start + step, mask=is_row & is_inside[None, :], other=0.0)
        weight_tile = tl.load(weight_start + step, mask=is_column & is_inside[:, None], other=0.0)
        if ROWS == 1:
            product = weight_tile.to(tl.float32) * tl.trans(x_tile).to(tl.float32)
            logit += tl.sum(product, axis=0)[None, :]
        else:
            logit = tl.dot(x_tile, weight_tile, logit)
    place = row.to(tl.int64)[:, None] * experts + column[None, :]
    tl.store(logits + place, logit, mask=is_row & is_column)
    logit = tl.where(is_column, logit, float("-inf"))
    power = tl.exp(logit - tl.max(logit, axis=1)[:, None])
    score = power / tl.sum(power, axis=1)[:, None]
    tl.store(scores + place, score, mask=is_row & is_column)
    left = tl.where(is_column, tl.where(score == score, score, 0.0), -1.0)  # NaN goes on, and to experts that exist
    chosen = tl.zeros((ROWS, SLOTS), dtype=tl.float32)
    for slot in tl.static_range(CHOSEN):
        best, number = tl.max(left, axis=1, return_indices=True)
        chosen = tl.where(slots[None, :] == slot, best[:, None], chosen)
        tl.store(ids + row.to(tl.int64) * CHOSEN + slot, number.to(tl.int64), mask=row < tokens)
        left = tl.where(column[None, :] == number[:, None], -1.0, left)
    if NORMALIZE:
        chosen = chosen / tl.sum(chosen, axis=1)[:, None]
    start = weights + row.to(tl.int64)[:, None] * CHOSEN + slots[None, :]
    tl.store(start, scale * chosen, mask=is_row & (slots < CHOSEN)[None, :])
