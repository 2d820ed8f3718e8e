"""Both ends of a decoding step: what each row's last token brings in, and the token that its logits pick.

# B rows, D model width, Dr rotated pairs, V vocabulary
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

__all__ = ["pick", "pick_plain", "take_in", "take_in_plain"]


def take_in(
    tokens: Tensor, lengths: Tensor, embedding: Tensor, rotation: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return embedded tokens `(B, D)` and cosine and sine of their positions, both `(B, Dr)`.

    Args:
        tokens, lengths: (B,) int64; a token's position is the length of its row before it.
        embedding: (V, D), contiguous.
        rotation: cosine and sine of all positions, contiguous.
    """
    rows, width, pairs = len(tokens), embedding.shape[1], rotation[0].shape[1]
    x = embedding.new_empty(rows, width)
    cos, sin = (part.new_empty(rows, pairs) for part in rotation)
    sizes = {"WIDTH": triton.next_power_of_2(width), "PAIRS": triton.next_power_of_2(pairs)}
    _take_in[(rows,)](tokens, lengths, embedding, *rotation, x, cos, sin, width, pairs, **sizes)
    return x, cos, sin


def take_in_plain(
    tokens: Tensor, lengths: Tensor, embedding: Tensor, rotation: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """`take_in` by indexing: its plain twin."""
    return embedding[tokens], rotation[0][lengths], rotation[1][lengths]


def pick(logits: Tensor, tokens: Tensor, lengths: Tensor, moves: Tensor) -> None:
    """Write each row's likeliest token, of equal ones the first, to `tokens`, and add `moves` to `lengths`.

    Args:
        logits: (B, V), contiguous.
        tokens, lengths, moves: (B,) int64, contiguous.
    """
    rows, vocab = logits.shape
    _pick[(rows,)](logits, tokens, lengths, moves, vocab, BLOCK=8192, num_warps=16)


def pick_plain(logits: Tensor, tokens: Tensor, lengths: Tensor, moves: Tensor) -> None:
    """`pick` in torch: its plain twin."""
    tokens.copy_(logits.argmax(dim=-1))
    lengths.add_(moves)


@triton.jit
def _take_in(
    tokens,
    lengths,
    embedding,
    cosines,
    sines,
    x,
    cos,
    sin,
    width,
    pairs,
    WIDTH: tl.constexpr,
    PAIRS: tl.constexpr,
):
    row = tl.program_id(0)
    column, pair = tl.arange(0, WIDTH), tl.arange(0, PAIRS)
    token, position = tl.load(tokens + row), tl.load(lengths + row)
    embedded = tl.load(embedding + token * width + column, mask=column < width)
    tl.store(x + row * width + column, embedded, mask=column < width)
    tl.store(cos + row * pairs + pair, tl.load(cosines + position * pairs + pair, mask=pair < pairs), mask=pair < pairs)
    tl.store(sin + row * pairs + pair, tl.load(sines + position * pairs + pair, mask=pair < pairs), mask=pair < pairs)


@triton.jit
def _pick(logits, tokens, lengths, moves, vocab, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    start = logits + row.to(tl.int64) * vocab
    best = tl.full((BLOCK,), float("-inf"), dtype=tl.float32)
    place = tl.zeros((BLOCK,), dtype=tl.int32) + vocab - 1
    for first in range(0, vocab, BLOCK):
        column = first + tl.arange(0, BLOCK)
        logit = tl.load(start + column, mask=column < vocab, other=float("-inf")).to(tl.float32)
        place = tl.where(logit > best, column, place)
        best = tl.maximum(best, logit)
    found = tl.min(tl.where(best == tl.max(best, axis=0), place, vocab - 1), axis=0)
    tl.store(tokens + row, found.to(tl.int64))
    tl.store(lengths + row, tl.load(lengths + row) + tl.load(moves + row))
