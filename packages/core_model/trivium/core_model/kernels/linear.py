"""A linear map of few rows, with the norm before it and the sum after it: every weight is read once.

    # B rows, D width, F outputs

At decoding the weights of a projection are read in a microsecond or two; a norm and a sum in launches of their own
would take as long again. Very few rows are multiplied by programs that hold their weights before their input is there,
and normed there; more rows by tiles.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.kernels.early import begin, early

__all__ = ["MOST_HELD", "MOST_ROWS", "MOST_WIDTH", "few_linear", "few_linear_plain"]

MOST_ROWS = 64
MOST_WIDTH = 4096

MOST_HELD = 4  # rows of programs that hold whole rows of the weight
_HELD = 4096  # elements of the weight that one of these holds
_COLUMNS, _INNER, _STAGES = 16, 128, 6  # of tiles


def few_linear(
    x: Tensor,
    weight: Tensor,
    *,
    norm: tuple[Tensor, float] | None = None,
    add: Tensor | None = None,
) -> Tensor:
    """Return `add + linear(norm(x))`, `(B, F)`, summed in float32; forward only.

    Args:
        x: (B, D), contiguous, at most `MOST_ROWS` rows, D at most `MOST_WIDTH`.
        weight: (F, D), contiguous.
        norm: weight `(D,)` of an RMSNorm and what is added to its mean square; None for none. For `MOST_HELD` rows at
            most: with more, every program would norm all of them.
        add: (B, F), contiguous; None for nothing.
    """
    (rows, width), outputs = x.shape, len(weight)
    y = x.new_empty(rows, outputs)
    scale, eps = norm or (x, 0.0)
    settings = {"IS_ADDED": add is not None, "num_warps": 4, **early()}
    added = x if add is None else add
    if rows <= MOST_HELD:
        inner = triton.next_power_of_2(width)
        sizes = {"COLUMNS": max(_HELD // inner, 1), "INNER": inner}
        _hold[(triton.cdiv(outputs, sizes["COLUMNS"]),)](
            x, scale, weight, added, y, rows, outputs, width, eps, IS_NORMED=norm is not None, **sizes, **settings
        )
        return y
    assert norm is None
    sizes = {"ROWS": max(triton.next_power_of_2(rows), 16), "COLUMNS": _COLUMNS, "INNER": _INNER, "num_stages": _STAGES}
    _tile[(triton.cdiv(outputs, _COLUMNS),)](x, weight, added, y, rows, outputs, width, **sizes, **settings)
    return y


def few_linear_plain(
    x: Tensor, weight: Tensor, *, norm: tuple[Tensor, float] | None = None, add: Tensor | None = None
) -> Tensor:
    """`few_linear` in torch: its plain twin."""
    if norm is not None:
        x = F.rms_norm(x, norm[0].shape, *norm)
    y = F.linear(x.float(), weight.float())
    return (y if add is None else y + add.float()).to(x.dtype)


@triton.jit
def _hold(
    x,
    scale,
    weight,
    add,
    y,
    rows,
    outputs,
    width,
    eps,
    IS_NORMED: tl.constexpr,
    IS_ADDED: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, INNER)
    is_inside = inner < width
    mask = (column < outputs)[:, None] & is_inside[None, :]
    own = tl.load(weight + column.to(tl.int64)[:, None] * width + inner[None, :], mask=mask, other=0.0)
    factor = tl.load(scale + inner, mask=is_inside & IS_NORMED, other=0.0).to(tl.float32)
    begin(EARLY)
    for row in range(rows):
        part = tl.load(x + row * width + inner, mask=is_inside, other=0.0).to(tl.float32)
        if IS_NORMED:
            part = part * tl.rsqrt(tl.sum(part * part, axis=0) / width + eps) * factor
            part = part.to(x.dtype.element_ty).to(tl.float32)
        total = tl.sum(own.to(tl.float32) * part[None, :], axis=1)
        place = row * outputs + column
        if IS_ADDED:
            total += tl.load(add + place, mask=column < outputs, other=0.0).to(tl.float32)
        tl.store(y + place, total.to(y.dtype.element_ty), mask=column < outputs)


@triton.jit
def _tile(
    x,
    weight,
    add,
    y,
    rows,
    outputs,
    width,
    IS_ADDED: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    EARLY: tl.constexpr,
):
    row = tl.arange(0, ROWS)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    inner = tl.arange(0, INNER)
    x_start = x + (row % rows)[:, None] * width + inner[None, :]
    own_start = weight + (column % outputs).to(tl.int64)[None, :] * width + inner[:, None]
    begin(EARLY)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for step in range(0, width, INNER):
        is_inside = inner < width - step
        part = tl.load(x_start + step, mask=is_inside[None, :], other=0.0)
        total = tl.dot(part, tl.load(own_start + step, mask=is_inside[:, None], other=0.0), total)
    place = row[:, None] * outputs + column[None, :]
    mask = (row < rows)[:, None] & (column < outputs)[None, :]
    if IS_ADDED:
        total += tl.load(add + place, mask=mask, other=0.0).to(tl.float32)
    tl.store(y + place, total.to(y.dtype.element_ty), mask=mask)
