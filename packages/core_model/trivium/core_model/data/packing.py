"""Rows of equal length, cut from a shuffled stream of documents; row number n is always the same row.

    rows = PackedRows(store, length=1024, seed=1)
    batch = rows.batch(range(0, 8))                           # the first eight rows of the first pass

In each pass (epoch) documents are shuffled, laid end to end and cut into rows, and the rows are shuffled. Nothing is
padded and nothing truncated; only the last tokens of a pass, fewer than a row, are left out, other ones in each
pass. There is no state: a run that goes on at step s asks for the rows of step s.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from trivium.core_model.data.tokens import TokenStore
from trivium.service.errors import InputError

__all__ = ["PackedBatch", "PackedRows"]


@dataclass(frozen=True)
class PackedBatch:
    """Rows that hold several documents each.

    Args:
        tokens: (B, T) int64.
        documents: (B, T) int64, counted from 0 in each row.
        positions: (B, T) int64, from 0 at the first token of each document that the row shows.
    """

    tokens: torch.Tensor
    documents: torch.Tensor
    positions: torch.Tensor

    def to(self, device: torch.device | str) -> PackedBatch:
        """Return the batch on a device."""
        return PackedBatch(*(part.to(device) for part in (self.tokens, self.documents, self.positions)))


class PackedRows:
    """Rows by number, pass after pass without end.

    Args:
        store: the documents.
        length: tokens in a row, T.
        seed: of both shuffles.

    Raises:
        InputError: if the store has fewer tokens than a row.
    """

    def __init__(self, store: TokenStore, length: int, seed: int) -> None:
        self.store = store
        self.length = length
        self.seed = seed
        self.rows_per_epoch = store.num_tokens // length
        if not self.rows_per_epoch:
            raise InputError(
                f"{store.num_tokens} tokens in {store.num_documents} documents do not fill one row of {length}",
                hint="give more text, a shorter length or another holdout",
            )
        self._order = functools.lru_cache(maxsize=2)(self._shuffle)

    def batch(self, numbers: Iterable[int]) -> PackedBatch:
        """Return the rows of these numbers."""
        rows = [self._row(number) for number in numbers]
        return PackedBatch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*rows, strict=True)))

    def _row(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tokens, documents and positions of one row, each `(T,)`."""
        epoch, place = divmod(number, self.rows_per_epoch)
        order, ends, rows = self._order(epoch)
        start = int(rows[place]) * self.length
        tokens, documents, positions = (np.empty(self.length, np.int64) for _ in range(3))
        filled, shown = 0, 0
        which = int(np.searchsorted(ends, start, side="right"))
        while filled < self.length:
            document = self.store.document(order[which])
            skipped = len(document) - (int(ends[which]) - start - filled)
            piece = document[skipped : skipped + self.length - filled]
            here = slice(filled, filled + len(piece))
            tokens[here], documents[here], positions[here] = piece, shown, np.arange(len(piece))
            filled, shown, which = filled + len(piece), shown + 1, which + 1
        return tokens, documents, positions

    def _shuffle(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the documents of a pass in order, where each ends in its stream, and the rows in order."""
        generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        order = generator.permutation(self.store.num_documents)
        ends = np.diff(self.store.starts)[order].cumsum()
        return order, ends, generator.permutation(self.rows_per_epoch)
