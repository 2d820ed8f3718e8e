"""How well a model predicts text: nats per token, perplexity, and bits per byte, which compare across vocabularies.

Each document is predicted from its first token on, after the begin token (or the end token, where a vocabulary has
no other); the end itself is not asked for. A document that is longer than the window is read in windows, each of
which starts with `overlap` tokens of the one before that are seen and not counted again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from trivium.core_model.decoder import Decoder
from trivium.core_model.heads import MISSING_CLASS, text_loss_sum
from trivium.core_model.tokenizer import Tokenizer
from trivium.service.errors import InputError

__all__ = ["TextScore", "score_texts"]


@dataclass(frozen=True)
class TextScore:
    """What was measured over some documents; scores add up.

    Args:
        documents: how many.
        tokens: that were predicted.
        num_bytes: of the text in UTF-8.
        nats: summed negative log-likelihood.
    """

    documents: int = 0
    tokens: int = 0
    num_bytes: int = 0
    nats: float = 0.0

    def __add__(self, other: TextScore) -> TextScore:
        return TextScore(
            self.documents + other.documents,
            self.tokens + other.tokens,
            self.num_bytes + other.num_bytes,
            self.nats + other.nats,
        )

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / max(self.tokens, 1)

    @property
    def perplexity(self) -> float:
        """Its exponential; infinite where that is more than a float holds."""
        return math.exp(self.loss) if self.loss < 700 else math.inf

    @property
    def bits_per_byte(self) -> float:
        """Bits that the model needs for a byte of the text."""
        return self.nats / math.log(2) / max(self.num_bytes, 1)


@torch.inference_mode()
def score_texts(
    decoder: Decoder,
    tokenizer: Tokenizer,
    texts: Iterable[str],
    *,
    window: int = 0,
    overlap: int = 0,
    batch_size: int = 8,
) -> TextScore:
    """Measure how well texts are predicted.

    Args:
        decoder: in evaluation mode.
        tokenizer: of the model.
        texts: documents; their marks (`<|...|>`) are letters.
        window: tokens that are read at once; 0 for the model's longest, 2048 at most.
        overlap: tokens of a window that only give context.
        batch_size: windows computed at once.

    Raises:
        InputError: if the window is longer than the model's context, or the overlap leaves nothing to count.
    """
    longest = decoder.config.max_positions
    window = window or min(longest, 2048)
    if not 2 <= window <= longest:
        raise InputError(f"window is {window}, the model's context {longest}", hint=f"use 2 to {longest}")
    if not 0 <= overlap < window - 1:
        raise InputError(f"overlap is {overlap} of a window of {window}", hint="leave at least two tokens to read")
    score = TextScore()
    waiting: list[tuple[list[int], int]] = []
    for text in texts:
        ids = tokenizer.encode_document(text, with_end=False)
        score += TextScore(documents=1, num_bytes=len(text.encode()))
        for piece in _windows(ids, window, overlap):
            waiting.append(piece)
            if len(waiting) == batch_size:
                score += _score(decoder, waiting)
                waiting = []
    return score + _score(decoder, waiting) if waiting else score


def _windows(ids: list[int], window: int, overlap: int) -> Iterator[tuple[list[int], int]]:
    """Yield pieces and the first place in each that is to be predicted; every token but the first is, once."""
    start, done = 0, 1
    while done < len(ids):
        piece = ids[start : start + window]
        yield piece, done - start
        done = start + len(piece)
        start = done - 1 - overlap


def _score(decoder: Decoder, pieces: list[tuple[list[int], int]]) -> TextScore:
    device = decoder.embedding.weight.device
    longest = max(len(ids) for ids, _ in pieces)
    tokens = torch.zeros(len(pieces), longest, dtype=torch.long)
    targets = torch.full((len(pieces), longest), MISSING_CLASS)
    for row, (ids, first) in enumerate(pieces):
        tokens[row, : len(ids)] = torch.tensor(ids)
        targets[row, first - 1 : len(ids) - 1] = torch.tensor(ids[first:])
    # Fillers lie behind the text, where no token of it sees them.
    logits = decoder(tokens.to(device)).logits
    nats = float(text_loss_sum(logits, targets.to(device)))
    return TextScore(tokens=int((targets != MISSING_CLASS).sum()), nats=nats)
