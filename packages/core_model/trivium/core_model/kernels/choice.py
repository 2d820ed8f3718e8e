"""Softmax over all experts and the K largest, in one pass over the scores of a token.

    # T tokens, E experts, K slots per token

The plain router does the same with several kernels; at decoding, where a layer has microseconds, their launches cost
more than the experts.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["softmax_choice", "softmax_choice_plain"]

_ROWS = 16  # tokens of one program


def softmax_choice(logits_TE: Tensor, num_chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores `(T, E)`, ids `(T, K)` int64, best first, and their scores `(T, K)`.

    Among equal scores the expert of the lower number is chosen.

    Args:
        logits_TE: float32.
        num_chosen: K.
    """
    return _softmax_choice(logits_TE, num_chosen)


def softmax_choice_plain(logits_TE: Tensor, num_chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    """`softmax_choice` in torch: its plain twin."""
    scores_TE = logits_TE.softmax(dim=-1)
    ids_TK = scores_TE.topk(num_chosen, dim=-1).indices
    return scores_TE, ids_TK, scores_TE.gather(1, ids_TK)


@torch.library.custom_op("trivium::softmax_choice", mutates_args=())
def _softmax_choice(logits_TE: Tensor, num_chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    tokens, experts = logits_TE.shape
    logits_TE = logits_TE.contiguous()
    scores_TE, ids_TK, chosen_TK = _empty(logits_TE, num_chosen)
    sizes = {"CHOSEN": num_chosen, "ROWS": _ROWS, "COLUMNS": triton.next_power_of_2(experts)}
    _choose[(triton.cdiv(tokens, _ROWS),)](logits_TE, scores_TE, ids_TK, chosen_TK, tokens, experts, **sizes)
    return scores_TE, ids_TK, chosen_TK


@_softmax_choice.register_fake
def _(logits_TE: Tensor, num_chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    return _empty(logits_TE, num_chosen)


def _empty(logits_TE: Tensor, num_chosen: int) -> tuple[Tensor, Tensor, Tensor]:
    chosen = (len(logits_TE), num_chosen)
    ids_TK = logits_TE.new_empty(chosen, dtype=torch.int64)
    return torch.empty_like(logits_TE, memory_format=torch.contiguous_format), ids_TK, logits_TE.new_empty(chosen)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(output[0], output[1])


def _differentiate(ctx: Any, dscores_TE: Tensor, _: Tensor, dchosen_TK: Tensor) -> tuple[Tensor, None]:
    scores_TE, ids_TK = ctx.saved_tensors
    dscores_TE = dscores_TE.scatter_add(1, ids_TK, dchosen_TK)
    return scores_TE * (dscores_TE - (dscores_TE * scores_TE).sum(dim=-1, keepdim=True)), None


_softmax_choice.register_autograd(_differentiate, setup_context=_remember)


@triton.jit
def _choose(
    logits,
    scores,
    ids,
    chosen,
    tokens,
    experts,
    CHOSEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, COLUMNS)
    mask = (row < tokens)[:, None] & (column < experts)[None, :]
    place = row.to(tl.int64)[:, None] * experts + column[None, :]
    logit = tl.load(logits + place, mask=mask, other=float("-inf"))
    logit = tl.where((row < tokens)[:, None], logit, 0.0)
    power = tl.exp(logit - tl.max(logit, axis=1)[:, None])
    score = power / tl.sum(power, axis=1)[:, None]
    tl.store(scores + place, score, mask=mask)
    left = tl.where((column < experts)[None, :], score, -1.0)
    for slot in tl.static_range(CHOSEN):
        best = tl.max(left, axis=1)
        number = tl.argmax(left, axis=1)
        start = row.to(tl.int64) * CHOSEN + slot
        tl.store(ids + start, number.to(tl.int64), mask=row < tokens)
        tl.store(chosen + start, best, mask=row < tokens)
        left = tl.where(column[None, :] == number[:, None], -1.0, left)
