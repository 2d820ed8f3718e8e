"""The rows that decode together: what each holds on the device, and the step that moves all of them one token on.

On a GPU the step is captured as a CUDA graph for each number of rows that it is asked for, rounded up: a replay costs
the host one call, whatever the depth of the model. Few rows of a model that `Chain` knows take its kernels; other steps
are compiled once before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from trivium.core_model.decoder import Decoder
from trivium.core_model.generate import Sampling
from trivium.core_model.kernels.support import has_kernels
from trivium.core_model.layers.attention import GroupedAttention
from trivium.core_model.layers.paged import PagedCache, PagePool
from trivium.core_model.serve.draws import DrawSettings, draw

if TYPE_CHECKING:
    from trivium.core_model.serve.chain import Chain

__all__ = ["Rows"]


class Rows:
    """Up to `most` rows that decode together.

    Args:
        decoder: the model, in evaluation mode.
        pool: memory of their caches.
        most: number of rows.
        pages_per_row: so many at most.
        graphs: capture steps as CUDA graphs.
    """

    def __init__(self, decoder: Decoder, pool: PagePool, most: int, pages_per_row: int, *, graphs: bool) -> None:
        device, dtype = decoder.embedding.weight.device, decoder.embedding.weight.dtype
        if graphs:
            pool.rotation = decoder.rotary.table(pages_per_row * pool.page_size, dtype)
        for module in decoder.modules():
            if isinstance(module, GroupedAttention):
                module.join_projections()
        self.decoder, self.pool, self.most = decoder, pool, most
        self.tokens = torch.zeros(most, dtype=torch.int64, device=device)
        self.lengths = torch.zeros(most, dtype=torch.int64, device=device)
        self.moves = torch.zeros(most, dtype=torch.int64, device=device)  # 1 where a request decodes
        self.tables = torch.zeros(most, pages_per_row, dtype=torch.int64, device=device)
        self.settings = DrawSettings.greedy(most, device)
        self.seen = torch.zeros(most, decoder.config.vocab_size, dtype=torch.bool, device=device)
        self._graphs: dict[tuple[int, bool], torch.cuda.CUDAGraph] | None = {} if graphs else None
        self._logits: Callable[..., torch.Tensor] = self._forward
        self._chain: Chain | None = None
        if graphs:
            self._logits = torch.compile(self._forward, dynamic=True, fullgraph=True)
            self._chain = _chain(decoder, pool)

    def begin(
        self,
        rows: Sequence[int],
        prompts: Sequence[Sequence[int]],
        pages: Sequence[Sequence[int]],
        wishes: Sequence[Sampling],
    ) -> torch.Tensor:
        """Read prompts into rows and pick the token after each; return those tokens `(len(rows),)`."""
        device = self.tokens.device
        ends = torch.tensor([len(prompt) for prompt in prompts])
        ids = torch.zeros(len(rows), int(ends.max()), dtype=torch.int64)
        tables = torch.zeros(len(rows), self.tables.shape[1], dtype=torch.int64)
        for place, (prompt, owned) in enumerate(zip(prompts, pages, strict=True)):
            ids[place, : len(prompt)] = torch.tensor(prompt)
            tables[place, : len(owned)] = torch.tensor(owned)
        which = torch.tensor(rows, device=device)
        ids, ends, tables = ids.to(device), ends.to(device), tables.to(device)
        self.tables[which], self.lengths[which], self.moves[which] = tables, ends, 1
        self.seen[which] = False
        for row, prompt, wish in zip(rows, prompts, wishes, strict=True):
            self.settings.put(row, wish, self.decoder.config.vocab_size)
            if wish.repetition != 1:
                self.seen[row, list(prompt)] = True
        # Padding on the right changes nothing before it: attention is causal, and it is written to nobody's page.
        cache = PagedCache(self.pool, tables, None, ends)
        hidden = self.decoder(ids, cache=cache, keep_logits=1).hidden
        logits = self.decoder.project(hidden[torch.arange(len(rows), device=device), ends - 1])
        picked = draw(logits, self.seen[which], self.settings.rows(which), ends)
        self.tokens[which] = picked
        self.seen[which, picked] = True
        return picked

    def end(self, row: int) -> None:
        """Let a row rest: it goes on computing where others do, on page 0 and for nobody."""
        self.tables[row], self.lengths[row], self.moves[row] = 0, 0, 0
        self.settings.put(row, Sampling(), self.decoder.config.vocab_size)

    def step(self, count: int, *, greedy: bool, pages: int) -> torch.Tensor:
        """Move the first `count` rows one token on; return the new tokens `(count,)`, overwritten by the next step.

        Args:
            count: rows beyond it rest.
            greedy: no row draws or penalises.
            pages: no row's new token lies beyond so many; a graph, whose kernels read what a row holds, has all.
        """
        if self._graphs is None:
            self._advance(count, greedy, pages)
            return self.tokens[:count]
        size = min(self.most, 1 << max(count - 1, 0).bit_length())
        if (size, greedy) not in self._graphs:
            self._graphs[size, greedy] = self._capture(size, greedy)
        self._graphs[size, greedy].replay()
        return self.tokens[:count]

    def _advance(self, count: int, greedy: bool, pages: int | None = None) -> None:
        lengths = self.lengths[:count]
        chain = self._chain if self._chain is not None and self._chain.takes(count) else None
        form = self._logits if chain is None else chain.logits
        logits = form(self.tokens[:count], lengths, self.tables[:count, :pages].contiguous())
        if greedy and chain is not None:
            from trivium.core_model.kernels.ends import pick

            pick(logits, self.tokens[:count], lengths, self.moves[:count])
            return
        if greedy:
            picked = logits.argmax(dim=-1)
        else:
            seen = self.seen[:count]
            picked = draw(logits, seen, self.settings.rows(slice(count)), lengths + 1)
            seen.scatter_(1, picked[:, None], value=True)
        self.tokens[:count] = picked
        self.lengths[:count] += self.moves[:count]

    def _forward(self, tokens: torch.Tensor, lengths: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
        cache = PagedCache(self.pool, tables, lengths)
        return self.decoder(tokens[:, None], cache=cache).logits[:, -1]

    def _capture(self, count: int, greedy: bool) -> torch.cuda.CUDAGraph:
        kept = [value.clone() for value in (self.tokens, self.lengths, self.seen)]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._advance(count, greedy)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._advance(count, greedy)
        # The trial steps wrote where the real one will write again; what they counted is taken back.
        for value, old in zip((self.tokens, self.lengths, self.seen), kept, strict=True):
            value.copy_(old)
        return graph


def _chain(decoder: Decoder, pool: PagePool) -> Chain | None:
    """Return the chain of kernels, where Triton is installed and they know the model."""
    if not has_kernels(decoder.embedding.weight):
        return None
    from trivium.core_model.serve.chain import Chain

    return Chain(decoder, pool) if Chain.fits(decoder) else None
