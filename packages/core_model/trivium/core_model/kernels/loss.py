"""Cross-entropy of low-precision logits over a large vocabulary, without a float32 copy of them.

    # N tokens, V vocabulary

The forward pass reads the logits once and keeps one number a token; the backward pass reads them once more and writes
their gradient: three times their bytes in all, where a float32 copy, its softmax and their gradients move about twelve.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

__all__ = ["token_losses", "token_losses_plain"]

_COLUMNS = 4096  # logits of a token in registers at once


def token_losses(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """Return the cross-entropy of each token in nats, `(N,)` float32; 0 where the target is negative.

    Args:
        logits_NV: bfloat16 or float16 on a GPU; sums are float32.
        targets_N: int64, less than V.
    """
    return _losses(logits_NV, targets_N)[0]


def token_losses_plain(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """`token_losses` in torch: its plain twin."""
    return F.cross_entropy(
        logits_NV.float(), targets_N.where(targets_N >= 0, -100), ignore_index=-100, reduction="none"
    )


@torch.library.custom_op("trivium::token_losses", mutates_args=())
def _losses(logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses, and the logarithm of each token's sum of exponentials."""
    tokens, vocabulary = logits_NV.shape
    logits_NV = logits_NV.contiguous()
    losses_N, sums_N = _empty(logits_NV)
    _forward[(tokens,)](logits_NV, targets_N.contiguous(), losses_N, sums_N, vocabulary, COLUMNS=_COLUMNS, num_warps=8)
    return losses_N, sums_N


@_losses.register_fake
def _(logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    return _empty(logits_NV)


def _empty(logits_NV: Tensor) -> tuple[Tensor, Tensor]:
    losses_N = logits_NV.new_empty(len(logits_NV), dtype=torch.float32)
    return losses_N, torch.empty_like(losses_N)


@torch.library.custom_op("trivium::token_losses_backward", mutates_args=())
def _gradient(dlosses_N: Tensor, logits_NV: Tensor, targets_N: Tensor, sums_N: Tensor) -> Tensor:
    tokens, vocabulary = logits_NV.shape
    logits_NV = logits_NV.contiguous()
    dlogits_NV = torch.empty_like(logits_NV)
    grid = (tokens, triton.cdiv(vocabulary, _COLUMNS))
    values = (dlosses_N.contiguous(), logits_NV, targets_N.contiguous(), sums_N)
    _backward[grid](*values, dlogits_NV, vocabulary, COLUMNS=_COLUMNS, num_warps=8)
    return dlogits_NV


@_gradient.register_fake
def _(dlosses_N: Tensor, logits_NV: Tensor, targets_N: Tensor, sums_N: Tensor) -> Tensor:
    return torch.empty_like(logits_NV, memory_format=torch.contiguous_format)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs, output[1])


def _differentiate(ctx: Any, dlosses_N: Tensor, _: Tensor) -> tuple[Tensor, None]:
    return _gradient(dlosses_N, *ctx.saved_tensors), None


_losses.register_autograd(_differentiate, setup_context=_remember)


@triton.jit
def _forward(logits, targets, losses, sums, vocabulary, COLUMNS: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, COLUMNS)
    target = tl.load(targets + token)
    highest = tl.full((COLUMNS,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((COLUMNS,), dtype=tl.float32)
    for first in range(0, vocabulary, COLUMNS):
        logit = tl.load(logits + token * vocabulary + first + column, mask=column < vocabulary - first, other=-1e30)
        logit = logit.to(tl.float32)
        peak = tl.maximum(highest, logit)
        total = total * tl.exp(highest - peak) + tl.exp(logit - peak)
        highest = peak
    peak = tl.max(highest, axis=0)
    log_sum = peak + tl.log(tl.sum(total * tl.exp(highest - peak), axis=0))
    chosen = tl.load(logits + token * vocabulary + target, mask=target >= 0, other=0.0).to(tl.float32)
    tl.store(losses + token, tl.where(target >= 0, log_sum - chosen, 0.0))
    tl.store(sums + token, log_sum)


@triton.jit
def _backward(dlosses, logits, targets, sums, dlogits, vocabulary, COLUMNS: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    target = tl.load(targets + token)
    factor = tl.where(target >= 0, tl.load(dlosses + token), 0.0)
    logit = tl.load(logits + token * vocabulary + column, mask=column < vocabulary, other=0.0).to(tl.float32)
    share = tl.exp(logit - tl.load(sums + token)) - (column == target).to(tl.float32)
    value = (factor * share).to(dlogits.dtype.element_ty)
    tl.store(dlogits + token * vocabulary + column, value, mask=column < vocabulary)
