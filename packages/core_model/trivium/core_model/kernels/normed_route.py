"""The norm before a mixture of experts and its softmax router, for few tokens, in one launch.

    # T tokens, E experts, K chosen per token, D model width

Each token has a program, which holds the whole router before its token is there. The K best are found all at once: an
expert's rank is how many have a higher score.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.kernels.early import begin, early
from trivium.core_model.kernels.route import route_plain

__all__ = ["MOST_WEIGHTS", "normed_route", "normed_route_plain"]

MOST_WEIGHTS = 65536  # elements of a router that one program holds, both sides rounded up to powers of two


def normed_route(
    x_TD: Tensor, norm: tuple[Tensor, float], weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the normed tokens `(T, D)`, ids `(T, K)` int64, best first, and weights `(T, K)` float32; forward only.

    Args:
        x_TD: contiguous, before the norm.
        norm: weight `(D,)` of an RMSNorm and what is added to its mean square.
        weight_ED, num_chosen, normalize, scale: as `route.route`.
    """
    (tokens, width), experts = x_TD.shape, len(weight_ED)
    normed_TD = torch.empty_like(x_TD)
    ids_TK = torch.empty(tokens, num_chosen, dtype=torch.int64, device=x_TD.device)
    weights_TK = torch.empty(tokens, num_chosen, dtype=torch.float32, device=x_TD.device)
    columns, inner = triton.next_power_of_2(experts), triton.next_power_of_2(width)
    sizes = {
        "CHOSEN": num_chosen,
        "COLUMNS": columns,
        "INNER": inner,
        "NORMALIZE": normalize,
        "num_warps": 8 if columns * inner <= MOST_WEIGHTS // 2 else 16,
    }
    _choose[(tokens,)](
        x_TD, norm[0], weight_ED, normed_TD, ids_TK, weights_TK, experts, width, norm[1], scale, **sizes, **early()
    )
    return normed_TD, ids_TK, weights_TK


def normed_route_plain(
    x_TD: Tensor, norm: tuple[Tensor, float], weight_ED: Tensor, num_chosen: int, normalize: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`normed_route` in torch: its plain twin."""
    normed_TD = F.rms_norm(x_TD, norm[0].shape, *norm)
    return normed_TD, *route_plain(normed_TD, weight_ED, num_chosen, normalize, scale)[2:]


@triton.jit
def _choose(
    x,
    factor,
    weight,
    normed,
    ids,
    weights,
    experts,
    width,
    eps,
    scale,
    CHOSEN: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    NORMALIZE: tl.constexpr,
    EARLY: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    column, inner = tl.arange(0, COLUMNS), tl.arange(0, INNER)
    is_real, is_inside = column < experts, inner < width
    router = tl.load(
        weight + column[:, None] * width + inner[None, :], mask=is_real[:, None] & is_inside[None, :], other=0.0
    )
    factors = tl.load(factor + inner, mask=is_inside, other=0.0).to(tl.float32)
    begin(EARLY)
    value = tl.load(x + token * width + inner, mask=is_inside, other=0.0).to(tl.float32)
    value = value * tl.rsqrt(tl.sum(value * value, axis=0) / width + eps) * factors
    rounded = value.to(normed.dtype.element_ty)
    tl.store(normed + token * width + inner, rounded, mask=is_inside)
    logit = tl.sum(router.to(tl.float32) * rounded.to(tl.float32)[None, :], axis=1)
    logit = tl.where(is_real, logit, float("-inf"))
    power = tl.exp(logit - tl.max(logit, axis=0))
    # Experts of equal scores are chosen in their order; so are those of a token that is NaN, and stays it.
    known = tl.where(logit == logit, logit, float("-inf"))
    is_before = (known[None, :] > known[:, None]) | (
        (known[None, :] == known[:, None]) & (column[None, :] < column[:, None])
    )
    rank = tl.sum(is_before.to(tl.int32), axis=1)
    is_chosen = rank < CHOSEN
    total = tl.sum(tl.where(is_chosen, power, 0.0), axis=0) if NORMALIZE else tl.sum(power, axis=0)
    place = token * CHOSEN + rank
    tl.store(ids + place, column.to(tl.int64), mask=is_chosen)
    tl.store(weights + place, scale * power / total, mask=is_chosen)
