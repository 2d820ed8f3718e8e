"""One new token per row attends to the pages of its row: decoding reads each key and value once, where it lies.

    # B rows, H query heads, Hkv key heads, D their width, N slots per page

Query and key come as their projections gave them: norm and rotation are done in registers. A program takes one row,
one key head and a stretch of its pages, with all query heads that share the key head, and keeps a running softmax
(Flash-Decoding). The one that reads the last page writes the new token there. Where rows are too few to fill the chip,
a row's pages are split among programs and a second kernel joins their sums.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional as F

from trivium.core_model.kernels.early import begin, early
from trivium.core_model.layers.rope import rotate

__all__ = ["paged_attention", "paged_attention_plain"]

_PROGRAMS = 512  # enough to fill a large GPU
_MOST_SPLITS = 16


@torch.library.custom_op("trivium::paged_attention", mutates_args=("keys", "values"))
def paged_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    lengths: Tensor,
    scale: float,
    page_size: int,
    cos: Tensor | None = None,
    sin: Tensor | None = None,
    query_weight: Tensor | None = None,
    key_weight: Tensor | None = None,
    eps: float = 0.0,
    interleaved: bool = False,
) -> Tensor:
    """Write each row's new key and value to its pages and return `softmax(scale * query keys^T) values`, `(B, H, D)`.

    Args:
        query: (B, H, D).
        key, value: (B, Hkv, D), of the new token.
        keys, values: (P * N, Hkv, D), the pages, written in place.
        tables: (B, pages) int64.
        lengths: (B,) int64, tokens before the new one.
        scale: factor on the scores.
        page_size: N, a power of two, 16 at least.
        cos, sin: (B, D / 2), by which query and key are turned first, as `layers.rope.rotate` does; None for not.
        query_weight, key_weight: (D,), of an RMSNorm of each head before that; None for none.
        eps: of the norms.
        interleaved: pairs that are turned lie side by side.
    """
    rows, heads, width = query.shape
    kv_heads, group = keys.shape[1], heads // keys.shape[1]
    splits = max(1, min(_MOST_SPLITS, tables.shape[1], _PROGRAMS // (rows * kv_heads)))
    sizes = {
        "GROUP": triton.next_power_of_2(max(group, 16)),
        "PAGE": page_size,
        "WIDTH": width,
        "IS_WHOLE": splits == 1,
        "IS_NORMED": query_weight is not None,
        "IS_TURNED": cos is not None,
        "INTERLEAVED": interleaved,
        **early(),
    }
    query, key, value = _even(query), _even(key), _even(value)
    out = torch.empty_like(query, memory_format=torch.contiguous_format)
    turn = (query, query) if cos is None or sin is None else (cos.contiguous(), sin.contiguous())
    norms = (query, query) if query_weight is None or key_weight is None else (query_weight, key_weight)
    parts = query.new_empty(splits, rows, heads, width, dtype=torch.float32) if splits > 1 else query
    weights = query.new_empty(2, splits, rows, heads, dtype=torch.float32) if splits > 1 else query
    _attend[(rows, kv_heads, splits)](
        query,
        key,
        value,
        keys,
        values,
        tables,
        lengths,
        out,
        parts,
        weights,
        *turn,
        *norms,
        eps,
        scale,
        query.stride(0),
        key.stride(0),
        value.stride(0),
        tables.shape[1],
        group,
        **sizes,
    )
    if splits > 1:
        sizes = {"SPLITS": splits, "MOST": triton.next_power_of_2(splits), "WIDTH": width}
        _join[(rows, heads)](parts, weights, out, rows, **sizes, **early())
    return out


def _even(new: Tensor) -> Tensor:
    """Return `(B, heads, D)` whose rows lie anywhere, each without gaps: parts of one product need no copy."""
    return new if new.stride()[1:] == (new.shape[2], 1) else new.contiguous()


@paged_attention.register_fake
def _(query: Tensor, *rest: object) -> Tensor:
    return torch.empty_like(query, memory_format=torch.contiguous_format)


def paged_attention_plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    keys: Tensor,
    values: Tensor,
    tables: Tensor,
    lengths: Tensor,
    scale: float,
    page_size: int,
    cos: Tensor | None = None,
    sin: Tensor | None = None,
    query_weight: Tensor | None = None,
    key_weight: Tensor | None = None,
    eps: float = 0.0,
    interleaved: bool = False,
) -> Tensor:
    """`paged_attention` row by row: its plain twin."""
    if query_weight is not None and key_weight is not None:
        query = F.rms_norm(query, query_weight.shape, query_weight, eps)
        key = F.rms_norm(key, key_weight.shape, key_weight, eps)
    if cos is not None and sin is not None:
        turn = (cos[:, None, None], sin[:, None, None])
        query = rotate(query[:, :, None], turn, interleaved=interleaved)[:, :, 0]
        key = rotate(key[:, :, None], turn, interleaved=interleaved)[:, :, 0]
    group = query.shape[1] // keys.shape[1]
    out = []
    for row, length in enumerate(lengths.tolist()):
        position = torch.arange(length + 1, device=query.device)
        slots = tables[row, position // page_size] * page_size + position % page_size
        keys[slots[-1]], values[slots[-1]] = key[row], value[row]
        seen, said = (pages[slots].float().repeat_interleave(group, dim=1) for pages in (keys, values))
        scores = scale * torch.einsum("hd,shd->hs", query[row].float(), seen)
        out.append(torch.einsum("hs,shd->hd", scores.softmax(dim=-1), said))
    return torch.stack(out).to(query.dtype)


@triton.jit
def _attend(
    query,
    key,
    value,
    keys,
    values,
    tables,
    lengths,
    out,
    parts,
    weights,
    cos,
    sin,
    query_weight,
    key_weight,
    eps,
    scale,
    query_stride,
    key_stride,
    value_stride,
    pages,
    group,
    GROUP: tl.constexpr,
    PAGE: tl.constexpr,
    WIDTH: tl.constexpr,
    IS_WHOLE: tl.constexpr,
    IS_NORMED: tl.constexpr,
    IS_TURNED: tl.constexpr,
    INTERLEAVED: tl.constexpr,
    EARLY: tl.constexpr,
):
    row, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    rows, kv_heads, splits = tl.num_programs(0), tl.num_programs(1), tl.num_programs(2)
    length = tl.load(lengths + row) + 1
    used = (length + PAGE - 1) // PAGE
    share = (used + splits - 1) // splits
    begun = split * share
    end = tl.minimum(begun + share, used)
    table = tables + row * pages
    # What earlier steps wrote is there already: the first page is read while the kernel ahead still runs.
    place, old_key, old_value = _read(keys, values, table, begun, end, length, kv_heads, head, PAGE, WIDTH)
    begin(EARLY)
    member, column, slot = tl.arange(0, GROUP), tl.arange(0, WIDTH), tl.arange(0, PAGE)
    own = row * kv_heads * group + head * group + member
    is_member = member < group
    new_value = tl.load(value + row * value_stride + head * WIDTH + column)[None, :]
    key_start = key + row * key_stride + head * WIDTH + tl.arange(0, 1)
    asked_start = query + row * query_stride + (head * group + member) * WIDTH
    turns = (cos + row * (WIDTH // 2), sin + row * (WIDTH // 2))
    new_key = _prepare(key_start, tl.arange(0, 1) < 1, key_weight, turns, eps, WIDTH, IS_NORMED, IS_TURNED, INTERLEAVED)
    asked = _prepare(asked_start, is_member, query_weight, turns, eps, WIDTH, IS_NORMED, IS_TURNED, INTERLEAVED)
    highest = tl.full((GROUP,), -1e30, dtype=tl.float32)
    total = tl.zeros((GROUP,), dtype=tl.float32)
    mixed = tl.zeros((GROUP, WIDTH), dtype=tl.float32)
    for page in range(begun, end):
        position = page * PAGE + slot
        is_new = (position == length - 1)[:, None]
        seen = tl.where(is_new, new_key, old_key)
        scores = tl.where((position < length)[None, :], scale * tl.dot(asked, seen.T), -1e30)
        peak = tl.maximum(highest, tl.max(scores, axis=1))
        power = tl.exp(scores - peak[:, None])
        kept = tl.exp(highest - peak)
        said = tl.where(is_new, new_value, old_value)
        tl.store(keys + place, seen, mask=is_new)
        tl.store(values + place, said, mask=is_new)
        mixed = mixed * kept[:, None] + tl.dot(power.to(said.dtype), said)
        total = total * kept + tl.sum(power, axis=1)
        highest = peak
        place, old_key, old_value = _read(keys, values, table, page + 1, end, length, kv_heads, head, PAGE, WIDTH)
    if IS_WHOLE:
        mixed = mixed / total[:, None]
        tl.store(out + own[:, None] * WIDTH + column[None, :], mixed.to(out.dtype.element_ty), mask=is_member[:, None])
        return
    heads = kv_heads * group
    part = (split * rows * heads).to(tl.int64) + own
    tl.store(parts + part[:, None] * WIDTH + column[None, :], mixed, mask=is_member[:, None])
    tl.store(weights + part, highest, mask=is_member)
    tl.store(weights + splits * rows * heads + part, total, mask=is_member)


@triton.jit
def _read(keys, values, table, page, end, length, kv_heads, head, PAGE: tl.constexpr, WIDTH: tl.constexpr):
    """Return where the slots of a page lie `(PAGE, WIDTH)`, and the keys and values there before this step."""
    slot, column = tl.arange(0, PAGE), tl.arange(0, WIDTH)
    first = tl.load(table + page, mask=page < end, other=0) * PAGE
    place = ((first + slot) * kv_heads + head)[:, None] * WIDTH + column[None, :]
    is_old = ((page * PAGE + slot < length - 1) & (page < end))[:, None]
    return place, tl.load(keys + place, mask=is_old, other=0.0), tl.load(values + place, mask=is_old, other=0.0)


@triton.jit
def _prepare(
    start,
    is_real,
    weight,
    turns,
    eps,
    WIDTH: tl.constexpr,
    IS_NORMED: tl.constexpr,
    IS_TURNED: tl.constexpr,
    INTERLEAVED: tl.constexpr,
):
    """Read heads `(N, WIDTH)`, norm and turn them: all first members of pairs, then all second ones."""
    column = tl.arange(0, WIDTH)
    half = column % (WIDTH // 2)
    is_first = column < WIDTH // 2
    own, partner = column, tl.where(is_first, column + WIDTH // 2, half)
    if IS_TURNED and INTERLEAVED:
        own, partner = tl.where(is_first, 2 * half, 2 * half + 1), tl.where(is_first, 2 * half + 1, 2 * half)
    heads = tl.load(start[:, None] + own[None, :], mask=is_real[:, None], other=0.0)
    value = heads.to(tl.float32)
    share = 1.0
    if IS_NORMED:
        share = tl.rsqrt(tl.sum(value * value, axis=1) / WIDTH + eps)[:, None]
        value *= share * tl.load(weight + own).to(tl.float32)[None, :]
    if IS_TURNED:
        beside = tl.load(start[:, None] + partner[None, :], mask=is_real[:, None], other=0.0).to(tl.float32)
        if IS_NORMED:
            beside *= share * tl.load(weight + partner).to(tl.float32)[None, :]
        cosine, sine = tl.load(turns[0] + half).to(tl.float32), tl.load(turns[1] + half).to(tl.float32)
        value = value * cosine[None, :] + beside * tl.where(is_first, -sine, sine)[None, :]
    return value.to(heads.dtype)


@triton.jit
def _join(
    parts, weights, out, rows, SPLITS: tl.constexpr, MOST: tl.constexpr, WIDTH: tl.constexpr, EARLY: tl.constexpr
):
    begin(EARLY)
    row, head, heads = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    split, column = tl.arange(0, MOST), tl.arange(0, WIDTH)
    is_real = split < SPLITS
    part = split.to(tl.int64) * rows * heads + row * heads + head
    highest = tl.load(weights + part, mask=is_real, other=-1e30)
    kept = tl.exp(highest - tl.max(highest, axis=0))
    total = tl.sum(kept * tl.load(weights + SPLITS * rows * heads + part, mask=is_real, other=0.0), axis=0)
    mixed = tl.load(parts + part[:, None] * WIDTH + column[None, :], mask=is_real[:, None], other=0.0)
    value = tl.sum(mixed * kept[:, None], axis=0) / total
    tl.store(out + (row * heads + head) * WIDTH + column, value.to(out.dtype.element_ty))
