"""Put (token, slot) pairs in the order of their experts by counting, on the device and without a host's look.

    # T tokens, K slots per token, S = T * K pairs, E experts, B blocks of pairs

Three passes: each block counts its pairs per expert; a scan over the blocks of each expert says where a block's pairs
begin; each block writes its pairs there. Few pairs are counted and written by one program. The order is that of a
stable sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl

from trivium.core_model.kernels.early import begin, early

__all__ = ["SortedSlots", "sort_slots", "sort_slots_plain"]

_TABLE = 16384  # elements of one block's one-hot table, which lie in registers
_FEW = 512  # pairs that one program sorts alone, faster than three launches would


@dataclass(frozen=True)
class SortedSlots:
    """Pairs sorted by expert; those that no expert serves come last.

    Args:
        slot_of_row: (S,) int32, the pair `t * K + k` that each row holds.
        row_of_slot: (S,) int32, its inverse.
        ends: (E,) int32, where each expert's rows end; rows from `ends[-1]` on are not served.
    """

    slot_of_row: torch.Tensor
    row_of_slot: torch.Tensor
    ends: torch.Tensor


def sort_slots(expert_ids_TK: torch.Tensor, num_experts: int) -> SortedSlots:
    """Sort the pairs of `(T, K)` int64 expert ids, E for a pair that nobody serves."""
    ids_S = expert_ids_TK.flatten()
    slots = ids_S.numel()
    columns = triton.next_power_of_2(num_experts + 1)
    block = max(_TABLE // columns, 16)
    blocks = triton.cdiv(slots, block)
    sizes: dict[str, int] = {"BLOCK": block, "COLUMNS": columns}
    slot_of_row = torch.empty(slots, dtype=torch.int32, device=ids_S.device)
    row_of_slot = torch.empty_like(slot_of_row)
    ends = torch.empty(num_experts, dtype=torch.int32, device=ids_S.device)
    if slots <= _FEW:
        held = max(triton.next_power_of_2(slots), 16)
        sizes = {"SLOTS": held, "BLOCK": max(min(held, _TABLE // max(held, columns)), 16), "COLUMNS": columns}
        _sort_few[(1,)](ids_S, slot_of_row, row_of_slot, ends, slots, num_experts, num_warps=8, **sizes, **early())
        return SortedSlots(slot_of_row, row_of_slot, ends)
    counts = torch.empty(columns, blocks, dtype=torch.int32, device=ids_S.device)
    totals = torch.empty(columns, dtype=torch.int32, device=ids_S.device)
    _count[(blocks,)](ids_S, counts, slots, blocks, **sizes)
    _scan[(columns,)](counts, totals, blocks, BLOCKS=triton.next_power_of_2(blocks))
    _place[(blocks,)](ids_S, counts, totals, slot_of_row, row_of_slot, ends, slots, blocks, num_experts, **sizes)
    return SortedSlots(slot_of_row, row_of_slot, ends)


def sort_slots_plain(expert_ids_TK: torch.Tensor, num_experts: int) -> SortedSlots:
    """`sort_slots` by a stable sort: its plain twin."""
    ids_S = expert_ids_TK.flatten()
    order = ids_S.argsort(stable=True)
    ends = torch.bincount(ids_S, minlength=num_experts + 1)[:num_experts].cumsum(0)
    return SortedSlots(order.int(), order.argsort().int(), ends.int())


@triton.jit
def _sort_few(
    ids,
    slot_of_row,
    row_of_slot,
    ends,
    slots,
    num_experts,
    SLOTS: tl.constexpr,
    BLOCK: tl.constexpr,
    COLUMNS: tl.constexpr,
    EARLY: tl.constexpr,
):
    """Find the row of each pair, in blocks: how many have an expert before its own, or the same and come before."""
    other, column = tl.arange(0, SLOTS), tl.arange(0, COLUMNS)
    begin(EARLY)
    others = tl.load(ids + other, mask=other < slots, other=COLUMNS).to(tl.int32)
    end = tl.zeros((COLUMNS,), dtype=tl.int32)
    for start in range(0, slots, BLOCK):
        slot = start + tl.arange(0, BLOCK)
        expert = tl.load(ids + slot, mask=slot < slots, other=COLUMNS).to(tl.int32)
        end += tl.sum((expert[None, :] <= column[:, None]).to(tl.int32), axis=1)
        is_equal = (others[None, :] == expert[:, None]) & (other[None, :] < slot[:, None])
        row = tl.sum((is_equal | (others[None, :] < expert[:, None])).to(tl.int32), axis=1)
        tl.store(slot_of_row + row, slot, mask=slot < slots)
        tl.store(row_of_slot + slot, row, mask=slot < slots)
    tl.store(ends + column, end, mask=column < num_experts)


@triton.jit
def _count(ids, counts, slots, blocks, BLOCK: tl.constexpr, COLUMNS: tl.constexpr):
    pid = tl.program_id(0)
    slot = pid * BLOCK + tl.arange(0, BLOCK)
    expert = tl.load(ids + slot, mask=slot < slots, other=COLUMNS).to(tl.int32)
    column = tl.arange(0, COLUMNS)
    found = tl.sum((expert[:, None] == column[None, :]).to(tl.int32), axis=0)
    tl.store(counts + column * blocks + pid, found)


@triton.jit
def _scan(counts, totals, blocks, BLOCKS: tl.constexpr):
    """Turn one expert's counts into the number of its pairs in the blocks before."""
    expert = tl.program_id(0)
    block = tl.arange(0, BLOCKS)
    found = tl.load(counts + expert * blocks + block, mask=block < blocks, other=0)
    tl.store(counts + expert * blocks + block, tl.cumsum(found, axis=0) - found, mask=block < blocks)
    tl.store(totals + expert, tl.sum(found, axis=0))


@triton.jit
def _place(
    ids,
    before_block,
    totals,
    slot_of_row,
    row_of_slot,
    ends,
    slots,
    blocks,
    num_experts,
    BLOCK: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    pid = tl.program_id(0)
    slot = pid * BLOCK + tl.arange(0, BLOCK)
    is_real = slot < slots
    expert = tl.load(ids + slot, mask=is_real, other=COLUMNS).to(tl.int32)
    column = tl.arange(0, COLUMNS)
    total = tl.load(totals + column)
    end = tl.cumsum(total, axis=0)
    if pid == 0:
        tl.store(ends + column, end, mask=column < num_experts)
    is_own = (expert[:, None] == column[None, :]).to(tl.int32)
    # A pair's row: where its expert's rows begin, and pairs of the same expert in blocks before and before it in this.
    first = end - total + tl.load(before_block + column * blocks + pid)
    row = tl.sum((tl.cumsum(is_own, axis=0) - is_own + first[None, :]) * is_own, axis=1)
    tl.store(slot_of_row + row, slot, mask=is_real)
    tl.store(row_of_slot + slot, row, mask=is_real)
