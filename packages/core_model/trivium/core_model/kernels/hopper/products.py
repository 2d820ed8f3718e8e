"""Products of experts of many rows on Hopper, forward and backward; each has a plain-torch twin.

    # T tokens, E experts, K slots per token, R = T * K rows sorted by expert, D model width, F expert width

A tile is 256 rows of one expert and 256 columns, of two blocks that share what they read of the matrix. Per step of 64
along the sum a multiprocessor reads 48 KiB, of which the L2 cache sends 32: the copies of Triton's tiles are half as
many again, and that they wait for them is what these kernels are for.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from trivium.core_model.kernels.hopper.compiled import has_hopper, launch, tensor_map
from trivium.core_model.kernels.rows import gather_rows_plain
from trivium.core_model.kernels.slots import SortedSlots
from trivium.core_model.kernels.tiles import Tiles, list_tiles

__all__ = [
    "can_run",
    "down_rows",
    "gated_rows",
    "matrix_gradient",
    "matrix_gradient_plain",
    "tiles_of",
    "turned_rows",
    "turned_rows_plain",
]

_TILE_ROWS = 256


def can_run(x_TD: Tensor, gate_up_E2FD: Tensor, down_EDF: Tensor, weights_TK: Tensor) -> bool:
    """Say whether the kernels take these: they read addresses, and would not notice numbers of another kind."""
    parts = (x_TD, gate_up_E2FD, down_EDF)
    are_whole = all(one.is_contiguous() and one.data_ptr() % 16 == 0 for one in parts)
    are_of_kind = all(one.dtype == torch.bfloat16 for one in parts) and weights_TK.dtype == torch.float32
    fits = down_EDF.shape[1] % 256 == 0 and down_EDF.shape[2] % 256 == 0
    return has_hopper(x_TD.device) and fits and are_of_kind and are_whole


def tiles_of(order: SortedSlots) -> Tiles:
    """Return the tiles that products of rows go by."""
    experts = len(order.ends)
    return list_tiles(order.ends, triton.cdiv(order.slot_of_row.numel(), _TILE_ROWS) + experts, _TILE_ROWS)


def gated_rows(
    x_TD: Tensor, gate_up_E2FD: Tensor, weights_S: Tensor, order: SortedSlots, tiles: Tiles, *, keep: bool
) -> tuple[Tensor, Tensor | None]:
    """Return what `kernels.products.gated_product` returns; its plain twin is this one's, too."""
    (tokens, width), wide = x_TD.shape, gate_up_E2FD.shape[1]
    rows = order.slot_of_row.numel()
    h_RF = x_TD.new_empty(rows, wide // 2)
    kept = x_TD.new_empty(rows if keep else 0, wide)
    places = (weights_S, order.slot_of_row, *tiles)
    name = "gated_keep" if keep else "gated"
    launch(name, x_TD, tensor_map(gate_up_E2FD), *places, h_RF, kept, wide // 2, width, rows // tokens)
    return h_RF, kept if keep else None


def down_rows(h_RF: Tensor, down_EDF: Tensor, order: SortedSlots, tiles: Tiles) -> Tensor:
    """Return what `kernels.products.down_product` returns; its plain twin is this one's, too."""
    width, inner = down_EDF.shape[1:]
    return _rows("down", h_RF, down_EDF, order, tiles, width, inner)


def turned_rows(left: Tensor, matrices_EKN: Tensor, order: SortedSlots, tiles: Tiles, *, is_gathered: bool) -> Tensor:
    """Return `left matrix`, `(R, N)`; rows that no expert serves hold whatever memory held.

    Args:
        left: (R, K), or with `is_gathered` (T, K), of which each row takes that of its token.
        matrices_EKN: K and N multiples of 256, contiguous.
    """
    inner, width = matrices_EKN.shape[1:]
    name = "gathered_turned" if is_gathered else "turned"
    return _rows(name, left, matrices_EKN, order, tiles, width, inner)


def turned_rows_plain(left: Tensor, matrices_EKN: Tensor, order: SortedSlots, *, is_gathered: bool) -> Tensor:
    """`turned_rows` as a loop over experts: its plain twin, served rows only."""
    rows = gather_rows_plain(left, order) if is_gathered else left
    parts = [rows[own].float() @ matrix.float() for own, matrix in zip(_own_rows(order), matrices_EKN, strict=True)]
    return torch.cat(parts).to(left.dtype)


def matrix_gradient(left_TM: Tensor, right_RN: Tensor, order: SortedSlots, *, is_turned: bool = False) -> Tensor:
    """Return for each expert the sum over its rows of a token's column times a row: `(E, M, N)`, turned `(E, N, M)`.

    Args:
        left_TM: M a multiple of 256, contiguous.
        right_RN: N a multiple of 256, contiguous; rows that no expert serves hold finite numbers.
    """
    (tokens, height), (rows, width) = left_TM.shape, right_RN.shape
    experts = len(order.ends)
    out = left_TM.new_empty(experts, width, height) if is_turned else left_TM.new_empty(experts, height, width)
    places = (order.slot_of_row, order.ends, out)
    name = "weights_turned" if is_turned else "weights"
    launch(name, left_TM, tensor_map(right_RN), *places, experts, height, width, rows // tokens)
    return out


def matrix_gradient_plain(left_TM: Tensor, right_RN: Tensor, order: SortedSlots, *, is_turned: bool = False) -> Tensor:
    """`matrix_gradient` as a loop over experts: its plain twin."""
    left_RM = gather_rows_plain(left_TM, order)
    out_EMN = torch.stack([left_RM[own].float().T @ right_RN[own].float() for own in _own_rows(order)])
    return (out_EMN.transpose(1, 2) if is_turned else out_EMN).to(left_TM.dtype)


def _own_rows(order: SortedSlots) -> list[slice]:
    ends = order.ends.tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _rows(
    name: str, left: Tensor, matrices: Tensor, order: SortedSlots, tiles: Tiles, width: int, inner: int
) -> Tensor:
    rows, nothing = order.slot_of_row.numel(), left.new_empty(0)
    out = left.new_empty(rows, width)
    places = (order.slot_of_row, *tiles)
    launch(name, left, tensor_map(matrices), nothing, *places, out, nothing, width, inner, rows // len(left))
    return out
