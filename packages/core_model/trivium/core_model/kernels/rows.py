"""Copy tokens to the rows of their experts, and add rows up at their tokens: pure memory traffic, one pass each.

# T tokens, K slots per token, R = T * K rows sorted by expert, D model width
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from trivium.core_model.kernels.slots import SortedSlots

__all__ = ["gather_rows", "gather_rows_plain", "sum_rows", "sum_rows_plain"]


def gather_rows(x_TD: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """Return `(R, D)`: for each row the token whose slot it holds."""
    tokens, width = x_TD.shape
    rows = order.slot_of_row.numel()
    out_RD = torch.empty(rows, width, dtype=x_TD.dtype, device=x_TD.device)
    grid = (triton.cdiv(rows, 8), triton.cdiv(width, 1024))
    _gather[grid](x_TD, order.slot_of_row, out_RD, rows, width, rows // tokens, ROWS=8, COLUMNS=1024)
    return out_RD


def gather_rows_plain(x_TD: torch.Tensor, order: SortedSlots) -> torch.Tensor:
    """`gather_rows` by indexing: its plain twin."""
    return x_TD[order.slot_of_row.long() // (order.slot_of_row.numel() // len(x_TD))]


def sum_rows(out_RD: torch.Tensor, order: SortedSlots, num_tokens: int) -> torch.Tensor:
    """Return `(T, D)`: the sum over a token's slots, added in float32 in their order; unserved slots add nothing."""
    rows, width = out_RD.shape
    y_TD = torch.empty(num_tokens, width, dtype=out_RD.dtype, device=out_RD.device)
    slots = rows // num_tokens
    tokens, columns = (4, 1024) if num_tokens > 512 else (1, 256)
    grid = (triton.cdiv(num_tokens, tokens), triton.cdiv(width, columns))
    sizes = {"SLOTS": slots, "TOKENS": tokens, "COLUMNS": columns}
    _sum[grid](out_RD, order.row_of_slot, order.ends[-1:], y_TD, num_tokens, width, **sizes)
    return y_TD


def sum_rows_plain(out_RD: torch.Tensor, order: SortedSlots, num_tokens: int) -> torch.Tensor:
    """`sum_rows` by indexing: its plain twin."""
    row_TK = order.row_of_slot.long().view(num_tokens, -1)
    served_TK1 = (row_TK < order.ends[-1])[..., None]
    return torch.where(served_TK1, out_RD[row_TK].float(), 0).sum(dim=1).to(out_RD.dtype)


@triton.jit
def _gather(x, slot_of_row, out, rows, width, slots, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    token = tl.load(slot_of_row + row, mask=row < rows, other=0) // slots
    mask = (row < rows)[:, None] & (column < width)[None, :]
    copied = tl.load(x + token.to(tl.int64)[:, None] * width + column[None, :], mask=mask)
    tl.store(out + row.to(tl.int64)[:, None] * width + column[None, :], copied, mask=mask)


@triton.jit
def _sum(out, row_of_slot, served, y, tokens, width, SLOTS: tl.constexpr, TOKENS: tl.constexpr, COLUMNS: tl.constexpr):
    token = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    limit = tl.load(served)
    total = tl.zeros((TOKENS, COLUMNS), dtype=tl.float32)
    for slot in tl.static_range(SLOTS):
        row = tl.load(row_of_slot + token * SLOTS + slot, mask=token < tokens, other=limit)
        mask = (row < limit)[:, None] & (column < width)[None, :]
        total += tl.load(out + row.to(tl.int64)[:, None] * width + column[None, :], mask=mask, other=0.0).to(tl.float32)
    mask = (token < tokens)[:, None] & (column < width)[None, :]
    tl.store(y + token.to(tl.int64)[:, None] * width + column[None, :], total.to(y.dtype.element_ty), mask=mask)
